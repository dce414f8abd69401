/*
 * The head of a request: request line, Host, the client's default headers, the user's own, the framing of the body.
 *
 * It is written into the text buffer of the response that is to come, which is free until the answer's head has
 * arrived. Default headers are checked and written once, when the client is opened. A header of the user's replaces a
 * default of the same name. Must never happen: a name or value that ends its line; a framing header that is not ours.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>
#include <bide/version.h>

#include "client/client.h"

static bool is(const char *name, const char *other)
{
    return bide__http1_equals(name, strlen(name), other);
}

static const bide_http_header *find(const bide_http_header *headers, const char *name, size_t length)
{
    for (; headers && headers->name; headers++)
        if (bide__http1_equals(name, length, headers->name))
            return headers;
    return NULL;
}

/* Framing belongs to the client. */
static int check_header(const bide_http_header *header)
{
    if (!header->value || !bide__http1_is_token(header->name, strlen(header->name)))
        return bide_fail(-EINVAL, "header '%.40s': the name has a character that is not allowed, or there is no value",
                         header->name);
    if (!bide__http1_is_field_value(header->value, strlen(header->value)))
        return bide_fail(-EINVAL, "header %.80s: the value has a character that is not allowed", header->name);
    if (is(header->name, "Content-Length") || is(header->name, "Transfer-Encoding"))
        return bide_fail(-EINVAL, "header %.80s: the client sets it", header->name);
    return 0;
}

static void write_defaults(struct bide__http1_writer *writer, const bide_http_client_options *options)
{
    const char *agent = options->user_agent ? options->user_agent : "bide/" BIDE_VERSION;

    if (*agent && !find(options->headers, "User-Agent", 10))
        bide__http1_write_header_text(writer, "User-Agent", agent);
    if (!find(options->headers, "Accept", 6))
        bide__http1_write_header_text(writer, "Accept", "*/*");
    for (const bide_http_header *header = options->headers; header && header->name; header++)
        bide__http1_write_header_text(writer, header->name, header->value);
}

int bide__http_make_defaults(bide_http_client *client, const bide_http_client_options *options)
{
    struct bide__http1_writer writer;

    for (const bide_http_header *header = options->headers; header && header->name; header++) {
        int err = check_header(header);

        if (err < 0)
            return err;
    }
    bide__http1_writer_init(&writer, NULL, 0);
    write_defaults(&writer, options);
    if (writer.error)
        return bide_fail(-EINVAL, "user_agent has a character that is not allowed");
    client->defaults_length = writer.length;
    client->defaults = malloc(writer.length + 1);
    if (!client->defaults)
        return bide_fail(-ENOMEM, "HTTP client: no memory");
    bide__http1_writer_init(&writer, client->defaults, writer.length);
    write_defaults(&writer, options);
    return 0;
}

/* The default lines whose names the user has not given. */
static void write_remaining_defaults(struct bide__http1_writer *writer, const bide_http_client *client,
                                     const bide_http_header *headers)
{
    const char *line = client->defaults, *end = line + client->defaults_length;

    if (!headers || !headers->name) {
        bide__http1_write_lines(writer, line, client->defaults_length);
        return;
    }
    while (line < end) {
        const char *colon = memchr(line, ':', (size_t)(end - line)), *next = memchr(line, '\n', (size_t)(end - line));

        if (!find(headers, line, (size_t)(colon - line)))
            bide__http1_write_lines(writer, line, (size_t)(next + 1 - line));
        line = next + 1;
    }
}

static void write_body_framing(const struct bide__http_call *call, struct bide__http1_writer *writer)
{
    const bide_http_request_options *options = call->options;
    const char *method = call->method;

    if (options->content_type && !find(options->headers, "Content-Type", 12))
        bide__http1_write_header_text(writer, "Content-Type", options->content_type);
    if (options->body_read && !options->body_size)
        bide__http1_write_lines(writer, "Transfer-Encoding: chunked\r\n", 28);
    else if (options->body_size || options->body || !strcmp(method, "POST") || !strcmp(method, "PUT") ||
             !strcmp(method, "PATCH"))
        bide__http1_write_header_number(writer, "Content-Length", options->body_size);
}

/* One pass over the head; -EMSGSIZE: more room is needed. */
static ssize_t write_head(struct bide__http_call *call, const char *authorization, char *buffer, size_t capacity)
{
    const bide_http_header *headers = call->options->headers;
    char target[1024], host[300];
    struct bide__http1_writer writer;
    size_t length = bide__url_target(&call->url, target, sizeof target);
    char *heap = length >= sizeof target ? malloc(length + 1) : NULL;

    if (length >= sizeof target && !heap)
        return -ENOMEM;
    if (heap)
        bide__url_target(&call->url, heap, length + 1);
    bide__http1_writer_init(&writer, buffer, capacity);
    bide__http1_write_request_line(&writer, call->method, strlen(call->method), heap ? heap : target, length);
    free(heap);
    if (!find(headers, "Host", 4))
        bide__http1_write_header(&writer, "Host", 4, host, bide__url_host_header(&call->url, host, sizeof host));
    write_remaining_defaults(&writer, call->client, headers);
    if (authorization)
        bide__http1_write_header_text(&writer, "Authorization", authorization);
    for (; headers && headers->name; headers++)
        bide__http1_write_header_text(&writer, headers->name, headers->value);
    write_body_framing(call, &writer);
    if (call->client->options.keep_alive < 0 && !call->close)
        bide__http1_write_lines(&writer, "Connection: close\r\n", 19);
    ssize_t result = bide__http1_writer_finish(&writer);
    call->head_length = writer.length;
    return result;
}

int bide__http_write_request(struct bide__http_call *call)
{
    struct bide__http_message *message = &call->response->message;
    const bide_http_header *headers = call->options->headers;
    char *authorization = NULL;

    for (const bide_http_header *header = headers; header && header->name; header++) {
        int err = check_header(header);

        if (err < 0)
            return err;
        call->close |=
            is(header->name, "Connection") && bide__http1_list_has(header->value, strlen(header->value), "close");
    }
    if (call->url.userinfo && !find(headers, "Authorization", 13)) {
        authorization = bide__http_basic(call->url.userinfo);
        if (!authorization)
            return bide_fail(-ENOMEM, "no memory for the request");
    }
    ssize_t length = write_head(call, authorization, message->text, message->text_capacity);
    if (length == -EMSGSIZE) {
        length = bide__http_message_reserve(message, call->head_length);
        if (length == 0)
            length = write_head(call, authorization, message->text, message->text_capacity);
    }
    free(authorization);
    if (length == -EINVAL)
        return bide_fail(-EINVAL, "the method, or the content type, has a character that is not allowed");
    if (length < 0)
        return bide_fail((int)length, "no memory for the request");
    message->text_used = (size_t)length;
    return 0;
}
