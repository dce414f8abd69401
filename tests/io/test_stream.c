/* Streams: reading. The peer is a plain socket, so each test decides to the byte what has arrived and when. */
#include "support_io.h"

#include <stdio.h>
#include <stdlib.h>

static void close_connection(struct connection *connection)
{
    bide_close(connection->stream);
    if (connection->peer >= 0)
        close(connection->peer);
}

/* Sends one text after the other, some steps apart, then closes the socket. Started beside what reads. */
static int feed(int peer, const char *const *pieces)
{
    for (; *pieces; pieces++) {
        steps(4);
        put_text(peer, *pieces);
    }
    steps(4);
    close(peer);
    return 0;
}
bide_async(feed, int, const char *const *);

bide_test(read_returns_what_is_there)
{
    struct connection c = open_connection(0);
    char buffer[64];

    put_text(c.peer, "hello");
    check_eq(bide_read(c.stream, buffer, sizeof buffer), 5);
    check_mem(buffer, "hello", 5);
    put_text(c.peer, "0123456789");
    check_eq(bide_read(c.stream, buffer, 3), 3);
    check_mem(buffer, "012", 3);
    check_eq(bide_read(c.stream, buffer, sizeof buffer), 7);
    check_mem(buffer, "3456789", 7);
    close_connection(&c);
    return 0;
}

bide_test(read_waits_for_the_first_byte_only)
{
    static const char *const pieces[] = { "a", "bc", NULL };
    struct connection c = open_connection(0);
    char buffer[64];
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(feed, c.peer, pieces));
        check_eq(bide_read(c.stream, buffer, sizeof buffer), 1);
        check_eq(buffer[0], 'a');
        check_eq(bide_read(c.stream, buffer, sizeof buffer), 2);
        check_mem(buffer, "bc", 2);
        check_eq(bide_read(c.stream, buffer, sizeof buffer), 0);
    }
    c.peer = -1;
    close_connection(&c);
    return err;
}

bide_test(read_answers_0_at_the_end_again_and_again)
{
    struct connection c = open_connection(0);
    const void *data;
    char buffer[8];

    put_text(c.peer, "x");
    check(shutdown(c.peer, SHUT_WR) == 0);
    check_eq(bide_read(c.stream, buffer, sizeof buffer), 1);
    for (int i = 0; i < 3; i++)
        check_eq(bide_read(c.stream, buffer, sizeof buffer), 0);
    check_eq(bide_peek(c.stream, 1, &data), 0);
    check_eq(bide_read_line(c.stream, buffer, sizeof buffer), BIDE_EOF);
    check_eq(bide_read_exactly(c.stream, buffer, 1), BIDE_EOF);
    check_eq(bide_read_exactly(c.stream, buffer, 0), 0);
    close_connection(&c);
    return 0;
}

bide_test(read_of_nothing_returns_at_once)
{
    struct connection c = open_connection(0);
    char byte = 'x';

    check_eq(bide_read(c.stream, &byte, 0), 0);
    check_eq(bide_read_exactly(c.stream, &byte, 0), 0);
    put_text(c.peer, "y");
    check_eq(bide_read(c.stream, NULL, 0), 0);
    check_eq(bide_read(c.stream, &byte, 1), 1);
    check_eq(byte, 'y');
    close_connection(&c);
    return 0;
}

bide_test(read_takes_what_is_buffered_first)
{
    struct connection c = open_connection(0);
    const void *data;
    char buffer[64];

    put_text(c.peer, "buffered");
    check_eq(bide_peek(c.stream, 8, &data), 8);
    put_text(c.peer, "more");
    check_eq(bide_read(c.stream, buffer, 3), 3);
    check_eq(bide_read(c.stream, buffer + 3, sizeof buffer - 3), 5);
    check_mem(buffer, "buffered", 8);
    check_eq(bide_read(c.stream, buffer, sizeof buffer), 4);
    check_mem(buffer, "more", 4);
    close_connection(&c);
    return 0;
}

bide_test(read_exactly_waits_for_all_chunks)
{
    static const char *const pieces[] = { "ab", "c", "defg", "h12", NULL };
    struct connection c = open_connection(0);
    char buffer[64] = "";
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(feed, c.peer, pieces));
        check_eq(bide_read_exactly(c.stream, buffer, 8), 0);
        check_str(buffer, "abcdefgh");
        check_eq(bide_read_exactly(c.stream, buffer, 2), 0);
        check_mem(buffer, "12", 2);
    }
    c.peer = -1;
    close_connection(&c);
    return err;
}

