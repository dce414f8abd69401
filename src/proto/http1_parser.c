/*
 * The parser of HTTP/1 message heads.
 *
 * Operations: init, and parse_head over a buffer that grows. A head costs one pass over its bytes and one entry of the
 * caller's array per header; a call that finds no new complete line costs only the new bytes, because the parser keeps
 * where the search stopped (`scan`) and which part of the line it stopped in (`name_length`, or the slices of the start
 * line). Nothing is allocated or copied.
 *
 * What must never happen: a verdict, or the place of an error, that depends on how the bytes were split into calls. So
 * every decision looks only at bytes before the one it is about, and every limit is an offset, not an amount received.
 */

#include "proto/http1_scan.h"

#include <errno.h>

const struct bide__http1_limits bide__http1_default_limits = {
    .start_line = 8190,
    .header_line = 8190,
    .header_count = 128,
    .head = 65536,
    .chunk_extension = 1024,
    .trailers = 8192,
    .body = INT64_MAX,
};

/* What a step of the parser found. Negative: -EBADMSG. */
enum {
    NEED_MORE = 0,
    LINE_DONE = 1,
    HEAD_DONE = 2,
};

#define VERSION_LENGTH 8

int bide__http1_fail(struct bide__http1_parser *parser, enum bide__http1_error error, size_t offset)
{
    parser->error = error;
    parser->error_offset = offset;
    return -EBADMSG;
}

void bide__http1_parser_init(struct bide__http1_parser *parser, enum bide__http1_mode mode,
                             const struct bide__http1_limits *limits, struct bide__http1_header *headers,
                             size_t header_capacity)
{
    /* In three parts: as one compound literal gcc clears it with a string instruction, at a tenth of a short head's
     * time. */
    memset(parser, 0, offsetof(struct bide__http1_parser, mode));
    parser->content_length = -1;

    parser->mode = mode;
    parser->response_to = BIDE__HTTP1_METHOD_OTHER;
    parser->limits = limits ? limits : &bide__http1_default_limits;
    parser->headers = headers;
    parser->header_capacity = header_capacity;

    parser->scan = 0;
    parser->line_start = 0;
    parser->name_length = 0;
    parser->seen = 0;
    parser->start_line_done = false;
    if (parser->limits->header_count < header_capacity)
        parser->header_capacity = parser->limits->header_count;
}

void bide__http1_parser_answers(struct bide__http1_parser *parser, enum bide__http1_method method)
{
    parser->response_to = method;
}

static inline size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline struct bide__http1_slice slice(size_t from, size_t to)
{
    return (struct bide__http1_slice){ (uint32_t)from, (uint32_t)(to - from) };
}

/* Where the line that starts at line_start has to end at the latest, within the bytes there are. */
static inline size_t line_stop(const struct bide__http1_parser *parser, size_t limit, size_t end)
{
    return limit < end - parser->line_start ? parser->line_start + limit : end;
}

static inline int suspend(struct bide__http1_parser *parser, size_t at)
{
    parser->scan = at;
    return NEED_MORE;
}

/* The byte at `at` ended a run of allowed ones: it must begin a CRLF, or the line has error `otherwise`. */
static inline int finish_line(struct bide__http1_parser *parser, const char *buffer, size_t at, size_t end,
                              enum bide__http1_error otherwise)
{
    if (buffer[at] != '\r')
        return bide__http1_fail(parser, buffer[at] == '\n' ? BIDE__HTTP1_BARE_LF : otherwise, at);
    if (at + 1 == end)
        return suspend(parser, at);
    if (buffer[at + 1] != '\n')
        return bide__http1_fail(parser, BIDE__HTTP1_BARE_CR, at);
    parser->line_start = parser->scan = at + 2;
    return LINE_DONE;
}

/* Compare as much of "HTTP/1.x" as is there. LINE_DONE when all of it is. */
static int parse_version(struct bide__http1_parser *parser, const char *buffer, size_t at, size_t end)
{
    static const char pattern[VERSION_LENGTH] = "HTTP/0.0";
    size_t length = smaller(end - at, VERSION_LENGTH);

    if (length == VERSION_LENGTH && memcmp(buffer + at, "HTTP/1.1", VERSION_LENGTH) == 0) {
        parser->minor_version = 1;
        return LINE_DONE;
    }
    for (size_t i = 0; i < length; i++) {
        char byte = buffer[at + i];

        if (pattern[i] == '0' ? byte < '0' || byte > '9' : byte != pattern[i])
            return bide__http1_fail(parser, BIDE__HTTP1_BAD_VERSION, at + i);
    }
    if (length < VERSION_LENGTH)
        return NEED_MORE;
    if (buffer[at + 5] != '1' || buffer[at + 7] > '1')
        return bide__http1_fail(parser, BIDE__HTTP1_UNSUPPORTED_VERSION, at);
    parser->minor_version = buffer[at + 7] - '0';
    return LINE_DONE;
}

