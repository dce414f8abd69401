/* Pairs of streams through memory: backpressure to the byte, ends, resets, cancellation; all on the virtual clock. */
#include <bide/test.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/stream.h"

static unsigned char sequence_at(size_t offset)
{
    return (unsigned char)(offset % 251);
}

static void steps(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        check_eq(bide_sleep(0), 0);
}

struct pair {
    bide_stream *one, *other;
};

static struct pair open_pair(size_t limit)
{
    struct pair pair;

    check_eq(bide_stream_pair(limit, &pair.one, &pair.other), 0);
    return pair;
}

static void close_pair(struct pair pair)
{
    bide_close(pair.one);
    bide_close(pair.other);
}

bide_test(pair_carries_bytes_both_ways)
{
    struct pair pair = open_pair(0);
    char text[8] = "";

    check_eq(bide_write(pair.one, "hello", 5), 5);
    check_eq(bide_write(pair.other, "hi", 2), 2);
    check_eq(bide_read(pair.other, text, sizeof text), 5);
    check_mem(text, "hello", 5);
    check_eq(bide_read(pair.one, text, sizeof text), 2);
    check_mem(text, "hi", 2);
    check_str(bide_peer_name(pair.one), "the other end of a pair");
    close_pair(pair);
    return 0;
}

static int write_all(bide_stream *stream, const char *data, size_t size)
{
    ssize_t count = bide_write(stream, data, size);

    check_event("wrote %zd", count);
    return count < 0 ? (int)count : 0;
}
bide_async(write_all, bide_stream *, const char *, size_t);

bide_test(pair_holds_a_writer_back_at_its_limit)
{
    struct pair pair = open_pair(4);
    char text[8];
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(write_all, pair.one, "abcdefghij", 10));
        bide(bide_sleep(1));
        check_no_trace();
        check_eq(bide_read(pair.other, text, 8), 4);
        check_mem(text, "abcd", 4);
        bide(bide_sleep(1));
        check_no_trace();
        check_eq(bide_read(pair.other, text, 1), 1);
        bide(bide_sleep(1));
        check_no_trace();
        check_eq(bide_read(pair.other, text, 8), 4);
        check_mem(text, "fghi", 4);
        bide(bide_sleep(1));
        check_trace("wrote 10");
    }
    check_eq(err, 0);
    close_pair(pair);
    return 0;
}

bide_test(pair_carries_more_than_its_limit_in_order)
{
    enum { SIZE = 100 * 1000 };
    struct pair pair = open_pair(777);
    char *data = malloc(SIZE), piece[1000];
    size_t got = 0;
    int err;

    check(data != NULL);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)sequence_at(i);
    bide_task_group (group, err) {
        bide_start(group, bide_co(write_all, pair.one, data, SIZE));
        for (; got < SIZE;) {
            ssize_t count = bide_read(pair.other, piece, 1 + got % sizeof piece);
            check(count > 0);
            check_mem(piece, data + got, (size_t)count);
            got += (size_t)count;
        }
    }
    check_eq(err, 0);
    free(data);
    close_pair(pair);
    return 0;
}

bide_test(pair_half_closes)
{
    struct pair pair = open_pair(0);
    char text[8];

    check_eq(bide_write(pair.one, "last", 4), 4);
    check_eq(bide_write_eof(pair.one), 0);
    check_error(bide_write(pair.one, "x", 1), EPIPE, "write to the other end of a pair");
    check_eq(bide_read(pair.other, text, 8), 4);
    check_eq(bide_read(pair.other, text, 8), 0);
    check_eq(bide_read(pair.other, text, 8), 0);
    check_eq(bide_write(pair.other, "still", 5), 5);
    check_eq(bide_read(pair.one, text, 8), 5);
    close_pair(pair);
    return 0;
}

static int read_some(bide_stream *stream)
{
    char text[8];
    ssize_t count = bide_read(stream, text, sizeof text);

    check_event("read %zd", count);
    return count < 0 ? (int)count : 0;
}
bide_async(read_some, bide_stream *);

