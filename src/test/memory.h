/* test/memory.h - the allocator of a test program: malloc and its kin, with faults, in front of the real ones. */
#ifndef BIDE_TEST_MEMORY_H
#define BIDE_TEST_MEMORY_H

/* Frees a block that the real allocator made. */
void bide__really_free(void *block);

#endif
