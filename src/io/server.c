/*
 * Serving: an acceptor task for each socket, and a group of handlers behind a shield.
 *
 *     group "acceptors"            cancelled from outside at once: nothing is accepted any more
 *       shield (grace)             ... but the handlers go on until the grace is over
 *         group "handlers"         one task a connection, each with its stream
 *
 * A connection that was accepted is always given to a task, and a task that was started always runs (R4), so a stream
 * is always closed. A handler's error concerns nobody else. When the process runs out of descriptors or memory the
 * acceptor says so once and tries again after a second, while the others go on.
 *
 * The end: the listener is closed and whoever waits for that is told; the handlers have the grace; then they are
 * cancelled; then, after abort_after, their connections are cut. Must never happen: a server that has ended while a
 * handler runs; one that never ends because it is waited for by somebody who was not woken.
 */
#include "io/server.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <bide/task.h>

#include "io/listener.h"
#include "io/stream.h"
#include "task/scope.h"
#include "task/wait.h"

static void enlist(struct bide__server_task **list, struct bide__server_task *entry)
{
    entry->task = bide__current();
    entry->next = *list;
    if (entry->next)
        entry->next->previous = entry;
    *list = entry;
}

static void delist(struct bide__server_task **list, struct bide__server_task *entry)
{
    *(entry->previous ? &entry->previous->next : list) = entry->next;
    if (entry->next)
        entry->next->previous = entry->previous;
}

static void wake_one(struct bide__wait_list *list)
{
    struct bide__waiter *waiter = bide__wait_list_take(list);

    if (waiter)
        bide__wake(waiter, 0);
}

static void wake_all(struct bide__wait_list *list)
{
    while (list->first)
        wake_one(list);
}

/* ---- Connections ---- */

static int handle(struct bide_server *server, bide_stream *stream)
{
    struct bide__server_task connection = { .descriptor = stream->descriptor };
    int err = 0;

    enlist(&server->connections, &connection);
    stream->server = server;
    if (server->options.wrap)
        err = server->options.wrap(stream, server->options.wrap_argument);
    if (err >= 0)
        err = server->handler(stream, server->argument);
    if (err < 0 && err != -ECANCELED && !server->options.quiet) {
        fprintf(stderr, "bide: connection from %s failed:\n", bide_peer_name(stream));
        bide_print_error(err);
    }
    delist(&server->connections, &connection);
    if (connection.aborted)
        bide_abort(stream);
    else
        bide_close(stream);
    wake_all(
        &server->room); /* one for each socket; who has a connection in hand needs it most, and cannot be told apart */
    wake_one(&server->drained);
    return 0;
}
bide_async(handle, struct bide_server *, bide_stream *);

/* The handler that makes room is still counted when it wakes us, but not any more when we run. */
static int wait_for_room(struct bide_server *server)
{
    struct bide__record *task;

    for (;;) {
        int err = bide__checkpoint(&task);

        if (err < 0 || !server->options.connections_max || server->handlers->live < server->options.connections_max)
            return err;
        err = bide__wait_in(&server->room, task, "room for one more connection");
        if (err < 0)
            return err;
    }
}

static int accept_one(struct bide_server *server, size_t index)
{
    bide_stream *stream;
    int err = wait_for_room(server);

    if (err < 0)
        return err;
    err = bide__listener_accept(server->listener, index, &stream);
    if (err < 0)
        return err;
    err = wait_for_room(server); /* the acceptor of another socket may have taken the last */
    const bide_coroutine coroutine = bide_co(handle, server, stream);
    if (err < 0 || !bide__spawn(bide__loop, server->handlers, &coroutine, false, &err))
        bide_close(stream);
    return err;
}

static bool is_passing(int err)
{
    return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -ENOBUFS || err == -EAGAIN;
}

static int accept_until_error(struct bide_server *server, size_t index)
{
    bool complained = false;

    for (;;) {
        int err = server->closing ? -ECANCELED : accept_one(server, index);

        if (err == 0) {
            complained = false;
        } else if (is_passing(err)) {
            if (!complained)
                fprintf(stderr, "bide: %s; trying again every second\n", bide_strerror(err));
            complained = true;
            err = bide_sleep(1);
        }
        if (err < 0)
            return err;
    }
}

static void stop_accepting(struct bide_server *server)
{
    for (struct bide__server_task *acceptor = server->acceptors; acceptor; acceptor = acceptor->next)
        bide__scope_cancel(acceptor->task->self);
}

static int accept_all(struct bide_server *server, size_t index)
{
    struct bide__server_task acceptor = { .descriptor = -1 };

    enlist(&server->acceptors, &acceptor);
    int err = accept_until_error(server, index);
    delist(&server->acceptors, &acceptor);
    if (server->result == 0 && !server->closing)
        server->result = err;
    stop_accepting(server);
    if (--server->accepting == 0 && server->supervisor)
        bide__wake(server->supervisor, 0);
    return err;
}
bide_async(accept_all, struct bide_server *, size_t);

/* ---- The end ---- */

static void begin_closing(struct bide_server *server)
{
    if (server->closing)
        return;
    server->closing = true;
    stop_accepting(server);
    wake_all(&server->closing_begun);
}

static void abort_all(void *argument)
{
    bide_server_abort_clients(argument);
}

