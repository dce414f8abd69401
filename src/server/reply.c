/*
 * The reply: its head, and sending.
 *
 * The head is put together in a buffer of the exchange that is kept from request to request: status line, the
 * handler's header lines (checked when they were added), and the lines that all replies share, which are made once a
 * second. A small body is copied behind it and goes out in one send, a larger one in one sendmsg. What must never
 * happen: a reply whose length is not what its head says, followed by another reply on the same connection.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bide/error.h>
#include <bide/task.h>

#include "proto/http1_writer.h"
#include "server/server.h"

enum {
    HEAD_BYTES = 256,    /* more than the lines of fixed length take together */
    OUTPUT_FIRST = 1024, /* so that a small body fits in too */
    EXTRA_FIRST = 256,
};

static void refresh_date(struct bide__http_server *server, double now)
{
    static const char line_end[] = { '\r', '\n' };
    char date[BIDE__HTTP1_DATE_SIZE] = "Thu, 01 Jan 1970 00:00:00 GMT";
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    (void)bide__http1_format_date(time.tv_sec, date);
    memcpy(server->common, "Date: ", 6);
    memcpy(server->common + 6, date, sizeof date - 1);
    memcpy(server->common + 6 + sizeof date - 1, line_end, sizeof line_end);
    server->date_until = now + 1 - (double)time.tv_nsec * 1e-9;
}

static int grow(char **buffer, size_t *capacity, size_t needed, size_t used)
{
    if (needed <= *capacity)
        return 0;
    size_t size = needed > 2 * *capacity ? needed : 2 * *capacity;
    char *memory = malloc(size);
    if (!memory)
        return bide_fail(-ENOMEM, "no memory for %zu bytes of a reply's head", size);
    if (used)
        memcpy(memory, *buffer, used);
    free(*buffer);
    *buffer = memory;
    *capacity = size;
    return 0;
}

static bool is(const char *name, const char *other)
{
    return bide__http1_equals(name, strlen(name), other);
}

/* 1: not a line to be sent, but it was understood. */
static int understand(bide_http_exchange *exchange, const char *name, const char *value)
{
    if (is(name, "Connection") && is(value, "close")) {
        exchange->close = true;
        return 1;
    }
    if (is(name, "Connection") || is(name, "Content-Length") || is(name, "Transfer-Encoding"))
        return bide_fail(-EINVAL, "reply: the header %s belongs to the server", name);
    if (is(name, "Date"))
        exchange->has_date = true;
    else if (is(name, "Server"))
        exchange->has_server = true;
    return 0;
}

int bide_http_reply_header(bide_http_exchange *exchange, const char *name, const char *value)
{
    size_t name_length = strlen(name), value_length = strlen(value);
    struct bide__http1_writer writer;

    if (exchange->started)
        return bide_fail(-EALREADY, "reply: header %s comes after the reply was begun", name);
    if (!bide__http1_is_token(name, name_length) || !bide__http1_is_field_value(value, value_length))
        return bide_fail(-EINVAL, "reply: a header name or value has a character that is not allowed");
    int err = understand(exchange, name, value);
    if (err)
        return err < 0 ? err : 0;
    size_t needed = exchange->extra_length + name_length + value_length + 4;
    err = grow(&exchange->extra, &exchange->extra_capacity, needed > EXTRA_FIRST ? needed : EXTRA_FIRST,
               exchange->extra_length);
    if (err < 0)
        return err;
    bide__http1_writer_init(&writer, exchange->extra + exchange->extra_length,
                            exchange->extra_capacity - exchange->extra_length);
    bide__http1_write_header(&writer, name, name_length, value, value_length);
    exchange->extra_length += writer.length;
    return 0;
}

/* Whether the next request cannot be reached from here, as far as is known before the handler has ended. */
static bool is_last(const bide_http_exchange *exchange)
{
    const struct bide__http_server *server = exchange->connection->server;
    const struct bide__http_message *request = &exchange->request;

    return exchange->close || server->stopping || !request->parser.keep_alive || server->options.keep_alive < 0 ||
           exchange->continue_due || request->error;
}

static void write_common(const bide_http_exchange *exchange, struct bide__http1_writer *writer)
{
    struct bide__http_server *server = exchange->connection->server;
    double now = bide_time();
    size_t from = exchange->has_date ? server->date_length : 0;
    size_t to = exchange->has_server ? server->date_length : server->common_length;

    if (now >= server->date_until)
        refresh_date(server, now);
    if (from < to)
        bide__http1_write_lines(writer, server->common + from, to - from);
    bide__http1_write_lines(writer, exchange->extra, exchange->extra_length);
}

