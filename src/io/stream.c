/*
 * Streams: reading and writing what a channel carries (a socket, a pipe, TLS: io/channel.h).
 *
 * Input goes straight into the user's buffer where he gives one (bide_read), else into the stream's own, which exists
 * only while bytes are in it: a stream that waits for its peer first waits until it is readable, and only then takes
 * a buffer. Output is not buffered at all: write hands everything to the kernel and waits while the kernel takes no
 * more.
 *
 * Cancellation: a read that is cancelled has taken nothing (what had arrived lies in the buffer or in the kernel); a
 * write that is cancelled says how much went out. Must never happen: two tasks in the middle of reading (or of
 * writing) one stream: the second gets -EBUSY; a buffer that moves while the kernel writes into it.
 */
#include "io/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>

#include "task/debug.h"
#include "task/wait.h"

enum { PIECES_MAX = 64 };

/* The other end, as text or as an address; both NULL: the kernel is asked. */
static struct bide_stream *open_stream(const bide_channel *channel, const char *peer,
                                       const union bide__address *address)
{
    struct bide_stream *stream = calloc(1, sizeof *stream);

    if (!stream)
        return NULL;
    stream->channel = *channel;
    stream->descriptor = channel->descriptor;
    stream->read_limit = BIDE__READ_LIMIT;
    if (peer) {
        snprintf(stream->peer.text, sizeof stream->peer.text, "%s", peer);
        stream->named = true;
    } else if (address) {
        stream->peer.address = *address;
    } else { /* now: a connection that was reset cannot tell any more */
        socklen_t size = sizeof stream->peer.address;
        getpeername(channel->descriptor, &stream->peer.address.any, &size);
    }
    if (__builtin_expect(channel->loop->debug, 0))
        bide__debug_opened(stream, "stream to", bide_peer_name(stream));
    return stream;
}

struct bide_stream *bide__stream_over(const bide_channel *channel, const char *peer)
{
    return open_stream(channel, peer, NULL);
}

struct bide_stream *bide__stream_accepted(struct bide_loop *loop, int descriptor, const union bide__address *peer)
{
    const bide_channel channel = { .transport = &bide__transport_socket, .loop = loop, .descriptor = descriptor };

    return open_stream(&channel, NULL, peer);
}

struct bide_stream *bide__stream_new(struct bide_loop *loop, int descriptor)
{
    return bide__stream_accepted(loop, descriptor, NULL);
}

struct bide_stream *bide__stream_of_pipe(struct bide_loop *loop, int descriptor, const char *peer)
{
    const bide_channel channel = { .transport = &bide__transport_pipe, .loop = loop, .descriptor = descriptor };

    return bide__stream_over(&channel, peer);
}

const char *bide_peer_name(bide_stream *stream)
{
    if (!stream->named) {
        const union bide__address address = stream->peer.address;

        bide__address_text(&address, stream->peer.text, sizeof stream->peer.text);
        stream->named = true;
    }
    return stream->peer.text;
}

int64_t bide__stream_explain(struct bide_stream *stream, const char *action, int64_t err)
{
    if (err == -ECANCELED || err == -EPERM || err <= BIDE_EOF)
        return err;
    if (err == -EBUSY)
        return bide_fail(-EBUSY, "%s %s: another task is doing that already", action, bide_peer_name(stream));
    return bide_fail((int)err, "%s %s: %s", action, bide_peer_name(stream), strerror((int)-err));
}

static int64_t receive(struct bide_stream *stream, void *buffer, size_t size, bool likely_ready)
{
    return stream->channel.transport->receive(&stream->channel, buffer, size, likely_ready);
}

static size_t take_buffered(struct bide_stream *stream, void *buffer, size_t size)
{
    size_t there = bide__buffer_size(&stream->input), count = there < size ? there : size;

    memcpy(buffer, stream->input.data + stream->input.start, count);
    bide__buffer_consume(&stream->input, count, &stream->channel.loop->buffers);
    return count;
}

