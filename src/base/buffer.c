/*
 * Input buffers. An idle connection holds none: the memory comes from a cache of the loop when bytes are about to
 * arrive and goes back when the last one was taken, so ten thousand connections of which ten are busy cost ten
 * buffers. Growth doubles; taking from the front is O(1), the rest moves down only when room is needed.
 */
#include "base/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CACHED_MAX = 256 };

static char *take_block(struct bide__buffer_cache *cache)
{
    void *block = cache->blocks;

    if (!block)
        return malloc(BIDE__BUFFER_BYTES);
    cache->blocks = *(void **)block;
    cache->count--;
    return block;
}

void bide__buffer_clear(struct bide__buffer *buffer, struct bide__buffer_cache *cache)
{
    if (buffer->capacity == BIDE__BUFFER_BYTES && cache->count < CACHED_MAX) {
        *(void **)(void *)buffer->data = cache->blocks;
        cache->blocks = buffer->data;
        cache->count++;
    } else {
        free(buffer->data);
    }
    *buffer = (struct bide__buffer){ 0 };
}

int bide__buffer_reserve(struct bide__buffer *buffer, size_t size, struct bide__buffer_cache *cache)
{
    size_t used = bide__buffer_size(buffer), capacity = buffer->capacity;

    if (capacity - buffer->end >= size)
        return 0;
    if (!buffer->data) {
        buffer->data = take_block(cache);
        if (!buffer->data)
            return -ENOMEM;
        buffer->capacity = capacity = BIDE__BUFFER_BYTES;
    }
    if (capacity - used < size) {
        while (capacity - used < size) {
            if (capacity > (size_t)-1 / 2)
                return -ENOMEM;
            capacity *= 2;
        }
        char *data = realloc(buffer->data, capacity);
        if (!data)
            return -ENOMEM;
        buffer->data = data;
        buffer->capacity = capacity;
    }
    if (buffer->capacity - buffer->end < size) {
        memmove(buffer->data, buffer->data + buffer->start, used);
        buffer->start = 0;
        buffer->end = used;
    }
    return 0;
}

void bide__buffer_consume(struct bide__buffer *buffer, size_t size, struct bide__buffer_cache *cache)
{
    assert(size <= bide__buffer_size(buffer));
    buffer->start += size;
    if (buffer->start == buffer->end && buffer->data)
        bide__buffer_clear(buffer, cache);
}

void bide__buffer_cache_free(struct bide__buffer_cache *cache)
{
    while (cache->blocks) {
        void *block = cache->blocks;

        cache->blocks = *(void **)block;
        free(block);
    }
    cache->count = 0;
}
