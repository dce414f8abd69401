/* io/address.h - socket addresses: resolved from names, written as text. */
#ifndef BIDE_IO_ADDRESS_H
#define BIDE_IO_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { BIDE__ADDRESS_TEXT = 64 /* bytes that hold any address with its port */ };

/* An IPv4 or IPv6 address with a port. */
union bide__address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static inline socklen_t bide__address_size(const union bide__address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

/* "127.0.0.1:80", "[::1]:80". */
void bide__address_text(const union bide__address *address, char *text, size_t size);

/* The port. */
int bide__address_port(const union bide__address *address);
void bide__address_set_port(union bide__address *address, int port);

/*
 * Reads a numeric address, "127.0.0.1", "::1", "fe80::1%eth0", with port 0. False if it is none (or its interface
 * does not exist).
 */
bool bide__address_parse(const char *text, union bide__address *ret_address);

/* What a name stands for, in the resolver's order. Freed with free(). */
struct bide__addresses {
    size_t count;
    union bide__address list[];
};

/*
 * Resolves host (a name, or a numeric address, which needs no waiting) for TCP; waits. passive: for binding; host may
 * then be NULL: all addresses. 0; BIDE_ERESOLVE, -ENOMEM, -EINVAL (port, host), -EAGAIN, with a message; -ECANCELED at
 * once. As bide_getaddrinfo, with its cache.
 */
int bide__resolve(const char *host, int port, int passive, struct bide__addresses **ret_addresses);

#endif