ssize_t bide_read(bide_stream *stream, void *buffer, size_t size)
{
    if (size == 0)
        return 0;
    if (stream->reading)
        return bide__stream_explain(stream, "read from", -EBUSY);
    if (bide__buffer_size(&stream->input)) {
        struct bide__record *task;
        int err = bide__checkpoint(&task);

        return err < 0 ? err : (ssize_t)take_buffered(stream, buffer, size);
    }
    if (stream->input.data)
        bide__buffer_clear(&stream->input, &stream->channel.loop->buffers); /* a line of bide_next_line lay in it */
    stream->reading = true;
    int64_t count = receive(stream, buffer, size, false);
    stream->reading = false;
    return count < 0 ? bide__stream_explain(stream, "read from", count) : count;
}

/*
 * Waits for more input and appends it to the buffer. Bytes, 0 at the end, or an error. `wanted`: how much the caller
 * still lacks.
 */
static int64_t fill_once(struct bide_stream *stream, size_t wanted)
{
    bool waited = false;

    if (!stream->input.data) {
        int64_t err = stream->channel.transport->wait_readable(&stream->channel);

        if (err < 0)
            return err;
        waited = true;
    }
    if (bide__buffer_reserve(&stream->input, wanted > BIDE__BUFFER_BYTES / 4 ? wanted : BIDE__BUFFER_BYTES / 4,
                             &stream->channel.loop->buffers) < 0)
        return -ENOMEM;
    int64_t count =
        receive(stream, stream->input.data + stream->input.end, stream->input.capacity - stream->input.end, waited);
    if (count > 0)
        stream->input.end += (size_t)count;
    else if (!bide__buffer_size(&stream->input))
        bide__buffer_clear(&stream->input, &stream->channel.loop->buffers);
    return count;
}

/* Gives the memory back that a line taken by bide_next_line lay in. */
static inline void drop_line(struct bide_stream *stream)
{
    if (stream->input.data && !bide__buffer_size(&stream->input))
        bide__buffer_clear(&stream->input, &stream->channel.loop->buffers);
}

ssize_t bide__stream_fill(struct bide_stream *stream, size_t minimum)
{
    struct bide__record *task;
    int64_t count = bide__checkpoint(&task);

    if (count < 0)
        return count;
    if (stream->reading)
        return bide__stream_explain(stream, "read from", -EBUSY);
    stream->reading = true;
    drop_line(stream);
    while (bide__buffer_size(&stream->input) < minimum) {
        count = fill_once(stream, minimum - bide__buffer_size(&stream->input));
        if (count <= 0)
            break;
    }
    stream->reading = false;
    return count < 0 ? bide__stream_explain(stream, "read from", count) : (ssize_t)bide__buffer_size(&stream->input);
}

ssize_t bide_peek(bide_stream *stream, size_t minimum, const void **ret_data)
{
    if (minimum > stream->read_limit)
        return bide_fail(BIDE_ELIMIT, "read from %s: %zu bytes at once are beyond the read limit of %zu",
                         bide_peer_name(stream), minimum, stream->read_limit);
    ssize_t count = bide__stream_fill(stream, minimum);
    if (count >= 0)
        *ret_data = count ? stream->input.data + stream->input.start : "";
    return count;
}

void bide_consume(bide_stream *stream, size_t size)
{
    assert(!stream->reading);
    bide__buffer_consume(&stream->input, size, &stream->channel.loop->buffers);
}

void bide_set_read_limit(bide_stream *stream, size_t bytes)
{
    stream->read_limit = bytes;
}

int bide_read_exactly(bide_stream *stream, void *buffer, size_t size)
{
    ssize_t there = bide__stream_fill(stream, size);

    if (there < 0)
        return (int)there;
    if ((size_t)there < size)
        return bide_fail(BIDE_EOF, "read from %s: the stream ended after %zd of %zu bytes", bide_peer_name(stream),
                         there, size);
    if (size)
        take_buffered(stream, buffer, size);
    return 0;
}

