#ifndef BIDE_TESTS_HTTP1_EXPECT_H
#define BIDE_TESTS_HTTP1_EXPECT_H

/* Checks of transcripts: each message is fed whole, cut in two at every place, and byte by byte. */

#include "check.h"
#include "http1_transcript.h"

static struct transcript whole, pieces;

static inline void expect_same_in_pieces(struct feeding feeding, const char *bytes, size_t length)
{
    feeding.first = feeding.step = 0;
    transcribe(&whole, &feeding, bytes, length);
    for (feeding.first = 1; feeding.first < length; feeding.first++) {
        transcribe(&pieces, &feeding, bytes, length);
        check_str(pieces.text, whole.text);
    }
    for (feeding.first = 0, feeding.step = 1; feeding.step <= 3; feeding.step++) {
        transcribe(&pieces, &feeding, bytes, length);
        check_str(pieces.text, whole.text);
    }
}

/* The transcript of the bytes is `expected`, however they are fed. */
static inline void expect(struct feeding feeding, const char *bytes, size_t length, const char *expected)
{
    expect_same_in_pieces(feeding, bytes, length);
    check_str(whole.text, expected);
}

/* The transcript contains the text. */
static inline void expect_part(struct feeding feeding, const char *bytes, size_t length, const char *part)
{
    expect_same_in_pieces(feeding, bytes, length);
    if (!strstr(whole.text, part))
        check_str(whole.text, part);
}

/* The message is refused for that reason (the name in BIDE__HTTP1_ERRORS) at that byte of its head or body. */
static inline void expect_refused(struct feeding feeding, const char *bytes, size_t length, const char *where,
                                  const char *error, size_t offset)
{
    char line[128];

    snprintf(line, sizeof line, "%s error %s at %zu\n", where, error, offset);
    expect_part(feeding, bytes, length, line);
}

#define REQUEST ((struct feeding){ .mode = BIDE__HTTP1_REQUEST })
#define RESPONSE ((struct feeding){ .mode = BIDE__HTTP1_RESPONSE })
#define BYTES(literal) (literal), sizeof(literal) - 1

#endif
