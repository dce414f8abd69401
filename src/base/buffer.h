/*
 * base/buffer.h - a growing buffer of bytes that come in at the end and go out at the front, and a cache of such
 * memory.
 */
#ifndef BIDE_BASE_BUFFER_H
#define BIDE_BASE_BUFFER_H

#include <stddef.h>

enum { BIDE__BUFFER_BYTES = 16 * 1024 /* what a buffer begins with */ };

/* Memory of BIDE__BUFFER_BYTES that nobody uses just now. Zeroed: empty. */
struct bide__buffer_cache {
    void *blocks;
    size_t count;
};

/* Bytes [start, end) of data are in use. Zeroed: empty, without memory. */
struct bide__buffer {
    char *data;
    size_t start, end, capacity;
};

/* How many bytes are in it. */
static inline size_t bide__buffer_size(const struct bide__buffer *buffer)
{
    return buffer->end - buffer->start;
}

/* Makes room for at least `size` more bytes behind the end. 0 or -ENOMEM. */
int bide__buffer_reserve(struct bide__buffer *buffer, size_t size, struct bide__buffer_cache *cache);

/* Takes `size` bytes off the front; an empty buffer gives its memory back. */
void bide__buffer_consume(struct bide__buffer *buffer, size_t size, struct bide__buffer_cache *cache);

/* Gives the memory back; the buffer is empty. */
void bide__buffer_clear(struct bide__buffer *buffer, struct bide__buffer_cache *cache);

void bide__buffer_cache_free(struct bide__buffer_cache *cache);

#endif
