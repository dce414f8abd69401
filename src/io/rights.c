/*
 * Descriptors over Unix sockets (SCM_RIGHTS): they travel with the first byte of a message, as duplicates.
 *
 * Receiving waits until something is there and then takes it in one call, so a cancellation never finds descriptors
 * between the kernel and the caller. Must never happen: a descriptor that came and that nobody knows of: what does not
 * fit is closed, by the kernel or here; what comes to an ordinary read is closed by the kernel.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>
#include <bide/unix.h>

#include "io/stream.h"
#include "task/wait.h"

enum { COUNT_MAX = BIDE_DESCRIPTORS_MAX, CONTROL_BYTES = CMSG_SPACE(COUNT_MAX * sizeof(int)) };

union control {
    struct cmsghdr align;
    char bytes[CONTROL_BYTES];
};

static int check_call(bide_stream *stream, size_t count)
{
    if (stream->channel.transport != &bide__transport_socket)
        return bide_fail(-EOPNOTSUPP, "descriptors for %s: it is no plain socket", bide_peer_name(stream));
    if (count <= COUNT_MAX)
        return 0;
    return bide_fail(-EINVAL, "descriptors for %s: %zu, at most %d", bide_peer_name(stream), count, COUNT_MAX);
}

static void attach(struct msghdr *message, union control *control, const int *descriptors, size_t count)
{
    if (!count)
        return;
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    *header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                .cmsg_type = SCM_RIGHTS,
                                .cmsg_len = CMSG_LEN(count * sizeof(int)) };
    memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
}

ssize_t bide_send_descriptors(bide_stream *stream, const void *data, size_t size, const int *descriptors, size_t count)
{
    union control control = { .bytes = { 0 } };
    struct iovec piece = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
    int err = check_call(stream, count);

    if (err < 0)
        return err;
    if (size == 0)
        return bide_fail(-EINVAL, "descriptors for %s: they need a byte to go with", bide_peer_name(stream));
    if (stream->writing)
        return bide__stream_explain(stream, "write to", -EBUSY);
    attach(&message, &control, descriptors, count);
    struct bide__op op = { .kind = BIDE__OP_SEND_MESSAGE,
                           .descriptor = stream->channel.descriptor,
                           .u.message = &message };
    stream->writing = true;
    int64_t sent = bide__op_run(&op);
    stream->writing = false;
    if (sent < 0)
        return bide__stream_explain(stream, "send descriptors to", sent);
    if ((size_t)sent == size)
        return (ssize_t)sent;
    ssize_t rest = bide_write(stream, (const char *)data + sent, size - (size_t)sent);
    return (ssize_t)sent + (rest > 0 ? rest : 0);
}

/* Takes the descriptors out of a message; those beyond the capacity are closed. How many came. */
static size_t detach(struct msghdr *message, int *descriptors, size_t capacity)
{
    size_t came = 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < (header->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++, came++) {
            int descriptor;

            memcpy(&descriptor, CMSG_DATA(header) + i * sizeof descriptor, sizeof descriptor);
            if (came < capacity)
                descriptors[came] = descriptor;
            else
                close(descriptor);
        }
    }
    return came;
}

static int64_t receive(struct bide_stream *stream, struct msghdr *message)
{
    int64_t count;

    do {
        count = stream->channel.transport->wait_readable(&stream->channel);
        if (count < 0)
            return count;
        do
            count = recvmsg(stream->channel.descriptor, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (count < 0 && errno == EINTR);
    } while (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
    return count < 0 ? -errno : count;
}

ssize_t bide_receive_descriptors(bide_stream *stream, void *data, size_t size, int *ret_descriptors, size_t capacity,
                                 size_t *ret_count)
{
    union control control;
    struct iovec piece = { .iov_base = data, .iov_len = size };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control };
    int err = check_call(stream, capacity);

    if (err < 0)
        return err;
    message.msg_controllen = capacity ? CMSG_SPACE(capacity * sizeof(int)) : 0;
    if (size == 0)
        return bide_fail(-EINVAL, "descriptors from %s: they need room for a byte", bide_peer_name(stream));
    if (bide__buffer_size(&stream->input)) {
        *ret_count = 0;
        return bide_read(stream, data, size);
    }
    if (stream->reading)
        return bide__stream_explain(stream, "read from", -EBUSY);
    stream->reading = true;
    int64_t count = receive(stream, &message);
    stream->reading = false;
    if (count < 0)
        return bide__stream_explain(stream, "receive descriptors from", count);
    size_t came = detach(&message, ret_descriptors, capacity);
    if (came > capacity || message.msg_flags & MSG_CTRUNC) {
        for (size_t i = 0; i < came && i < capacity; i++)
            close(ret_descriptors[i]);
        return bide_fail(BIDE_ELIMIT, "receive descriptors from %s: more than %zu came, and were closed",
                         bide_peer_name(stream), capacity);
    }
    *ret_count = came;
    return (ssize_t)count;
}
