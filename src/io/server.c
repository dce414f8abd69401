/*
 * Serving: an acceptor task, and a group of handlers behind a shield.
 *
 *     group "acceptors"            cancelled from outside at once: nothing is accepted any more
 *       shield (grace)             ... but the handlers go on until the grace is over
 *         group "handlers"         one task a connection, each with its stream
 *
 * A connection that was accepted is always given to a task, and a task that was started always runs (R4), so a stream
 * is always closed. A handler's error concerns nobody else. When the process runs out of descriptors or memory the
 * acceptor says so once and tries again after a second, while the others go on.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <bide/stream.h>
#include <bide/task.h>

#include "io/listener.h"
#include "task/wait.h"

struct server {
    bide_listener *listener;
    int (*handler)(bide_stream *stream, void *argument);
    void *argument;
    bide_serve_options options;
    struct bide_group *handlers;
    struct bide__wait_list room; /* the acceptor, when connections_max are open */
};

static int handle(struct server *server, bide_stream *stream)
{
    int err = server->handler(stream, server->argument);

    if (err < 0 && err != -ECANCELED && !server->options.quiet) {
        fprintf(stderr, "bide: connection from %s failed:\n", bide_peer_name(stream));
        bide_print_error(err);
    }
    bide_close(stream);
    struct bide__waiter *waiter = bide__wait_list_take(&server->room);
    if (waiter)
        bide__wake(waiter, 0);
    return 0;
}
bide_async(handle, struct server *, bide_stream *);

static int accept_one(struct server *server)
{
    struct bide__record *task;
    bide_stream *stream;
    int err = bide__checkpoint(&task);

    /* the handler that makes room is still counted when it wakes us */
    while (err == 0 && server->options.connections_max && server->handlers->live >= server->options.connections_max)
        err = bide__wait_in(&server->room, task, "room for one more connection");
    if (err < 0)
        return err;
    err = bide_accept(server->listener, &stream);
    if (err < 0)
        return err;
    const bide_coroutine coroutine = bide_co(handle, server, stream);
    if (!bide__spawn(task->loop, server->handlers, &coroutine, false, &err))
        bide_close(stream);
    return err;
}

static bool is_passing(int err)
{
    return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -ENOBUFS || err == -EAGAIN;
}

static int accept_all(struct server *server)
{
    bool complained = false;

    for (;;) {
        int err = accept_one(server);

        if (err == 0) {
            complained = false;
        } else if (is_passing(err)) {
            if (!complained)
                fprintf(stderr, "bide: %s; trying again every second\n", bide_strerror(err));
            complained = true;
            bide(bide_sleep(1));
        } else {
            return err;
        }
    }
}
bide_async(accept_all, struct server *);

/* Waits for the acceptor, then for the handlers. */
static int supervise(struct server *server, bide_task *acceptor)
{
    int err, result = 0;

    bide_task_group (handlers, err) {
        server->handlers = handlers;
        result = bide_join(acceptor);
        if (!bide_done(
                acceptor)) /* cancelled together with us, it has not come to its end yet: the kernel may still be at it (R5) */
            bide_shield (INFINITY)
                (void)bide_join(acceptor);
        bide__listener_stop(server->listener);
        if (result != -ECANCELED)
            bide_group_cancel(handlers);
    }
    return result;
}

int bide_serve_listener(bide_listener *listener, int (*handler)(bide_stream *stream, void *argument), void *argument,
                        const bide_serve_options *options)
{
    struct server server = { .listener = listener, .handler = handler, .argument = argument };
    int err, result = -ENOMEM;

    if (options)
        server.options = *options;
    bide_task_group (acceptors, err) {
        bide_task *acceptor = bide_create_task(acceptors, bide_co(accept_all, &server));

        if (acceptor)
            bide_shield (server.options.grace)
                result = supervise(&server, acceptor);
    }
    bide_listener_close(listener);
    return result;
}

struct plain_server {
    int (*handler)(bide_stream *stream);
};

static int handle_plain(bide_stream *stream, void *argument)
{
    return ((struct plain_server *)argument)->handler(stream);
}

static int serve_here(int (*handler)(bide_stream *stream), const char *host, int port)
{
    struct plain_server plain = { handler };
    bide_listener *listener;

    bide(bide_listen(host, port, &listener));
    return bide_serve_listener(listener, handle_plain, &plain, NULL);
}
bide_async(serve_here, int (*)(bide_stream *), const char *, int);

int bide_serve(int (*handler)(bide_stream *stream), const char *host, int port)
{
    if (bide__current())
        return serve_here(handler, host, port);
    return bide_run(bide_co(serve_here, handler, host, port));
}