/* RFC 9112 2.2: one empty line before a request is tolerated, as old clients send it after a POST. */
static int skip_empty_line(struct bide__http1_parser *parser, const char *buffer, size_t end)
{
    if (parser->scan > 0 || end == 0 || buffer[0] != '\r')
        return end > 0 ? LINE_DONE : NEED_MORE;
    return finish_line(parser, buffer, 0, end, BIDE__HTTP1_BARE_CR);
}

/* METHOD SP, from `scan` on. */
static int parse_method(struct bide__http1_parser *parser, const char *buffer, size_t end)
{
    size_t start = parser->line_start;
    size_t stop = line_stop(parser, parser->limits->start_line, end);
    size_t at = http1_token_end(buffer, parser->scan, stop);

    if (at == stop) {
        if (at < end)
            return bide__http1_fail(parser, BIDE__HTTP1_REQUEST_LINE_TOO_LONG, at);
        return suspend(parser, at);
    }
    if (buffer[at] == '\n' || buffer[at] == '\r')
        return bide__http1_fail(parser, buffer[at] == '\n' ? BIDE__HTTP1_BARE_LF : BIDE__HTTP1_BAD_REQUEST_LINE, at);
    if (at == start || buffer[at] != ' ')
        return bide__http1_fail(parser, BIDE__HTTP1_BAD_METHOD, at);
    parser->method = slice(start, at);
    parser->target.offset = (uint32_t)(at + 1);
    parser->scan = at + 1;
    return LINE_DONE;
}

/* target SP, from `scan` on. */
static int parse_target(struct bide__http1_parser *parser, const char *buffer, size_t end)
{
    size_t stop = line_stop(parser, parser->limits->start_line, end);
    size_t at;

    if (stop <= parser->scan) {
        if (stop < end)
            return bide__http1_fail(parser, BIDE__HTTP1_REQUEST_LINE_TOO_LONG, stop);
        return NEED_MORE;
    }
    at = http1_target_end(buffer, parser->scan, stop);
    if (at == stop) {
        if (at < end)
            return bide__http1_fail(parser, BIDE__HTTP1_REQUEST_LINE_TOO_LONG, at);
        return suspend(parser, at);
    }
    if (buffer[at] != ' ' && buffer[at] != '\r' && buffer[at] != '\n')
        return bide__http1_fail(parser, BIDE__HTTP1_BAD_TARGET_CHARACTER, at);
    if (at == parser->target.offset || buffer[at] != ' ')
        return bide__http1_fail(parser, buffer[at] == '\n' ? BIDE__HTTP1_BARE_LF : BIDE__HTTP1_BAD_REQUEST_LINE, at);
    parser->target.length = (uint32_t)(at - parser->target.offset);
    parser->scan = at + 1;
    return LINE_DONE;
}

static int parse_request_line(struct bide__http1_parser *parser, const char *buffer, size_t end)
{
    size_t at;
    int result = LINE_DONE;

    if (parser->method.length == 0) {
        if (parser->line_start == 0)
            result = skip_empty_line(parser, buffer, end);
        if (result == LINE_DONE)
            result = parse_method(parser, buffer, end);
    }
    if (result == LINE_DONE && parser->target.length == 0)
        result = parse_target(parser, buffer, end);
    if (result == LINE_DONE)
        result = parse_version(parser, buffer, parser->scan, end);
    if (result != LINE_DONE)
        return result;
    at = parser->scan + VERSION_LENGTH;
    if (at - parser->line_start > parser->limits->start_line)
        return bide__http1_fail(parser, BIDE__HTTP1_REQUEST_LINE_TOO_LONG,
                                parser->line_start + parser->limits->start_line);
    if (at == end)
        return NEED_MORE;
    /* Not finish_line() alone: it would move `scan` to the CR, and the version is looked at again from its start. */
    if (buffer[at] == '\r' && at + 1 == end)
        return NEED_MORE;
    result = finish_line(parser, buffer, at, end, BIDE__HTTP1_BAD_VERSION);
    return result < 0 ? result : bide__http1_check_target(parser, buffer);
}

