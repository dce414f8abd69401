/* io/server.h - what a server is made of. */
#ifndef BIDE_IO_SERVER_H
#define BIDE_IO_SERVER_H

#include <bide/scope.h>
#include <bide/server.h>

struct bide__record;

/* A task of the server, acceptor or connection; lies on its stack. */
struct bide__server_task {
    struct bide__record *task;
    struct bide__server_task *next, *previous;
    int descriptor; /* of a connection: at the bottom of its stream */
    bool aborted;
};

struct bide_server {
    bide_listener *listener;
    int (*handler)(bide_stream *stream, void *argument);
    void *argument;
    bide_serve_options options;
    bide_group *handlers;      /* NULL: it has not begun, or has ended */
    struct bide__record *task; /* that runs it; NULL as above */
    struct bide__server_task *acceptors, *connections;
    size_t accepting;                            /* acceptors that have not ended */
    struct bide__wait_list room;                 /* acceptors, when connections_max are open */
    struct bide__wait_list drained;              /* the server's own task, when it waits for connections to end */
    struct bide__wait_list closing_begun, ended; /* those who want to know */
    struct bide__waiter *supervisor;             /* the server's own task, when it waits for the acceptors */
    int result;                                  /* why it has stopped accepting */
    bool closing, has_ended;
    unsigned references; /* the handle's, and that of its task; 0: it lies on a stack */
};

/* Serves in this task until it is cancelled or closed; closes the listener. */
int bide__server_run(struct bide_server *server);

#endif