ssize_t bide_read_line(bide_stream *stream, char *buffer, size_t size)
{
    const size_t limit = size && size <= stream->read_limit ? size - 1 : stream->read_limit;
    size_t seen = 0;

    for (;;) {
        ssize_t there = bide__stream_fill(stream, seen + 1);
        if (there < 0)
            return there;
        if (there == 0)
            return bide_fail(BIDE_EOF, "read from %s: the stream has ended", bide_peer_name(stream));
        const char *data = stream->input.data + stream->input.start,
                   *end = memchr(data + seen, '\n', (size_t)there - seen);
        bool last = (size_t)there <= seen; /* the end of the stream */
        size_t length = end ? (size_t)(end - data) : (size_t)there, taken = end ? length + 1 : length;

        if (end && length && data[length - 1] == '\r')
            length--;
        if (!size || (end || last ? length > limit : bide__line_is_too_long(data, length, limit)))
            return bide_fail(BIDE_ELIMIT, "read from %s: no line end within %zu bytes", bide_peer_name(stream),
                             size ? limit : 0);
        if (end || last) {
            memcpy(buffer, data, length);
            buffer[length] = '\0';
            bide_consume(stream, taken);
            return (ssize_t)length;
        }
        seen = (size_t)there;
    }
}

static ssize_t write_done(struct bide_stream *stream, size_t sent, int64_t result)
{
    stream->writing = false;
    if (result >= 0 || sent > 0)
        return (ssize_t)sent;
    return bide__stream_explain(stream, "write to", result);
}

ssize_t bide_write(bide_stream *stream, const void *data, size_t size)
{
    size_t sent = 0;
    int64_t result = 0;

    if (stream->writing)
        return bide__stream_explain(stream, "write to", -EBUSY);
    stream->writing = true;
    while (sent < size) {
        result = stream->channel.transport->send(&stream->channel, (const char *)data + sent, size - sent);
        if (result < 0)
            break;
        sent += (size_t)result;
    }
    return write_done(stream, sent, result);
}

/* Takes `count` bytes off the front of the pieces. */
static void advance(struct msghdr *message, size_t count)
{
    while (count && message->msg_iovlen) {
        struct iovec *piece = message->msg_iov;

        if (count < piece->iov_len) {
            piece->iov_base = (char *)piece->iov_base + count;
            piece->iov_len -= count;
            return;
        }
        count -= piece->iov_len;
        message->msg_iov++;
        message->msg_iovlen--;
    }
}

ssize_t bide_write_vector(bide_stream *stream, const struct iovec *pieces, size_t count)
{
    struct iovec left[PIECES_MAX];
    struct msghdr message = { .msg_iov = left, .msg_iovlen = count };
    size_t size = 0, sent = 0;
    int64_t result = 0;

    if (count > PIECES_MAX)
        return bide_fail(-EINVAL, "write to %s: %zu pieces, at most %d", bide_peer_name(stream), count, PIECES_MAX);
    if (stream->writing)
        return bide__stream_explain(stream, "write to", -EBUSY);
    for (size_t i = 0; i < count; i++) {
        left[i] = pieces[i];
        size += pieces[i].iov_len;
    }
    stream->writing = true;
    while (sent < size) {
        result = stream->channel.transport->send_message(&stream->channel, &message);
        if (result < 0)
            break;
        sent += (size_t)result;
        advance(&message, (size_t)result);
    }
    return write_done(stream, sent, result);
}

int bide_write_eof(bide_stream *stream)
{
    int err = stream->channel.transport->end_output(&stream->channel);

    return err < 0 ? (int)bide__stream_explain(stream, "end the output to", err) : 0;
}

void bide__stream_discard(struct bide_stream *stream)
{
    if (__builtin_expect(stream->channel.loop->debug, 0))
        bide__debug_closed(stream);
    bide__buffer_clear(&stream->input, &stream->channel.loop->buffers);
    free(stream);
}

static void close_stream(bide_stream *stream, bool abort)
{
    assert(!stream->reading && !stream->writing && "a stream was closed while a task waits on it");
    stream->channel.transport->close(&stream->channel, abort);
    bide__stream_discard(stream);
}

void bide_close(bide_stream *stream)
{
    if (stream)
        close_stream(stream, false);
}

void bide_abort(bide_stream *stream)
{
    if (stream)
        close_stream(stream, true);
}

bool bide_stream_is_alive(bide_stream *stream)
{
    return !bide__buffer_size(&stream->input) && stream->channel.transport->is_alive(&stream->channel);
}
