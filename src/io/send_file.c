/*
 * sendfile: a file's bytes to a stream, without passing through the program where the kernel can do that.
 *
 * A chunk at a time: so a cancellation is heard between two, and others get their turn. What the kernel has in memory
 * is sent in place; when it would have to read the disk, a thread of the files sends that chunk. A stream that is no
 * plain socket, and a file system without sendfile, get the bytes by reading and writing.
 *
 * Must never happen: SIGPIPE, which sendfile cannot be told to leave out; the loop waits for a disk; bytes that were sent and are not counted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <bide/error.h>

#include "io/file.h"
#include "io/stream.h"
#include "sync/step.h"

enum { CHUNK = 256 * 1024, COPY_AT_ONCE = 64 * 1024, CHUNKS_IN_A_STEP = 4 };

/* Whether the byte at an offset can be had without waiting. */
static bool is_at_hand(int descriptor, int64_t offset)
{
    char byte;
    const struct iovec piece = { &byte, 1 };

    return preadv2(descriptor, &piece, 1, offset, RWF_NOWAIT) >= 0;
}

struct send_call {
    struct bide__file_op base;
    int socket, descriptor;
    size_t size;
};

static int64_t send_chunk(struct bide__file_op *file_op)
{
    struct send_call *call = (struct send_call *)(void *)file_op;
    off_t offset = (off_t)call->base.offset;
    struct bide__held_signal held;
    ssize_t sent;

    bide__pipe_signal_hold(&held);
    do
        sent = sendfile(call->socket, call->descriptor, &offset, call->size);
    while (sent < 0 && errno == EINTR);
    bide__pipe_signal_release(&held, sent < 0 && errno == EPIPE);
    if (sent < 0)
        return errno == EINVAL || errno == ENOSYS ? -EOPNOTSUPP : -errno;
    return sent;
}

/* Sends a chunk by the kernel. Bytes, 0 at the end of the file, or an error; -EOPNOTSUPP: it cannot. */
static int64_t send_by_kernel(bide_stream *stream, int descriptor, int64_t offset, size_t size)
{
    for (;;) {
        struct send_call call = {
            .base.offset = offset, .socket = stream->channel.descriptor, .descriptor = descriptor, .size = size
        };
        struct bide__record *task;
        int64_t result = bide__checkpoint(&task);

        if (result < 0)
            return result;
        bool at_hand = is_at_hand(descriptor, offset) && is_at_hand(descriptor, offset + (int64_t)size - 1);
        result = at_hand ? send_chunk(&call.base) : bide__file_call(&call.base, send_chunk);
        if (result != -EAGAIN)
            return result;
        struct bide__op op = { .kind = BIDE__OP_WRITABLE, .descriptor = stream->channel.descriptor };
        result = bide__op_run(&op);
        if (result < 0)
            return result;
    }
}

/* Sends a chunk by reading and writing. */
static int64_t send_by_copy(bide_stream *stream, int descriptor, int64_t offset, size_t size, void *buffer)
{
    struct bide__file_op read = { .op = { .kind = BIDE__OP_READ_AT,
                                          .descriptor = descriptor,
                                          .u.buffer = buffer,
                                          .size = size < COPY_AT_ONCE ? size : COPY_AT_ONCE },
                                  .offset = offset,
                                  .in_place = BIDE__IN_PLACE_TRY };
    int64_t there = bide__op_run(&read.op), result = 0, sent = 0;

    while (sent < there) {
        result = stream->channel.transport->send(&stream->channel, (char *)buffer + sent, (size_t)(there - sent));
        if (result < 0)
            break;
        sent += result;
    }
    return there < 0 ? there : sent ? sent : result;
}

static int64_t send_all(bide_stream *stream, int descriptor, int64_t offset, size_t count, void *buffer, size_t *sent)
{
    bool by_kernel = stream->channel.transport == &bide__transport_socket;
    int64_t result = 1;

    for (unsigned chunks = 1; *sent < count && result > 0; chunks++) {
        size_t size = count - *sent < CHUNK ? count - *sent : CHUNK;
        int64_t at = offset + (int64_t)*sent;

        result = by_kernel ? send_by_kernel(stream, descriptor, at, size)
                           : send_by_copy(stream, descriptor, at, size, buffer);
        if (result == -EOPNOTSUPP && by_kernel) {
            by_kernel = false;
            result = 1;
        } else if (result > 0) {
            *sent += (size_t)result;
        }
        if (chunks % CHUNKS_IN_A_STEP == 0 && result > 0)
            bide__yield(bide__loop);
    }
    return result;
}

/* How many bytes from `offset` on are to be sent; or an error. */
static int64_t count_of(bide_stream *stream, int descriptor, int64_t offset, size_t count)
{
    struct stat status;

    if (fstat(descriptor, &status) < 0)
        return bide_fail(-errno, "send descriptor %d to %s: %s", descriptor, bide_peer_name(stream), strerror(errno));
    if (!S_ISREG(status.st_mode) || offset < 0)
        return bide_fail(-EINVAL, "send descriptor %d to %s: %s", descriptor, bide_peer_name(stream),
                         offset < 0 ? "a negative offset" : "it is no regular file");
    int64_t there = offset < status.st_size ? status.st_size - offset : 0;
    return (uint64_t)there < count ? there : (int64_t)count;
}

ssize_t bide_sendfile(bide_stream *stream, int descriptor, int64_t offset, size_t count)
{
    struct bide__record *task;
    size_t sent = 0;
    int64_t result = bide__checkpoint(&task);

    if (result < 0)
        return result;
    if (stream->writing)
        return bide__stream_explain(stream, "send a file to", -EBUSY);
    int64_t wanted = count_of(stream, descriptor, offset, count);
    if (wanted <= 0)
        return wanted;
    void *buffer = malloc(COPY_AT_ONCE);
    if (!buffer)
        return bide_fail(-ENOMEM, "send a file to %s: no memory", bide_peer_name(stream));
    stream->writing = true;
    result = send_all(stream, descriptor, offset, (size_t)wanted, buffer, &sent);
    stream->writing = false;
    free(buffer);
    return result >= 0 || sent ? (ssize_t)sent : bide__stream_explain(stream, "send a file to", result);
}
