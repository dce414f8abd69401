/*
 * Messages as they come in.
 *
 * The head is parsed where it lies in the stream's buffer; once complete it is copied out, one copy of some hundred
 * bytes, so that its texts stay valid while the body is read. Texts become C strings on demand: the byte behind a
 * name or a value is always a delimiter, and nobody needs that any more. The body goes straight from the kernel to
 * the user's memory when its framing allows, else through the stream's buffer. A message is used again and again: no
 * allocation for a request, unless its head is longer than BIDE__HTTP_TEXT_BYTES.
 *
 * What must never happen: that a byte behind the end of the message is taken for a part of it, or that bytes lie in
 * the stream's buffer of which the owner of the connection does not know (`ahead`).
 */
#include "client/message.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>

enum {
    PLAIN_READ_LEAST = 4096, /* shorter reads go through the stream's buffer, to spare system calls */
    TEXT_FIRST = 16 * 1024,
};

int bide__http_limits(size_t line_max, size_t header_count_max, size_t head_max, struct bide__http1_limits *ret_limits)
{
    struct bide__http1_limits limits = bide__http1_default_limits;

    if (line_max)
        limits.start_line = limits.header_line = line_max;
    if (header_count_max)
        limits.header_count = header_count_max;
    if (head_max)
        limits.head = head_max;
    if (limits.header_count > BIDE__HTTP_HEADERS_MOST)
        return bide_fail(-EINVAL, "header_count_max is %zu, at most %d", header_count_max, BIDE__HTTP_HEADERS_MOST);
    if (limits.head > BIDE__HTTP_HEAD_MOST)
        return bide_fail(-EINVAL, "head_max is %zu, at most %d", head_max, BIDE__HTTP_HEAD_MOST);
    *ret_limits = limits;
    return 0;
}

size_t bide__http_message_size(const struct bide__http1_limits *limits)
{
    return sizeof(struct bide__http_message) + limits->header_count * sizeof(struct bide__http1_header);
}

void bide__http_message_open(struct bide__http_message *message, const struct bide__http1_limits *limits)
{
    message->headers = (struct bide__http1_header *)(void *)(message + 1);
    message->header_capacity = limits->header_count;
    message->text = message->inline_text;
    message->text_capacity = sizeof message->inline_text;
    message->own_text = false;
}

void bide__http_message_close(struct bide__http_message *message)
{
    if (message->own_text)
        free(message->text);
    message->text = message->inline_text;
    message->text_capacity = sizeof message->inline_text;
    message->own_text = false;
}

void bide__http_message_begin(struct bide__http_message *message, bide_stream *stream, enum bide__http1_mode mode,
                              const struct bide__http1_limits *limits)
{
    if (message->own_text)
        bide__http_message_close(message);
    message->stream = stream;
    message->text_used = 0;
    message->ahead = 0;
    message->error = 0;
    message->body.done = true; /* there is none before there is a head */
    message->body.error = BIDE__HTTP1_OK;
    bide__http1_parser_init(&message->parser, mode, limits, message->headers, message->header_capacity);
}

int bide__http_message_reserve(struct bide__http_message *message, size_t capacity)
{
    if (capacity <= message->text_capacity)
        return 0;
    char *text = malloc(capacity);
    if (!text)
        return bide_fail(-ENOMEM, "no memory for %zu bytes of a message head", capacity);
    memcpy(text, message->text, message->text_used);
    bide__http_message_close(message);
    message->text = text;
    message->text_capacity = capacity;
    message->own_text = true;
    return 0;
}

int bide__http_message_parse(struct bide__http_message *message, const void *data, size_t size)
{
    struct bide__http1_parser *parser = &message->parser;
    ssize_t length = bide__http1_parse_head(parser, data, size);

    if (length <= 0)
        return (int)length;
    message->text_used = 0;
    /* room behind the head for one copy each of the path and the host */
    int err = bide__http_message_reserve(message, (size_t)length + parser->target.length + parser->host.length + 2);
    if (err < 0)
        return err;
    memcpy(message->text, data, (size_t)length);
    message->text_used = (size_t)length;
    bide_consume(message->stream, (size_t)length);
    message->ahead = size - (size_t)length;
    bide__http1_body_init(&message->body, parser);
    return 1;
}

const char *bide__http_message_text(const struct bide__http_message *message, struct bide__http1_slice slice)
{
    if (slice.length == 0)
        return "";
    message->text[slice.offset + slice.length] = '\0';
    return message->text + slice.offset;
}

const char *bide__http_message_header(const struct bide__http_message *message, const char *name)
{
    const struct bide__http1_parser *parser = &message->parser;
    const struct bide__http1_header *header =
        bide__http1_find(message->headers, parser->header_count, message->text, name, NULL);

    return header ? bide__http_message_text(message, header->value) : NULL;
}

bool bide__http_message_header_at(const struct bide__http_message *message, size_t index, bide_http_header *ret_header)
{
    if (index >= message->parser.header_count)
        return false;
    ret_header->name = bide__http_message_text(message, message->headers[index].name);
    ret_header->value = bide__http_message_text(message, message->headers[index].value);
    return true;
}