bide_test(pair_closing_wakes_the_other_side)
{
    struct pair pair = open_pair(2);
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(read_some, pair.one));
        bide_start(group, bide_co(write_all, pair.one, "abc", 3));
        bide(bide_sleep(1));
        bide_close(pair.other); /* it has read nothing: two bytes went out, no more will */
        bide(bide_sleep(1));
        check_trace_sorted("read 0", "wrote 2");
    }
    check_eq(err, 0);
    check_error(bide_write(pair.one, "x", 1), EPIPE);
    check(!bide_stream_is_alive(pair.one));
    bide_close(pair.one);
    return 0;
}

bide_test(pair_delivers_what_was_written_before_it_was_closed)
{
    struct pair pair = open_pair(0);
    char text[8];

    check_eq(bide_write(pair.one, "last", 4), 4);
    bide_close(pair.one);
    check_eq(bide_read_exactly(pair.other, text, 4), 0);
    check_eq(bide_read(pair.other, text, 8), 0);
    bide_close(pair.other);
    return 0;
}

bide_test(pair_aborted_is_a_reset_for_the_other_side)
{
    struct pair pair = open_pair(0);
    char text[8];

    check_eq(bide_write(pair.one, "lost", 4), 4);
    bide_abort(pair.one);
    check_error(bide_read(pair.other, text, 8), ECONNRESET, "read from the other end of a pair");
    check_error(bide_write(pair.other, "x", 1), ECONNRESET);
    bide_close(pair.other);
    return 0;
}

bide_test(pair_is_alive_while_nothing_unexpected_has_come)
{
    struct pair pair = open_pair(0);

    check(bide_stream_is_alive(pair.one));
    check_eq(bide_write(pair.other, "x", 1), 1);
    check(!bide_stream_is_alive(pair.one));
    check(bide_stream_is_alive(pair.other));
    close_pair(pair);
    return 0;
}

bide_test(pair_read_cancelled_at_any_step_loses_nothing)
{
    struct pair pair = open_pair(0);
    size_t got = 0;

    for (unsigned count = 0; count < 6; count++) {
        char text[8];
        bide_task *task = bide_create_task(NULL, bide_co(read_some, pair.one));

        steps(count / 2);
        if (count % 2)
            bide_cancel(task);
        check_eq(bide_write(pair.other, "abc", 3), 3);
        bide_cancel(task);
        int err = bide_join(task);
        bide_forget(task);
        if (err == -ECANCELED)
            check_eq(bide_read_exactly(pair.one, text, 3), 0);
        else
            got++;
        check(bide_stream_is_alive(pair.one));
    }
    check(got > 0);
    close_pair(pair);
    return 0;
}

static int tick(int *count)
{
    for (;; ++*count)
        bide(bide_sleep(0));
}
bide_async(tick, int *);

bide_test(pair_writer_that_ignores_errors_starves_nobody)
{
    struct pair pair = open_pair(0);
    int turns = 0;

    bide_close(pair.other);
    double begin = bide_time();
    bide_task *task = bide_create_task(NULL, bide_co(tick, &turns));
    for (int i = 0; i < 1000; i++)
        check_error(bide_write(pair.one, "x", 1), EPIPE);
    check(turns > 5);
    check(bide_time() - begin == 0); /* NOLINT: the clock is virtual */
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    bide_close(pair.one);
    return 0;
}

unit_test(pair_needs_a_loop)
{
    bide_stream *one = NULL, *other = NULL;

    check_error(bide_stream_pair(0, &one, &other), EPERM);
    check(!one && !other);
    return 0;
}

static int converse(bide_stream *stream)
{
    char text[4];

    bide(bide_read_exactly(stream, text, 4));
    bide(bide_write(stream, "pong", 4));
    return bide(bide_write_eof(stream));
}
bide_async(converse, bide_stream *);

static int conversation(void)
{
    bide_auto(stream) *one = NULL;
    bide_auto(stream) *other = NULL;
    char text[4];
    int err;

    bide(bide_stream_pair(2, &one, &other));
    bide_task_group (group, err) {
        bide(bide_start(group, bide_co(converse, other)));
        for (size_t sent = 0; sent < 4;)
            sent += (size_t)bide(bide_write(one, &"ping"[sent], 4 - sent));
        bide(bide_read_exactly(one, text, 4));
        bide(bide_read(one, text, 1));
    }
    return err;
}

bide_test_cancel_everywhere(pair_conversation_cancelled_anywhere)
{
    return conversation();
}

bide_test_faults(pair_conversation_with_faults, .faults = "memory")
{
    return conversation();
}
