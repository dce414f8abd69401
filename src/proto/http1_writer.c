/*
 * Writes HTTP/1 message heads and chunk lines.
 *
 * Each operation checks what it is given and appends it, one pass over the bytes, no allocation. The errors stick, so
 * that a head is built without a branch per line and refused as a whole. What must never happen: that a name, value,
 * target or reason which came from somebody else ends its line (response splitting). So every byte is checked by the
 * same rules as in the parser, and what was written always parses to what was meant.
 */

#include "proto/http1_writer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void bide__http1_writer_init(struct bide__http1_writer *writer, char *buffer, size_t capacity)
{
    *writer = (struct bide__http1_writer){ .buffer = buffer, .capacity = capacity };
}

static void append(struct bide__http1_writer *writer, const char *bytes, size_t length)
{
    if (length > 0 && writer->length <= writer->capacity && length <= writer->capacity - writer->length)
        memcpy(writer->buffer + writer->length, bytes, length);
    writer->length += length;
}

static void append_text(struct bide__http1_writer *writer, const char *text)
{
    append(writer, text, strlen(text));
}

static void refuse(struct bide__http1_writer *writer)
{
    writer->error = -EINVAL;
}

/* The decimal digits of `number`, right-aligned in 20 bytes; returns where they start. */
static size_t format_number(uint64_t number, char digits[20])
{
    size_t at = 20;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return at;
}

void bide__http1_write_request_line(struct bide__http1_writer *writer, const char *method, size_t method_length,
                                    const char *target, size_t target_length)
{
    if (!bide__http1_is_token(method, method_length) || !bide__http1_is_target(target, target_length)) {
        refuse(writer);
        return;
    }
    append(writer, method, method_length);
    append_text(writer, " ");
    append(writer, target, target_length);
    append_text(writer, " HTTP/1.1\r\n");
}

void bide__http1_write_status_line(struct bide__http1_writer *writer, int status, const char *reason)
{
    char digits[20];

    if (!reason)
        reason = bide__http1_reason(status);
    if (status < 100 || status > 999 || !bide__http1_is_field_value(reason, strlen(reason))) {
        refuse(writer);
        return;
    }
    append_text(writer, "HTTP/1.1 ");
    append(writer, digits + format_number((uint64_t)status, digits), 3);
    append_text(writer, " ");
    append_text(writer, reason);
    append_text(writer, "\r\n");
}

void bide__http1_write_header(struct bide__http1_writer *writer, const char *name, size_t name_length,
                              const char *value, size_t value_length)
{
    if (!bide__http1_is_token(name, name_length) || !bide__http1_is_field_value(value, value_length)) {
        refuse(writer);
        return;
    }
    append(writer, name, name_length);
    append_text(writer, ": ");
    append(writer, value, value_length);
    append_text(writer, "\r\n");
}

void bide__http1_write_header_text(struct bide__http1_writer *writer, const char *name, const char *value)
{
    bide__http1_write_header(writer, name, strlen(name), value, strlen(value));
}

void bide__http1_write_header_number(struct bide__http1_writer *writer, const char *name, uint64_t number)
{
    char digits[20];
    size_t start = format_number(number, digits);

    bide__http1_write_header(writer, name, strlen(name), digits + start, sizeof digits - start);
}

void bide__http1_write_lines(struct bide__http1_writer *writer, const char *lines, size_t length)
{
    append(writer, lines, length);
}

ssize_t bide__http1_writer_finish(struct bide__http1_writer *writer)
{
    append_text(writer, "\r\n");
    if (writer->error)
        return writer->error;
    if (writer->capacity > 0 && writer->length > writer->capacity)
        return -EMSGSIZE;
    return (ssize_t)writer->length;
}

size_t bide__http1_write_chunk_head(size_t data_length, char ret_head[BIDE__HTTP1_CHUNK_HEAD_SIZE])
{
    size_t digits = 1, length;

    assert(data_length > 0);
    for (size_t rest = data_length >> 4; rest > 0; rest >>= 4)
        digits++;
    length = digits;
    while (digits > 0) {
        ret_head[--digits] = "0123456789abcdef"[data_length & 15];
        data_length >>= 4;
    }
    ret_head[length] = '\r';
    ret_head[length + 1] = '\n';
    return length + 2;
}
