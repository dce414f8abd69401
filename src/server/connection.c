/*
 * One connection: wait for a request, read its head, let the handler answer, see whether another can follow.
 *
 * An exchange (request, reply, their buffers) is taken from the server's spare ones when the first byte of a request
 * is there and given back after the reply, so nothing is allocated for a request and an idle connection holds
 * nothing.
 *
 * Whatever goes wrong, one of three things happens: the client gets an answer and the connection goes on; it gets an
 * answer and the connection is closed, politely (the rest of the request is read for a while, else the kernel would
 * reset the connection and the answer might be lost); or the connection is just closed. Must never happen: a request
 * read from a place in the stream where the one before did not certainly end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <bide/error.h>
#include <bide/task.h>

#include "proto/http1_writer.h"
#include "server/server.h"

enum { SPARES_MOST = 64, READ_LIMIT_LEAST = 64 * 1024 };

static bide_http_exchange *take_exchange(struct bide__http_connection *connection)
{
    struct bide__http_server *server = connection->server;
    bide_http_exchange *exchange = server->spare;

    if (exchange) {
        server->spare = exchange->next_spare;
        server->spare_count--;
    } else {
        exchange = malloc(offsetof(bide_http_exchange, request) + bide__http_message_size(&server->limits));
        if (!exchange)
            return NULL;
        exchange->output = exchange->extra = NULL;
        exchange->output_capacity = exchange->extra_capacity = 0;
        bide__http_message_open(&exchange->request, &server->limits);
    }
    exchange->connection = connection;
    exchange->watching = NULL;
    exchange->output_length = exchange->extra_length = 0;
    exchange->length = 0;
    exchange->written = 0;
    exchange->path = exchange->query = exchange->host = NULL;
    exchange->failure_status = 0;
    exchange->continue_due = exchange->started = exchange->ended = exchange->chunked = exchange->no_body = false;
    exchange->close = exchange->broken = exchange->has_date = exchange->has_server = exchange->watcher_due = false;
    bide__http_message_begin(&exchange->request, connection->stream, BIDE__HTTP1_REQUEST, &server->limits);
    return exchange;
}

static void free_exchange(bide_http_exchange *exchange)
{
    free(exchange->output);
    free(exchange->extra);
    free(exchange);
}

static void give_exchange(struct bide__http_server *server, bide_http_exchange *exchange)
{
    bide__http_message_close(&exchange->request);
    if (server->spare_count == SPARES_MOST) {
        free_exchange(exchange);
        return;
    }
    exchange->next_spare = server->spare;
    server->spare = exchange;
    server->spare_count++;
}

void bide__http_free_spares(struct bide__http_server *server)
{
    while (server->spare) {
        bide_http_exchange *exchange = server->spare;

        server->spare = exchange->next_spare;
        free_exchange(exchange);
    }
}

/* The head did not come in one piece: waits for the rest. As read_head. */
static int read_more(bide_http_exchange *exchange, ssize_t there)
{
    int found = 0;

    while (found == 0) {
        const void *data;
        ssize_t now = bide_peek(exchange->connection->stream, (size_t)there + 1, &data);

        if (now < 0)
            return (int)now;
        if (now <= there)
            return 0;
        there = now;
        found = bide__http_message_parse(&exchange->request, data, (size_t)there);
    }
    return found;
}

/* 1: here is a request; 0: the client left; -EBADMSG: what it sent is none; or another error. */
static int read_head(bide_http_exchange *exchange, const void *data, ssize_t there)
{
    int err, found = bide__http_message_parse(&exchange->request, data, (size_t)there);

    if (found)
        return found;
    bide_timeout (exchange->connection->server->options.head_timeout, err) {
        found = read_more(exchange, there);
        err = found < 0 ? found : 0;
    }
    return err < 0 ? err : found;
}

/* Waits for the client to close the connection, then cancels the handler. */
static int watch(bide_http_exchange *exchange)
{
    const void *data;
    ssize_t there = bide_peek(exchange->connection->stream, 1, &data);

    if (there > 0 || there == -ECANCELED)
        return 0; /* the next request, or the end of this one */
    exchange->broken = true;
    bide_group_cancel(exchange->watching);
    return 0;
}
bide_async(watch, bide_http_exchange *);

int bide__http_start_watcher(bide_http_exchange *exchange)
{
    exchange->watcher_due = false;
    return bide_start(exchange->watching, bide_co(watch, exchange));
}

