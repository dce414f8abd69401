/* Channels of others: a stream over one, a layer in a stream that is in use, and the attempts that do not wait. */
#include "support_io.h"

#include <stdlib.h>

#include <bide/transport.h>

/* A transport that brings a text and swallows what is sent. */
struct tape {
    const char *text;
    size_t sent;
    bool closed, aborted;
};

static int64_t tape_wait_readable(bide_channel *channel)
{
    (void)channel;
    return bide_checkpoint();
}

static int64_t tape_receive(bide_channel *channel, void *buffer, size_t size, bool likely_ready)
{
    struct tape *tape = channel->state;
    size_t length = strlen(tape->text), count = length < size ? length : size;
    int err = bide_checkpoint();

    (void)likely_ready;
    if (err < 0)
        return err;
    memcpy(buffer, tape->text, count);
    tape->text += count;
    return (int64_t)count;
}

static int64_t tape_send(bide_channel *channel, const void *data, size_t size)
{
    struct tape *tape = channel->state;
    int err = bide_checkpoint();

    (void)data;
    if (err < 0)
        return err;
    tape->sent += size;
    return (int64_t)size;
}

static void tape_close(bide_channel *channel, bool abort)
{
    struct tape *tape = channel->state;

    tape->closed = true;
    tape->aborted = abort;
}

static const bide_transport transport_tape = {
    .wait_readable = tape_wait_readable,
    .receive = tape_receive,
    .send = tape_send,
    .close = tape_close,
};

bide_test(stream_over_tape)
{
    struct tape tape = { .text = "one\ntwo" };
    const bide_channel channel = { &transport_tape, bide_get_running_loop(), -1, &tape };
    bide_stream *stream;
    char line[8];

    check_eq(bide_stream_from_channel(&channel, "a tape", &stream), 0);
    check(bide_stream_channel(stream)->transport == &transport_tape);
    check_str(bide_peer_name(stream), "a tape");
    check_eq(bide_read_line(stream, line, sizeof line), 3);
    check_str(line, "one");
    check_eq(bide_read_line(stream, line, sizeof line), 3);
    check_str(line, "two");
    check_eq(bide_read_line(stream, line, sizeof line), (int)BIDE_EOF);
    check_eq(bide_write(stream, "12345", 5), 5);
    check_eq(tape.sent, 5u);
    check(!tape.closed);
    bide_close(stream);
    check(tape.closed && !tape.aborted);
    return 0;
}

/* A layer that turns small letters into capitals on their way in; its state is the channel below. */
static int64_t upper_receive(bide_channel *channel, void *buffer, size_t size, bool likely_ready)
{
    bide_channel *below = channel->state;
    int64_t count = below->transport->receive(below, buffer, size, likely_ready);
    char *bytes = buffer;

    for (int64_t i = 0; i < count; i++)
        if (bytes[i] >= 'a' && bytes[i] <= 'z')
            bytes[i] = (char)(bytes[i] - 'a' + 'A');
    return count;
}

static int64_t upper_wait_readable(bide_channel *channel)
{
    bide_channel *below = channel->state;

    return below->transport->wait_readable(below);
}

static void upper_close(bide_channel *channel, bool abort)
{
    bide_channel *below = channel->state;

    below->transport->close(below, abort);
    free(below);
}

static const bide_transport transport_upper = {
    .wait_readable = upper_wait_readable,
    .receive = upper_receive,
    .close = upper_close,
};

static int read_byte(bide_stream *stream)
{
    char byte;

    return (int)bide_read(stream, &byte, 1);
}
bide_async(read_byte, bide_stream *);

bide_test(a_layer_takes_the_place)
{
    struct connection connection = open_connection(0);
    bide_channel *below = malloc(sizeof *below);
    const bide_channel layer = { &transport_upper, bide_get_running_loop(), -1, below };
    const void *data;
    char text[8] = "";

    check(below != NULL);
    put_text(connection.peer, "abc");
    check_eq(bide_read_exactly(connection.stream, text, 1), 0);
    check_eq(bide_buffered(connection.stream, &data), 2u);
    check(memcmp(data, "bc", 2) == 0);
    check_eq(bide_stream_interpose(connection.stream, &layer, below), 0);
    check_eq(bide_read_exactly(connection.stream, text, 2), 0);
    check_str(text, "bc"); /* what was buffered stays what it was */
    check_eq(bide_buffered(connection.stream, &data), 0u);
    put_text(connection.peer, "def");
    check_eq(bide_read_exactly(connection.stream, text, 3), 0);
    check_str(text, "DEF");
    bide_close(connection.stream);
    close(connection.peer);
    return 0;
}

bide_test(no_layer_while_a_task_reads)
{
    struct connection connection = open_connection(0);
    bide_task *reader = bide_create_task(NULL, bide_co(read_byte, connection.stream));
    bide_channel below;
    const bide_channel layer = { &transport_upper, bide_get_running_loop(), -1, &below };

    steps(2);
    check_eq(bide_stream_interpose(connection.stream, &layer, &below), -EBUSY);
    check_message(-EBUSY, "another task is reading");
    put_text(connection.peer, "x");
    check_eq(bide_join(reader), 1);
    bide_close(connection.stream);
    close(connection.peer);
    return 0;
}

bide_test(attempts_do_not_wait)
{
    struct connection connection = open_connection(0);
    bide_channel channel = *bide_stream_channel(connection.stream);
    char text[8] = "";

    check_eq(channel.transport->try_receive(&channel, text, sizeof text), -EAGAIN);
    put_text(connection.peer, "abc");
    check_eq(bide_stream_is_alive(connection.stream), false);
    check_eq(channel.transport->try_receive(&channel, text, 2), 2);
    check_str(text, "ab");
    check_eq(bide_read(connection.stream, text, sizeof text), 1); /* the backend's knowledge is not disturbed */
    check_eq(channel.transport->try_send(&channel, "xyz", 3), 3);
    take(connection.peer, text, 3);
    check(memcmp(text, "xyz", 3) == 0);
    close(connection.peer);
    check_eq(channel.transport->try_receive(&channel, text, 2), 0);
    bide_close(connection.stream);
    return 0;
}

bide_test(blocks_come_from_the_cache)
{
    bide_loop *loop = bide_get_running_loop();
    void *block = bide_block_take(loop);

    check(block != NULL);
    bide_block_give(loop, block);
    check(bide_block_take(loop) == block);
    bide_block_give(loop, block);
    bide_block_give(loop, NULL);
    return 0;
}
