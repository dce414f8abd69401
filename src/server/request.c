/*
 * The request as its handler sees it: texts of the head, and the body as a stream.
 *
 * Nothing is read before the handler asks, so a body that nobody wants costs nothing, and "100 Continue" is sent
 * exactly when it is true. Each piece of the body has to come within body_timeout. An error is noted together with
 * the status that tells the client, in case the handler hands it on. What is left unread is read here, up to
 * drain_max. Must never happen: a second request begins inside the body of the first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>

#include "server/server.h"

const char *bide_http_exchange_method(const bide_http_exchange *exchange)
{
    return bide__http_message_text(&exchange->request, exchange->request.parser.method);
}

const char *bide_http_exchange_target(const bide_http_exchange *exchange)
{
    return bide__http_message_text(&exchange->request, exchange->request.parser.target);
}

/* A copy behind the head, for a text whose delimiter is still needed. There is room for one of the path and one of
 * the host. */
static char *copy_behind(struct bide__http_message *message, const char *text, size_t length)
{
    char *copy = message->text + message->text_used;

    memcpy(copy, text, length);
    copy[length] = '\0';
    message->text_used += length + 1;
    return copy;
}

static void split_target(bide_http_exchange *exchange)
{
    struct bide__http_message *message = &exchange->request;
    const struct bide__http1_slice target = message->parser.target, host = message->parser.host;
    const char *start = message->text + target.offset, *end = start + target.length;

    if (*start != '/' && host.offset > target.offset && host.offset < target.offset + target.length)
        start = message->text + host.offset + host.length; /* "http://host/path" */
    char *copy = copy_behind(message, start, (size_t)(end - start)), *query = strchr(copy, '?');
    if (query)
        *query++ = '\0';
    exchange->query = query;
    exchange->path = *copy ? copy : "/";
}

const char *bide_http_exchange_path(bide_http_exchange *exchange)
{
    if (!exchange->path)
        split_target(exchange);
    return exchange->path;
}

const char *bide_http_exchange_query(bide_http_exchange *exchange)
{
    if (!exchange->path)
        split_target(exchange);
    return exchange->query;
}

const char *bide_http_exchange_host(bide_http_exchange *exchange)
{
    struct bide__http_message *message = &exchange->request;

    if (!exchange->host)
        exchange->host = copy_behind(message, message->text + message->parser.host.offset, message->parser.host.length);
    return exchange->host;
}

int bide_http_exchange_version(const bide_http_exchange *exchange)
{
    return 10 + exchange->request.parser.minor_version;
}

const char *bide_http_exchange_peer(bide_http_exchange *exchange)
{
    return bide_peer_name(exchange->connection->stream);
}

const char *bide_http_exchange_header(const bide_http_exchange *exchange, const char *name)
{
    return bide__http_message_header(&exchange->request, name);
}

bool bide_http_exchange_header_at(const bide_http_exchange *exchange, size_t index, bide_http_header *ret_header)
{
    return bide__http_message_header_at(&exchange->request, index, ret_header);
}

int64_t bide_http_exchange_length(const bide_http_exchange *exchange)
{
    return bide__http_message_length(&exchange->request);
}

bool bide__http_body_done(const bide_http_exchange *exchange)
{
    return exchange->request.body.done;
}

/* What an error of reading the body means for the client. */
static ssize_t note_failure(bide_http_exchange *exchange, int err)
{
    enum bide__http1_error error = exchange->request.body.error;

    if (err == -ECANCELED)
        return err;
    if (err == -ETIMEDOUT)
        exchange->failure_status = 408;
    else if (err == BIDE_EPROTOCOL || err == BIDE_ELIMIT)
        exchange->failure_status = error ? bide__http1_error_status(error) : 413;
    else if (err != -ENOMEM && err != -EBUSY)
        exchange->broken = true; /* the client is gone */
    exchange->close = true;
    exchange->request.error = err;
    return bide_fail(err, "%s %s from %s: read the body: %s", bide_http_exchange_method(exchange),
                     bide_http_exchange_target(exchange), bide_http_exchange_peer(exchange), bide_strerror(err));
}

static int send_continue(bide_http_exchange *exchange)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec piece = { (void *)(uintptr_t)text, sizeof text - 1 };

    exchange->continue_due = false;
    return exchange->started ? 0 : bide__http_send(exchange, &piece, 1);
}

/* Waits for a piece of the body, as long as that may take. */
static ssize_t read_in_time(bide_http_exchange *exchange, void *buffer, size_t size)
{
    double limit = exchange->connection->server->options.body_timeout;
    ssize_t count = 0;
    int err;

    bide_timeout (limit, err) {
        count = bide__http_message_read(&exchange->request, buffer, size);
        err = count < 0 ? (int)count : 0;
    }
    if (err == -ETIMEDOUT && count == -ECANCELED)
        return bide_fail(-ETIMEDOUT, "nothing came for %g s", limit);
    return err < 0 ? err : count;
}

ssize_t bide_http_exchange_read(bide_http_exchange *exchange, void *buffer, size_t size)
{
    if (exchange->request.error)
        return exchange->request.error;
    if (size == 0 || exchange->request.body.done)
        return 0;
    if (exchange->continue_due) {
        int err = send_continue(exchange);

        if (err < 0)
            return err;
    }
    ssize_t count = read_in_time(exchange, buffer, size);
    if (count < 0)
        return note_failure(exchange, (int)count);
    if (exchange->watcher_due && exchange->request.body.done) {
        int err = bide__http_start_watcher(exchange);

        if (err < 0)
            return note_failure(exchange, err);
    }
    return count;
}

static int read_rest(bide_http_exchange *exchange, struct bide__http_text *text)
{
    size_t limit = exchange->connection->server->options.body_max;
    ssize_t count;

    do {
        int err = bide__http_text_reserve(text, &exchange->request, limit);

        if (err < 0)
            return (int)note_failure(exchange, err);
        count = bide_http_exchange_read(exchange, text->data + text->size, text->capacity - text->size - 1);
        if (count > 0)
            text->size += (size_t)count;
    } while (count > 0 && !exchange->request.body.done);
    if (count < 0)
        return (int)count;
    return text->size > limit ? (int)note_failure(exchange, bide__http_text_reserve(text, &exchange->request, limit))
                              : 0;
}

int bide_http_exchange_read_all(bide_http_exchange *exchange, char **ret_text, size_t *ret_size)
{
    struct bide__http_text text = { 0 };
    int err = read_rest(exchange, &text);

    if (err < 0) {
        free(text.data);
        exchange->close |= !exchange->request.body.done;
        return err;
    }
    text.data[text.size] = '\0';
    *ret_text = text.data;
    if (ret_size)
        *ret_size = text.size;
    return 0;
}

bool bide__http_drain(bide_http_exchange *exchange)
{
    struct bide__http_message *message = &exchange->request;
    size_t left = exchange->connection->server->options.drain_max;

    if (message->body.done)
        return true;
    if (message->error || exchange->continue_due)
        return false;
    if (message->parser.framing == BIDE__HTTP1_FIXED &&
        (uint64_t)message->parser.content_length - message->body.received > left)
        return false;
    while (!message->body.done) {
        ssize_t count = read_in_time(exchange, message->inline_text, sizeof message->inline_text);

        if (count < 0 || (size_t)count > left)
            return false;
        left -= (size_t)count;
    }
    return true;
}
