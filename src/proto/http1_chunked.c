/*
 * The bodies of HTTP/1 messages: none, a known number of bytes, chunks, or all until the connection closes.
 *
 * Operations: init from a parsed head, decode (any split of the bytes), close. Data is handed out as slices of the
 * input and never copied; framing is read a byte at a time, which is little beside the data; each byte once. Only
 * trailers are copied, to a buffer of the caller's, if he gives one.
 *
 * What must never happen: to guess. A size is hexadecimal digits and nothing else, CRLF is CRLF, an extension is
 * ";name", ";name=token" or ;name="quoted" without spaces, and a trailer can change neither framing nor routing.
 */

#include "proto/http1_internal.h"

#include <errno.h>
#include <string.h>

enum state {
    SIZE,            /* hexadecimal digits; the first one is required */
    EXTENSION_NAME,  /* after ';' */
    EXTENSION_VALUE, /* after '=': a token or a quote */
    EXTENSION_TOKEN,
    EXTENSION_QUOTED,
    EXTENSION_ESCAPED, /* after a backslash in quotes */
    EXTENSION_CLOSED,  /* after the closing quote */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
};

/* 16 digits hold any size; more can only be leading zeros, which somebody else may count differently. */
#define MOST_SIZE_DIGITS 16

/* A trailer with one of these names would change where messages end or whom they are for: refused. */
static const char *const forbidden_trailers[] = {
    "content-length", "transfer-encoding", "host", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
};

/* These must be known before the body (RFC 9110 6.5.1): dropped. */
static const char *const dropped_trailers[] = {
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "www-authenticate",
    "proxy-connection",
    "cookie",
    "set-cookie",
    "cache-control",
    "age",
    "date",
    "expires",
    "vary",
    "warning",
    "location",
    "retry-after",
    "content-encoding",
    "content-type",
    "content-range",
    "max-forwards",
    "pragma",
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The error is at the byte after the `used` ones of this call. */
static int fail(struct bide__http1_body *body, enum bide__http1_error error, size_t used)
{
    body->error = error;
    body->error_offset = body->consumed + used;
    return -EBADMSG;
}

void bide__http1_body_init(struct bide__http1_body *body, const struct bide__http1_parser *parser)
{
    *body = (struct bide__http1_body){
        .framing = parser->framing,
        .done = parser->framing == BIDE__HTTP1_NO_BODY,
        .limits = parser->limits,
        .remaining = parser->framing == BIDE__HTTP1_FIXED ? (uint64_t)parser->content_length : 0,
    };
}

void bide__http1_body_keep_trailers(struct bide__http1_body *body, char *buffer, size_t capacity,
                                    struct bide__http1_header *trailers, size_t trailers_capacity)
{
    body->trailer_buffer = buffer;
    body->trailer_capacity = capacity < UINT32_MAX ? capacity : UINT32_MAX;
    body->trailers = trailers;
    body->trailers_capacity = trailers_capacity;
}

static int hex_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f')
        return (byte | 0x20) - 'a' + 10;
    return -1;
}

static int is_token_byte(char byte)
{
    return bide__http1_token_table[(unsigned char)byte];
}

static int is_value_byte(char byte)
{
    return (unsigned char)byte >= 0x20 ? byte != 0x7f : byte == '\t';
}

static int take_size(struct bide__http1_body *body, char byte)
{
    int digit = hex_value(byte);

    if (digit >= 0) {
        if (body->digits == MOST_SIZE_DIGITS)
            return BIDE__HTTP1_CHUNK_SIZE_OVERFLOW;
        body->digits++;
        if (body->remaining > (uint64_t)INT64_MAX >> 4)
            return BIDE__HTTP1_CHUNK_SIZE_OVERFLOW;
        body->remaining = body->remaining << 4 | (unsigned)digit;
        if (body->remaining > body->limits->body - body->received)
            return BIDE__HTTP1_BODY_TOO_LARGE;
        return BIDE__HTTP1_OK;
    }
    if (byte == '\n')
        return BIDE__HTTP1_BARE_LF;
    if (body->digits == 0 || (byte != ';' && byte != '\r'))
        return BIDE__HTTP1_BAD_CHUNK_SIZE;
    body->section_length = 0;
    body->state = byte == ';' ? EXTENSION_NAME : SIZE_LF;
    body->digits = 0; /* from here on: 1 once the extension has a name or a value */
    return BIDE__HTTP1_OK;
}

/* Whether the extension may end here: after a name, a token or a closing quote. */
static bool extension_complete(const struct bide__http1_body *body)
{
    return body->state == EXTENSION_CLOSED ||
           ((body->state == EXTENSION_NAME || body->state == EXTENSION_TOKEN) && body->digits > 0);
}