/* "HTTP/1.1 200": at most 12 bytes, looked at again until they are there. LINE_DONE when the reason may follow. */
static int parse_status(struct bide__http1_parser *parser, const char *buffer, size_t end)
{
    int result = parse_version(parser, buffer, 0, end);
    int status = 0;

    if (result != LINE_DONE)
        return result;
    for (size_t at = VERSION_LENGTH; at < VERSION_LENGTH + 4; at++) {
        if (at == end)
            return NEED_MORE;
        if (buffer[at] == '\n')
            return bide__http1_fail(parser, BIDE__HTTP1_BARE_LF, at);
        if (at == VERSION_LENGTH ? buffer[at] != ' ' : buffer[at] < '0' || buffer[at] > '9')
            return bide__http1_fail(parser, BIDE__HTTP1_BAD_STATUS_LINE, at);
        if (at > VERSION_LENGTH)
            status = status * 10 + (buffer[at] - '0');
    }
    if (status < 100)
        return bide__http1_fail(parser, BIDE__HTTP1_BAD_STATUS_LINE, VERSION_LENGTH + 1);
    if (end == VERSION_LENGTH + 4)
        return NEED_MORE;
    parser->status = status;
    return LINE_DONE;
}

/* The space before an empty reason is required by RFC 9112 4 and left out by many servers: both are accepted. */
static int parse_status_line(struct bide__http1_parser *parser, const char *buffer, size_t end)
{
    const size_t after_status = VERSION_LENGTH + 4;
    size_t limit = parser->limits->start_line;
    size_t stop, at;
    int result;

    if (parser->status == 0) {
        if (end > 0)
            parser->scan = 1; /* no longer idle; the first bytes are looked at again by parse_status() */
        result = parse_status(parser, buffer, end);
        if (result != LINE_DONE)
            return result;
        parser->scan = after_status;
        if (limit < after_status)
            return bide__http1_fail(parser, BIDE__HTTP1_STATUS_LINE_TOO_LONG, limit);
        if (buffer[after_status] != ' ' && buffer[after_status] != '\r' && buffer[after_status] != '\n')
            return bide__http1_fail(parser, BIDE__HTTP1_BAD_STATUS_LINE, after_status);
    }
    stop = line_stop(parser, limit, end);
    at = http1_value_end(buffer, parser->scan, stop);
    if (at == end)
        return suspend(parser, at);
    if (at == stop && buffer[at] != '\r')
        return bide__http1_fail(parser, BIDE__HTTP1_STATUS_LINE_TOO_LONG, at);
    result = finish_line(parser, buffer, at, end, BIDE__HTTP1_BAD_STATUS_LINE);
    if (result == LINE_DONE && at > after_status)
        parser->reason = slice(after_status + 1, at);
    return result;
}

/* First letters of the names that bide__http1_note_header() knows, by their lengths: few other headers need to go
 * there. */
static const char noted_names[] = { [4] = 'h', [6] = 'e', [7] = 'u', [10] = 'c', [14] = 'c', [17] = 't' };

/* Why the name of a header ended at a byte that is not a colon. */
static int refuse_name(struct bide__http1_parser *parser, const char *buffer, size_t at)
{
    bool empty = at == parser->line_start;

    switch (buffer[at]) {
    case ' ':
    case '\t':
        return bide__http1_fail(parser, empty ? BIDE__HTTP1_FOLDED_HEADER : BIDE__HTTP1_SPACE_BEFORE_COLON, at);
    case ':':
        return bide__http1_fail(parser, BIDE__HTTP1_EMPTY_HEADER_NAME, at);
    case '\n':
        return bide__http1_fail(parser, BIDE__HTTP1_BARE_LF, at);
    case '\r':
        return bide__http1_fail(parser, BIDE__HTTP1_NO_COLON, at);
    default:
        return bide__http1_fail(parser, BIDE__HTTP1_BAD_HEADER_NAME, at);
    }
}

/* The name of a header and its colon, from `scan` on; or the empty line that ends the head. */
static inline int parse_name(struct bide__http1_parser *parser, const char *buffer, size_t end)
{
    size_t start = parser->line_start;
    size_t stop = line_stop(parser, parser->limits->header_line, end);
    size_t at = http1_token_end(buffer, parser->scan, stop);

    if (at == stop) {
        if (at < end && !(at == start && buffer[at] == '\r'))
            return bide__http1_fail(parser, BIDE__HTTP1_HEADER_LINE_TOO_LONG, at);
        if (at == end)
            return suspend(parser, at);
    }
    if (buffer[at] == ':' && at > start) {
        if (parser->header_count == parser->header_capacity)
            return bide__http1_fail(parser, BIDE__HTTP1_TOO_MANY_HEADERS, start);
        parser->name_length = (uint32_t)(at - start);
        parser->scan = at + 1;
        return LINE_DONE;
    }
    if (buffer[at] == '\r' && at == start) {
        int result = finish_line(parser, buffer, at, end, BIDE__HTTP1_BARE_CR);

        return result == LINE_DONE ? HEAD_DONE : result;
    }
    return refuse_name(parser, buffer, at);
}

