/*
 * Listeners: bound sockets from which connections are accepted, one task at a time on each.
 *
 * The accepted socket inherits TCP_NODELAY from the listening one, and accept itself says who has connected: a
 * connection costs one system call until its stream exists. Must never happen: a descriptor that is lost between the
 * kernel and the stream.
 */
#include "io/listener.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/stream.h"
#include "task/debug.h"
#include "task/wait.h"

/* Finds out what the socket is bound to. */
static void describe(struct bide_listener *listener, struct bide__listening *socket)
{
    union {
        union bide__address inet;
        struct sockaddr_un local;
    } bound = { 0 };
    socklen_t size = sizeof bound;
    const int on = 1;

    if (getsockname(socket->descriptor, &bound.inet.any, &size) < 0)
        return;
    socket->local = bound.inet.any.sa_family == AF_UNIX;
    if (socket->local) {
        bide__unix_address_text(&bound.local, size, socket->name, sizeof socket->name);
        return;
    }
    setsockopt(socket->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bide__address_text(&bound.inet, socket->name, sizeof socket->name);
    if (!listener->port)
        listener->port = bide__address_port(&bound.inet);
}

int bide__listener_add(struct bide_listener **listener, int descriptor, struct bide__socket_file *file)
{
    size_t count = *listener ? (*listener)->count : 0;
    struct bide_listener *grown = realloc(*listener, sizeof *grown + (count + 1) * sizeof grown->sockets[0]);

    if (!grown)
        return -ENOMEM;
    if (!*listener) {
        memset(grown, 0, sizeof *grown);
        grown->loop = bide__loop;
    }
    *listener = grown;
    grown->sockets[count] = (struct bide__listening){ .descriptor = descriptor, .file = file };
    describe(grown, &grown->sockets[count]);
    grown->count++;
    return 0;
}

int bide_listener_port(const bide_listener *listener)
{
    return listener->port;
}

const char *bide_listener_name(const bide_listener *listener, size_t index)
{
    return index < listener->count ? listener->sockets[index].name : NULL;
}

int bide_listener_descriptor(const bide_listener *listener, size_t index)
{
    return index < listener->count ? listener->sockets[index].descriptor : -1;
}

static int64_t accept_next(struct bide__listening *socket, struct bide__peer *peer)
{
    int64_t result;

    do {
        struct bide__op op = { .kind = BIDE__OP_ACCEPT, .descriptor = socket->descriptor, .u.peer = peer };

        result = bide__op_run(&op);
    } while (result == -ECONNABORTED || result == -EPROTO);
    return result;
}

static bide_stream *open_stream(struct bide_listener *listener, const struct bide__listening *socket, int descriptor,
                                const struct bide__peer *peer)
{
    const bide_channel channel = { .transport = &bide__transport_socket,
                                   .loop = listener->loop,
                                   .descriptor = descriptor };

    if (socket->local)
        return bide__stream_over(&channel, socket->name);
    return bide__stream_accepted(listener->loop, descriptor, (const union bide__address *)(const void *)&peer->address);
}

int bide__listener_accept(struct bide_listener *listener, size_t index, bide_stream **ret_stream)
{
    struct bide__listening *socket = &listener->sockets[index];
    struct bide__peer peer = { .size = 0 };

    if (socket->accepting)
        return bide_fail(-EBUSY, "accept on %s: another task is doing that already", socket->name);
    socket->accepting = true;
    int64_t result = accept_next(socket, &peer);
    socket->accepting = false;
    if (result < 0)
        return result == -ECANCELED ? -ECANCELED
                                    : bide_fail((int)result, "accept on %s: %s", socket->name, strerror((int)-result));
    bide_stream *stream = open_stream(listener, socket, (int)result, &peer);
    if (!stream) {
        close((int)result);
        return bide_fail(-ENOMEM, "accept on %s: no memory for the stream", socket->name);
    }
    *ret_stream = stream;
    return 0;
}

int bide_accept(bide_listener *listener, bide_stream **ret_stream)
{
    if (listener->count != 1)
        return bide_fail(-EINVAL, "bide_accept: the listener has %zu sockets: serve them with bide_serve_listener",
                         listener->count);
    return bide__listener_accept(listener, 0, ret_stream);
}

void bide__listener_stop(struct bide_listener *listener)
{
    for (size_t i = 0; i < listener->count; i++) {
        struct bide__listening *socket = &listener->sockets[i];

        if (socket->descriptor < 0)
            continue;
        assert(!socket->accepting && "a listener was closed while a task waits in bide_accept");
        bide__socket_file_remove(socket->file);
        socket->file = NULL;
        listener->loop->backend->forget(listener->loop, socket->descriptor);
        close(socket->descriptor);
        socket->descriptor = -1;
    }
}

void bide_listener_close(bide_listener *listener)
{
    if (!listener)
        return;
    bide__listener_stop(listener);
    bide__debug_closed(listener);
    free(listener);
}