static int take_extension(struct bide__http1_body *body, char byte)
{
    bool quoted = body->state == EXTENSION_QUOTED || body->state == EXTENSION_ESCAPED;

    if (byte == '\n')
        return BIDE__HTTP1_BARE_LF;
    if (byte == '\r' && extension_complete(body)) {
        body->state = SIZE_LF;
        return BIDE__HTTP1_OK;
    }
    if (byte == '\r')
        return quoted ? BIDE__HTTP1_BARE_CR : BIDE__HTTP1_BAD_CHUNK_EXTENSION;
    if (++body->section_length >= body->limits->chunk_extension) /* the ';' before it was not counted */
        return BIDE__HTTP1_CHUNK_EXTENSION_TOO_LONG;
    if (byte == ';' && extension_complete(body)) {
        body->state = EXTENSION_NAME;
        body->digits = 0;
    } else if (byte == '=' && body->state == EXTENSION_NAME && body->digits > 0) {
        body->state = EXTENSION_VALUE;
    } else if (byte == '"' && body->state == EXTENSION_VALUE) {
        body->state = EXTENSION_QUOTED;
    } else if (is_token_byte(byte) && !quoted && body->state != EXTENSION_CLOSED) {
        body->state = body->state == EXTENSION_NAME ? EXTENSION_NAME : EXTENSION_TOKEN;
        body->digits = 1;
    } else if (quoted && is_value_byte(byte)) {
        if (body->state == EXTENSION_ESCAPED)
            body->state = EXTENSION_QUOTED;
        else if (byte == '"')
            body->state = EXTENSION_CLOSED;
        else if (byte == '\\')
            body->state = EXTENSION_ESCAPED;
    } else {
        return BIDE__HTTP1_BAD_CHUNK_EXTENSION;
    }
    return BIDE__HTTP1_OK;
}

static bool is_among(const char *name, size_t length, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bide__http1_equals(name, length, names[i]))
            return true;
    return false;
}

static int keep_byte(struct bide__http1_body *body, char byte)
{
    if (!body->trailer_buffer || body->drop_trailer)
        return BIDE__HTTP1_OK;
    if (body->trailer_used == body->trailer_capacity)
        return BIDE__HTTP1_TRAILERS_TOO_LARGE;
    body->trailer_buffer[body->trailer_used++] = byte;
    return BIDE__HTTP1_OK;
}

static int take_trailer_name(struct bide__http1_body *body, char byte)
{
    if (is_token_byte(byte)) {
        if (body->name_used < sizeof body->name)
            body->name[body->name_used++] = byte;
        body->state = TRAILER_NAME;
        body->trailer.name.length++;
        return keep_byte(body, byte);
    }
    switch (byte) {
    case ':':
        break;
    case '\n':
        return BIDE__HTTP1_BARE_LF;
    case '\r':
        return BIDE__HTTP1_NO_COLON;
    case ' ':
    case '\t':
        return body->name_used ? BIDE__HTTP1_SPACE_BEFORE_COLON : BIDE__HTTP1_FOLDED_HEADER;
    default:
        return BIDE__HTTP1_BAD_HEADER_NAME;
    }
    if (body->name_used == 0)
        return BIDE__HTTP1_EMPTY_HEADER_NAME;
    if (is_among(body->name, body->name_used, forbidden_trailers, COUNT(forbidden_trailers)))
        return BIDE__HTTP1_FORBIDDEN_TRAILER;
    if (++body->line_count > body->limits->header_count)
        return BIDE__HTTP1_TOO_MANY_TRAILERS;
    if (is_among(body->name, body->name_used, dropped_trailers, COUNT(dropped_trailers))) {
        body->drop_trailer = true;
        body->trailer_used = body->trailer.name.offset;
    } else if (body->trailer_buffer && body->trailer_count == body->trailers_capacity) {
        return BIDE__HTTP1_TOO_MANY_TRAILERS;
    }
    body->trailer.value.offset = (uint32_t)body->trailer_used;
    body->state = TRAILER_VALUE;
    return BIDE__HTTP1_OK;
}

static void store_trailer(struct bide__http1_body *body)
{
    size_t end = body->trailer_used;
    uint32_t start = body->trailer.value.offset;

    if (!body->trailer_buffer || body->drop_trailer)
        return;
    while (end > start && (body->trailer_buffer[end - 1] == ' ' || body->trailer_buffer[end - 1] == '\t'))
        end--;
    body->trailer_used = end;
    body->trailer.value.length = (uint32_t)(end - start);
    body->trailers[body->trailer_count++] = body->trailer;
}

