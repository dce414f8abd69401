/*
 * bide/transport.h - what carries a stream's bytes: for those who bring streams over something else
 *
 * A stream (bide/stream.h) does not care what its bytes travel through: a socket, a pipe, memory, or a layer such as
 * TLS that stands on one of these. What carries them is a channel: a transport, which is a table of functions, and
 * what it works on. With what is declared here another library can bring a stream over anything
 * (bide_stream_from_channel), or put a layer into a stream that is in use (bide_stream_interpose), as libbide-tls
 * does.
 */
#ifndef BIDE_TRANSPORT_H
#define BIDE_TRANSPORT_H

#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <bide/export.h>
#include <bide/loop.h>
#include <bide/stream.h>

typedef struct bide_transport bide_transport;

/*
 * A transport with what it works on: a value, part of the stream. A layer keeps the channel below it in its own state
 * and takes its place in the stream.
 */
typedef struct bide_channel {
    const bide_transport *transport;
    bide_loop *loop;
    int descriptor; /* -1: none, or none whose bytes are those of the stream */
    void *state;    /* the transport's own */
} bide_channel;

/*
 * How bytes are carried. The stream sees to it that one task at a time is in a call of each direction. What waits
 * begins with a checkpoint and keeps the rules of cancellation: -ECANCELED means that nothing was taken, or sent.
 * Errors are -errno, to which the stream gives the message; or a code of bide's own, whose message is set already.
 */
struct bide_transport {
    /* Waits until receive would bring something (bytes, the end, an error). 0 or an error. Takes no buffer for that. */
    int64_t (*wait_readable)(bide_channel *channel);

    /* Waits for bytes: how many, 0 at the end, or an error. likely_ready: wait_readable has just said so. */
    int64_t (*receive)(bide_channel *channel, void *buffer, size_t size, bool likely_ready);

    /* Waits until some of it is on its way: how many bytes (at least one), or an error. */
    int64_t (*send)(bide_channel *channel, const void *data, size_t size);

    /* The same for several pieces; size of them is not zero. Only msg_iov and msg_iovlen count. */
    int64_t (*send_message)(bide_channel *channel, const struct msghdr *message);

    /*
     * What goes now, without waiting and without a checkpoint: how many bytes (receiving: 0 at the end), -EAGAIN, or
     * an error. No task is in a call of that direction. For layers. NULL: nothing ever goes at once.
     */
    int64_t (*try_receive)(bide_channel *channel, void *buffer, size_t size);
    int64_t (*try_send)(bide_channel *channel, const void *data, size_t size);

    /* Ends the output; the input goes on. Does not wait. 0 or an error. */
    int (*end_output)(bide_channel *channel);

    /* False when nothing can be expected of an idle channel any more. Does not wait. */
    bool (*is_alive)(bide_channel *channel);

    /* Closes it and frees its state. Does not wait. abort: the peer is to see an error instead of an end. */
    void (*close)(bide_channel *channel, bool abort);
};

/*
 * bide_stream_from_channel - makes a stream over a channel, which it owns from then on; its fields are copied. peer:
 * what stands for the other end in messages, cut at 63 bytes. 0, or -ENOMEM with a message: the channel is still the
 * caller's. Does not wait.
 */
BIDE_EXPORT int bide_stream_from_channel(const bide_channel *channel, const char *peer, bide_stream **ret_stream);

/* bide_stream_channel - what carries the stream just now. Valid as long as the stream. */
BIDE_EXPORT const bide_channel *bide_stream_channel(const bide_stream *stream);

/*
 * bide_stream_interpose - puts a layer between the stream and its channel: the channel becomes *ret_below, which the
 * layer owns from then on, and `layer` carries the stream. What the stream had buffered stays in the stream: a layer
 * takes it first (bide_buffered, bide_consume). 0, or -EBUSY with a message: a task reads or writes. Does not wait.
 */
BIDE_EXPORT int bide_stream_interpose(bide_stream *stream, const bide_channel *layer, bide_channel *ret_below);

/*
 * bide_buffered - what the stream has read already and nobody has taken: how many bytes, and where they lie until the
 * next call that reads. Does not wait. Take them with bide_consume.
 */
BIDE_EXPORT size_t bide_buffered(const bide_stream *stream, const void **ret_data);

/*
 * bide_checkpoint - what every call that may wait begins with, for those that need not: 0; -ECANCELED, after one
 * turn, in a cancelled scope; -EPERM outside of a task, with a message.
 */
BIDE_EXPORT int bide_checkpoint(void);

/*
 * bide_block_take, bide_block_give - memory of BIDE_BLOCK_BYTES from the cache of the loop, for buffers that exist
 * only while bytes are in them. NULL: no memory. Giving back NULL is nothing.
 */
enum { BIDE_BLOCK_BYTES = 16 * 1024 };
BIDE_EXPORT void *bide_block_take(bide_loop *loop);
BIDE_EXPORT void bide_block_give(bide_loop *loop, void *block);

#endif
