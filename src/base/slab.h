/* base/slab.h - blocks of one size, taken and given in O(1), freed all at once. */
#ifndef BIDE_BASE_SLAB_H
#define BIDE_BASE_SLAB_H

#include <stddef.h>

struct bide__slab {
    size_t block_size; /* bytes, at least a pointer; set by the owner, the rest is zero at first */
    void *free_blocks;
    void *chunks;
};

/* A block with undefined contents, aligned for pointers; NULL without memory. */
void *bide__slab_take_new(struct bide__slab *slab); /* when there is no free one */
static inline void *bide__slab_take(struct bide__slab *slab)
{
    void *block = slab->free_blocks;

    if (__builtin_expect(!block, 0))
        return bide__slab_take_new(slab);
    slab->free_blocks = *(void **)block;
    return block;
}

/* Gives a block back; the last one given is the next one taken. */
static inline void bide__slab_give(struct bide__slab *slab, void *block)
{
    *(void **)block = slab->free_blocks;
    slab->free_blocks = block;
}

/* Frees all memory, with the blocks that are still taken. */
void bide__slab_free(struct bide__slab *slab);

#endif