static int take_trailer(struct bide__http1_body *body, char byte)
{
    if (++body->section_length > body->limits->trailers)
        return BIDE__HTTP1_TRAILERS_TOO_LARGE;
    switch (body->state) {
    case TRAILER_START:
        body->name_used = 0;
        body->drop_trailer = false;
        body->trailer = (struct bide__http1_header){ .name.offset = (uint32_t)body->trailer_used };
        if (byte == '\r') {
            body->state = LAST_LF;
            return BIDE__HTTP1_OK;
        }
        return take_trailer_name(body, byte);
    case TRAILER_NAME:
        return take_trailer_name(body, byte);
    case TRAILER_VALUE:
        if (byte == '\r') {
            body->state = TRAILER_LF;
            return BIDE__HTTP1_OK;
        }
        if (!is_value_byte(byte))
            return byte == '\n' ? BIDE__HTTP1_BARE_LF : BIDE__HTTP1_BAD_HEADER_VALUE;
        if ((byte == ' ' || byte == '\t') && body->trailer_used == body->trailer.value.offset)
            return BIDE__HTTP1_OK;
        return keep_byte(body, byte);
    case TRAILER_LF:
        if (byte != '\n')
            return BIDE__HTTP1_BARE_CR;
        store_trailer(body);
        body->state = TRAILER_START;
        return BIDE__HTTP1_OK;
    default:
        if (byte != '\n')
            return BIDE__HTTP1_BARE_CR;
        body->done = true;
        return BIDE__HTTP1_OK;
    }
}

/* One byte that is not data. */
static int take_framing(struct bide__http1_body *body, char byte)
{
    switch (body->state) {
    case SIZE:
        return take_size(body, byte);
    case SIZE_LF:
        if (byte != '\n')
            return BIDE__HTTP1_BARE_CR;
        body->section_length = 0;
        body->state = body->remaining ? DATA : TRAILER_START;
        return BIDE__HTTP1_OK;
    case DATA_CR:
        body->state = DATA_LF;
        return byte == '\r' ? BIDE__HTTP1_OK : BIDE__HTTP1_BAD_CHUNK_END;
    case DATA_LF:
        body->state = SIZE;
        body->digits = 0;
        return byte == '\n' ? BIDE__HTTP1_OK : BIDE__HTTP1_BAD_CHUNK_END;
    default:
        return body->state < SIZE_LF ? take_extension(body, byte) : take_trailer(body, byte);
    }
}

/* Hand out what is data among the `length` bytes, which start within data. */
static size_t take_data(struct bide__http1_body *body, const char *bytes, size_t length, const char **ret_data,
                        size_t *ret_data_length)
{
    if (body->framing != BIDE__HTTP1_UNTIL_CLOSE) {
        if (length > body->remaining)
            length = (size_t)body->remaining;
        body->remaining -= length;
    }
    body->received += length;
    *ret_data = bytes;
    *ret_data_length = length;
    return length;
}

ssize_t bide__http1_body_decode(struct bide__http1_body *body, const char *bytes, size_t length, const char **ret_data,
                                size_t *ret_data_length)
{
    size_t used = 0;

    if (body->error)
        return -EBADMSG;
    *ret_data = bytes;
    *ret_data_length = 0;
    if (body->done || length == 0)
        return 0;
    if (body->framing == BIDE__HTTP1_UNTIL_CLOSE) {
        if (body->received == body->limits->body)
            return fail(body, BIDE__HTTP1_BODY_TOO_LARGE, 0);
        if (length > body->limits->body - body->received)
            length = (size_t)(body->limits->body - body->received);
        used = take_data(body, bytes, length, ret_data, ret_data_length);
    } else if (body->framing == BIDE__HTTP1_FIXED) {
        used = take_data(body, bytes, length, ret_data, ret_data_length);
        body->done = body->remaining == 0;
    } else {
        while (used < length && !body->done) {
            enum bide__http1_error error;

            if (body->state == DATA) {
                used += take_data(body, bytes + used, length - used, ret_data, ret_data_length);
                if (body->remaining == 0)
                    body->state = DATA_CR;
                break;
            }
            error = (enum bide__http1_error)take_framing(body, bytes[used]);
            if (error)
                return fail(body, error, used);
            used++;
        }
    }
    body->consumed += used;
    return (ssize_t)used;
}

int bide__http1_body_close(struct bide__http1_body *body)
{
    if (body->error)
        return -EBADMSG;
    if (body->framing == BIDE__HTTP1_UNTIL_CLOSE)
        body->done = true;
    return body->done ? 0 : fail(body, BIDE__HTTP1_INCOMPLETE_BODY, 0);
}