static int call_handler(bide_http_exchange *exchange)
{
    struct bide__http_server *server = exchange->connection->server;
    int err, result = -ENOMEM;

    if (!server->options.cancel_on_disconnect)
        return server->handler(exchange, server->argument);
    bide_task_group (group, err) {
        exchange->watching = group;
        exchange->watcher_due = true;
        if (!bide__http_body_done(exchange) || bide__http_start_watcher(exchange) == 0)
            result = server->handler(exchange, server->argument);
        exchange->watcher_due = false;
        bide_group_cancel(group);
    }
    exchange->watching = NULL;
    return result;
}

static void report(bide_http_exchange *exchange, int err)
{
    if (exchange->connection->server->options.quiet || exchange->broken || exchange->failure_status ||
        err == -ECANCELED)
        return;
    fprintf(stderr, "bide: %s %s from %s failed: ", bide_http_exchange_method(exchange),
            bide_http_exchange_target(exchange), bide_http_exchange_peer(exchange));
    bide_print_error(err);
}

/* The answer that the server gives itself. */
static void answer(bide_http_exchange *exchange, int status, const char *text)
{
    char body[160];
    int length =
        snprintf(body, sizeof body, "%d %s%s%s\n", status, bide__http1_reason(status), *text ? ": " : "", text);

    exchange->extra_length = 0;
    exchange->has_date = exchange->has_server = false;
    (void)bide_http_reply(exchange, status, "text/plain", body,
                          length < (int)sizeof body ? (size_t)length : sizeof body - 1);
}

static void run_handler(bide_http_exchange *exchange)
{
    int err = call_handler(exchange);

    if (err >= 0 && exchange->started)
        err = exchange->ended ? 0 : bide_http_reply_end(exchange);
    else if (err >= 0)
        err = bide_fail(-EINVAL, "the handler returned %d without a reply", err);
    if (err >= 0)
        return;
    report(exchange, err);
    if (exchange->started || exchange->broken) {
        exchange->broken = true;
        return;
    }
    exchange->close |= exchange->failure_status != 0;
    answer(exchange, exchange->failure_status ? exchange->failure_status : 500, "");
}

/* What is no request gets an answer, and that was it. */
static void refuse(bide_http_exchange *exchange, int err)
{
    const struct bide__http1_parser *parser = &exchange->request.parser;

    exchange->close = true;
    if (err == -EBADMSG)
        answer(exchange, bide__http1_error_status(parser->error), bide__http1_error_text(parser->error));
    else if (err == -ETIMEDOUT)
        answer(exchange, 408, "");
    else if (err == -ENOMEM)
        answer(exchange, 503, "");
    else
        exchange->broken = true;
}

static int throw_away(bide_http_exchange *exchange)
{
    ssize_t count;

    do {
        count = bide_read(exchange->connection->stream, exchange->request.inline_text,
                          sizeof exchange->request.inline_text);
    } while (count > 0);
    return (int)count;
}

/* Lets the client read the answer before the connection goes. */
static void linger(bide_http_exchange *exchange)
{
    int err = bide_write_eof(exchange->connection->stream);

    if (err < 0)
        return;
    bide_timeout (exchange->connection->server->options.linger, err) {
        err = throw_away(exchange);
    }
}

/* Serves one request whose first bytes are there. True: another may follow. */
static bool serve_request(struct bide__http_connection *connection, const void *data, ssize_t there)
{
    bide_http_exchange *exchange = take_exchange(connection);

    if (!exchange)
        return false;
    int found = read_head(exchange, data, there);
    bool keep = false;
    if (found > 0) {
        exchange->continue_due = exchange->request.parser.expect_continue && !bide__http_body_done(exchange);
        run_handler(exchange);
        keep = !exchange->broken && !exchange->close && bide__http_drain(exchange);
    } else if (found < 0) {
        refuse(exchange, found);
    }
    if (!keep && !exchange->broken && (found < 0 || (found > 0 && !bide__http_body_done(exchange))))
        linger(exchange);
    give_exchange(connection->server, exchange);
    return keep;
}

int bide__http_serve_connection(bide_stream *stream, void *argument)
{
    struct bide__http_server *server = argument;
    struct bide__http_connection connection = { .server = server, .stream = stream };
    const void *data;
    ssize_t there;

    bide_set_read_limit(stream, server->limits.head < READ_LIMIT_LEAST ? READ_LIMIT_LEAST : server->limits.head + 1);
    while ((there = bide__http_wait_for_request(&connection, &data)) > 0) {
        if (!serve_request(&connection, data, there))
            break;
        connection.served = true;
    }
    return 0; /* what happened to one connection concerns nobody else */
}