bide_test(read_exactly_leaves_the_rest_at_the_end)
{
    struct connection c = open_connection(0);
    char buffer[64] = "untouched";

    put_text(c.peer, "part");
    check(shutdown(c.peer, SHUT_WR) == 0);
    int err = bide_read_exactly(c.stream, buffer, 10);
    check_eq(err, BIDE_EOF);
    check_message(err, "4 of 10 bytes");
    check_message(err, bide_peer_name(c.stream));
    check_str(buffer, "untouched");
    check_eq(bide_read_exactly(c.stream, buffer, 4), 0);
    check_mem(buffer, "part", 4);
    close_connection(&c);
    return 0;
}

static int send_sequence(bide_stream *stream, size_t size)
{
    char *data = malloc(size);

    check(data != NULL);
    fill_sequence(data, size, 0);
    check_eq(bide_write(stream, data, size), (ssize_t)size);
    free(data);
    return 0;
}
bide_async(send_sequence, bide_stream *, size_t);

bide_test(read_exactly_is_not_bound_by_the_read_limit)
{
    enum { SIZE = 1024 * 1024 };
    struct both_ends ends = open_both_ends();
    char *data = malloc(SIZE);
    int err;

    check(data != NULL);
    bide_set_read_limit(ends.far, 1000);
    bide_timeout (20 * check_slowness(), err) {
        bide_task_group (group, err) {
            bide_start(group, bide_co(send_sequence, ends.near, SIZE));
            err = bide_read_exactly(ends.far, data, SIZE);
        }
    }
    check_eq(err, 0);
    check_sequence(data, SIZE, 0);
    check_eq((void *)ends.far->input.data, NULL);
    free(data);
    bide_close(ends.near);
    bide_close(ends.far);
    return 0;
}

bide_test(peek_leaves_the_bytes_and_consume_takes_them)
{
    static const char *const pieces[] = { "abc", "defgh", NULL };
    struct connection c = open_connection(0);
    const void *data;
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(feed, c.peer, pieces));
        check_eq(bide_peek(c.stream, 1, &data), 3);
        check_mem(data, "abc", 3);
        check_eq(bide_peek(c.stream, 3, &data), 3);
        check_eq(bide_peek(c.stream, 4, &data), 8);
        check_mem(data, "abcdefgh", 8);
        bide_consume(c.stream, 2);
        check_eq(bide_peek(c.stream, 6, &data), 6);
        check_mem(data, "cdefgh", 6);
        check_eq(bide_peek(c.stream, 7, &data), 6); /* the end */
        bide_consume(c.stream, 6);
        check_eq(bide_peek(c.stream, 1, &data), 0);
        bide_consume(c.stream, 0);
    }
    c.peer = -1;
    close_connection(&c);
    return err;
}

bide_test(peek_beyond_the_read_limit_is_refused)
{
    struct connection c = open_connection(0);
    const void *data;

    put_text(c.peer, "0123456789");
    bide_set_read_limit(c.stream, 10);
    check_eq(bide_peek(c.stream, 10, &data), 10);
    int err = (int)bide_peek(c.stream, 11, &data);
    check_eq(err, BIDE_ELIMIT);
    check_message(err, "read limit of 10");
    check_message(err, bide_peer_name(c.stream));
    bide_set_read_limit(c.stream, 20);
    put_text(c.peer, "x");
    check_eq(bide_peek(c.stream, 11, &data), 11);
    close_connection(&c);
    return 0;
}

bide_test(peek_of_a_large_piece_keeps_the_order)
{
    enum { SIZE = 300 * 1000 };
    struct both_ends ends = open_both_ends();
    size_t seen = 0;
    int err;

    bide_set_read_limit(ends.far, 100 * 1000);
    bide_task_group (group, err) {
        bide_start(group, bide_co(send_sequence, ends.near, SIZE));
        for (size_t wanted = 1; seen < SIZE; wanted = (wanted * 3 + 1) % 100000) {
            const void *data;
            size_t minimum = wanted < SIZE - seen ? wanted : SIZE - seen;
            ssize_t there = bide_peek(ends.far, minimum, &data);

            check(there >= (ssize_t)minimum);
            check_sequence(data, (size_t)there, seen);
            bide_consume(ends.far, minimum);
            seen += minimum;
        }
    }
    bide_close(ends.near);
    bide_close(ends.far);
    return err;
}

