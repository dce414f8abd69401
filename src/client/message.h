/* client/message.h - a message as it is received: its head, kept, and its body, as a stream. For client and server. */
#ifndef BIDE_CLIENT_MESSAGE_H
#define BIDE_CLIENT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <bide/http.h>
#include <bide/stream.h>

#include "proto/http1.h"

enum {
    BIDE__HTTP_TEXT_BYTES = 2048,    /* room for a head that needs no memory of its own */
    BIDE__HTTP_HEADERS_MOST = 65536, /* what an option may ask for at most */
    BIDE__HTTP_HEAD_MOST = 16 * 1024 * 1024,
};

/* A message being received. Made once, used for one message after the other. */
struct bide__http_message {
    bide_stream *stream; /* NULL: nothing can be read any more */
    struct bide__http1_parser parser;
    struct bide__http1_body body;
    char *text; /* the head, behind it what accessors copied; also scratch between messages */
    size_t text_capacity;
    size_t text_used;
    size_t ahead;  /* bytes in the stream's buffer that are not part of what was taken */
    int error;     /* why the body cannot be read any more; 0: it can */
    bool own_text; /* text lies on the heap, not in `inline_text` */
    size_t header_capacity;
    struct bide__http1_header *headers;
    char inline_text[BIDE__HTTP_TEXT_BYTES];
};

/* The limits that options ask for (0: the default). -EINVAL with a message for those that make no sense. */
int bide__http_limits(size_t line_max, size_t header_count_max, size_t head_max, struct bide__http1_limits *ret_limits);

/* Bytes of a message with its headers behind it, as bide__http_message_open wants it. */
size_t bide__http_message_size(const struct bide__http1_limits *limits);

/* Makes the memory behind a structure that ends with a message usable for it. */
void bide__http_message_open(struct bide__http_message *message, const struct bide__http1_limits *limits);

/* Frees what it holds; the message itself and the stream are the caller's. */
void bide__http_message_close(struct bide__http_message *message);

/* Ready for a new message from the stream. A long head's memory goes back. */
void bide__http_message_begin(struct bide__http_message *message, bide_stream *stream, enum bide__http1_mode mode,
                              const struct bide__http1_limits *limits);

/* Makes room for `capacity` bytes of text; keeps `text_used` bytes. 0 or -ENOMEM. */
int bide__http_message_reserve(struct bide__http_message *message, size_t capacity);

/*
 * Looks for the end of the head in what bide_peek showed. 1: the head is complete, copied, and taken from the stream;
 * 0: more is needed; -EBADMSG: parser.error says why; -ENOMEM.
 */
int bide__http_message_parse(struct bide__http_message *message, const void *data, size_t size);

/* A slice of the head as a string. */
const char *bide__http_message_text(const struct bide__http_message *message, struct bide__http1_slice slice);

/* The first header of that name as a string, or NULL. */
const char *bide__http_message_header(const struct bide__http_message *message, const char *name);

/* Header number `index`; false beyond the last. */
bool bide__http_message_header_at(const struct bide__http_message *message, size_t index, bide_http_header *ret_header);

/* Bytes of the body, 0 without one, -1 when that is not known. */
int64_t bide__http_message_length(const struct bide__http_message *message);

/*
 * Reads of the body: bytes, 0 at its end, or an error with a message that says what the body lacks. All but
 * -ECANCELED are final. Waits only if nothing is at hand.
 */
ssize_t bide__http_message_read(struct bide__http_message *message, void *buffer, size_t size);

/* A piece of memory that a body is collected in. */
struct bide__http_text {
    char *data;
    size_t size, capacity;
};

/* Makes room for a next piece of the body, within the limit, and for a '\0'. 0, BIDE_ELIMIT with a message, or
 * -ENOMEM. */
int bide__http_text_reserve(struct bide__http_text *text, const struct bide__http_message *message, size_t body_max);

/* BIDE_ELIMIT or BIDE_EPROTOCOL: what an error of the parser is to the user. */
int bide__http_error_code(enum bide__http1_error error);

#endif
