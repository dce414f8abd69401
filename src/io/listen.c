/*
 * Where a listener's sockets come from: addresses of names, paths, descriptors that are bound already, and those that a
 * service manager has passed (LISTEN_FDS).
 *
 * Several addresses are as many sockets of one port; for port 0 the first gets a free one and the others take the same,
 * with another try when it is taken there. Must never happen: some of the sockets open and an error returned.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/activation.h"
#include "io/listener.h"
#include "task/debug.h"
#include "task/wait.h"

enum { PORT_TRIES = 16 };

static const bide_listen_options defaults;

static int open_socket(const union bide__address *address, bool all_families, const bide_listen_options *options)
{
    const int on = 1, off = 0;
    int descriptor = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return -errno;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (options->reuse_port)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address->any.sa_family == AF_INET6)
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, all_families ? &off : &on, sizeof on);
    if (bind(descriptor, &address->any, bide__address_size(address)) < 0 ||
        listen(descriptor, options->backlog ? options->backlog : BIDE__BACKLOG) < 0) {
        int err = -errno;

        close(descriptor);
        return err;
    }
    return descriptor;
}

/* For "all addresses": both families by one socket; on a host without IPv6, IPv4's. */
static int open_any(const union bide__address *address, const bide_listen_options *options)
{
    int descriptor = open_socket(address, true, options);

    if (descriptor == -EAFNOSUPPORT) {
        const union bide__address any = { .v4 = { .sin_family = AF_INET, .sin_port = address->v6.sin6_port } };

        descriptor = open_socket(&any, false, options);
    }
    return descriptor;
}

/* Adds a socket, or closes it. 0 or an error without a message. */
static int add(struct bide_listener **listener, int descriptor, struct bide__socket_file *file)
{
    if (descriptor < 0)
        return descriptor;
    int err = bide__listener_add(listener, descriptor, file);
    if (err < 0) {
        bide__socket_file_remove(file);
        close(descriptor);
    }
    return err;
}

/* Takes sockets off the end until `count` are left. */
static void cut_back(struct bide_listener *listener, size_t count)
{
    while (listener && listener->count > count)
        close(listener->sockets[--listener->count].descriptor);
}

static union bide__address bound_to(int descriptor)
{
    union bide__address bound = { 0 };
    socklen_t size = sizeof bound;

    getsockname(descriptor, &bound.any, &size);
    return bound;
}

/* Whether one of the sockets is bound to the address: hosts may mean the same. */
static bool is_bound(const struct bide_listener *listener, const union bide__address *address)
{
    char wanted[BIDE__ADDRESS_TEXT];

    bide__address_text(address, wanted, sizeof wanted);
    for (size_t i = 0; listener && i < listener->count; i++)
        if (!strcmp(listener->sockets[i].name, wanted))
            return true;
    return false;
}

/*
 * Adds a socket for each address, or with `first` for the first that can be bound. An address that this machine has
 * not is passed over unless there is no other. *port: 0 becomes the one that all have got.
 */
static int add_all(struct bide_listener **listener, struct bide__addresses *addresses, int *port, bool first,
                   const bide_listen_options *options)
{
    size_t before = *listener ? (*listener)->count : 0;
    int last = before ? 0 : -EADDRNOTAVAIL;

    for (size_t i = 0; i < addresses->count; i++) {
        union bide__address *address = &addresses->list[i];

        bide__address_set_port(address, *port);
        if (*port && is_bound(*listener, address))
            continue;
        int err = add(listener, open_socket(address, false, options), NULL);
        if (err < 0 && !first && err != -EADDRNOTAVAIL && err != -EAFNOSUPPORT)
            return err;
        last = err;
        if (err < 0)
            continue;
        if (!*port) {
            const union bide__address bound = bound_to((*listener)->sockets[(*listener)->count - 1].descriptor);

            *port = bide__address_port(&bound);
        }
        if (first)
            return 0;
    }
    return *listener && (*listener)->count > before ? 0 : last;
}

static int add_host(struct bide_listener **listener, const char *host, int *port, bool first,
                    const bide_listen_options *options)
{
    struct bide__addresses *addresses;
    int err = bide__resolve(host, *port, 1, &addresses);

    if (err < 0)
        return err;
    err = host ? add_all(listener, addresses, port, first, options)
               : add(listener, open_any(&addresses->list[0], options), NULL);
    free(addresses);
    return err < 0 ? bide_fail(err, "listen on %s:%d: %s", host ? host : "*", *port, strerror(-err)) : 0;
}

/* All hosts, on one port. */
static int add_hosts(struct bide_listener **listener, const char *host, int port, const bide_listen_options *options)
{
    int err = -EADDRINUSE;

    for (int i = 0; i < PORT_TRIES && err == -EADDRINUSE && (i == 0 || port == 0); i++) {
        int wanted = port;

        cut_back(*listener, 0);
        err = 0;
        if (host || !options->hosts)
            err = add_host(listener, host, &wanted, false, options);
        for (const char *const *at = options->hosts; at && *at && err == 0; at++)
            err = add_host(listener, *at, &wanted, false, options);
    }
    return err;
}