static int wait_in_peek(bide_stream *stream)
{
    const void *data;

    check_eq(bide_peek(stream, 1, &data), -ECANCELED);
    return 0;
}
bide_async(wait_in_peek, bide_stream *);

bide_test(idle_streams_hold_no_buffer)
{
    enum { MANY = 2500 };
    static struct both_ends ends[MANY];
    size_t before = memory_in_use();
    int err;

    bide_listener *listener;
    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    for (size_t i = 0; i < MANY; i++) {
        err = bide_open_connection("127.0.0.1", bide_listener_port(listener), &ends[i].near);
        if (err == -EMFILE)
            skip("not enough descriptors");
        check_eq(err, 0);
        check_eq(bide_accept(listener, &ends[i].far), 0);
    }
    bide_task_group (group, err) {
        for (size_t i = 0; i < MANY; i++) {
            bide_start(group, bide_co(wait_in_peek, ends[i].near));
            bide_start(group, bide_co(wait_in_peek, ends[i].far));
        }
        steps(4);
        for (size_t i = 0; i < MANY; i++)
            check(!ends[i].near->input.data && !ends[i].far->input.data);
        check_eq(bide__loop->buffers.count, (size_t)0);
        if (before)
            check((memory_in_use() - before) / (2 * MANY) <
                  400); /* each end; the kernel's part and the tasks' stacks are not malloc's */
        bide_group_cancel(group);
    }
    for (size_t i = 0; i < MANY; i++) {
        bide_close(ends[i].near);
        bide_close(ends[i].far);
    }
    bide_listener_close(listener);
    return err;
}

bide_test(buffers_go_back_when_the_last_byte_is_taken)
{
    struct connection c = open_connection(0);
    char buffer[16];
    const void *data;

    put_text(c.peer, "abc\n");
    check_eq(bide_peek(c.stream, 1, &data), 4);
    check(c.stream->input.data != NULL);
    check_eq(bide_read_line(c.stream, buffer, sizeof buffer), 3);
    check_eq((void *)c.stream->input.data, NULL);
    check_eq(bide__loop->buffers.count, (size_t)1);
    put_text(c.peer, "abc");
    check_eq(bide_read_exactly(c.stream, buffer, 3), 0);
    check_eq((void *)c.stream->input.data, NULL);
    check_eq(bide__loop->buffers.count, (size_t)1);
    check(shutdown(c.peer, SHUT_WR) == 0);
    check_eq(bide_peek(c.stream, 1, &data), 0);
    check_eq((void *)c.stream->input.data, NULL);
    close_connection(&c);
    return 0;
}

bide_test(alive_tells_idle_from_dead)
{
    struct connection c = open_connection(0);
    char buffer[8];

    check(bide_stream_is_alive(c.stream));
    put_text(c.peer, "x");
    check(!bide_stream_is_alive(c.stream)); /* nobody asked for that */
    check_eq(bide_read(c.stream, buffer, sizeof buffer), 1);
    check(bide_stream_is_alive(c.stream));
    check(shutdown(c.peer, SHUT_WR) == 0);
    check(!bide_stream_is_alive(c.stream));
    close_connection(&c);

    c = open_connection(0);
    const struct linger reset = { .l_onoff = 1 };
    check(setsockopt(c.peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
    close(c.peer);
    c.peer = -1;
    check(!bide_stream_is_alive(c.stream));
    close_connection(&c);
    return 0;
}

bide_test(alive_sees_unexpected_bytes_that_are_buffered_already)
{
    struct connection c = open_connection(0);
    char buffer[8];

    put_text(c.peer, "answer+rest");
    check_eq(bide_read_exactly(c.stream, buffer, 6), 0);
    check(!bide_stream_is_alive(c.stream));
    check_eq(bide_read_exactly(c.stream, buffer, 5), 0);
    check(bide_stream_is_alive(c.stream));
    close_connection(&c);
    return 0;
}

static int read_into(bide_stream *stream, char *buffer, size_t size, ssize_t *ret_count)
{
    *ret_count = bide_read(stream, buffer, size);
    return 0;
}
bide_async(read_into, bide_stream *, char *, size_t, ssize_t *);

bide_test(a_second_reader_is_refused_and_the_first_undisturbed)
{
    struct connection c = open_connection(0);
    char buffer[16], other[16];
    ssize_t count = -1;
    const void *data;
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(read_into, c.stream, buffer, sizeof buffer, &count));
        steps(4);
        check_error(bide_read(c.stream, other, sizeof other), EBUSY);
        check_message(-EBUSY, bide_peer_name(c.stream));
        check_message(-EBUSY, "another task");
        check_error(bide_read_exactly(c.stream, other, 1), EBUSY);
        check_error(bide_read_line(c.stream, other, sizeof other), EBUSY);
        check_error(bide_peek(c.stream, 1, &data), EBUSY);
        check_eq(bide_write(c.stream, "w", 1), 1); /* the other direction is free */
        put_text(c.peer, "first");
    }
    check_eq(count, 5);
    check_mem(buffer, "first", 5);
    close_connection(&c);
    return err;
}

