/* Buffers: bytes in at the end, out at the front, memory from a cache and back. */
#include "support_io.h"

#include <stdlib.h>

#include "base/buffer.h"

static void append(struct bide__buffer *buffer, struct bide__buffer_cache *cache, size_t size, size_t offset)
{
    check_eq(bide__buffer_reserve(buffer, size, cache), 0);
    check(buffer->capacity - buffer->end >= size);
    fill_sequence(buffer->data + buffer->end, size, offset);
    buffer->end += size;
}

unit_test(buffer_starts_empty_without_memory)
{
    struct bide__buffer_cache cache = { 0 };
    struct bide__buffer buffer = { 0 };

    check_eq(bide__buffer_size(&buffer), (size_t)0);
    bide__buffer_consume(&buffer, 0, &cache);
    check_eq((void *)buffer.data, NULL);
    bide__buffer_clear(&buffer, &cache);
    check_eq(cache.count, (size_t)0);
    bide__buffer_cache_free(&cache);
    return 0;
}

unit_test(buffer_keeps_the_bytes_whatever_the_pattern_of_in_and_out)
{
    struct bide__buffer_cache cache = { 0 };
    struct bide__buffer buffer = { 0 };
    size_t in = 0, out = 0;
    uint32_t random = 1;

    for (int round = 0; round < 4000; round++) {
        random = random * 1103515245 + 12345;
        size_t size = (random >> 8) % 5000;
        if (random >> 31) {
            append(&buffer, &cache, size, in);
            in += size;
        } else {
            size = size < bide__buffer_size(&buffer) ? size : bide__buffer_size(&buffer);
            check_sequence(buffer.data + buffer.start, size, out);
            bide__buffer_consume(&buffer, size, &cache);
            out += size;
        }
        check_eq(bide__buffer_size(&buffer), in - out);
        check_eq(buffer.data == NULL, in == out || !buffer.capacity);
    }
    check(in > 100000);
    bide__buffer_clear(&buffer, &cache);
    bide__buffer_cache_free(&cache);
    return 0;
}

unit_test(buffer_moves_down_before_it_grows)
{
    struct bide__buffer_cache cache = { 0 };
    struct bide__buffer buffer = { 0 };

    append(&buffer, &cache, BIDE__BUFFER_BYTES, 0);
    bide__buffer_consume(&buffer, BIDE__BUFFER_BYTES - 10, &cache);
    append(&buffer, &cache, BIDE__BUFFER_BYTES - 10, BIDE__BUFFER_BYTES);
    check_eq(buffer.capacity, (size_t)BIDE__BUFFER_BYTES);
    check_sequence(buffer.data + buffer.start, BIDE__BUFFER_BYTES, BIDE__BUFFER_BYTES - 10);
    append(&buffer, &cache, 1, 0);
    check_eq(buffer.capacity, (size_t)BIDE__BUFFER_BYTES * 2);
    bide__buffer_clear(&buffer, &cache);
    bide__buffer_cache_free(&cache);
    return 0;
}

unit_test(buffer_memory_is_used_again)
{
    struct bide__buffer_cache cache = { 0 };
    struct bide__buffer first = { 0 }, second = { 0 };

    append(&first, &cache, 10, 0);
    const char *memory = first.data;
    bide__buffer_consume(&first, 10, &cache);
    check_eq((void *)first.data, NULL);
    check_eq(cache.count, (size_t)1);
    append(&second, &cache, 10, 0);
    check(second.data == memory);
    check_eq(cache.count, (size_t)0);
    bide__buffer_clear(&second, &cache);
    bide__buffer_cache_free(&cache);
    check_eq(cache.count, (size_t)0);
    return 0;
}

unit_test(buffer_cache_is_bounded_and_takes_no_grown_memory)
{
    enum { MANY = 1000 };
    static struct bide__buffer buffers[MANY];
    struct bide__buffer_cache cache = { 0 };

    for (int i = 0; i < MANY; i++)
        append(&buffers[i], &cache, 1, 0);
    for (int i = 0; i < MANY; i++)
        bide__buffer_consume(&buffers[i], 1, &cache);
    check(cache.count > 0 && cache.count < MANY);
    bide__buffer_cache_free(&cache);
    append(&buffers[0], &cache, BIDE__BUFFER_BYTES + 1, 0);
    bide__buffer_consume(&buffers[0], BIDE__BUFFER_BYTES + 1, &cache);
    check_eq(cache.count, (size_t)0);
    bide__buffer_cache_free(&cache);
    return 0;
}

unit_test(buffer_refuses_a_size_beyond_memory)
{
    struct bide__buffer_cache cache = { 0 };
    struct bide__buffer buffer = { 0 };

    append(&buffer, &cache, 100, 0);
    check_error(bide__buffer_reserve(&buffer, SIZE_MAX, &cache), ENOMEM);
    check_error(bide__buffer_reserve(&buffer, SIZE_MAX - 200, &cache), ENOMEM);
    check_eq(bide__buffer_size(&buffer), (size_t)100);
    check_sequence(buffer.data + buffer.start, 100, 0);
    bide__buffer_clear(&buffer, &cache);
    bide__buffer_cache_free(&cache);
    return 0;
}
