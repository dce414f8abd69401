/* A channel over a connected stream socket, TCP or local: an operation of the loop for each call, nothing in between. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/channel.h"
#include "task/wait.h"

static int64_t socket_wait_readable(struct bide__channel *channel)
{
    struct bide__op op = { .kind = BIDE__OP_READABLE, .descriptor = channel->descriptor };

    return bide__op_run(&op);
}

static int64_t socket_receive(struct bide__channel *channel, void *buffer, size_t size, bool likely_ready)
{
    struct bide__op op = { .kind = BIDE__OP_RECEIVE,
                           .descriptor = channel->descriptor,
                           .u.buffer = buffer,
                           .size = size,
                           .likely_ready = likely_ready };

    return bide__op_run(&op);
}

static int64_t socket_send(struct bide__channel *channel, const void *data, size_t size)
{
    struct bide__op op = { .kind = BIDE__OP_SEND, .descriptor = channel->descriptor, .u.data = data, .size = size };

    return bide__op_run(&op);
}

static int64_t socket_send_message(struct bide__channel *channel, const struct msghdr *message)
{
    struct bide__op op = { .kind = BIDE__OP_SEND_MESSAGE, .descriptor = channel->descriptor, .u.message = message };

    return bide__op_run(&op);
}

static int socket_end_output(struct bide__channel *channel)
{
    return shutdown(channel->descriptor, SHUT_WR) < 0 ? -errno : 0;
}

static bool socket_is_alive(struct bide__channel *channel)
{
    char byte;

    return recv(channel->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

static void socket_close(struct bide__channel *channel, bool abort)
{
    const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

    if (abort)
        setsockopt(channel->descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    channel->loop->backend->forget(channel->loop, channel->descriptor);
    close(channel->descriptor);
}

const struct bide__transport bide__transport_socket = {
    .wait_readable = socket_wait_readable,
    .receive = socket_receive,
    .send = socket_send,
    .send_message = socket_send_message,
    .end_output = socket_end_output,
    .is_alive = socket_is_alive,
    .close = socket_close,
};
