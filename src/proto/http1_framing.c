/*
 * What a message head means: where the body ends, and whether the connection lives on.
 *
 * The parser hands over the few headers that matter as it meets them, and calls bide__http1_finish_head() at the end.
 * What must never happen is request smuggling: that this end of a message is not the end some other program on the way
 * saw. So wherever RFC 9112 leaves a choice the message is refused: two lengths (equal or not), a length and an
 * encoding, an encoding that is not exactly "chunked", a body on CONNECT, a second Host.
 */

#include "proto/authority.h"
#include "proto/http1_internal.h"

#include <string.h>

/* Offset of a piece of the value found by bide__http1_next_element() and the like. */
static size_t offset_in(const char *buffer, const char *place)
{
    return (size_t)(place - buffer);
}

enum bide__http1_method bide__http1_method_kind(const char *method, size_t length)
{
    if (length == 4 && memcmp(method, "HEAD", 4) == 0)
        return BIDE__HTTP1_METHOD_HEAD;
    if (length == 7 && memcmp(method, "CONNECT", 7) == 0)
        return BIDE__HTTP1_METHOD_CONNECT;
    if (length == 7 && memcmp(method, "OPTIONS", 7) == 0)
        return BIDE__HTTP1_METHOD_OPTIONS;
    return BIDE__HTTP1_METHOD_OTHER;
}

static int check_authority(struct bide__http1_parser *parser, const char *buffer, struct bide__http1_slice text,
                           enum bide__http1_error error, bool need_port)
{
    struct bide__authority authority;
    size_t position;

    if (bide__authority_parse(buffer + text.offset, text.length, &authority, &position) != BIDE__AUTHORITY_OK)
        return bide__http1_fail(parser, error, text.offset + position);
    if (need_port && authority.port < 0)
        return bide__http1_fail(parser, error, text.offset + text.length);
    return 1;
}

/* "http://host:port/path": the authority is checked and becomes the host of the request (RFC 9112 3.2.2). */
static int check_absolute(struct bide__http1_parser *parser, const char *buffer)
{
    const char *target = buffer + parser->target.offset;
    size_t length = parser->target.length;
    size_t start, end;

    if (length > 7 && bide__http1_equals(target, 7, "http://"))
        start = 7;
    else if (length > 8 && bide__http1_equals(target, 8, "https://"))
        start = 8;
    else
        return bide__http1_fail(parser, BIDE__HTTP1_BAD_TARGET, parser->target.offset);
    for (end = start; end < length && target[end] != '/' && target[end] != '?'; end++) {}
    parser->host.offset = parser->target.offset + (uint32_t)start;
    parser->host.length = (uint32_t)(end - start);
    return check_authority(parser, buffer, parser->host, BIDE__HTTP1_BAD_TARGET, false);
}

int bide__http1_check_target(struct bide__http1_parser *parser, const char *buffer)
{
    const char *target = buffer + parser->target.offset;

    parser->method_kind = bide__http1_method_kind(buffer + parser->method.offset, parser->method.length);
    if (parser->method_kind == BIDE__HTTP1_METHOD_CONNECT) {
        parser->host = parser->target;
        return check_authority(parser, buffer, parser->target, BIDE__HTTP1_BAD_TARGET, true);
    }
    if (target[0] == '/')
        return 1;
    if (target[0] == '*' && parser->target.length == 1 && parser->method_kind == BIDE__HTTP1_METHOD_OPTIONS)
        return 1;
    return check_absolute(parser, buffer);
}

/* Whether there is a tab in the white space around the value. Allowed by the grammar, but widespread parsers
 * (llhttp) then see another value, which for a header that frames the message is a way to smuggle. */
static bool has_tab_around(const char *buffer, const struct bide__http1_header *header)
{
    const char *start = buffer + header->value.offset;
    const char *end = start + header->value.length;

    while (start[-1] == ' ')
        start--;
    while (*end == ' ')
        end++;
    return start[-1] == '\t' || *end == '\t';
}

