/* io/listener.h - what a listener is made of: one bound socket, or several. */
#ifndef BIDE_IO_LISTENER_H
#define BIDE_IO_LISTENER_H

#include <bide/server.h>

#include "io/address.h"
#include "io/unix.h"

enum { BIDE__BACKLOG = 4096 };

struct bide__listening {
    int descriptor; /* -1: it was stopped */
    bool accepting;
    bool local;                     /* a Unix socket: its clients have no address */
    struct bide__socket_file *file; /* to be removed when it is stopped; NULL: none */
    char name[BIDE__ADDRESS_TEXT];  /* "127.0.0.1:80", "unix:/run/x" */
};

struct bide_listener {
    struct bide_loop *loop;
    int port; /* of the first TCP socket; 0: there is none */
    size_t count;
    struct bide__listening sockets[];
};

/*
 * Adds a bound, listening, non-blocking socket to *listener, which is made when it is NULL. file: removed with it, or
 * NULL. 0; -ENOMEM: both are still the caller's.
 */
int bide__listener_add(struct bide_listener **listener, int descriptor, struct bide__socket_file *file);

/* Accepts on one of its sockets; waits. As bide_accept. */
int bide__listener_accept(struct bide_listener *listener, size_t index, bide_stream **ret_stream);

/* Stops listening; the listener itself lives on. No task may be waiting in an accept (asserted). */
void bide__listener_stop(struct bide_listener *listener);

/*
 * The same sockets for the loop of another thread: TCP ones are bound once more where SO_REUSEPORT was set, the others
 * are shared. The files stay with the original. 0 or an error with a message.
 */
int bide__listener_clone(const struct bide_listener *listener, struct bide_listener **ret_clone);

#endif
