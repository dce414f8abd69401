/*
 * A channel over one end of a pipe, or over a terminal: read and write instead of receive and send.
 *
 * A regular file in their place (`program < file`) is always ready, which epoll says by refusing it. The descriptor
 * is non-blocking; when that was set for us on an open file that others share (pipe.c), state holds its flags from
 * before plus one, and they are given back at the end. Must never happen: SIGPIPE; see bide__op_attempt.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "io/channel.h"
#include "task/wait.h"

static int64_t pipe_wait_readable(bide_channel *channel)
{
    struct bide__op op = { .kind = BIDE__OP_READABLE, .descriptor = channel->descriptor };
    int64_t err = bide__op_run(&op);

    return err == -EPERM ? 0 : err;
}

static int64_t pipe_receive(bide_channel *channel, void *buffer, size_t size, bool likely_ready)
{
    struct bide__op op = { .kind = BIDE__OP_READ,
                           .descriptor = channel->descriptor,
                           .u.buffer = buffer,
                           .size = size,
                           .likely_ready = likely_ready };

    return bide__op_run(&op);
}

static int64_t pipe_send(bide_channel *channel, const void *data, size_t size)
{
    struct bide__op op = { .kind = BIDE__OP_WRITE, .descriptor = channel->descriptor, .u.data = data, .size = size };

    return bide__op_run(&op);
}

/* Piece by piece: each costs a system call. */
static int64_t pipe_send_message(bide_channel *channel, const struct msghdr *message)
{
    const struct iovec *piece = message->msg_iov;

    while (piece->iov_len == 0)
        piece++;
    return pipe_send(channel, piece->iov_base, piece->iov_len);
}

static int pipe_end_output(bide_channel *channel)
{
    if (channel->descriptor >= 0) {
        if (channel->state)
            fcntl(channel->descriptor, F_SETFL, (int)(intptr_t)channel->state - 1);
        channel->loop->backend->forget(channel->loop, channel->descriptor);
        close(channel->descriptor);
        channel->descriptor = -1;
    }
    return 0;
}

static bool pipe_is_alive(bide_channel *channel)
{
    struct pollfd poller = { .fd = channel->descriptor, .events = POLLIN };

    return poll(&poller, 1, 0) == 0;
}

static void pipe_close(bide_channel *channel, bool abort)
{
    (void)abort;
    pipe_end_output(channel);
}

const bide_transport bide__transport_pipe = {
    .wait_readable = pipe_wait_readable,
    .receive = pipe_receive,
    .send = pipe_send,
    .send_message = pipe_send_message,
    .end_output = pipe_end_output,
    .is_alive = pipe_is_alive,
    .close = pipe_close,
};
