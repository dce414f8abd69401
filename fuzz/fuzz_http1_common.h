#ifndef BIDE_FUZZ_HTTP1_COMMON_H
#define BIDE_FUZZ_HTTP1_COMMON_H

/* Invariants of the HTTP/1 parser that hold for any bytes. */

#include "../tests/proto/http1_transcript.h"
#include "proto/http1_writer.h"

static struct transcript whole, pieces;

static inline void demand(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n--- whole\n%s\n--- pieces\n%s\n", what, whole.text, pieces.text);
        abort();
    }
}

/* The same events however the bytes are fed. The length of the input chooses one more cut. */
static inline void demand_same_in_pieces(struct feeding feeding, const char *bytes, size_t length)
{
    transcribe(&whole, &feeding, bytes, length);
    feeding.step = 1;
    transcribe(&pieces, &feeding, bytes, length);
    demand(strcmp(whole.text, pieces.text) == 0, "byte by byte is the same as all at once");
    feeding.step = 7;
    feeding.first = length > 0 ? (unsigned char)bytes[length - 1] % length : 0;
    transcribe(&pieces, &feeding, bytes, length);
    demand(strcmp(whole.text, pieces.text) == 0, "in pieces is the same as all at once");
}

static inline int same_slice(const char *a, struct bide__http1_slice in_a, const char *b, struct bide__http1_slice in_b)
{
    return in_a.length == in_b.length && memcmp(a + in_a.offset, b + in_b.offset, in_a.length) == 0;
}

/* An accepted HTTP/1.1 head can be written, and what was written parses to the same. */
static inline void demand_round_trip(enum bide__http1_mode mode, const char *bytes, size_t length)
{
    struct bide__http1_header headers[TRANSCRIPT_HEADERS], again[TRANSCRIPT_HEADERS];
    struct bide__http1_parser first, second;
    struct bide__http1_writer writer;
    static char buffer[20000];
    char reason[9000];
    ssize_t written;

    bide__http1_parser_init(&first, mode, NULL, headers, TRANSCRIPT_HEADERS);
    if (bide__http1_parse_head(&first, bytes, length) <= 0 || first.minor_version != 1)
        return;
    bide__http1_writer_init(&writer, buffer, sizeof buffer);
    snprintf(reason, sizeof reason, "%.*s", (int)first.reason.length, bytes + first.reason.offset);
    if (mode == BIDE__HTTP1_REQUEST)
        bide__http1_write_request_line(&writer, bytes + first.method.offset, first.method.length,
                                       bytes + first.target.offset, first.target.length);
    else
        bide__http1_write_status_line(&writer, first.status, reason);
    for (size_t i = 0; i < first.header_count; i++)
        bide__http1_write_header(&writer, bytes + headers[i].name.offset, headers[i].name.length,
                                 bytes + headers[i].value.offset, headers[i].value.length);
    written = bide__http1_writer_finish(&writer);
    demand(written > 0, "what was accepted can be written");
    bide__http1_parser_init(&second, mode, NULL, again, TRANSCRIPT_HEADERS);
    demand(bide__http1_parse_head(&second, buffer, (size_t)written) == written, "what was written is accepted");
    demand(first.header_count == second.header_count && first.framing == second.framing &&
               first.content_length == second.content_length && first.keep_alive == second.keep_alive &&
               first.status == second.status,
           "what was written means the same");
    demand(same_slice(bytes, first.method, buffer, second.method) &&
               same_slice(bytes, first.target, buffer, second.target) &&
               same_slice(bytes, first.host, buffer, second.host) &&
               same_slice(bytes, first.reason, buffer, second.reason),
           "the start line is the same");
    for (size_t i = 0; i < first.header_count; i++)
        demand(same_slice(bytes, headers[i].name, buffer, again[i].name) &&
                   same_slice(bytes, headers[i].value, buffer, again[i].value),
               "the headers are the same");
}

#endif
