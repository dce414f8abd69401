#ifndef BIDE_TESTS_HTTP1_TRANSCRIPT_H
#define BIDE_TESTS_HTTP1_TRANSCRIPT_H

/*
 * Everything that the HTTP/1 parser says about some bytes, as one text. Two transcripts are equal if and only if the
 * same events came with the same contents, so feeding the same bytes in other pieces must not change it. Shared by the
 * tests and the fuzz targets.
 */

#include "proto/http1.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRANSCRIPT_HEADERS 128

struct transcript {
    size_t length;
    char text[1 << 17];
};

/* What is fed and how: the first call sees `first` bytes (0: as `step`), each later one `step` more (0: all). */
struct feeding {
    enum bide__http1_mode mode;
    enum bide__http1_method response_to;
    const struct bide__http1_limits *limits;
    size_t first;
    size_t step;
    bool drop_trailers;
};

static const char *const transcript_error_names[] = { "OK",
#define TRANSCRIPT_ERROR(name, status, text) #name,
                                                      BIDE__HTTP1_ERRORS(TRANSCRIPT_ERROR)
#undef TRANSCRIPT_ERROR
};

static inline void transcript_add(struct transcript *transcript, const char *bytes, size_t length)
{
    size_t room = sizeof transcript->text - 1 - transcript->length;

    if (length > room)
        length = room;
    if (length > 0)
        memcpy(transcript->text + transcript->length, bytes, length);
    transcript->length += length;
    transcript->text[transcript->length] = '\0';
}

__attribute__((format(printf, 2, 3))) static inline void transcript_print(struct transcript *transcript,
                                                                          const char *format, ...)
{
    char line[256];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    transcript_add(transcript, line, length > 0 ? (size_t)length : 0);
}

static inline void transcript_slice(struct transcript *transcript, const char *before, const char *buffer,
                                    struct bide__http1_slice slice, const char *after)
{
    transcript_print(transcript, "%s", before);
    transcript_add(transcript, buffer + slice.offset, slice.length);
    transcript_print(transcript, "%s", after);
}

static inline void transcript_headers(struct transcript *transcript, const char *kind, const char *buffer,
                                      const struct bide__http1_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        transcript_print(transcript, "%s ", kind);
        transcript_slice(transcript, "", buffer, headers[i].name, ": ");
        transcript_slice(transcript, "", buffer, headers[i].value, "\n");
    }
}

static inline void transcript_head(struct transcript *transcript, const struct bide__http1_parser *parser,
                                   const char *buffer)
{
    static const char *const framings[] = { "none", "fixed", "chunked", "until-close" };

    if (parser->mode == BIDE__HTTP1_REQUEST) {
        transcript_slice(transcript, "request ", buffer, parser->method, " ");
        transcript_slice(transcript, "", buffer, parser->target, " ");
        transcript_slice(transcript, "host=", buffer, parser->host, " ");
    } else {
        transcript_print(transcript, "response %d ", parser->status);
        transcript_slice(transcript, "", buffer, parser->reason, " ");
    }
    transcript_print(transcript, "1.%d %s%s%s%s", parser->minor_version, framings[parser->framing],
                     parser->keep_alive ? " keep-alive" : "", parser->upgrade ? " upgrade" : "",
                     parser->expect_continue ? " expect" : "");
    if (parser->content_length >= 0)
        transcript_print(transcript, " length=%lld", (long long)parser->content_length);
    transcript_print(transcript, "\n");
    transcript_headers(transcript, "header", buffer, parser->headers, parser->header_count);
}

static inline void transcript_error(struct transcript *transcript, const char *where, enum bide__http1_error error,
                                    unsigned long long offset)
{
    transcript_print(transcript, "%s error %s at %llu\n", where, transcript_error_names[error], offset);
}

static inline size_t feed_more(const struct feeding *feeding, size_t visible, size_t length)
{
    return feeding->step == 0 || length - visible < feeding->step ? length : visible + feeding->step;
}

/* A head from a copy of exactly the visible bytes, at another place each time: no byte after them is ever looked at. */
static inline ssize_t transcript_parse_copy(struct transcript *transcript, struct bide__http1_parser *parser,
                                            const char *bytes, size_t length)
{
    char *copy = malloc(length ? length : 1);
    ssize_t used;

    if (!copy)
        abort();
    memcpy(copy, bytes, length);
    used = bide__http1_parse_head(parser, copy, length);
    if (used > 0)
        transcript_head(transcript, parser, copy);
    free(copy);
    return used;
}

/* The body after a head; moves *at on. Returns whether another message may follow. */
static inline bool transcript_body(struct transcript *transcript, const struct feeding *feeding,
                                   const struct bide__http1_parser *parser, const char *bytes, size_t length,
                                   size_t *visible, size_t *at)
{
    struct bide__http1_header trailers[TRANSCRIPT_HEADERS];
    struct bide__http1_body body;
    char trailer_bytes[8192];
    size_t data_length;
    const char *data;
    ssize_t used;

    bide__http1_body_init(&body, parser);
    if (!feeding->drop_trailers)
        bide__http1_body_keep_trailers(&body, trailer_bytes, sizeof trailer_bytes, trailers, TRANSCRIPT_HEADERS);
    transcript_print(transcript, "body ");
    while (!body.done) {
        if (*at == *visible && *visible == length) {
            if (bide__http1_body_close(&body) < 0) {
                transcript_print(transcript, "\n");
                transcript_error(transcript, "close", body.error, body.error_offset);
                return false;
            }
            break;
        }
        if (*at == *visible)
            *visible = feed_more(feeding, *visible, length);
        used = bide__http1_body_decode(&body, bytes + *at, *visible - *at, &data, &data_length);
        if (used < 0) {
            transcript_print(transcript, "\n");
            transcript_error(transcript, "body", body.error, body.error_offset);
            return false;
        }
        if (used == 0 || (size_t)used > *visible - *at || data_length > (size_t)used)
            abort();
        transcript_add(transcript, data, data_length);
        *at += (size_t)used;
    }
    transcript_print(transcript, "\n");
    transcript_headers(transcript, "trailer", trailer_bytes, trailers, body.trailer_count);
    transcript_print(transcript, "end at %zu, %llu bytes of body\n", *at, (unsigned long long)body.received);
    return true;
}

/* Parse all messages in the bytes and write down everything. */
static inline void transcribe(struct transcript *transcript, const struct feeding *feeding, const char *bytes,
                              size_t length)
{
    struct bide__http1_header headers[TRANSCRIPT_HEADERS];
    struct bide__http1_parser parser;
    size_t visible = feeding->first ? feeding->first : feed_more(feeding, 0, length);
    size_t at = 0;

    transcript->length = 0;
    transcript->text[0] = '\0';
    while (at < length) {
        ssize_t used;

        bide__http1_parser_init(&parser, feeding->mode, feeding->limits, headers, TRANSCRIPT_HEADERS);
        bide__http1_parser_answers(&parser, feeding->response_to);
        while ((used = transcript_parse_copy(transcript, &parser, bytes + at, visible - at)) == 0 && visible < length)
            visible = feed_more(feeding, visible, length);
        if (used < 0)
            transcript_error(transcript, "head", parser.error, parser.error_offset);
        else if (used == 0)
            transcript_print(transcript, "incomplete head\n");
        if (used <= 0)
            return;
        at += (size_t)used;
        if (!transcript_body(transcript, feeding, &parser, bytes, length, &visible, &at))
            return;
    }
}

#endif
