/*
 * The pool: who may have a connection, and which.
 *
 * A slot is the right to one connection; the client and each host count theirs. A request takes an idle connection to
 * its host (the newest: it is most likely alive), or a slot to open one; when there is neither, the longest idle
 * connection to another host makes room; else the request stands in line. Whenever a connection or a slot becomes
 * free, those in line are served, the first that can be first; what is granted belongs to the waiter from that moment
 * on. So nobody barges in, and a waiter that is cancelled in the same turn as it is served has got a connection (R2),
 * which its request gives back in the ordinary way: nothing is lost and the next in line is not stranded.
 *
 * Idle connections are closed after keep_alive seconds by one timer for the oldest. Finding a host: hash; all else
 * O(1), but that requests in line for a host at its own limit are passed over one by one.
 *
 * Must never happen: a slot that nobody holds, a connection with unread bytes on it in the pool.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>
#include <bide/task.h>

#include "client/client.h"

/* ---- hosts ---- */

static struct bide__http_client_host **bucket_of(bide_http_client *client, const char *name, uint16_t port, bool secure)
{
    uint32_t hash = 2166136261u ^ port ^ (uint32_t)secure << 16;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return &client->buckets[(hash ^ hash >> 16) % BIDE__HTTP_BUCKETS];
}

static struct bide__http_client_host *host_of(bide_http_client *client, const struct bide__url *url)
{
    struct bide__http_client_host **bucket = bucket_of(client, url->host, url->port, url->secure), *host;

    for (host = *bucket; host; host = host->next)
        if (host->port == url->port && host->secure == url->secure && strcmp(host->name, url->host) == 0)
            return host;
    host = calloc(1, sizeof *host + strlen(url->host) + 1);
    if (!host)
        return NULL;
    memcpy(host->name, url->host, strlen(url->host) + 1);
    host->port = url->port;
    host->secure = url->secure;
    host->next = *bucket;
    *bucket = host;
    return host;
}

static void drop_if_unused(bide_http_client *client, struct bide__http_client_host *host)
{
    if (host->open || host->waiting)
        return;
    struct bide__http_client_host **place = bucket_of(client, host->name, host->port, host->secure);
    while (*place != host)
        place = &(*place)->next;
    *place = host->next;
    free(host);
}

/* ---- idle connections ---- */

static void put_idle(bide_http_client *client, struct bide__http_link *link)
{
    struct bide__http_client_host *host = link->host;

    link->next_idle = NULL;
    link->previous_idle = client->newest_idle;
    *(client->newest_idle ? &client->newest_idle->next_idle : &client->oldest_idle) = link;
    client->newest_idle = link;
    link->next_here = host->newest_idle;
    link->previous_here = NULL;
    if (host->newest_idle)
        host->newest_idle->previous_here = link;
    host->newest_idle = link;
}

static void take_idle(bide_http_client *client, struct bide__http_link *link)
{
    *(link->previous_idle ? &link->previous_idle->next_idle : &client->oldest_idle) = link->next_idle;
    *(link->next_idle ? &link->next_idle->previous_idle : &client->newest_idle) = link->previous_idle;
    *(link->previous_here ? &link->previous_here->next_here : &link->host->newest_idle) = link->next_here;
    if (link->next_here)
        link->next_here->previous_here = link->previous_here;
}

static void give_slot(bide_http_client *client, struct bide__http_client_host *host)
{
    host->open--;
    client->open--;
    drop_if_unused(client, host);
}

static void close_link(bide_http_client *client, struct bide__http_link *link)
{
    struct bide__http_client_host *host = link->host;

    bide_close(link->stream);
    free(link);
    give_slot(client, host);
}

static void close_idle(bide_http_client *client, struct bide__http_link *link)
{
    take_idle(client, link);
    close_link(client, link);
}

static void sweep(void *argument)
{
    bide_http_client *client = argument;
    double now = bide_time();

    client->sweeping = false;
    while (client->oldest_idle) {
        double left = client->oldest_idle->since + client->options.keep_alive - now;

        if (left > 0) {
            client->sweeping = bide_call_later(bide_get_running_loop(), left, sweep, client, &client->sweep) == 0;
            return;
        }
        close_idle(client, client->oldest_idle);
    }
}

/* ---- slots ---- */

/*
 * Takes a connection or a slot for the host, if there is one. ret_link: NULL for a slot. Idle connections that have
 * died are closed on the way.
 */
