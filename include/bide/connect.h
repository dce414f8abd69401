/*
 * bide/connect.h - connecting, with options
 *
 * bide_open_connection (bide/stream.h) is this with the defaults. A host often has several addresses, and one of them
 * may be out of order without saying so: so they are raced, as RFC 8305 (Happy Eyeballs) says. The addresses are put
 * into an order that alternates between IPv6 and IPv4, beginning with the one the resolver prefers. The first one is
 * tried; when it has failed, or has not answered for a quarter of a second, the next one is tried beside it, and so
 * on. The first connection that is made is taken, the other attempts are ended and closed before the call returns.
 */
#ifndef BIDE_CONNECT_H
#define BIDE_CONNECT_H

#include <bide/export.h>
#include <bide/stream.h>

/* How to connect. Zeroed means the defaults. */
typedef struct bide_connect_options {
    /*
     * seconds after which the next address is tried beside those that have not answered; 0: 0.25; INFINITY: one after
     * the other, each for as long as the kernel takes to give up (minutes)
     */
    double happy_eyeballs_delay;
    /*
     * how many addresses of the first family are tried before the families alternate; 0: 1; negative: the order of
     * the resolver is kept
     */
    int interleave;
    int family;             /* AF_INET or AF_INET6: only addresses of this one; 0: both */
    const char *local_host; /* the address (or name) to connect from; NULL: the kernel chooses */
    int local_port;         /* the port to connect from; 0: the kernel chooses */
} bide_connect_options;

/*
 * bide_open_connection_with - connects to host:port by TCP.
 *
 * host: a name or a numeric IPv4 or IPv6 address ("fe80::1%eth0" too); port: 1..65535. options: NULL: the defaults.
 * ret_stream: the caller closes it. Waits; bound it with bide_timeout. Errors: BIDE_ERESOLVE; when all addresses have
 * failed, the error of the last one in order (-ECONNREFUSED, -EHOSTUNREACH, -ETIMEDOUT by the kernel, -EADDRNOTAVAIL
 * when no local address is of its family, ...) with a message that names each address and its reason; -EINVAL for a
 * port or option out of range; -EMFILE, -ENOMEM; -ECANCELED: no connection is left behind. A connection that was made
 * at the moment of the cancellation is given to the caller (R2). With a single address no task is started. Follows
 * loop.create_connection (happy_eyeballs_delay, interleave, local_addr, family), with the delay of aiohttp.
 * TCP_NODELAY is set.
 */
BIDE_EXPORT int bide_open_connection_with(const char *host, int port, const bide_connect_options *options,
                                          bide_stream **ret_stream);

#endif