static int note_host(struct bide__http1_parser *parser, const char *buffer, const struct bide__http1_header *header)
{
    if (parser->mode != BIDE__HTTP1_REQUEST)
        return 1;
    if (parser->seen & BIDE__HTTP1_SEEN_HOST)
        return bide__http1_fail(parser, BIDE__HTTP1_DUPLICATE_HOST, header->name.offset);
    parser->seen |= BIDE__HTTP1_SEEN_HOST;
    if (parser->host.length == 0)
        parser->host = header->value;
    return check_authority(parser, buffer, header->value, BIDE__HTTP1_BAD_HOST, false);
}

static int note_content_length(struct bide__http1_parser *parser, const char *buffer,
                               const struct bide__http1_header *header)
{
    const char *digits = buffer + header->value.offset;
    int64_t value = 0;

    if (parser->seen & BIDE__HTTP1_SEEN_LENGTH)
        return bide__http1_fail(parser, BIDE__HTTP1_DUPLICATE_CONTENT_LENGTH, header->name.offset);
    parser->seen |= BIDE__HTTP1_SEEN_LENGTH;
    if (header->value.length == 0 || has_tab_around(buffer, header))
        return bide__http1_fail(parser, BIDE__HTTP1_BAD_CONTENT_LENGTH, header->value.offset);
    for (uint32_t i = 0; i < header->value.length; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return bide__http1_fail(parser, BIDE__HTTP1_BAD_CONTENT_LENGTH, header->value.offset + i);
    for (uint32_t i = 0; i < header->value.length; i++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digits[i] - '0', &value))
            return bide__http1_fail(parser, BIDE__HTTP1_CONTENT_LENGTH_OVERFLOW, header->value.offset + i);
    parser->content_length = value;
    return 1;
}

/* Only exactly "chunked" is decoded. A list of well-formed codings that ends in its only "chunked" is one we do not
 * know (501); everything else has no end that all would agree on (400). */
static int note_transfer_encoding(struct bide__http1_parser *parser, const char *buffer,
                                  const struct bide__http1_header *header)
{
    const char *value = buffer + header->value.offset;
    const char *coding = NULL;
    size_t position = 0, length = 0, chunked = 0;
    bool last_is_chunked = false, tokens = true;

    if (parser->seen & BIDE__HTTP1_SEEN_ENCODING)
        return bide__http1_fail(parser, BIDE__HTTP1_DUPLICATE_TRANSFER_ENCODING, header->name.offset);
    parser->seen |= BIDE__HTTP1_SEEN_ENCODING;
    if (has_tab_around(buffer, header))
        return bide__http1_fail(parser, BIDE__HTTP1_BAD_TRANSFER_ENCODING, header->value.offset);
    if (BIDE__HTTP1_IS(value, header->value.length, "chunked"))
        return 1;
    while (bide__http1_next_element(value, header->value.length, &position, &coding, &length)) {
        last_is_chunked = bide__http1_equals(coding, length, "chunked");
        chunked += last_is_chunked;
        tokens = tokens && bide__http1_is_token(coding, length);
    }
    if (last_is_chunked && chunked == 1 && tokens)
        return bide__http1_fail(parser, BIDE__HTTP1_UNSUPPORTED_TRANSFER_ENCODING, header->value.offset);
    return bide__http1_fail(parser, BIDE__HTTP1_BAD_TRANSFER_ENCODING,
                            coding ? offset_in(buffer, coding) : header->value.offset);
}

static int note_connection(struct bide__http1_parser *parser, const char *buffer,
                           const struct bide__http1_header *header)
{
    const char *value = buffer + header->value.offset, *option;
    size_t position = 0, length;

    if (BIDE__HTTP1_IS(value, header->value.length, "keep-alive")) { /* what nearly everybody sends */
        parser->seen |= BIDE__HTTP1_SEEN_KEEP_ALIVE;
        return 1;
    }
    while (bide__http1_next_element(value, header->value.length, &position, &option, &length)) {
        if (BIDE__HTTP1_IS(option, length, "close"))
            parser->seen |= BIDE__HTTP1_SEEN_CLOSE;
        else if (BIDE__HTTP1_IS(option, length, "keep-alive"))
            parser->seen |= BIDE__HTTP1_SEEN_KEEP_ALIVE;
        else if (BIDE__HTTP1_IS(option, length, "upgrade"))
            parser->seen |= BIDE__HTTP1_SEEN_UPGRADE_OPTION;
    }
    return 1;
}