int64_t bide__http_message_length(const struct bide__http_message *message)
{
    switch (message->parser.framing) {
    case BIDE__HTTP1_NO_BODY:
        return 0;
    case BIDE__HTTP1_FIXED:
        return message->parser.content_length;
    default:
        return -1;
    }
}

int bide__http_error_code(enum bide__http1_error error)
{
    int status = bide__http1_error_status(error);

    return status == 413 || status == 414 || status == 431 || error == BIDE__HTTP1_STATUS_LINE_TOO_LONG
               ? BIDE_ELIMIT
               : BIDE_EPROTOCOL;
}

static ssize_t failed(struct bide__http_message *message, ssize_t err)
{
    if (err != -ECANCELED)
        message->error = (int)err;
    return err;
}

static ssize_t fail_protocol(struct bide__http_message *message)
{
    const struct bide__http1_body *body = &message->body;

    return failed(message, bide_fail(bide__http_error_code(body->error), "%s (byte %llu of the body)",
                                     bide__http1_error_text(body->error), (unsigned long long)body->error_offset));
}

/* The stream has ended. */
static ssize_t ended(struct bide__http_message *message)
{
    struct bide__http1_body *body = &message->body;
    unsigned long long got = body->received;

    if (bide__http1_body_close(body) == 0)
        return 0;
    if (body->framing == BIDE__HTTP1_FIXED)
        return failed(message, bide_fail(BIDE_EOF, "the connection ended in the body: got %llu of %lld bytes", got,
                                         (long long)message->parser.content_length));
    return failed(message,
                  bide_fail(BIDE_EOF, "the connection ended in the body: got %llu bytes and no last chunk", got));
}

/* Bytes of a body that has no framing between them: straight into the user's memory. */
static ssize_t read_plain(struct bide__http_message *message, void *buffer, size_t size)
{
    const char *data;
    size_t length;
    ssize_t count = bide_read(message->stream, buffer, size);

    if (count < 0)
        return failed(message, count);
    if (count == 0)
        return ended(message);
    message->ahead -= (size_t)count < message->ahead ? (size_t)count : message->ahead;
    ssize_t used = bide__http1_body_decode(&message->body, buffer, (size_t)count, &data, &length);
    if (used < 0)
        return fail_protocol(message);
    assert(used == count && length == (size_t)count);
    return count;
}

/* Decodes what is at hand into the user's memory; sets *ret_used to how much of it that took. -1: malformed. */
static ssize_t copy_decoded(struct bide__http1_body *body, const char *bytes, size_t there, char *buffer, size_t size,
                            size_t *ret_used)
{
    size_t used = 0, copied = 0;

    while (used < there && copied < size && !body->done) {
        const char *data;
        size_t length, offered = there - used < size - copied ? there - used : size - copied;
        ssize_t count = bide__http1_body_decode(body, bytes + used, offered, &data, &length);

        if (count < 0) {
            *ret_used = used;
            return copied ? (ssize_t)copied : -1; /* the error is kept for the next call */
        }
        memcpy(buffer + copied, data, length);
        copied += length;
        used += (size_t)count;
    }
    *ret_used = used;
    return (ssize_t)copied;
}

ssize_t bide__http_message_read(struct bide__http_message *message, void *buffer, size_t size)
{
    struct bide__http1_body *body = &message->body;
    const void *bytes;
    ssize_t copied = 0;

    if (message->error)
        return message->error;
    if (body->error)
        return fail_protocol(message);
    if (body->framing == BIDE__HTTP1_FIXED) {
        uint64_t left = (uint64_t)message->parser.content_length - body->received;

        size = left < size ? (size_t)left : size;
    }
    if (size == 0 || body->done)
        return 0;
    if (body->framing != BIDE__HTTP1_CHUNKED && size >= PLAIN_READ_LEAST)
        return read_plain(message, buffer, size);
    while (copied == 0 && !body->done) {
        size_t used;
        ssize_t there = bide_peek(message->stream, 1, &bytes);

        if (there < 0)
            return failed(message, there);
        if (there == 0)
            return ended(message);
        copied = copy_decoded(body, bytes, (size_t)there, buffer, size, &used);
        bide_consume(message->stream, used);
        message->ahead = (size_t)there - used;
        if (copied < 0)
            return fail_protocol(message);
    }
    return copied;
}

int bide__http_text_reserve(struct bide__http_text *text, const struct bide__http_message *message, size_t body_max)
{
    int64_t length = bide__http_message_length(message);
    size_t limit = body_max == SIZE_MAX ? SIZE_MAX - 1 : body_max, capacity = text->capacity;

    if ((length > 0 && (uint64_t)length > limit) || text->size > limit)
        return bide_fail(BIDE_ELIMIT, "the body is larger than the limit of %zu bytes", body_max);
    if (text->size + 1 < capacity)
        return 0;
    if (length >= 0)
        capacity = (size_t)length + 1;
    else
        capacity = capacity ? capacity * 2 : TEXT_FIRST;
    char *data = capacity > text->capacity ? realloc(text->data, capacity) : NULL;
    if (!data)
        return bide_fail(-ENOMEM, "no memory for %zu bytes of a body", capacity);
    text->data = data;
    text->capacity = capacity;
    return 0;
}