static void write_framing(bide_http_exchange *exchange, struct bide__http1_writer *writer, int status, int64_t length)
{
    int minor_version = exchange->request.parser.minor_version;

    exchange->no_body =
        exchange->request.parser.method_kind == BIDE__HTTP1_METHOD_HEAD || status == 204 || status == 304;
    exchange->length = length;
    exchange->chunked = length < 0 && minor_version > 0;
    if (status == 204 || status == 304)
        exchange->chunked = false;
    else if (length >= 0)
        bide__http1_write_header_number(writer, "Content-Length", (uint64_t)length);
    else if (exchange->chunked)
        bide__http1_write_lines(writer, "Transfer-Encoding: chunked\r\n", 28);
    else
        exchange->close = true; /* the end of the connection is the end of the body */
    exchange->close |= is_last(exchange);
    if (exchange->close)
        bide__http1_write_lines(writer, "Connection: close\r\n", 19);
    else if (minor_version == 0)
        bide__http1_write_lines(writer, "Connection: keep-alive\r\n", 24);
}

int bide__http_make_head(bide_http_exchange *exchange, int status, const char *content_type, int64_t length)
{
    struct bide__http1_writer writer;
    size_t type_length = content_type ? strlen(content_type) : 0;

    if (exchange->started)
        return bide_fail(-EALREADY, "reply: there is one already");
    if (status < 200 || status > 599)
        return bide_fail(-EINVAL, "reply: status %d is out of range 200..599", status);
    if (type_length && !bide__http1_is_field_value(content_type, type_length))
        return bide_fail(-EINVAL, "reply: the content type has a character that is not allowed");
    size_t needed = HEAD_BYTES + type_length + exchange->connection->server->common_length + exchange->extra_length;
    int err = grow(&exchange->output, &exchange->output_capacity, needed > OUTPUT_FIRST ? needed : OUTPUT_FIRST, 0);
    if (err < 0)
        return err;
    bide__http1_writer_init(&writer, exchange->output, exchange->output_capacity);
    bide__http1_write_status_line(&writer, status, NULL);
    if (type_length)
        bide__http1_write_header(&writer, "Content-Type", 12, content_type, type_length);
    write_framing(exchange, &writer, status, length);
    write_common(exchange, &writer);
    exchange->output_length = (size_t)bide__http1_writer_finish(&writer);
    exchange->started = true;
    return 0;
}

static void take_off(struct iovec **pieces, size_t *count, size_t sent)
{
    while (*count && sent >= (*pieces)->iov_len) {
        sent -= (*pieces)->iov_len;
        (*pieces)++;
        (*count)--;
    }
    if (*count) {
        (*pieces)->iov_base = (char *)(*pieces)->iov_base + sent;
        (*pieces)->iov_len -= sent;
    }
}

/* Sends what the client takes in time: bytes, or an error. */
static ssize_t send_in_time(bide_http_exchange *exchange, const struct iovec *pieces, size_t count)
{
    double limit = exchange->connection->server->options.send_timeout;
    bide_stream *stream = exchange->connection->stream;
    ssize_t sent = 0;
    int err;

    bide_timeout (limit, err) {
        sent = count == 1 ? bide_write(stream, pieces->iov_base, pieces->iov_len)
                          : bide_write_vector(stream, pieces, count);
        err = sent < 0 ? (int)sent : 0;
    }
    if (err == -ETIMEDOUT && sent == -ECANCELED)
        return bide_fail(-ETIMEDOUT, "send to %s: the client took nothing for %g s", bide_http_exchange_peer(exchange),
                         limit);
    return err < 0 ? err : sent;
}

int bide__http_send(bide_http_exchange *exchange, struct iovec *pieces, size_t count)
{
    bool begun = false;

    take_off(&pieces, &count, 0);
    while (count) {
        ssize_t sent = send_in_time(exchange, pieces, count);

        if (sent < 0) {
            exchange->broken |= begun || sent != -ECANCELED;
            return (int)sent;
        }
        begun |= sent > 0;
        take_off(&pieces, &count, (size_t)sent);
    }
    return 0;
}

int bide_http_reply(bide_http_exchange *exchange, int status, const char *content_type, const void *data, size_t size)
{
    if (size > INT64_MAX)
        return bide_fail(-EINVAL, "reply: %zu bytes", size);
    int err = bide__http_make_head(exchange, status, content_type, (int64_t)size);
    if (err < 0)
        return err;
    struct iovec pieces[2] = { { exchange->output, exchange->output_length }, { (void *)(uintptr_t)data, size } };
    size_t count = exchange->no_body || !size ? 1 : 2;
    if (count == 2 && size <= exchange->output_capacity - exchange->output_length) {
        memcpy(exchange->output + exchange->output_length, data, size);
        pieces[0].iov_len += size;
        count = 1;
    }
    exchange->output_length = 0;
    exchange->written = size;
    err = bide__http_send(exchange, pieces, count);
    exchange->ended = err == 0;
    exchange->started = err != -ECANCELED || exchange->broken; /* cancelled, it can be done again behind a shield */
    return err;
}

int bide_http_reply_text(bide_http_exchange *exchange, int status, const char *text)
{
    return bide_http_reply(exchange, status, "text/plain; charset=utf-8", text, strlen(text));
}