/* Waits for the last connection; when it has to give up, the connections are cut after the time for that. */
static void drain(struct bide_server *server, bide_handle *ret_abort)
{
    struct bide__record *task;
    double after = server->options.abort_after;
    int err = 0;

    while (err == 0 && server->handlers->live > 0) {
        err = bide__checkpoint(&task);
        if (err == 0)
            err = bide__wait_in(&server->drained, task, "its connections to end");
    }
    if (server->handlers->live > 0 && after > 0 && bide_call_later(bide__loop, after, abort_all, server, ret_abort) < 0)
        abort_all(server);
}

static void wait_for_acceptors(struct bide_server *server)
{
    struct bide__waiter waiter = { .task = server->task, .what = "connections" };

    while (server->accepting > 0) {
        server->supervisor = &waiter;
        bide__wait(&waiter);
        server->supervisor = NULL;
    }
}

static void supervise(struct bide_server *server, bide_group *acceptors)
{
    bide_handle abort = { 0 };
    int err;

    bide_task_group (handlers, err) {
        server->handlers = handlers;
        for (size_t i = 0; i < server->listener->count && server->result == 0; i++) {
            server->accepting++;
            err = bide_start(acceptors, bide_co(accept_all, server, i));
            if (err == 0)
                continue;
            server->accepting--;
            server->result = err;
            stop_accepting(server);
        }
        err = 0;
        wait_for_acceptors(server);
        begin_closing(server);
        bide__listener_stop(server->listener);
        if (server->result < 0 && server->result != -ECANCELED)
            bide_group_cancel(handlers);
        drain(server, &abort);
    }
    bide_handle_cancel(abort);
    server->handlers = NULL;
}

int bide__server_run(struct bide_server *server)
{
    int err;

    server->task = bide__current();
    bide_task_group (acceptors, err)
        bide_shield (server->options.grace)
            supervise(server, acceptors);
    server->task = NULL;
    bide_listener_close(server->listener);
    server->listener = NULL;
    server->has_ended = true;
    wake_all(&server->ended);
    return server->result < 0 ? server->result : err;
}

/* ---- Handles ---- */

static void unreference(struct bide_server *server)
{
    if (--server->references == 0)
        free(server);
}

static int run_as_task(struct bide_server *server)
{
    int err = bide__server_run(server);

    unreference(server);
    return err;
}
bide_async(run_as_task, struct bide_server *);

int bide_start_server(bide_group *group, bide_listener *listener, int (*handler)(bide_stream *stream, void *argument),
                      void *argument, const bide_serve_options *options, bide_server **ret_server)
{
    struct bide_server *server = calloc(1, sizeof *server);
    int err = -ENOMEM;

    if (server) {
        server->listener = listener;
        server->handler = handler;
        server->argument = argument;
        if (options)
            server->options = *options;
        server->references = 2;
        err = bide_start(group, bide_co(run_as_task, server));
    }
    if (err < 0) {
        free(server);
        bide_listener_close(listener);
        return bide_fail(err, "the server could not be started: %s", bide_strerror(err));
    }
    *ret_server = server;
    return 0;
}

const char *bide_server_name(const bide_server *server, size_t index)
{
    return server->listener ? bide_listener_name(server->listener, index) : NULL;
}

int bide_server_port(const bide_server *server)
{
    return server->listener ? bide_listener_port(server->listener) : 0;
}

size_t bide_server_connections(const bide_server *server)
{
    return server->handlers ? server->handlers->live : 0;
}

bool bide_server_is_serving(const bide_server *server)
{
    return !server->closing && !server->has_ended;
}

bide_server *bide_stream_server(const bide_stream *stream)
{
    return stream->server;
}

void bide_server_close(bide_server *server)
{
    begin_closing(server);
}

void bide_server_shutdown(bide_server *server)
{
    begin_closing(server);
    if (server->task)
        bide__scope_cancel(server->task->self);
}

void bide_server_close_clients(bide_server *server)
{
    for (struct bide__server_task *connection = server->connections; connection; connection = connection->next)
        bide__scope_cancel(connection->task->self);
}

void bide_server_abort_clients(bide_server *server)
{
    for (struct bide__server_task *connection = server->connections; connection; connection = connection->next) {
        connection->aborted = true;
        shutdown(connection->descriptor, SHUT_RDWR);
    }
    bide_server_close_clients(server);
}

/* Waits in a list until *done. */
static int wait_until(const bool *done, struct bide__wait_list *list, const char *what)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    return err < 0 || *done ? err : bide__wait_in(list, task, what);
}

int bide_server_wait_closing(bide_server *server)
{
    return wait_until(&server->closing, &server->closing_begun, "a server to begin to close");
}

int bide_server_wait_closed(bide_server *server)
{
    const struct bide__record *self = bide__current();

    for (const struct bide__server_task *connection = server->connections; connection; connection = connection->next)
        if (connection->task == self)
            return bide_fail(-EDEADLK, "bide_server_wait_closed: a handler waits for its own end");
    return wait_until(&server->has_ended, &server->ended, "a server to close");
}

int bide_server_serve_forever(bide_server *server)
{
    int err = bide_server_wait_closed(server);

    if (err == -ECANCELED) {
        bide_server_shutdown(server);
        bide_shield (INFINITY) /* its own times bound it */
            (void)bide_server_wait_closed(server);
    }
    return err;
}

void bide_server_release(bide_server *server)
{
    if (!server)
        return;
    bide_server_shutdown(server);
    unreference(server);
}