int bide__http1_note_header(struct bide__http1_parser *parser, const char *buffer,
                            const struct bide__http1_header *header)
{
    const char *name = buffer + header->name.offset;
    size_t length = header->name.length;

    if (BIDE__HTTP1_IS(name, length, "host"))
        return note_host(parser, buffer, header);
    if (BIDE__HTTP1_IS(name, length, "connection"))
        return note_connection(parser, buffer, header);
    if (BIDE__HTTP1_IS(name, length, "content-length"))
        return note_content_length(parser, buffer, header);
    if (BIDE__HTTP1_IS(name, length, "transfer-encoding"))
        return note_transfer_encoding(parser, buffer, header);
    if (BIDE__HTTP1_IS(name, length, "upgrade"))
        parser->seen |= BIDE__HTTP1_SEEN_UPGRADE;
    else if (BIDE__HTTP1_IS(name, length, "expect") &&
             BIDE__HTTP1_IS(buffer + header->value.offset, header->value.length, "100-continue"))
        parser->seen |= BIDE__HTTP1_SEEN_EXPECT;
    return 1;
}

/* Responses that end with their head whatever their headers say (RFC 9112 6.3). */
static bool is_bodyless(const struct bide__http1_parser *parser)
{
    int status = parser->status;

    return status < 200 || status == 204 || status == 304 || parser->response_to == BIDE__HTTP1_METHOD_HEAD ||
           (parser->response_to == BIDE__HTTP1_METHOD_CONNECT && status < 300);
}

int bide__http1_finish_head(struct bide__http1_parser *parser, size_t end)
{
    uint32_t seen = parser->seen;
    bool is_request = parser->mode == BIDE__HTTP1_REQUEST;
    bool is_1_1 = parser->minor_version == 1;
    size_t last = end - 2; /* errors that the whole head has are reported at the empty line that ends it */

    if (is_request && is_1_1 && !(seen & BIDE__HTTP1_SEEN_HOST))
        return bide__http1_fail(parser, BIDE__HTTP1_MISSING_HOST, last);
    if ((seen & BIDE__HTTP1_SEEN_ENCODING) && !is_1_1)
        return bide__http1_fail(parser, BIDE__HTTP1_TRANSFER_ENCODING_IN_HTTP_1_0, last);
    if ((seen & BIDE__HTTP1_SEEN_ENCODING) && (seen & BIDE__HTTP1_SEEN_LENGTH))
        return bide__http1_fail(parser, BIDE__HTTP1_LENGTH_AND_ENCODING, last);
    if (parser->method_kind == BIDE__HTTP1_METHOD_CONNECT &&
        ((seen & BIDE__HTTP1_SEEN_ENCODING) || parser->content_length > 0))
        return bide__http1_fail(parser, BIDE__HTTP1_BODY_ON_CONNECT, last);

    if (!is_request && is_bodyless(parser))
        parser->framing = BIDE__HTTP1_NO_BODY;
    else if (seen & BIDE__HTTP1_SEEN_ENCODING)
        parser->framing = BIDE__HTTP1_CHUNKED;
    else if (seen & BIDE__HTTP1_SEEN_LENGTH)
        parser->framing = parser->content_length > 0 ? BIDE__HTTP1_FIXED : BIDE__HTTP1_NO_BODY;
    else
        parser->framing = is_request ? BIDE__HTTP1_NO_BODY : BIDE__HTTP1_UNTIL_CLOSE;
    if (parser->framing == BIDE__HTTP1_FIXED && (uint64_t)parser->content_length > parser->limits->body)
        return bide__http1_fail(parser, BIDE__HTTP1_BODY_TOO_LARGE, last);

    parser->keep_alive = is_1_1 ? !(seen & BIDE__HTTP1_SEEN_CLOSE)
                                : (seen & BIDE__HTTP1_SEEN_KEEP_ALIVE) && !(seen & BIDE__HTTP1_SEEN_CLOSE);
    if (parser->framing == BIDE__HTTP1_UNTIL_CLOSE)
        parser->keep_alive = false;
    parser->upgrade = is_1_1 && (seen & BIDE__HTTP1_SEEN_UPGRADE) && (seen & BIDE__HTTP1_SEEN_UPGRADE_OPTION);
    parser->expect_continue = is_request && is_1_1 && (seen & BIDE__HTTP1_SEEN_EXPECT);
    return 1;
}