/* A read stops at an urgent byte: a short count that does not mean that nothing is left. */
bide_test(urgent_data_does_not_stop_the_stream)
{
    struct connection c = open_connection(0);
    char text[16] = "";
    ssize_t count = 1;
    int err;

    check_eq(bide_write(c.stream, "x", 1), 1);
    bide_timeout (0.001, err)
        err = (int)bide_read(c.stream, text, sizeof text); /* it is known to the backend now */
    check_eq(err, -ETIMEDOUT);
    put_text(c.peer, "abc");
    check_eq(send(c.peer, "!", 1, MSG_OOB), 1);
    put_text(c.peer, "def");
    bide_timeout (5 * check_slowness(), err) {
        for (size_t got = 0; got < 6 && count > 0; got += (size_t)count)
            err = (int)(count = bide_read(c.stream, text + got, sizeof text - got));
    }
    check(err >= 0);
    check_str(text, "abcdef");
    close_connection(&c);
    return 0;
}

bide_test(reset_by_the_peer_is_an_error_that_names_it)
{
    const struct linger reset = { .l_onoff = 1 };
    struct connection c = open_connection(0);
    char buffer[8], expected[64];

    snprintf(expected, sizeof expected, "read from 127.0.0.1:");
    check(setsockopt(c.peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
    close(c.peer);
    c.peer = -1;
    check_error(bide_read(c.stream, buffer, sizeof buffer), ECONNRESET);
    check_message(-ECONNRESET, expected);
    check_message(-ECONNRESET, "reset");
    close_connection(&c);
    return 0;
}

static int read_outside(bide_stream *stream)
{
    char byte;

    check_error(bide_read(stream, &byte, 1), EPERM);
    check_error(bide_write(stream, &byte, 1), EPERM);
    return 0;
}
bide_async(read_outside, bide_stream *);

bide_test(streams_are_refused_outside_of_a_task)
{
    struct connection c = open_connection(0);

    check_eq(bide_to_thread(bide_co(read_outside, c.stream)), 0);
    check(!c.stream->reading && !c.stream->writing);
    close_connection(&c);
    return 0;
}

bide_test(close_and_abort_of_nothing_are_harmless)
{
    bide_close(NULL);
    bide_abort(NULL);
    bide_listener_close(NULL);
    return 0;
}

bide_test(peer_names_are_address_and_port)
{
    struct both_ends ends = open_both_ends();
    char name[64];

    snprintf(name, sizeof name, "%s", bide_peer_name(ends.near));
    check(!strncmp(name, "127.0.0.1:", 10));
    check(strcmp(name, bide_peer_name(ends.far)) != 0);
    bide_close(ends.near);
    bide_close(ends.far);
    return 0;
}

static int count_turns(int *turns)
{
    for (;; ++*turns)
        bide(bide_sleep(0));
}
bide_async(count_turns, int *);

bide_test(reads_that_need_not_wait_let_the_others_run)
{
    struct connection connection = open_connection(0);
    char data[1000] = "", byte;
    int turns = 0;
    bide_task *other = bide_create_task(NULL, bide_co(count_turns, &turns));

    put(connection.peer, data, sizeof data);
    for (size_t i = 0; i < sizeof data; i++)
        check_eq(bide_read(connection.stream, &byte, 1), 1);
    check(turns >= 5);
    bide_cancel(other);
    bide_join(other);
    bide_close(connection.stream);
    close(connection.peer);
    return 0;
}
