/*
 * Streams: reading up to a separator, and lines without a copy.
 *
 * What comes is gathered in the stream's buffer and searched as it comes, each byte once (a separator of several
 * bytes may stand across two pieces, so the search begins that much earlier). What is over the limit stays where it
 * is: the caller may take it in pieces, or give up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>

#include "io/stream.h"

/* The first separator of size bytes, looked for where it can be new; NULL: none. */
static const char *find(const char *data, size_t size, size_t seen, const void *separator, size_t separator_size)
{
    size_t from = seen < separator_size ? 0 : seen - (separator_size - 1);

    if (size - from < separator_size)
        return NULL;
    return memmem(data + from, size - from, separator, separator_size);
}

ssize_t bide_read_until(bide_stream *stream, const void *separator, size_t separator_size, void *buffer, size_t size)
{
    size_t limit = stream->read_limit, seen = 0;

    if (separator_size == 0 || separator_size > size)
        return bide_fail(-EINVAL, "read from %s: a separator of %zu bytes and room for %zu", bide_peer_name(stream),
                         separator_size, size);
    if (limit > size - separator_size)
        limit = size - separator_size;
    for (;;) {
        ssize_t there = bide__stream_fill(stream, seen + 1);
        if (there < 0)
            return there;
        const char *data = stream->input.data + stream->input.start;
        const char *found = there ? find(data, (size_t)there, seen, separator, separator_size) : NULL;
        size_t before = found ? (size_t)(found - data) : (size_t)there;
        if (found ? before > limit : before >= limit + separator_size)
            return bide_fail(BIDE_ELIMIT, "read from %s: no separator within %zu bytes", bide_peer_name(stream), limit);
        if (found) {
            memcpy(buffer, data, before + separator_size);
            bide_consume(stream, before + separator_size);
            return (ssize_t)(before + separator_size);
        }
        if ((size_t)there <= seen)
            return bide_fail(BIDE_EOF, "read from %s: the stream ended after %zd bytes without a separator",
                             bide_peer_name(stream), there);
        seen = (size_t)there;
    }
}

int bide_next_line(bide_stream *stream, char **ret_line)
{
    const size_t limit = stream->read_limit;
    size_t seen = 0;

    for (;;) {
        ssize_t there = bide__stream_fill(stream, seen + 1);
        if (there <= 0)
            return (int)there;
        char *data = stream->input.data + stream->input.start, *end = memchr(data + seen, '\n', (size_t)there - seen);
        bool last = (size_t)there <= seen; /* the end of the stream */
        size_t length = end ? (size_t)(end - data) : (size_t)there, taken = end ? length + 1 : length;

        if (end && length && data[length - 1] == '\r')
            length--;
        if (end || last ? length > limit : bide__line_is_too_long(data, length, limit))
            return bide_fail(BIDE_ELIMIT, "read from %s: no line end within %zu bytes", bide_peer_name(stream), limit);
        if (end || last) {
            if (!end) { /* no byte stands where the terminator goes */
                int err = bide__buffer_reserve(&stream->input, 1, &stream->channel.loop->buffers);
                if (err < 0)
                    return bide_fail(err, "read from %s: no memory for the last line", bide_peer_name(stream));
                data = stream->input.data + stream->input.start;
            }
            data[length] = '\0';
            stream->input.start += taken; /* the memory stays until the next read */
            *ret_line = data;
            return 1;
        }
        seen = (size_t)there;
    }
}

/* Hands the stream's buffer over as it is: its bytes moved to the front, with a zero behind them. */
static char *take_buffer(struct bide_stream *stream)
{
    struct bide__buffer *input = &stream->input;
    size_t size = bide__buffer_size(input);

    if (bide__buffer_reserve(input, 1, &stream->channel.loop->buffers) < 0)
        return NULL;
    memmove(input->data, input->data + input->start, size);
    input->data[size] = '\0';
    char *data = input->data;
    *input = (struct bide__buffer){ 0 };
    return data;
}

ssize_t bide_read_all(bide_stream *stream, size_t limit, char **ret_data)
{
    size_t seen = 0;

    for (;;) {
        ssize_t there = bide__stream_fill(stream, seen + 1);
        if (there < 0)
            return there;
        if ((size_t)there > limit)
            return bide_fail(BIDE_ELIMIT, "read from %s: more than %zu bytes", bide_peer_name(stream), limit);
        if ((size_t)there <= seen)
            break;
        seen = (size_t)there;
    }
    char *data = take_buffer(stream);
    if (!data)
        return bide_fail(-ENOMEM, "read from %s: no memory for %zu bytes", bide_peer_name(stream), seen);
    *ret_data = data;
    return (ssize_t)seen;
}