static int add_paths(struct bide_listener **listener, const bide_listen_options *options)
{
    for (const char *const *at = options->paths; at && *at; at++) {
        struct bide__socket_file *file;
        int descriptor = bide__unix_listen(*at, options->backlog, options->mode, &file);

        if (descriptor < 0)
            return descriptor;
        int err = add(listener, descriptor, file);
        if (err < 0)
            return bide_fail(err, "listen on unix:%s: no memory", *at);
    }
    return 0;
}

/* A socket that somebody else has bound. It belongs to the listener when this succeeds. */
static int adopt(struct bide_listener **listener, int descriptor)
{
    int listens = 0, type = 0, flags = fcntl(descriptor, F_GETFL);
    socklen_t size = sizeof listens, type_size = sizeof type;

    if (flags < 0 || getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0)
        return bide_fail(-errno, "listen on descriptor %d: %s", descriptor, strerror(errno));
    if (type != SOCK_STREAM || getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens)
        return bide_fail(-EINVAL, "listen on descriptor %d: it is not a stream socket that listens", descriptor);
    fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    int err = bide__listener_add(listener, descriptor, NULL);
    return err < 0 ? bide_fail(err, "listen on descriptor %d: no memory", descriptor) : 0;
}

/* A caller's descriptors stay the caller's when not all of them can be taken. */
static int adopt_all(struct bide_listener **listener, const int *descriptors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int err = adopt(listener, descriptors[i]);

        if (err < 0) {
            if (*listener)
                (*listener)->count -= i;
            return err;
        }
    }
    return 0;
}

static int build(struct bide_listener **listener, const char *host, int port, const bide_listen_options *options)
{
    int passed[BIDE__PASSED_MAX];
    size_t count = options->activated ? bide__activation_take(options->activation_name, passed) : 0;

    if (count) {
        int err = adopt_all(listener, passed, count);

        if (err < 0)
            bide__activation_give_back(passed, count);
        return err;
    }
    int err = 0;
    if (port >= 0)
        err = add_hosts(listener, host, port, options);
    if (err == 0)
        err = add_paths(listener, options);
    if (err == 0)
        err = adopt_all(listener, options->descriptors, options->descriptor_count);
    if (err == 0 && !*listener)
        return bide_fail(-EINVAL, "listen: there is nothing to listen on");
    return err;
}

int bide_listen_with(const char *host, int port, const bide_listen_options *options, bide_listener **ret_listener)
{
    struct bide_listener *listener = NULL;
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    err = build(&listener, host, port, options ? options : &defaults);
    if (err < 0) {
        if (listener)
            bide__listener_stop(listener);
        free(listener);
        return err;
    }
    bide__debug_opened(listener, "listener on", listener->sockets[0].name);
    *ret_listener = listener;
    return 0;
}

int bide_listen(const char *host, int port, bide_listener **ret_listener)
{
    struct bide_listener *listener = NULL;
    int err = add_host(&listener, host, &port, true, &defaults);

    if (err < 0) {
        free(listener);
        return err;
    }
    bide__debug_opened(listener, "listener on", host ? host : "all addresses");
    *ret_listener = listener;
    return 0;
}

int bide_listen_unix(const char *path, const bide_listen_options *options, bide_listener **ret_listener)
{
    bide_listen_options only = options ? *options : defaults;
    const char *const paths[] = { path, NULL };

    only.hosts = NULL;
    only.paths = paths;
    return bide_listen_with(NULL, -1, &only, ret_listener);
}

/* One more socket on the same address: the kernel deals the connections out to both. */
static int bind_again(int descriptor)
{
    const bide_listen_options options = { .reuse_port = true };
    const union bide__address bound = bound_to(descriptor);
    socklen_t option_size = sizeof(int);
    int reuse = 0, only_v6 = 0;

    getsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &reuse, &option_size);
    if (!reuse || (bound.any.sa_family != AF_INET && bound.any.sa_family != AF_INET6))
        return fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    if (bound.any.sa_family == AF_INET6)
        getsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, &option_size);
    return open_socket(&bound, bound.any.sa_family == AF_INET6 && !only_v6, &options);
}

int bide__listener_clone(const struct bide_listener *listener, struct bide_listener **ret_clone)
{
    struct bide_listener *clone = NULL;

    for (size_t i = 0; i < listener->count; i++) {
        int descriptor = bind_again(listener->sockets[i].descriptor);
        int err = add(&clone, descriptor == -1 ? -errno : descriptor, NULL);

        if (err < 0) {
            cut_back(clone, 0);
            free(clone);
            return bide_fail(err, "listen on %s once more: %s", listener->sockets[i].name, strerror(-err));
        }
    }
    *ret_clone = clone;
    return 0;
}
