/* io/datagram.h - what an endpoint for datagrams is made of. */
#ifndef BIDE_IO_DATAGRAM_H
#define BIDE_IO_DATAGRAM_H

#include <bide/datagram.h>
#include <bide/sync.h>

#include "io/unix.h"
#include "loop/loop.h"

struct bide_datagram {
    struct bide_loop *loop;
    int descriptor;
    int family;
    bool maps;                      /* an IPv6 socket that speaks IPv4 too, by mapped addresses */
    bide_lock receiving, sending;   /* held by the task that waits; the others queue */
    struct bide__socket_file *file; /* NULL: none to be removed */
    bide_address local, peer;
};

/* Connects a datagram socket, which does not wait. 0 or -errno. */
int bide__datagram_connect(int descriptor, const void *address, socklen_t size);

/* An endpoint for a non-blocking socket, which it owns from now on. NULL without memory. */
struct bide_datagram *bide__datagram_new(struct bide_loop *loop, int descriptor);

#endif
