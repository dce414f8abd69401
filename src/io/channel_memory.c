/*
 * A channel through memory: two streams of one loop that are each other's peer, without the kernel.
 *
 * Each direction is a buffer with a limit. A writer puts in what there is room for, waits when it is full, and goes on
 * when the reader has taken something: the same backpressure as a socket's, but with a limit that a test can know.
 * Nothing here takes time or a descriptor, so all is exact with a virtual clock.
 *
 * Costs: two copies of each byte; a direction holds memory only while bytes are in it. Must never happen: a side that
 * waits for one that has gone (closing wakes it); bytes that were sent and get lost when a read is cancelled.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>

#include "io/stream.h"
#include "sync/step.h"

/* What goes one way. */
struct direction {
    struct bide__buffer bytes;
    struct bide__wait_list reader, writer; /* at most one of each: the streams see to it */
    bool ended;                            /* nothing more comes */
    bool unread;                           /* its reader has gone */
};

/* Both ways, and how many of the two streams are open. */
struct pair {
    struct direction way[2]; /* way[i] is written by end i */
    size_t limit;
    unsigned open;
    bool reset;
};

struct end {
    struct pair *pair;
    unsigned index;
};

static struct direction *outgoing(bide_channel *channel)
{
    struct end *end = channel->state;

    return &end->pair->way[end->index];
}

static struct direction *incoming(bide_channel *channel)
{
    struct end *end = channel->state;

    return &end->pair->way[1 - end->index];
}

static bool is_reset(const bide_channel *channel)
{
    return ((const struct end *)channel->state)->pair->reset;
}

static void wake(struct bide__wait_list *list)
{
    struct bide__waiter *waiter = bide__wait_list_take(list);

    if (waiter)
        bide__wake(waiter, 0);
}

/* Waits until there is something to receive: bytes, the end, an error. */
static int64_t await_input(bide_channel *channel, struct bide__record **ret_task)
{
    struct direction *way = incoming(channel);

    for (;;) {
        int err = bide__checkpoint(ret_task);

        if (err < 0)
            return err;
        if (is_reset(channel))
            return -ECONNRESET;
        if (bide__buffer_size(&way->bytes) || way->ended)
            return 0;
        err = bide__wait_in(&way->reader, *ret_task, "something to read");
        if (err < 0)
            return err;
        if (bide__buffer_size(&way->bytes)) /* it has happened: a cancellation comes with the next call */
            return 0;
    }
}

static int64_t memory_wait_readable(bide_channel *channel)
{
    struct bide__record *task;

    return await_input(channel, &task);
}

/* Takes what there is. */
static size_t take(bide_channel *channel, struct direction *way, void *buffer, size_t size)
{
    size_t there = bide__buffer_size(&way->bytes), count = there < size ? there : size;

    if (count) {
        memcpy(buffer, way->bytes.data + way->bytes.start, count);
        bide__buffer_consume(&way->bytes, count, &channel->loop->buffers);
        wake(&way->writer);
    }
    return count;
}

static int64_t memory_try_receive(bide_channel *channel, void *buffer, size_t size)
{
    struct direction *way = incoming(channel);

    if (is_reset(channel))
        return -ECONNRESET;
    if (!bide__buffer_size(&way->bytes))
        return way->ended ? 0 : -EAGAIN;
    return (int64_t)take(channel, way, buffer, size);
}

static int64_t memory_receive(bide_channel *channel, void *buffer, size_t size, bool likely_ready)
{
    struct direction *way = incoming(channel);
    struct bide__record *task;
    int64_t err = await_input(channel, &task);

    (void)likely_ready;
    if (err < 0)
        return err;
    size_t count = take(channel, way, buffer, size);
    bide__step_end(task, 0);
    return (int64_t)count;
}

/* Puts bytes in, as many as there is room for. */
static int64_t put(bide_channel *channel, struct direction *way, const void *data, size_t size)
{
    const struct end *end = channel->state;
    size_t room = end->pair->limit - bide__buffer_size(&way->bytes), count = size < room ? size : room;

    if (bide__buffer_reserve(&way->bytes, count, &channel->loop->buffers) < 0)
        return -ENOMEM;
    memcpy(way->bytes.data + way->bytes.end, data, count);
    way->bytes.end += count;
    wake(&way->reader);
    return (int64_t)count;
}

