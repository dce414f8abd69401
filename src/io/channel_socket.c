/* A channel over a connected stream socket, TCP or local: an operation of the loop for each call, nothing in between. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/channel.h"
#include "task/wait.h"

static int64_t socket_wait_readable(bide_channel *channel)
{
    struct bide__op op = { .kind = BIDE__OP_READABLE, .descriptor = channel->descriptor };

    return bide__op_run(&op);
}

static int64_t socket_receive(bide_channel *channel, void *buffer, size_t size, bool likely_ready)
{
    struct bide__op op = { .kind = BIDE__OP_RECEIVE,
                           .descriptor = channel->descriptor,
                           .u.buffer = buffer,
                           .size = size,
                           .likely_ready = likely_ready };

    return bide__op_run(&op);
}

static int64_t socket_send(bide_channel *channel, const void *data, size_t size)
{
    struct bide__op op = { .kind = BIDE__OP_SEND, .descriptor = channel->descriptor, .u.data = data, .size = size };

    return bide__op_run(&op);
}

static int64_t socket_send_message(bide_channel *channel, const struct msghdr *message)
{
    struct bide__op op = { .kind = BIDE__OP_SEND_MESSAGE, .descriptor = channel->descriptor, .u.message = message };

    return bide__op_run(&op);
}

static int64_t socket_try_receive(bide_channel *channel, void *buffer, size_t size)
{
    ssize_t count;

    do
        count = recv(channel->descriptor, buffer, size, MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

static int64_t socket_try_send(bide_channel *channel, const void *data, size_t size)
{
    ssize_t count;

    do
        count = send(channel->descriptor, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

static int socket_end_output(bide_channel *channel)
{
    return shutdown(channel->descriptor, SHUT_WR) < 0 ? -errno : 0;
}

static bool socket_is_alive(bide_channel *channel)
{
    char byte;

    return recv(channel->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

static void socket_close(bide_channel *channel, bool abort)
{
    const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

    if (abort)
        setsockopt(channel->descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    channel->loop->backend->forget(channel->loop, channel->descriptor);
    close(channel->descriptor);
}

const bide_transport bide__transport_socket = {
    .wait_readable = socket_wait_readable,
    .receive = socket_receive,
    .send = socket_send,
    .send_message = socket_send_message,
    .try_receive = socket_try_receive,
    .try_send = socket_try_send,
    .end_output = socket_end_output,
    .is_alive = socket_is_alive,
    .close = socket_close,
};
