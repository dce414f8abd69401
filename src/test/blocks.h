/* test/blocks.h - the memory of a test: which blocks are alive, which were freed, and where. */
#ifndef BIDE_TEST_BLOCKS_H
#define BIDE_TEST_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>

enum { BIDE__BLOCK_TAIL = 16 /* guarded bytes behind each block */ };

/* From now on blocks are watched. Does nothing where a sanitizer does that. */
void bide__blocks_watch(void);

/* True while new blocks are watched (in this thread, now). */
bool bide__blocks_watching(void);

/* A new block of `size` bytes, with BIDE__BLOCK_TAIL more behind them, that was asked for by the code at `caller`. */
void bide__blocks_add(void *block, size_t size, bool fill, const void *caller);

/* The size of a living block in *ret_size; false if it is none of ours. */
bool bide__blocks_find(const void *block, size_t *ret_size);

/*
 * A block is freed: true if it is ours (then it is kept for a while, to see who still writes into it), false if the
 * caller must free it. A block that was freed before ends the test.
 */
bool bide__blocks_free(void *block);

/* This block need not be freed. */
void bide__blocks_ignore(const void *block);

/*
 * The end of a test: reports blocks that were written into after they were freed or beyond their end, and if `leaks`
 * those that were not freed.
 */
void bide__blocks_check(bool leaks);

/* The process is about to die in a signal handler: nothing is watched, nothing is locked any more. */
void bide__blocks_abandon(void);

#endif