/* Store the header whose name and value are at those places, without the white space around the value. */
static inline int store_header(struct bide__http1_parser *parser, const char *buffer, size_t start, size_t name_length,
                               size_t value_end)
{
    struct bide__http1_header *header = &parser->headers[parser->header_count++];
    size_t from = start + name_length + 1;

    header->name = slice(start, start + name_length);
    while (from < value_end && (buffer[from] == ' ' || buffer[from] == '\t'))
        from++;
    while (value_end > from && (buffer[value_end - 1] == ' ' || buffer[value_end - 1] == '\t'))
        value_end--;
    header->value = slice(from, value_end);
    if (name_length < sizeof noted_names && (buffer[start] | 0x20) == noted_names[name_length])
        return bide__http1_note_header(parser, buffer, header);
    return LINE_DONE;
}

/*
 * Complete and correct header lines, as fast as they come. The end of the line is searched first and the colon after
 * that, so that the search for the next line does not wait for the colon of this one. Stops before the first line that
 * is incomplete, wrong or empty: what is the matter with it is left to parse_name() and parse_value().
 */
static int parse_plain_lines(struct bide__http1_parser *parser, const char *buffer, size_t end)
{
    size_t limit = parser->limits->header_line;
    size_t start = parser->line_start;
    int result = LINE_DONE;

    while (result == LINE_DONE && parser->header_count < parser->header_capacity) {
        size_t stop = limit < end - start ? start + limit : end;
        size_t at = http1_value_end(buffer, start, stop), name_end;

        if (at == stop || end - at < 2 || buffer[at] != '\r' || buffer[at + 1] != '\n')
            break;
        name_end = http1_token_end(buffer, start, end);
        if (name_end == start || buffer[name_end] != ':')
            break;
        result = store_header(parser, buffer, start, name_end - start, at);
        start = at + 2;
    }
    parser->line_start = parser->scan = start;
    return result;
}

/* The value of a header and its CRLF, from `scan` on. Stores the header. */
static inline int parse_value(struct bide__http1_parser *parser, const char *buffer, size_t end)
{
    size_t start = parser->line_start;
    size_t stop = line_stop(parser, parser->limits->header_line, end);
    size_t at = parser->scan;
    int result;

    if (at < stop)
        at = http1_value_end(buffer, at, stop);
    if (at >= end)
        return suspend(parser, at);
    if (at >= stop && buffer[stop] != '\r')
        return bide__http1_fail(parser, BIDE__HTTP1_HEADER_LINE_TOO_LONG, stop);
    result = finish_line(parser, buffer, at, end, BIDE__HTTP1_BAD_HEADER_VALUE);
    if (result == LINE_DONE)
        result = store_header(parser, buffer, start, parser->name_length, at);
    if (result == LINE_DONE)
        parser->name_length = 0;
    return result;
}

ssize_t bide__http1_parse_head(struct bide__http1_parser *parser, const char *buffer, size_t length)
{
    size_t limit = smaller(parser->limits->head, UINT32_MAX);
    size_t end = smaller(length, limit);
    int result = LINE_DONE;

    if (parser->error)
        return -EBADMSG;
    if (!parser->start_line_done) {
        result = parser->mode == BIDE__HTTP1_REQUEST ? parse_request_line(parser, buffer, end)
                                                     : parse_status_line(parser, buffer, end);
        parser->start_line_done = result == LINE_DONE;
    }
    while (result == LINE_DONE) {
        if (parser->scan == parser->line_start)
            result = parse_plain_lines(parser, buffer, end);
        if (result == LINE_DONE && parser->name_length == 0)
            result = parse_name(parser, buffer, end);
        if (result == LINE_DONE)
            result = parse_value(parser, buffer, end);
    }
    if (result == HEAD_DONE)
        result = bide__http1_finish_head(parser, parser->scan);
    else if (result == NEED_MORE && end == limit)
        result = bide__http1_fail(parser, BIDE__HTTP1_HEAD_TOO_LARGE, limit);
    return result > 0 ? (ssize_t)parser->scan : result;
}
