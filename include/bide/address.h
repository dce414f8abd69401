/*
 * bide/address.h - addresses of sockets as values: IPv4, IPv6 and Unix, as text and from text
 */
#ifndef BIDE_ADDRESS_H
#define BIDE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <bide/export.h>

/* An address. Copy it freely. Zeroed: none. */
typedef struct bide_address {
    socklen_t size; /* how many bytes of `u` it takes, as system calls want to know; 0: no address */
    union {
        struct sockaddr any; /* any.sa_family says which: AF_INET, AF_INET6 or AF_UNIX */
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } u;
} bide_address;

enum { BIDE_ADDRESS_TEXT = 128 /* bytes that hold the text of any address */ };

/*
 * bide_address_parse - reads "127.0.0.1:53", "[::1]:53", "[fe80::1%eth0]:53", "unix:/run/log" or "unix:@name" (an
 * abstract name): numeric, so nothing is looked up; ports 0..65535. 0, or -EINVAL with a message that says what is
 * wrong. Does not wait; may be called anywhere.
 */
BIDE_EXPORT int bide_address_parse(const char *text, bide_address *ret_address);

/*
 * bide_address_format - writes an address as bide_address_parse reads it, with '\0', cut to `size` bytes (>= 1).
 * Unprintable bytes of a Unix name become '?'; "unix:" is a socket without a name, "?" no address at all. Returns
 * `text`.
 */
BIDE_EXPORT const char *bide_address_format(const bide_address *address, char *text, size_t size);

/* bide_address_equal - true if both are the same: family, host, port and scope, or name. */
BIDE_EXPORT bool bide_address_equal(const bide_address *left, const bide_address *right);

/* bide_address_port - its port, -1 if it has none. */
BIDE_EXPORT int bide_address_port(const bide_address *address);

/*
 * bide_address_resolve - the address of a host (a name or a number) and port 1..65535, the one that the resolver
 * prefers; bide_getaddrinfo has all. Waits. Errors as bide_getaddrinfo.
 */
BIDE_EXPORT int bide_address_resolve(const char *host, int port, bide_address *ret_address);

#endif
