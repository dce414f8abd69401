/*
 * Opening endpoints for datagrams, and their membership in groups.
 *
 * Of all combinations of a local and a remote address the first one is taken whose socket can be made, bound and
 * connected; none of this waits, only the resolver does. Must never happen: a socket, or the file of one, that is left
 * when a later step fails.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/address.h"
#include "io/datagram.h"
#include "task/wait.h"

static const bide_datagram_options defaults;

/* ---- UDP ---- */

/* A socket with the options set; all_families: an IPv6 one that takes IPv4 too. A descriptor or -errno. */
static int open_socket(const bide_datagram_options *options, int family, bool all_families)
{
    const int on = 1, off = 0;
    int descriptor = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return -errno;
    if (family == AF_INET6)
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, all_families ? &off : &on, sizeof on);
    if (options->receive_buffer)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &options->receive_buffer, sizeof on);
    if (options->send_buffer)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &options->send_buffer, sizeof on);
    if ((options->reuse_port && setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
        (options->allow_broadcast && setsockopt(descriptor, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) < 0)) {
        int err = -errno;

        close(descriptor);
        return err;
    }
    return descriptor;
}

/* Both may be NULL, not both at once. */
static int try_pair(const bide_datagram_options *options, const union bide__address *local,
                    const union bide__address *remote, bool all_families)
{
    int family = remote ? remote->any.sa_family : local->any.sa_family;

    if ((options->family && options->family != family) || (local && local->any.sa_family != family))
        return -EAFNOSUPPORT;
    int descriptor = open_socket(options, family, all_families);
    if (descriptor < 0)
        return descriptor;
    int err = local && bind(descriptor, &local->any, bide__address_size(local)) < 0 ? -errno : 0;
    if (err == 0 && remote)
        err = bide__datagram_connect(descriptor, remote, bide__address_size(remote));
    if (err == 0)
        return descriptor;
    close(descriptor);
    return err;
}

/* The first combination that works, or the error of the last one. */
static int try_all(const bide_datagram_options *options, const struct bide__addresses *local,
                   const struct bide__addresses *remote)
{
    int descriptor = -EAFNOSUPPORT;

    for (size_t i = 0; i < (remote ? remote->count : 1) && descriptor < 0; i++)
        for (size_t j = 0; j < (local ? local->count : 1) && descriptor < 0; j++) {
            int result = try_pair(options, local ? &local->list[j] : NULL, remote ? &remote->list[i] : NULL, false);

            if (result != -EAFNOSUPPORT || descriptor == -EAFNOSUPPORT) /* it says least */
                descriptor = result;
        }
    return descriptor;
}

/* Bound to a port of all addresses. */
static int open_for_all(const bide_datagram_options *options)
{
    const uint16_t port = htons((uint16_t)options->local_port);
    const union bide__address six = { .v6 = { .sin6_family = AF_INET6, .sin6_port = port } };
    const union bide__address four = { .v4 = { .sin_family = AF_INET, .sin_port = port } };
    int descriptor = -EAFNOSUPPORT;

    if (options->family != AF_INET)
        descriptor = try_pair(options, &six, NULL, !options->family);
    if (descriptor == -EAFNOSUPPORT && options->family != AF_INET6)
        descriptor = try_pair(options, &four, NULL, false);
    return descriptor;
}

/* One with a remote host and a local port. */
static struct bide__addresses *any_addresses(int port)
{
    struct bide__addresses *addresses = calloc(1, sizeof *addresses + 2 * sizeof addresses->list[0]);

    if (!addresses)
        return NULL;
    addresses->count = 2;
    addresses->list[0].any.sa_family = AF_INET6;
    addresses->list[1].any.sa_family = AF_INET;
    bide__address_set_port(&addresses->list[0], port);
    bide__address_set_port(&addresses->list[1], port);
    return addresses;
}

