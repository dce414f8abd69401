/*
 * The public side of channels: streams over the transports of others, layers in streams that are in use, and what
 * their writers need of the loop.
 *
 * Nothing here waits but the checkpoint. Must never happen: a layer put in while a task is inside of the channel.
 */
#include <bide/transport.h>

#include <assert.h>
#include <errno.h>

#include <bide/error.h>

#include "io/stream.h"
#include "task/wait.h"

_Static_assert((int)BIDE_BLOCK_BYTES == (int)BIDE__BUFFER_BYTES, "blocks are the memory of buffers");

int bide_stream_from_channel(const bide_channel *channel, const char *peer, bide_stream **ret_stream)
{
    bide_stream *stream = bide__stream_over(channel, peer);

    if (!stream)
        return bide_fail(-ENOMEM, "stream to %s: no memory", peer);
    *ret_stream = stream;
    return 0;
}

const bide_channel *bide_stream_channel(const bide_stream *stream)
{
    return &stream->channel;
}

int bide_stream_interpose(bide_stream *stream, const bide_channel *layer, bide_channel *ret_below)
{
    if (stream->reading || stream->writing)
        return bide_fail(-EBUSY, "a layer for %s: another task is %s", bide_peer_name(stream),
                         stream->reading ? "reading" : "writing");
    *ret_below = stream->channel;
    stream->channel = *layer;
    return 0;
}

size_t bide_buffered(const bide_stream *stream, const void **ret_data)
{
    size_t size = bide__buffer_size(&stream->input);

    *ret_data = size ? stream->input.data + stream->input.start : "";
    return size;
}

int bide_checkpoint(void)
{
    struct bide__record *task;

    return bide__checkpoint(&task);
}

void *bide_block_take(bide_loop *loop)
{
    struct bide__buffer buffer = { 0 };

    return bide__buffer_reserve(&buffer, 1, &loop->buffers) < 0 ? NULL : buffer.data;
}

void bide_block_give(bide_loop *loop, void *block)
{
    struct bide__buffer buffer = { .data = block, .capacity = BIDE__BUFFER_BYTES };

    if (block)
        bide__buffer_clear(&buffer, &loop->buffers);
}
