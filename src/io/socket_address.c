/*
 * bide_address: addresses as values. The text of one reads back as the same address, but for what cannot be printed.
 * What comes from the kernel is never longer than the value; a Unix path need not end with a zero byte there.
 */
#include <bide/address.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>

#include "io/address.h"
#include "io/unix.h"

enum { PATH_AT = offsetof(struct sockaddr_un, sun_path), SAID_MAX = 80 /* bytes of a bad text in a message */ };

static int refuse(const char *text, const char *reason)
{
    return bide_fail(-EINVAL, "address '%.*s': %s", SAID_MAX, text, reason);
}

static int parse_local(const char *text, bide_address *ret_address)
{
    struct bide__unix_address address;
    int err = bide__unix_address("address", text + strlen("unix:"), &address);

    if (err < 0)
        return err;
    ret_address->u.local = address.address;
    ret_address->size = address.size;
    return 0;
}

/* A port, digits to the end: 0..65535, else -1. */
static int parse_port(const char *text)
{
    size_t length = strspn(text, "0123456789");

    if (!length || length > 5 || text[length])
        return -1;
    long port = strtol(text, NULL, 10);
    return port <= 65535 ? (int)port : -1;
}

int bide_address_parse(const char *text, bide_address *ret_address)
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
    union bide__address address;

    memset(ret_address, 0, sizeof *ret_address);
    if (!strncmp(text, "unix:", strlen("unix:")))
        return parse_local(text, ret_address);
    bool brackets = *text == '[';
    const char *end = strrchr(text, brackets ? ']' : ':'), *begin = text + brackets;
    if (!end || (brackets && end[1] != ':'))
        return refuse(text, "no port; 127.0.0.1:53, [::1]:53, unix:/path or unix:@name is expected");
    size_t length = (size_t)(end - begin);
    int port = parse_port(end + 1 + brackets);
    if (port < 0)
        return refuse(text, "the port must be 0..65535");
    if (length >= sizeof host)
        return refuse(text, "the host is too long");
    memcpy(host, begin, length);
    host[length] = '\0';
    if (!bide__address_parse(host, &address))
        return refuse(text, "the host is no numeric address");
    if (brackets != (address.any.sa_family == AF_INET6))
        return refuse(text, brackets ? "only IPv6 hosts stand in brackets" : "an IPv6 host must stand in brackets");
    bide__address_set_port(&address, port);
    ret_address->size = bide__address_size(&address);
    memcpy(&ret_address->u, &address, ret_address->size);
    return 0;
}

/* The bytes of a Unix name: a path without its end, an abstract one with its leading zero. */
static size_t name_length(const bide_address *address)
{
    size_t length = address->size > PATH_AT ? address->size - PATH_AT : 0;

    if (length > sizeof address->u.local.sun_path)
        length = sizeof address->u.local.sun_path;
    return length && address->u.local.sun_path[0] ? strnlen(address->u.local.sun_path, length) : length;
}

static void format_local(const bide_address *address, char *text, size_t size)
{
    size_t length = name_length(address), at = (size_t)snprintf(text, size, "unix:");

    for (size_t i = 0; i < length && at + 1 < size; i++) {
        char byte = address->u.local.sun_path[i];

        if (i == 0 && !byte)
            byte = '@';
        text[at++] = byte >= ' ' && byte <= '~' ? byte : '?';
        text[at] = '\0';
    }
}

static void format_v6(const struct sockaddr_in6 *v6, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN], scope[IF_NAMESIZE];

    inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
    if (!v6->sin6_scope_id)
        snprintf(text, size, "[%s]:%d", host, ntohs(v6->sin6_port));
    else if (if_indextoname(v6->sin6_scope_id, scope))
        snprintf(text, size, "[%s%%%s]:%d", host, scope, ntohs(v6->sin6_port));
    else
        snprintf(text, size, "[%s%%%u]:%d", host, v6->sin6_scope_id, ntohs(v6->sin6_port));
}

/* Its family, if all of it is there. */
static int family_of(const bide_address *address)
{
    int family = address->size >= sizeof address->u.any.sa_family ? address->u.any.sa_family : AF_UNSPEC;

    if ((family == AF_INET && address->size >= sizeof address->u.v4) ||
        (family == AF_INET6 && address->size >= sizeof address->u.v6) || family == AF_UNIX)
        return family;
    return AF_UNSPEC;
}

const char *bide_address_format(const bide_address *address, char *text, size_t size)
{
    char host[INET_ADDRSTRLEN];

    switch (family_of(address)) {
    case AF_INET:
        inet_ntop(AF_INET, &address->u.v4.sin_addr, host, sizeof host);
        snprintf(text, size, "%s:%d", host, ntohs(address->u.v4.sin_port));
        break;
    case AF_INET6:
        format_v6(&address->u.v6, text, size);
        break;
    case AF_UNIX:
        format_local(address, text, size);
        break;
    default:
        snprintf(text, size, "?");
    }
    return text;
}

bool bide_address_equal(const bide_address *left, const bide_address *right)
{
    int family = family_of(left);

    if (family != family_of(right))
        return false;
    switch (family) {
    case AF_INET:
        return left->u.v4.sin_port == right->u.v4.sin_port && left->u.v4.sin_addr.s_addr == right->u.v4.sin_addr.s_addr;
    case AF_INET6:
        return left->u.v6.sin6_port == right->u.v6.sin6_port && left->u.v6.sin6_scope_id == right->u.v6.sin6_scope_id &&
               !memcmp(&left->u.v6.sin6_addr, &right->u.v6.sin6_addr, sizeof left->u.v6.sin6_addr);
    case AF_UNIX:
        return name_length(left) == name_length(right) &&
               !memcmp(left->u.local.sun_path, right->u.local.sun_path, name_length(left));
    default:
        return true;
    }
}

int bide_address_port(const bide_address *address)
{
    int family = family_of(address);

    return family == AF_INET ? ntohs(address->u.v4.sin_port) : family == AF_INET6 ? ntohs(address->u.v6.sin6_port) : -1;
}

int bide_address_resolve(const char *host, int port, bide_address *ret_address)
{
    struct bide__addresses *addresses;
    int err = bide__resolve(host, port, 0, &addresses);

    if (err < 0)
        return err;
    memset(ret_address, 0, sizeof *ret_address);
    ret_address->size = bide__address_size(&addresses->list[0]);
    memcpy(&ret_address->u, &addresses->list[0], ret_address->size);
    free(addresses);
    return 0;
}