static int open_internet(const bide_datagram_options *options)
{
    struct bide__addresses *local = NULL, *remote = NULL;
    int result = 0;

    if (options->local_port < 0 || options->local_port > 65535)
        return bide_fail(-EINVAL, "bide_create_datagram_endpoint: local_port %d is out of range 0..65535",
                         options->local_port);
    if (options->local_host)
        result = bide__resolve(options->local_host, options->local_port, 1, &local);
    else if (options->remote_host && options->local_port && !(local = any_addresses(options->local_port)))
        result = bide_fail(-ENOMEM, "bide_create_datagram_endpoint: no memory");
    if (result == 0 && options->remote_host)
        result = bide__resolve(options->remote_host, options->remote_port, 0, &remote);
    if (result == 0) {
        result = local || remote ? try_all(options, local, remote) : open_for_all(options);
        if (result < 0)
            bide_fail(result, "datagram endpoint at %s:%d%s%s: %s", options->local_host ? options->local_host : "*",
                      options->local_port, options->remote_host ? ", to " : "",
                      options->remote_host ? options->remote_host : "", strerror(-result));
    }
    free(local);
    free(remote);
    return result;
}

/* ---- Unix sockets ---- */

static int bind_and_connect(int descriptor, const bide_datagram_options *options, struct bide__socket_file **ret_file)
{
    struct bide__unix_address local = { .size = 0 }, remote = { .size = 0 };
    const char *where = options->local_path ? options->local_path : options->remote_path;
    int err = 0;

    if (options->local_path)
        err = bide__unix_address("receive at", options->local_path, &local);
    if (err == 0 && options->remote_path)
        err = bide__unix_address("connect to", options->remote_path, &remote);
    if (err < 0)
        return err;
    if (options->local_path)
        err = bide__unix_bind(descriptor, SOCK_DGRAM, &local, options->mode, ret_file);
    if (err == 0 && options->remote_path) {
        err = bide__datagram_connect(descriptor, &remote.address, remote.size);
        where = options->remote_path;
    }
    if (err < 0) {
        bide__socket_file_remove(*ret_file);
        *ret_file = NULL;
    }
    return err < 0 ? bide_fail(err, "datagram endpoint unix:%s: %s", where, strerror(-err)) : 0;
}

static int open_local(const bide_datagram_options *options, struct bide__socket_file **ret_file)
{
    if (options->local_host || options->remote_host || options->local_port || options->remote_port)
        return bide_fail(-EINVAL, "bide_create_datagram_endpoint: paths and hosts exclude each other");
    int descriptor = open_socket(options, AF_UNIX, false);
    if (descriptor < 0)
        return bide_fail(descriptor, "datagram endpoint unix:%s: %s",
                         options->local_path ? options->local_path : options->remote_path, strerror(-descriptor));
    int err = bind_and_connect(descriptor, options, ret_file);
    if (err == 0)
        return descriptor;
    close(descriptor);
    return err;
}

/* ---- opening ---- */

int bide_create_datagram_endpoint(const bide_datagram_options *options, bide_datagram **ret_datagram)
{
    struct bide__socket_file *file = NULL;
    struct bide__record *task;
    int descriptor = bide__checkpoint(&task);

    if (descriptor < 0)
        return descriptor;
    options = options ? options : &defaults;
    if (options->family && options->family != AF_INET && options->family != AF_INET6)
        return bide_fail(-EINVAL, "bide_create_datagram_endpoint: family %d; must be AF_INET, AF_INET6 or 0",
                         options->family);
    descriptor = options->local_path || options->remote_path ? open_local(options, &file) : open_internet(options);
    if (descriptor < 0)
        return descriptor;
    bide_datagram *datagram = bide__datagram_new(task->loop, descriptor);
    if (!datagram) {
        close(descriptor);
        bide__socket_file_remove(file);
        return bide_fail(-ENOMEM, "bide_create_datagram_endpoint: no memory");
    }
    datagram->file = file;
    *ret_datagram = datagram;
    return 0;
}

int bide_datagram_of_descriptor(int descriptor, bide_datagram **ret_datagram)
{
    int type = 0, flags = fcntl(descriptor, F_GETFL);
    socklen_t size = sizeof type;

    if (!bide__loop)
        return bide_fail(-EPERM, "bide_datagram_of_descriptor: no loop runs in this thread");
    if (flags < 0)
        return bide_fail(-errno, "bide_datagram_of_descriptor: descriptor %d: %s", descriptor, strerror(errno));
    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_DGRAM)
        return bide_fail(-EINVAL, "bide_datagram_of_descriptor: descriptor %d is no datagram socket", descriptor);
    fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    bide_datagram *datagram = bide__datagram_new(bide__loop, descriptor);
    if (!datagram)
        return bide_fail(-ENOMEM, "bide_datagram_of_descriptor: no memory");
    *ret_datagram = datagram;
    return 0;
}

