#ifndef BIDE_PROTO_HTTP1_SCAN_H
#define BIDE_PROTO_HTTP1_SCAN_H

/*
 * The three searches in which an HTTP/1 parser spends its time: the first byte that is not part of a token, of a field
 * value, or of a request target. Each returns an index in [at, end], `end` when every byte fits, and never reads a byte
 * outside [0, end) of the buffer. 16 bytes a step with SSE2, 8 with plain 64-bit arithmetic elsewhere. The last step of
 * an SSE2 search reads 16 bytes that end at `end`, overlapping what was already seen, instead of going byte by byte.
 */

#include "proto/http1_internal.h"

#include <string.h>

static inline bool http1_is_value_byte(unsigned char byte)
{
    return byte >= 0x20 ? byte != 0x7f : byte == '\t';
}

static inline bool http1_is_target_byte(unsigned char byte)
{
    return byte > 0x20 && byte < 0x7f && byte != '#';
}

/* gcc would rather call the searches, at a tenth of the parser's speed. */
#if defined(__SSE2__) && !defined(BIDE__HTTP1_PORTABLE)
#include <emmintrin.h>

/* Each mask has a bit for every byte that ends the search. */
static inline unsigned http1_value_mask(__m128i bytes)
{
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    __m128i delete = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), delete));
}

static inline unsigned http1_target_mask(__m128i bytes)
{
    __m128i graphic = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x20)); /* signed: false from 0x80 on too */
    __m128i delete = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    __m128i hash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('#'));

    return (unsigned)_mm_movemask_epi8(_mm_andnot_si128(_mm_or_si128(delete, hash), graphic)) ^ 0xffffu;
}

/* Letters, digits and '-' only: the other characters of a token are so rare that they may take a second step. */
static inline unsigned http1_common_token_mask(__m128i bytes)
{
    __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    __m128i letter =
        _mm_and_si128(_mm_cmpgt_epi8(lower, _mm_set1_epi8('a' - 1)), _mm_cmplt_epi8(lower, _mm_set1_epi8('z' + 1)));
    __m128i digit =
        _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('0' - 1)), _mm_cmplt_epi8(bytes, _mm_set1_epi8('9' + 1)));
    __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), dash)) ^ 0xffffu;
}

#define HTTP1_DEFINE_SEARCH(name, mask_of, is_member)                                                                  \
    __attribute__((always_inline)) static inline size_t name(const char *buffer, size_t at, size_t end)                \
    {                                                                                                                  \
        unsigned mask;                                                                                                 \
                                                                                                                       \
        while (end - at >= 16) {                                                                                       \
            mask = mask_of(_mm_loadu_si128((const __m128i *)(const void *)(buffer + at)));                             \
            if (mask)                                                                                                  \
                return at + (unsigned)__builtin_ctz(mask);                                                             \
            at += 16;                                                                                                  \
        }                                                                                                              \
        if (end >= 16 && at < end) {                                                                                   \
            mask = mask_of(_mm_loadu_si128((const __m128i *)(const void *)(buffer + end - 16)));                       \
            mask >>= 16 - (end - at);                                                                                  \
            return mask ? at + (unsigned)__builtin_ctz(mask) : end;                                                    \
        }                                                                                                              \
        while (at < end && is_member((unsigned char)buffer[at]))                                                       \
            at++;                                                                                                      \
        return at;                                                                                                     \
    }

static inline bool http1_is_common_token_byte(unsigned char byte)
{
    return byte == '-' || (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

HTTP1_DEFINE_SEARCH(http1_value_end, http1_value_mask, http1_is_value_byte)
HTTP1_DEFINE_SEARCH(http1_target_end, http1_target_mask, http1_is_target_byte)
HTTP1_DEFINE_SEARCH(http1_common_token_end, http1_common_token_mask, http1_is_common_token_byte)
#undef HTTP1_DEFINE_SEARCH

__attribute__((always_inline)) static inline size_t http1_token_end(const char *buffer, size_t at, size_t end)
{
    for (;;) {
        at = http1_common_token_end(buffer, at, end);
        if (at == end || buffer[at] == ':' || !bide__http1_token_table[(unsigned char)buffer[at]])
            return at;
        at++;
    }
}

#else

#define HTTP1_ALL(byte) (0x0101010101010101u * (uint64_t)(byte))

/* High bit of a byte set where that byte of the word is zero; exact up to and including the first such byte. */
static inline uint64_t http1_zero_bytes(uint64_t word)
{
    return (word - HTTP1_ALL(0x01)) & ~word & HTTP1_ALL(0x80);
}

/* High bits where a byte is below `bound` (at most 0x80); exact up to and including the first such byte. */
static inline uint64_t http1_bytes_below(uint64_t word, unsigned bound)
{
    return (word - HTTP1_ALL(bound)) & ~word & HTTP1_ALL(0x80);
}

/* The words only say "nothing in these 8 bytes ends the search": which byte does, and tabs, are left to the byte loop,
 * so that the order of bytes in a word does not matter. */
static inline size_t http1_value_end(const char *buffer, size_t at, size_t end)
{
    uint64_t word;

    for (;;) {
        while (end - at >= 8) {
            memcpy(&word, buffer + at, 8);
            if (http1_bytes_below(word, 0x20) | http1_zero_bytes(word ^ HTTP1_ALL(0x7f)))
                break;
            at += 8;
        }
        for (size_t stop = end - at >= 8 ? at + 8 : end; at < stop; at++)
            if (!http1_is_value_byte((unsigned char)buffer[at]))
                return at;
        if (at == end)
            return end;
    }
}

static inline size_t http1_target_end(const char *buffer, size_t at, size_t end)
{
    uint64_t word;

    while (end - at >= 8) {
        memcpy(&word, buffer + at, 8);
        if ((word & HTTP1_ALL(0x80)) | http1_bytes_below(word, 0x21) | http1_zero_bytes(word ^ HTTP1_ALL(0x7f)) |
            http1_zero_bytes(word ^ HTTP1_ALL('#')))
            break;
        at += 8;
    }
    while (at < end && http1_is_target_byte((unsigned char)buffer[at]))
        at++;
    return at;
}

static inline size_t http1_token_end(const char *buffer, size_t at, size_t end)
{
    while (at < end && bide__http1_token_table[(unsigned char)buffer[at]])
        at++;
    return at;
}
#undef HTTP1_ALL
#endif

#endif
