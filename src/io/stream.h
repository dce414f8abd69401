/* io/stream.h - what a stream is made of. */
#ifndef BIDE_IO_STREAM_H
#define BIDE_IO_STREAM_H

#include <bide/stream.h>

#include "base/buffer.h"
#include "io/address.h"
#include "io/channel.h"

enum { BIDE__READ_LIMIT = 64 * 1024 };

struct bide_stream {
    bide_channel channel;
    struct bide__buffer input;
    int descriptor;             /* at the bottom, whatever layers stand on it; -1: none */
    struct bide_server *server; /* that has accepted it; NULL: none */
    size_t read_limit;
    bool reading; /* a task is inside a call that reads */
    bool writing;
    bool named; /* peer is text by now: nobody asks most streams for it */
    union {
        union bide__address address;
        char text[BIDE__ADDRESS_TEXT];
    } peer;
};

/*
 * A stream over a channel, which it owns from now on. peer: what stands for the other end in messages, cut to
 * BIDE__ADDRESS_TEXT; NULL: the address that the descriptor, a socket, is connected to. NULL without memory: the
 * channel is still the caller's.
 */
struct bide_stream *bide__stream_over(const bide_channel *channel, const char *peer);

/* The same for a connected, non-blocking socket. */
struct bide_stream *bide__stream_new(struct bide_loop *loop, int descriptor);

/* The same when the address of the other end is known already: a system call less. */
struct bide_stream *bide__stream_accepted(struct bide_loop *loop, int descriptor, const union bide__address *peer);

/* The same for a non-blocking end of a pipe or a terminal. */
struct bide_stream *bide__stream_of_pipe(struct bide_loop *loop, int descriptor, const char *peer);

/* Frees a stream whose channel is not its own any more. */
void bide__stream_discard(struct bide_stream *stream);

/* Gives an error of the channel its message, if it has none: "read from 127.0.0.1:80: ...". Returns it. */
int64_t bide__stream_explain(struct bide_stream *stream, const char *action, int64_t err);

/* Buffers at least `minimum` bytes, with a checkpoint. How many there are: less only at the end; or an error. */
ssize_t bide__stream_fill(struct bide_stream *stream, size_t minimum);

/*
 * Whether `size` bytes without a line end are the beginning of a line of more than `limit`: a "\r" may yet belong to
 * its end.
 */
static inline bool bide__line_is_too_long(const char *data, size_t size, size_t limit)
{
    return size > limit + 1 || (size == limit + 1 && data[limit] != '\r');
}

#endif
