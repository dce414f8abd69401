#ifndef BIDE_PROTO_HTTP1_INTERNAL_H
#define BIDE_PROTO_HTTP1_INTERNAL_H

/* What the parts of the HTTP/1 parser share with each other and with nobody else. */

#include "proto/http1.h"

#include <string.h>

/* Bits of parser->seen. */
enum {
    BIDE__HTTP1_SEEN_HOST = 1 << 0,
    BIDE__HTTP1_SEEN_LENGTH = 1 << 1,
    BIDE__HTTP1_SEEN_ENCODING = 1 << 2,
    BIDE__HTTP1_SEEN_CLOSE = 1 << 3,
    BIDE__HTTP1_SEEN_KEEP_ALIVE = 1 << 4,
    BIDE__HTTP1_SEEN_UPGRADE_OPTION = 1 << 5,
    BIDE__HTTP1_SEEN_UPGRADE = 1 << 6,
    BIDE__HTTP1_SEEN_EXPECT = 1 << 7,
};

/* Whether a byte may be part of a token. */
extern const unsigned char bide__http1_token_table[256];

static inline uint64_t bide__http1_load8(const char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
    return word | 0x2020202020202020u;
}

/*
 * Whether bytes that are known to be free of control characters equal a constant in lower case letters, digits and '-'
 * (then setting bit 0x20 is all that "any case" takes). `length` is a constant, 4 or more, so no loop remains.
 */
__attribute__((always_inline)) static inline bool bide__http1_equals_word(const char *bytes, const char *word,
                                                                          size_t length)
{
    if (length < 8) {
        uint32_t a, b, c, d;

        memcpy(&a, bytes, 4);
        memcpy(&b, word, 4);
        memcpy(&c, bytes + length - 4, 4);
        memcpy(&d, word + length - 4, 4);
        return (((a | 0x20202020u) ^ b) | ((c | 0x20202020u) ^ d)) == 0;
    }
    for (size_t i = 0; i + 8 <= length; i += 8)
        if (bide__http1_load8(bytes + i) != bide__http1_load8(word + i))
            return false;
    return bide__http1_load8(bytes + length - 8) == bide__http1_load8(word + length - 8);
}

/* The same for a string constant and any number of bytes. */
#define BIDE__HTTP1_IS(bytes, size, constant)                                                                          \
    ((size) == sizeof(constant) - 1 && bide__http1_equals_word((bytes), (constant), sizeof(constant) - 1))

/* Refuse the message: sets the error and its place, returns -EBADMSG. */
int bide__http1_fail(struct bide__http1_parser *parser, enum bide__http1_error error, size_t offset);

/* Look at the form of the request target and of the method, once the request line is complete. 1 or -EBADMSG. */
int bide__http1_check_target(struct bide__http1_parser *parser, const char *buffer);

/* Take in one complete header line that may matter to the framing. 1 or -EBADMSG. */
int bide__http1_note_header(struct bide__http1_parser *parser, const char *buffer,
                            const struct bide__http1_header *header);

/* Decide framing and persistence, once all headers are known; `end` is the offset after the head. 1 or -EBADMSG. */
int bide__http1_finish_head(struct bide__http1_parser *parser, size_t end);

#endif
