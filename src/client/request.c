/*
 * One request: from the URL to the head of the answer.
 *
 *     acquire a connection -> send head and body -> read heads until one is not 1xx -> a response
 *
 * A failure anywhere closes the connection: in the middle of an exchange nobody can say whose bytes come next. One
 * thing is tried twice: a request that went out on a used connection, of which no byte of an answer came, because the
 * server had closed the connection meanwhile; if its method may be repeated it gets a fresh connection, once. A
 * server that answers before it has read the request, and closes, is listened to: when sending fails the answer is
 * read all the same.
 *
 * Every message begins with the method and the URL, without user information.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>

#include "client/client.h"

enum { INFORMATIONAL_MOST = 32, BODY_PIECE = 16 * 1024 };

static const bide_http_request_options no_options;

/* Puts what was asked before the message of an error. */
static int explain(const struct bide__http_call *call, int err)
{
    if (err == -ECANCELED)
        return err;
    return bide_fail(err, "%s: %s", call->response->what, bide_strerror(err));
}

static int describe(struct bide__http_call *call)
{
    bide_http_response *response = call->response;
    size_t method = strlen(call->method), url = bide__url_format(&call->url, NULL, 0), size = method + url + 2;

    if (size > sizeof response->what_inline) {
        response->what = malloc(size);
        if (!response->what) {
            response->what = response->what_inline;
            return bide_fail(-ENOMEM, "no memory for the request");
        }
    }
    memcpy(response->what, call->method, method);
    response->what[method] = ' ';
    bide__url_format(&call->url, response->what + method + 1, size - method - 1);
    return 0;
}

static bool is_idempotent(const char *method)
{
    static const char *const methods[] = { "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE" };

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (!strcmp(method, methods[i]))
            return true;
    return false;
}

/* ---- sending ---- */

static int send_all(bide_stream *stream, const struct iovec *pieces, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += pieces[i].iov_len;
    ssize_t sent = count == 1 ? bide_write(stream, pieces->iov_base, size) : bide_write_vector(stream, pieces, count);
    if (sent < 0)
        return (int)sent;
    if ((size_t)sent == size)
        return 0;
    /* what stopped it comes again with the next call */
    sent = bide_write(stream, (const char *)pieces[count - 1].iov_base + pieces[count - 1].iov_len - 1, 1);
    return sent < 0 ? (int)sent : -EPIPE;
}

/* Sends the body that the user delivers piece by piece, each as it comes; chunked if its size is not known. */
static int send_pieces(const struct bide__http_call *call, char *buffer)
{
    const bide_http_request_options *options = call->options;
    bool chunked = options->body_size == 0;
    size_t left = options->body_size;

    for (;;) {
        char head[BIDE__HTTP1_CHUNK_HEAD_SIZE];
        size_t room = chunked || left > BODY_PIECE ? BODY_PIECE : left;
        ssize_t count = room ? options->body_read(options->body_argument, buffer, room) : 0;

        if (count < 0)
            return (int)count;
        if ((size_t)count > room || (count == 0 && left))
            return bide_fail(-EINVAL, "body_read delivered %zd bytes, %zu were left", count, chunked ? room : left);
        if (count == 0 && !chunked)
            return 0;
        struct iovec pieces[3] = { { head, count ? bide__http1_write_chunk_head((size_t)count, head) : 0 },
                                   { buffer, (size_t)count },
                                   { (void *)(uintptr_t)BIDE__HTTP1_CHUNK_END, 2 } };
        if (count == 0)
            pieces[2] = (struct iovec){ (void *)(uintptr_t)BIDE__HTTP1_LAST_CHUNK, sizeof BIDE__HTTP1_LAST_CHUNK - 1 };
        int err = chunked ? send_all(call->link->stream, pieces, 3) : send_all(call->link->stream, pieces + 1, 1);
        if (err < 0 || count == 0)
            return err;
        left -= chunked ? 0 : (size_t)count;
    }
}

static int send_request(struct bide__http_call *call)
{
    const bide_http_request_options *options = call->options;
    struct bide__http_message *message = &call->response->message;
    struct iovec pieces[2] = { { message->text, call->head_length },
                               { (void *)(uintptr_t)options->body, options->body_size } };
    size_t count = options->body && !options->body_read && options->body_size ? 2 : 1;

    if (count == 2 && options->body_size <= message->text_capacity - call->head_length) {
        memcpy(message->text + call->head_length, options->body, options->body_size);
        pieces[0].iov_len += options->body_size;
        count = 1;
    }
    int err = send_all(call->link->stream, pieces, count);
    if (err < 0 || !options->body_read)
        return err;
    char *buffer = malloc(BODY_PIECE);
    if (!buffer)
        return bide_fail(-ENOMEM, "no memory for a piece of the body");
    err = send_pieces(call, buffer);
    free(buffer);
    return err;
}

/* ---- receiving ---- */

static int refuse_head(const struct bide__http1_parser *parser)
{
    return bide_fail(bide__http_error_code(parser->error), "read the answer's head: %s (byte %zu)",
                     bide__http1_error_text(parser->error), parser->error_offset);
}