/* ---- groups ---- */

/* The number of an interface, 0 for NULL; -ENODEV with a message. */
static int interface_index(const char *interface)
{
    unsigned index = interface ? if_nametoindex(interface) : 0;

    if (interface && !index)
        return bide_fail(-ENODEV, "there is no interface '%s'", interface);
    return (int)index;
}

static bool is_group(const bide_address *group)
{
    if (group->u.any.sa_family == AF_INET)
        return group->size >= sizeof group->u.v4 && IN_MULTICAST(ntohl(group->u.v4.sin_addr.s_addr));
    return group->u.any.sa_family == AF_INET6 && group->size >= sizeof group->u.v6 &&
           IN6_IS_ADDR_MULTICAST(&group->u.v6.sin6_addr);
}

static int change_membership(bide_datagram *datagram, const bide_address *group, const char *interface, bool join)
{
    char text[BIDE_ADDRESS_TEXT];
    int index = interface_index(interface);

    if (index < 0)
        return index;
    bide_address_format(group, text, sizeof text);
    if (group->size == 0 || !is_group(group))
        return bide_fail(-EINVAL, "%s: no multicast address", text);
    bool four = group->u.any.sa_family == AF_INET;
    struct group_req request = { .gr_interface = (uint32_t)index };
    memcpy(&request.gr_group, &group->u, four ? sizeof group->u.v4 : sizeof group->u.v6);
    if (!index && !four)
        request.gr_interface = group->u.v6.sin6_scope_id;
    if (setsockopt(datagram->descriptor, four ? IPPROTO_IP : IPPROTO_IPV6, join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP,
                   &request, sizeof request) == 0)
        return 0;
    return bide_fail(-errno, "%s group %s: %s", join ? "join" : "leave", text, strerror(errno));
}

int bide_datagram_join_group(bide_datagram *datagram, const bide_address *group, const char *interface)
{
    return change_membership(datagram, group, interface, true);
}

int bide_datagram_leave_group(bide_datagram *datagram, const bide_address *group, const char *interface)
{
    return change_membership(datagram, group, interface, false);
}

/* Sets an option for IPv4, IPv6, or both, as the endpoint speaks them. */
static int set_both(bide_datagram *datagram, int four, int six, int value, const char *what)
{
    const bool speaks_six = datagram->family == AF_INET6, speaks_four = datagram->family == AF_INET || datagram->maps;

    if (!speaks_six && !speaks_four)
        return bide_fail(-EINVAL, "%s: only UDP has groups", what);
    if ((speaks_six && setsockopt(datagram->descriptor, IPPROTO_IPV6, six, &value, sizeof value) < 0) ||
        (speaks_four && setsockopt(datagram->descriptor, IPPROTO_IP, four, &value, sizeof value) < 0))
        return bide_fail(-errno, "%s: %s", what, strerror(errno));
    return 0;
}

int bide_datagram_set_multicast_hops(bide_datagram *datagram, int hops)
{
    if (hops < 0 || hops > 255)
        return bide_fail(-EINVAL, "multicast hops %d; must be 0..255", hops);
    return set_both(datagram, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, hops, "multicast hops");
}

int bide_datagram_set_multicast_loop(bide_datagram *datagram, bool loop)
{
    return set_both(datagram, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, loop, "multicast loop");
}

int bide_datagram_set_multicast_interface(bide_datagram *datagram, const char *interface)
{
    int index = interface_index(interface);
    const struct ip_mreqn four = { .imr_ifindex = index };

    if (index < 0)
        return index;
    if (datagram->family != AF_INET && datagram->family != AF_INET6)
        return bide_fail(-EINVAL, "multicast interface: only UDP has groups");
    if ((datagram->family == AF_INET6 &&
         setsockopt(datagram->descriptor, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) < 0) ||
        ((datagram->family == AF_INET || datagram->maps) &&
         setsockopt(datagram->descriptor, IPPROTO_IP, IP_MULTICAST_IF, &four, sizeof four) < 0))
        return bide_fail(-errno, "multicast interface: %s", strerror(errno));
    return 0;
}
