/* Listeners: a bound socket from which connections are accepted, one task at a time. */
#include "io/listener.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/stream.h"
#include "task/debug.h"
#include "task/wait.h"

enum { BACKLOG = 4096 };

struct bide_listener {
    struct bide_loop *loop;
    int descriptor;
    int port;
    bool accepting;
};

static int open_socket(const union bide__address *address, bool all_families)
{
    const int on = 1, off = 0;
    int descriptor = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return -errno;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->any.sa_family == AF_INET6)
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, all_families ? &off : &on, sizeof on);
    if (bind(descriptor, &address->any, bide__address_size(address)) < 0 || listen(descriptor, BACKLOG) < 0) {
        int err = -errno;

        close(descriptor);
        return err;
    }
    return descriptor;
}

/* Binds the first address that can be bound; for "all addresses" on a host without IPv6, IPv4's. */
static int bind_first(const struct bide__addresses *addresses, bool all_families)
{
    int descriptor = -EADDRNOTAVAIL;

    for (size_t i = 0; i < addresses->count && descriptor < 0; i++)
        descriptor = open_socket(&addresses->list[i], all_families);
    if (descriptor == -EAFNOSUPPORT && all_families) {
        union bide__address any = { .v4 = { .sin_family = AF_INET, .sin_port = addresses->list[0].v6.sin6_port } };

        descriptor = open_socket(&any, false);
    }
    return descriptor;
}

int bide_listen(const char *host, int port, bide_listener **ret_listener)
{
    struct bide__addresses *addresses;
    int err = bide__resolve(host, port, 1, &addresses);

    if (err < 0)
        return err;
    int descriptor = bind_first(addresses, !host);
    free(addresses);
    if (descriptor < 0)
        return bide_fail(descriptor, "listen on %s:%d: %s", host ? host : "*", port, strerror(-descriptor));
    struct bide_listener *listener = calloc(1, sizeof *listener);
    if (!listener) {
        close(descriptor);
        return bide_fail(-ENOMEM, "listen on %s:%d: no memory", host ? host : "*", port);
    }
    union bide__address bound;
    socklen_t size = sizeof bound;
    *listener = (struct bide_listener){ .loop = bide__loop, .descriptor = descriptor };
    if (getsockname(descriptor, &bound.any, &size) == 0)
        listener->port = bide__address_port(&bound);
    bide__debug_opened(listener, "listener on", host ? host : "all addresses");
    *ret_listener = listener;
    return 0;
}

int bide_listener_port(const bide_listener *listener)
{
    return listener->port;
}

int bide_accept(bide_listener *listener, bide_stream **ret_stream)
{
    const int on = 1;
    int64_t result;

    if (listener->accepting)
        return bide_fail(-EBUSY, "accept on port %d: another task is doing that already", listener->port);
    listener->accepting = true;
    do {
        struct bide__op op = { .kind = BIDE__OP_ACCEPT, .descriptor = listener->descriptor };

        result = bide__op_run(&op);
    } while (result == -ECONNABORTED || result == -EPROTO);
    listener->accepting = false;
    if (result < 0)
        return result == -ECANCELED
                   ? -ECANCELED
                   : bide_fail((int)result, "accept on port %d: %s", listener->port, strerror((int)-result));
    setsockopt((int)result, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct bide_stream *stream = bide__stream_new(listener->loop, (int)result);
    if (!stream) {
        close((int)result);
        return bide_fail(-ENOMEM, "accept on port %d: no memory for the stream", listener->port);
    }
    *ret_stream = stream;
    return 0;
}

void bide__listener_stop(struct bide_listener *listener)
{
    if (listener->descriptor < 0)
        return;
    assert(!listener->accepting && "a listener was closed while a task waits in bide_accept");
    listener->loop->backend->forget(listener->loop, listener->descriptor);
    close(listener->descriptor);
    listener->descriptor = -1;
}

void bide_listener_close(bide_listener *listener)
{
    if (!listener)
        return;
    bide__listener_stop(listener);
    bide__debug_closed(listener);
    free(listener);
}
