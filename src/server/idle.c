/*
 * Connections that wait for a request.
 *
 * A waiting connection has no exchange and no buffer, only its task's stack. It stands in a list with the others that
 * have the same time limit, so the list is ordered by deadline and one timer for the whole server does, set for the
 * first of them: no timer is armed and cancelled for every request. The wait is a task group without tasks:
 * cancelling the group ends that one wait (its limit has passed, or the server stops) and nothing else.
 *
 * O(1) to begin and end. Must never happen: a connection in a list when its wait has ended.
 */
#include "server/server.h"

#include <math.h>

#include <bide/task.h>

static void enlist(struct bide__http_idle *list, struct bide__http_connection *connection)
{
    connection->next = NULL;
    connection->previous = list->last;
    *(list->last ? &list->last->next : &list->first) = connection;
    list->last = connection;
}

static void delist(struct bide__http_idle *list, struct bide__http_connection *connection)
{
    *(connection->previous ? &connection->previous->next : &list->first) = connection->next;
    *(connection->next ? &connection->next->previous : &list->last) = connection->previous;
}

static void sweep(void *argument);

/* Sees to it that the sweep runs at `when`, or before. */
static void arm(struct bide__http_server *server, double when)
{
    if (when >= server->sweep_at)
        return;
    bide_handle_cancel(server->sweep);
    /* without memory for the timer the next connection that becomes idle tries again */
    server->sweep_at =
        bide_call_at(bide_get_running_loop(), when, sweep, server, &server->sweep) == 0 ? when : INFINITY;
}

/* Ends the waits whose time has come; when the next one's will. */
static double expire(struct bide__http_idle *list, double now)
{
    for (struct bide__http_connection *c = list->first; c; c = c->next) {
        if (c->since + list->limit > now)
            return c->since + list->limit;
        c->expired = true;
        bide_group_cancel(c->waiting);
    }
    return INFINITY;
}

static void sweep(void *argument)
{
    struct bide__http_server *server = argument;
    double now = bide_time();

    server->sweep_at = INFINITY;
    arm(server, expire(&server->fresh, now));
    arm(server, expire(&server->kept_alive, now));
}

void bide__http_server_stop(struct bide__http_server *server)
{
    server->stopping = true;
    for (struct bide__http_connection *c = server->fresh.first; c; c = c->next)
        bide_group_cancel(c->waiting);
    for (struct bide__http_connection *c = server->kept_alive.first; c; c = c->next)
        bide_group_cancel(c->waiting);
}

ssize_t bide__http_wait_for_request(struct bide__http_connection *connection, const void **ret_data)
{
    struct bide__http_server *server = connection->server;
    struct bide__http_idle *list = connection->served ? &server->kept_alive : &server->fresh;
    ssize_t there = 0;
    int err;

    if (server->stopping)
        return 0;
    connection->since = bide_time();
    bide_task_group (group, err) {
        connection->waiting = group;
        enlist(list, connection);
        arm(server, connection->since + list->limit);
        there = bide_peek(connection->stream, 1, ret_data);
        delist(list, connection);
    }
    connection->waiting = NULL;
    if (there < 0 && (connection->expired || server->stopping))
        return 0;
    return there;
}
