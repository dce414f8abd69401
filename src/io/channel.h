/* io/channel.h - what carries a stream's bytes: a socket, a pipe, memory, or TLS on top of one of these. */
#ifndef BIDE_IO_CHANNEL_H
#define BIDE_IO_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "loop/loop.h"

struct bide__transport;

/*
 * A transport with what it works on: a value, part of the stream. A layer (TLS) keeps the channel below it in its own
 * state and takes its place in the stream.
 */
struct bide__channel {
    const struct bide__transport *transport;
    struct bide_loop *loop;
    int descriptor; /* -1: none */
    void *state;    /* the transport's own */
};

/*
 * How bytes are carried. The stream sees to it that one task at a time is in a call of each direction. What waits
 * begins with a checkpoint and keeps the rules of cancellation: -ECANCELED means that nothing was taken, or sent.
 * Errors are -errno, to which the stream gives the message; or a code of bide's own, whose message is set already.
 */
struct bide__transport {
    /* Waits until receive would bring something (bytes, the end, an error). 0 or an error. Takes no buffer for that. */
    int64_t (*wait_readable)(struct bide__channel *channel);

    /* Waits for bytes: how many, 0 at the end, or an error. likely_ready: wait_readable has just said so. */
    int64_t (*receive)(struct bide__channel *channel, void *buffer, size_t size, bool likely_ready);

    /* Waits until some of it is on its way: how many bytes (at least one), or an error. */
    int64_t (*send)(struct bide__channel *channel, const void *data, size_t size);

    /* The same for several pieces; size of them is not zero. Only msg_iov and msg_iovlen count. */
    int64_t (*send_message)(struct bide__channel *channel, const struct msghdr *message);

    /* Ends the output; the input goes on. Does not wait. 0 or an error. */
    int (*end_output)(struct bide__channel *channel);

    /* False when nothing can be expected of an idle channel any more. Does not wait. */
    bool (*is_alive)(struct bide__channel *channel);

    /* Closes it and frees its state. Does not wait. abort: the peer is to see an error instead of an end. */
    void (*close)(struct bide__channel *channel, bool abort);
};

extern const struct bide__transport bide__transport_socket; /* channel_socket.c: a connected stream socket */
extern const struct bide__transport bide__transport_pipe;   /* channel_pipe.c: an end of a pipe, or a terminal */

#endif
