/* io/stream.h - what a stream is made of. */
#ifndef BIDE_IO_STREAM_H
#define BIDE_IO_STREAM_H

#include <bide/stream.h>

#include "base/buffer.h"
#include "io/address.h"
#include "loop/loop.h"

enum { BIDE__READ_LIMIT = 64 * 1024 };

struct bide_stream {
    struct bide_loop *loop;
    int descriptor;
    struct bide__buffer input;
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
 * A stream for a connected, non-blocking socket, which it owns from now on. NULL without memory: the socket is still
 * the caller's.
 */
struct bide_stream *bide__stream_new(struct bide_loop *loop, int descriptor);

#endif