/* Waits for room for at least one byte. */
static int64_t await_room(bide_channel *channel, struct bide__record **ret_task)
{
    const struct end *end = channel->state;
    struct direction *way = outgoing(channel);

    for (;;) {
        int err = bide__checkpoint(ret_task);

        if (err < 0)
            return err;
        if (is_reset(channel))
            return -ECONNRESET;
        if (way->unread || way->ended)
            return -EPIPE;
        if (bide__buffer_size(&way->bytes) < end->pair->limit)
            return 0;
        err = bide__wait_in(&way->writer, *ret_task, "room to write");
        if (err < 0)
            return err;
    }
}

static int64_t memory_try_send(bide_channel *channel, const void *data, size_t size)
{
    const struct end *end = channel->state;
    struct direction *way = outgoing(channel);

    if (is_reset(channel))
        return -ECONNRESET;
    if (way->unread || way->ended)
        return -EPIPE;
    return bide__buffer_size(&way->bytes) < end->pair->limit ? put(channel, way, data, size) : -EAGAIN;
}

static int64_t memory_send(bide_channel *channel, const void *data, size_t size)
{
    struct bide__record *task;
    int64_t result = await_room(channel, &task);

    if (result == 0)
        result = put(channel, outgoing(channel), data, size);
    if (result != -ECANCELED && result != -EPERM)
        bide__step_end(task, 0); /* also after an error: who ignores it lets the others run all the same */
    return result;
}

static int64_t memory_send_message(bide_channel *channel, const struct msghdr *message)
{
    const struct iovec *piece = message->msg_iov;

    while (piece->iov_len == 0)
        piece++;
    return memory_send(channel, piece->iov_base, piece->iov_len);
}

static int memory_end_output(bide_channel *channel)
{
    struct direction *way = outgoing(channel);

    way->ended = true;
    wake(&way->reader);
    return 0;
}

static bool memory_is_alive(bide_channel *channel)
{
    const struct direction *way = incoming(channel);

    return !is_reset(channel) && !way->ended && !bide__buffer_size(&way->bytes);
}

static void memory_close(bide_channel *channel, bool abort)
{
    struct end *end = channel->state;
    struct pair *pair = end->pair;
    struct direction *in = incoming(channel), *out = outgoing(channel);

    in->unread = out->ended = true;
    pair->reset |= abort && pair->open == 2;
    bide__buffer_clear(&in->bytes, &channel->loop->buffers);
    if (pair->open == 1 || pair->reset)
        bide__buffer_clear(&out->bytes, &channel->loop->buffers);
    wake(&in->writer);
    wake(&out->reader);
    if (--pair->open == 0)
        free(pair);
    free(end);
}

static const bide_transport transport_memory = {
    .wait_readable = memory_wait_readable,
    .receive = memory_receive,
    .send = memory_send,
    .send_message = memory_send_message,
    .try_receive = memory_try_receive,
    .try_send = memory_try_send,
    .end_output = memory_end_output,
    .is_alive = memory_is_alive,
    .close = memory_close,
};

/* One of the two streams, NULL without memory. */
static struct bide_stream *open_end(struct bide_loop *loop, struct pair *pair, unsigned index)
{
    struct end *end = malloc(sizeof *end);
    const bide_channel channel = { .transport = &transport_memory, .loop = loop, .descriptor = -1, .state = end };
    struct bide_stream *stream = end ? bide__stream_over(&channel, "the other end of a pair") : NULL;

    if (!stream) {
        free(end);
        return NULL;
    }
    *end = (struct end){ pair, index };
    pair->open++;
    return stream;
}

int bide_stream_pair(size_t limit, bide_stream **ret_one, bide_stream **ret_other)
{
    enum { LIMIT = 64 * 1024 };
    struct bide_loop *loop = bide_get_running_loop();

    if (!loop)
        return bide_fail(-EPERM, "bide_stream_pair: no loop runs in this thread");
    struct pair *pair = calloc(1, sizeof *pair);
    if (!pair)
        return bide_fail(-ENOMEM, "bide_stream_pair: no memory");
    pair->limit = limit ? limit : LIMIT;
    bide_stream *one = open_end(loop, pair, 0), *other = one ? open_end(loop, pair, 1) : NULL;
    if (!other) {
        if (one)
            bide_close(one); /* and with it the pair */
        else
            free(pair);
        return bide_fail(-ENOMEM, "bide_stream_pair: no memory");
    }
    *ret_one = one;
    *ret_other = other;
    return 0;
}
