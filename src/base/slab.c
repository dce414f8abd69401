/*
 * A slab: chunks of 16 KiB cut into blocks of one size, with a list of free ones through the blocks themselves. take
 * and give are a few instructions; memory goes back to the system only with the whole slab.
 */
#include "base/slab.h"

#include <stdlib.h>

enum { CHUNK_BYTES = 16 * 1024 - 32, CHUNK_HEADER = 16 };

void *bide__slab_take_new(struct bide__slab *slab)
{
    char *chunk = malloc(CHUNK_BYTES);

    if (!chunk)
        return NULL;
    *(void **)(void *)chunk = slab->chunks;
    slab->chunks = chunk;
    for (size_t at = CHUNK_HEADER; at + slab->block_size <= CHUNK_BYTES; at += slab->block_size)
        bide__slab_give(slab, chunk + at);
    return bide__slab_take(slab);
}

void bide__slab_free(struct bide__slab *slab)
{
    while (slab->chunks) {
        void *chunk = slab->chunks;

        slab->chunks = *(void **)chunk;
        free(chunk);
    }
    slab->free_blocks = NULL;
}