/* Reads one head. */
static int read_head(struct bide__http_call *call)
{
    struct bide__http_message *message = &call->response->message;
    ssize_t there = 0;
    int found = 0;

    bide__http_message_begin(message, call->link->stream, BIDE__HTTP1_RESPONSE, &call->client->limits);
    bide__http1_parser_answers(&message->parser, bide__http1_method_kind(call->method, strlen(call->method)));
    while (found == 0) {
        const void *data;
        ssize_t now = bide_peek(message->stream, (size_t)there + 1, &data);

        if (now < 0)
            return now == -ECANCELED ? -ECANCELED
                                     : bide_fail((int)now, "read the answer's head: %s", bide_strerror((int)now));
        call->answered |= now > 0;
        if (now <= there)
            return bide_fail(BIDE_EOF, "read the answer's head: the connection ended after %zd bytes", now);
        there = now;
        found = bide__http_message_parse(message, data, (size_t)there);
    }
    return found == -EBADMSG ? refuse_head(&message->parser) : found;
}

/* Reads heads until the one that counts. */
static int read_answer(struct bide__http_call *call)
{
    const struct bide__http1_parser *parser = &call->response->message.parser;

    for (int i = 0; i < INFORMATIONAL_MOST; i++) {
        int found = read_head(call);

        if (found < 0)
            return found;
        if (parser->status == 101)
            return bide_fail(BIDE_EPROTOCOL, "the server switches protocols (101), which was not asked for");
        if (parser->status >= 200)
            return 0;
    }
    return bide_fail(BIDE_EPROTOCOL, "more than %d answers of status 1xx", INFORMATIONAL_MOST);
}

/* ---- the exchange ---- */

static bool has_hung_up(int err)
{
    return err == -EPIPE || err == -ECONNRESET || err == BIDE_EOF;
}

/* Sends and receives on the connection of the call. */
static int exchange(struct bide__http_call *call)
{
    int err = send_request(call);
    bool cut_short = err == -EPIPE || err == -ECONNRESET;

    if (err < 0 && !cut_short)
        return err == -ECANCELED ? err : bide_fail(err, "send the request: %s", bide_strerror(err));
    call->close |= cut_short;
    return read_answer(call);
}

static int attempt(struct bide__http_call *call, bool fresh)
{
    int err = bide__http_write_request(call);

    if (err == 0)
        err = bide__http_pool_acquire(call->client, &call->url, fresh, &call->link);
    if (err < 0)
        return err;
    err = exchange(call);
    if (err == 0)
        return 0;
    bool again = call->link->reused && !call->answered && has_hung_up(err) && is_idempotent(call->method) &&
                 !call->options->body_read;
    bide__http_message_begin(&call->response->message, NULL, BIDE__HTTP1_RESPONSE, &call->client->limits);
    bide__http_pool_release(call->client, call->link, false);
    call->link = NULL;
    call->close = false;
    return again ? 1 : err;
}

static int perform(struct bide__http_call *call)
{
    int err = describe(call);

    if (err < 0)
        return err;
    err = attempt(call, false);
    if (err == 1)
        err = attempt(call, true);
    if (err < 0)
        return explain(call, err);
    call->response->link = call->link;
    if (call->close)
        call->response->message.parser.keep_alive = false;
    if (call->response->message.body.done)
        bide__http_response_detach(call->response, true);
    return 0;
}

static int parse(const bide_http_client *client, const char *method, const char *url, struct bide__url *ret_url)
{
    struct bide__url_error error;
    int err = bide__url_parse(url, strlen(url), ret_url, &error);

    if (err == -ENOMEM)
        return bide_fail(-ENOMEM, "%.40s: no memory for the URL", method);
    if (err < 0)
        return bide_fail(BIDE_EURL, "%.40s: %s", method, error.text);
    if (!ret_url->secure || client->options.secure)
        return 0;
    char *text = malloc(bide__url_format(ret_url, NULL, 0) + 1);
    if (text)
        bide__url_format(ret_url, text, bide__url_format(ret_url, NULL, 0) + 1);
    err = bide_fail(BIDE_EURL, "%.40s %s: https needs the option `secure` of the client (libbide-tls)", method,
                    text ? text : "https:");
    free(text);
    bide__url_free(ret_url);
    return err;
}

int bide_http_request(bide_http_client *client, const char *method, const char *url,
                      const bide_http_request_options *options, bide_http_response **ret_response)
{
    struct bide__http_call call = { .client = client, .method = method, .options = options ? options : &no_options };

    if (bide__http1_method_kind(method, strlen(method)) == BIDE__HTTP1_METHOD_CONNECT)
        return bide_fail(-EINVAL, "CONNECT %s: tunnels are not supported", url);
    int err = parse(client, method, url, &call.url);
    if (err < 0)
        return err;
    call.response = bide__http_response_take(client);
    client->requests++;
    err = call.response ? perform(&call) : bide_fail(-ENOMEM, "%s: no memory for the answer", method);
    client->requests--;
    bide__url_free(&call.url);
    if (err == 0)
        *ret_response = call.response;
    else if (call.response)
        bide__http_response_give(call.response);
    return err;
}

int bide_http_get(bide_http_client *client, const char *url, bide_http_response **ret_response)
{
    return bide_http_request(client, "GET", url, NULL, ret_response);
}

int bide_http_post(bide_http_client *client, const char *url, const char *content_type, const void *body, size_t size,
                   bide_http_response **ret_response)
{
    const bide_http_request_options options = { .content_type = content_type, .body = body, .body_size = size };

    return bide_http_request(client, "POST", url, &options, ret_response);
}