static bool try_take(bide_http_client *client, struct bide__http_client_host *host, struct bide__http_link **ret_link)
{
    host->waiting++; /* keeps it alive */
    *ret_link = NULL;
    while (host->newest_idle) {
        struct bide__http_link *link = host->newest_idle;

        if (bide_stream_is_alive(link->stream)) {
            take_idle(client, link);
            host->waiting--;
            *ret_link = link;
            return true;
        }
        close_idle(client, link);
    }
    host->waiting--;
    if (host->open >= client->options.connections_per_host_max)
        return false;
    if (client->open >= client->options.connections_max) {
        if (!client->oldest_idle)
            return false;
        close_idle(client, client->oldest_idle);
    }
    host->open++;
    client->open++;
    return true;
}

static void enqueue(bide_http_client *client, struct bide__http_turn *turn)
{
    turn->previous = client->last_turn;
    *(client->last_turn ? &client->last_turn->next : &client->first_turn) = turn;
    client->last_turn = turn;
    turn->host->waiting++;
}

static void dequeue(bide_http_client *client, struct bide__http_turn *turn)
{
    *(turn->previous ? &turn->previous->next : &client->first_turn) = turn->next;
    *(turn->next ? &turn->next->previous : &client->last_turn) = turn->previous;
    turn->host->waiting--;
}

/* Something has become free: serves those in line. */
static void serve_line(bide_http_client *client)
{
    struct bide__http_turn *turn = client->first_turn;

    while (turn && (client->open < client->options.connections_max || client->oldest_idle)) {
        struct bide__http_turn *next = turn->next;

        if (try_take(client, turn->host, &turn->link)) {
            dequeue(client, turn);
            turn->granted = true;
            bide_group_cancel(turn->waiting);
        }
        turn = next;
    }
}

static int stand_in_line(bide_http_client *client, struct bide__http_client_host *host,
                         struct bide__http_link **ret_link)
{
    struct bide__http_turn turn = { .host = host };
    int err;

    bide_task_group (group, err) {
        turn.waiting = group;
        enqueue(client, &turn);
        err = bide_sleep(__builtin_inf());
        if (!turn.granted)
            dequeue(client, &turn);
    }
    if (turn.granted) {
        *ret_link = turn.link;
        return 0;
    }
    drop_if_unused(client, host);
    return err < 0 ? err : -ECANCELED;
}

/* ---- connections ---- */

static int connect_in_time(bide_http_client *client, struct bide__http_client_host *host, bide_stream **ret_stream)
{
    int err, result = -ECANCELED;

    bide_timeout (client->options.connect_timeout, err) {
        result = host->secure
                     ? client->options.secure(host->name, host->port, client->options.secure_argument, ret_stream)
                     : bide_open_connection(host->name, host->port, ret_stream);
        err = result;
    }
    if (result == -ECANCELED && err == -ETIMEDOUT)
        return bide_fail(-ETIMEDOUT, "connect to %s:%d: no connection within %g s", host->name, host->port,
                         client->options.connect_timeout);
    return err;
}

/* Uses a slot to make a connection; without success the slot is given back. */
static int make_link(bide_http_client *client, struct bide__http_client_host *host, struct bide__http_link **ret_link)
{
    struct bide__http_link *link = calloc(1, sizeof *link);
    int err = link ? connect_in_time(client, host, &link->stream) : bide_fail(-ENOMEM, "no memory for a connection");

    if (err < 0) {
        free(link);
        give_slot(client, host);
        serve_line(client);
        return err;
    }
    link->host = host;
    bide_set_read_limit(link->stream, client->limits.head + 1);
    *ret_link = link;
    return 0;
}

int bide__http_pool_acquire(bide_http_client *client, const struct bide__url *url, bool fresh,
                            struct bide__http_link **ret_link)
{
    struct bide__http_client_host *host = host_of(client, url);
    struct bide__http_link *link = NULL;

    if (!host)
        return bide_fail(-ENOMEM, "no memory for a connection");
    if (!try_take(client, host, &link)) {
        int err = stand_in_line(client, host, &link);

        if (err < 0)
            return err;
    }
    if (link && fresh) {
        /* its slot serves for the new one */
        bide_close(link->stream);
        free(link);
        link = NULL;
    }
    if (!link)
        return make_link(client, host, ret_link);
    *ret_link = link;
    return 0;
}

void bide__http_pool_release(bide_http_client *client, struct bide__http_link *link, bool keep)
{
    if (keep && !client->closed && client->options.keep_alive > 0) {
        link->reused = true;
        link->since = bide_time();
        put_idle(client, link);
        if (!client->sweeping && client->options.keep_alive < __builtin_inf())
            client->sweeping = bide_call_later(bide_get_running_loop(), client->options.keep_alive, sweep, client,
                                               &client->sweep) == 0;
    } else {
        close_link(client, link);
    }
    serve_line(client);
}

void bide__http_pool_close(bide_http_client *client)
{
    assert(!client->first_turn);
    bide_handle_cancel(client->sweep);
    client->sweeping = false;
    while (client->oldest_idle)
        close_idle(client, client->oldest_idle);
}
