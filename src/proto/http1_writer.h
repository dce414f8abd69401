#ifndef BIDE_PROTO_HTTP1_WRITER_H
#define BIDE_PROTO_HTTP1_WRITER_H

#include "proto/http1.h"

/*
 * Writes the head of an HTTP/1 message into a buffer of the caller's. All functions append; the first thing that is
 * wrong sticks, so only bide__http1_writer_finish() has to be asked. Once the buffer is full nothing more is stored but
 * `length` goes on counting: a first pass with capacity 0 measures, as with snprintf().
 */
struct bide__http1_writer {
    char *buffer;
    size_t capacity;
    size_t length; /* bytes the head needs so far, also beyond the capacity */
    int error;     /* 0, or the sticky -EINVAL */
};

/* Start to write into `capacity` bytes at `buffer` (which may be NULL for capacity 0). Borrowed until the last use. */
void bide__http1_writer_init(struct bide__http1_writer *writer, char *buffer, size_t capacity);

/* Append "METHOD target HTTP/1.1". Wrong (-EINVAL): a method that is no token; a target with spaces, control
 * characters, '#' or non-ASCII bytes, or an empty one. */
void bide__http1_write_request_line(struct bide__http1_writer *writer, const char *method, size_t method_length,
                                    const char *target, size_t target_length);

/* Append "HTTP/1.1 status reason". `reason` NULL: the usual one for the status, none for unknown ones. Wrong: a status
 * outside of 100..999, a reason with control characters. */
void bide__http1_write_status_line(struct bide__http1_writer *writer, int status, const char *reason);

/* Append "name: value". Wrong: a name that is no token; a value with CR, LF, NUL or another control character but the
 * tab. Nobody can smuggle a second header (or a body) into a value. */
void bide__http1_write_header(struct bide__http1_writer *writer, const char *name, size_t name_length,
                              const char *value, size_t value_length);

/* The same for two strings. */
void bide__http1_write_header_text(struct bide__http1_writer *writer, const char *name, const char *value);

/* Append "name: number", as for Content-Length. */
void bide__http1_write_header_number(struct bide__http1_writer *writer, const char *name, uint64_t number);

/* Append whole header lines, each with its CRLF, that were written and checked before. */
void bide__http1_write_lines(struct bide__http1_writer *writer, const char *lines, size_t length);

/*
 * Append the empty line and end the head. Returns its length; -EINVAL if something in it was wrong; -EMSGSIZE if the
 * buffer is too small (writer->length is what it needs). With capacity 0 this is the length and never -EMSGSIZE.
 */
ssize_t bide__http1_writer_finish(struct bide__http1_writer *writer);

/* Room for the line before a chunk: 16 digits and CRLF. */
#define BIDE__HTTP1_CHUNK_HEAD_SIZE 18

/* What follows the data of each chunk, and what ends a chunked body without trailers. */
#define BIDE__HTTP1_CHUNK_END "\r\n"
#define BIDE__HTTP1_LAST_CHUNK "0\r\n\r\n"

/* Write the line before a chunk of `data_length` bytes, which must not be 0 as that would end the body. Returns its
 * length; nothing is terminated. */
size_t bide__http1_write_chunk_head(size_t data_length, char ret_head[BIDE__HTTP1_CHUNK_HEAD_SIZE]);

/* The usual reason phrase for a status ("Not Found"), "" for one that has none. Static storage. */
const char *bide__http1_reason(int status);

/* "Sun, 06 Nov 1994 08:49:37 GMT" and its NUL. */
#define BIDE__HTTP1_DATE_SIZE 30

/* Write the time `seconds` after 1970-01-01 00:00 UTC as an IMF-fixdate (RFC 9110 5.6.7), NUL-terminated, without a
 * locale or a time zone. Returns 0, or -ERANGE outside of the years 1970..9999. */
int bide__http1_format_date(int64_t seconds, char ret_date[BIDE__HTTP1_DATE_SIZE]);

#endif
