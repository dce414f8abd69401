/* Streams: writing, half-closing, and what a lost connection looks like from both sides. */
#include "support_io.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

enum { LARGE = 8 * 1024 * 1024, WAIT = 30 };

static void reset(int peer)
{
    const struct linger linger = { .l_onoff = 1 };

    check(setsockopt(peer, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
    close(peer);
}

/* Reads a plain socket to its end, `piece` bytes at a time with a step between, and checks it against the sequence. */
static int drain_slowly(int peer, size_t piece, size_t *ret_total)
{
    char *data = malloc(piece);
    size_t total = 0;
    ssize_t count;

    check(data != NULL);
    while ((count = take_some(peer, data, piece)) != 0) {
        if (count > 0) {
            check_sequence(data, (size_t)count, total);
            total += (size_t)count;
        } else {
            check_eq(count, -EAGAIN);
        }
        step(1);
    }
    free(data);
    *ret_total = total;
    return 0;
}
bide_async(drain_slowly, int, size_t, size_t *);

bide_test(write_delivers_everything_to_a_peer_that_reads_slowly)
{
    struct connection c = open_connection(4096);
    char *data = malloc(LARGE);
    size_t total = 0;
    int err;

    check(data != NULL);
    fill_sequence(data, LARGE, 0);
    bide_task_group (group, err) {
        bide_start(group, bide_co(drain_slowly, c.peer, 100 * 1000, &total));
        check_eq(bide_write(c.stream, data, LARGE), LARGE);
        check_eq(bide_write_eof(c.stream), 0);
    }
    check_eq(total, (size_t)LARGE);
    bide_close(c.stream);
    close(c.peer);
    free(data);
    return err;
}

bide_test(write_waits_for_a_peer_that_does_not_read)
{
    struct connection c = open_connection(4096);
    char *data = calloc(1, LARGE);
    ssize_t count = 0;
    int err;

    check(data != NULL);
    bide_timeout (0.05, err)
        count = bide_write(c.stream, data, LARGE);
    check(count > 0 && count < LARGE);
    bide_close(c.stream);
    close(c.peer);
    free(data);
    return 0;
}

bide_test(write_of_nothing_returns_0)
{
    struct connection c = open_connection(0);
    char byte;

    check_eq(bide_write(c.stream, "", 0), 0);
    check_eq(bide_write(c.stream, NULL, 0), 0);
    check_eq(bide_write_vector(c.stream, NULL, 0), 0);
    check_error(take_some(c.peer, &byte, 1), EAGAIN);
    bide_close(c.stream);
    close(c.peer);
    return 0;
}

bide_test(write_vector_sends_the_pieces_in_order_also_empty_ones)
{
    struct connection c = open_connection(0);
    struct iovec pieces[] = {
        { (void *)(uintptr_t) "", 0 },    { (void *)(uintptr_t) "ab", 2 }, { NULL, 0 },
        { (void *)(uintptr_t) "cde", 3 }, { (void *)(uintptr_t) "f", 1 },  { (void *)(uintptr_t) "", 0 }
    };
    struct iovec before[6], nothing[2] = { { NULL, 0 }, { NULL, 0 } };
    char data[16] = "";

    memcpy(before, pieces, sizeof before);
    check_eq(bide_write_vector(c.stream, pieces, 6), 6);
    check_mem(pieces, before, sizeof before);
    take(c.peer, data, 6);
    check_str(data, "abcdef");
    check_eq(bide_write_vector(c.stream, nothing, 2), 0);
    check_eq(bide_write_vector(c.stream, before, 1), 0);
    bide_close(c.stream);
    close(c.peer);
    return 0;
}

bide_test(write_vector_of_64_pieces_survives_partial_sends)
{
    enum { PIECES = 64 };
    struct connection c = open_connection(4096);
    struct iovec pieces[PIECES];
    char *data = malloc(LARGE);
    size_t total = 0, offset = 0;
    int err;

    check(data != NULL);
    fill_sequence(data, LARGE, 0);
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = i == PIECES - 1 ? LARGE / 4 - offset : i % 7 == 3 ? 0 : (i * 7919) % 50000;

        pieces[i] = (struct iovec){ data + offset, size };
        offset += size;
    }
    bide_task_group (group, err) {
        bide_start(group, bide_co(drain_slowly, c.peer, 70 * 1000, &total));
        check_eq(bide_write_vector(c.stream, pieces, PIECES), LARGE / 4);
        check_eq(bide_write_eof(c.stream), 0);
    }
    check_eq(total, (size_t)LARGE / 4);
    bide_close(c.stream);
    close(c.peer);
    free(data);
    return err;
}

bide_test(write_vector_of_more_pieces_is_refused)
{
    struct connection c = open_connection(0);
    struct iovec pieces[65] = { 0 };

    check_error(bide_write_vector(c.stream, pieces, 65), EINVAL);
    check_message(-EINVAL, "65 pieces, at most 64");
    check_eq(bide_write(c.stream, "x", 1), 1);
    bide_close(c.stream);
    close(c.peer);
    return 0;
}

bide_test(write_eof_ends_one_direction_only)
{
    struct both_ends ends = open_both_ends();
    char buffer[16];

    check_eq(bide_write(ends.near, "last", 4), 4);
    check_eq(bide_write_eof(ends.near), 0);
    check_eq(bide_read(ends.far, buffer, sizeof buffer), 4);
    check_eq(bide_read(ends.far, buffer, sizeof buffer), 0);
    check_eq(bide_write(ends.far, "answer", 6), 6);
    check_eq(bide_read(ends.near, buffer, sizeof buffer), 6);
    check_mem(buffer, "answer", 6);
    check_error(bide_write(ends.near, "more", 4), EPIPE);
    check_message(-EPIPE, bide_peer_name(ends.near));
    check_eq(bide_write_eof(ends.far), 0);
    check_eq(bide_read(ends.near, buffer, sizeof buffer), 0);
    bide_close(ends.near);
    bide_close(ends.far);
    return 0;
}

bide_test(write_to_a_peer_that_has_gone_fails_with_its_name_and_without_a_signal)
{
    struct connection c = open_connection(0);
    char name[64], expected[80];
    ssize_t result;

    check(signal(SIGPIPE, SIG_DFL) != SIG_ERR); /* it would end the process */
    snprintf(name, sizeof name, "%s", bide_peer_name(c.stream));
    reset(c.peer);
    result = bide_write(c.stream, "x", 1);
    check(result == -ECONNRESET || result == -EPIPE);
    snprintf(expected, sizeof expected, "write to %s: ", name);
    check_message((int)result, expected);
    check_error(bide_write(c.stream, "x", 1), EPIPE);
    check_message(-EPIPE, expected);
    check_error(bide_write_vector(c.stream, &(struct iovec){ name, 1 }, 1), EPIPE);
    check_error(bide_write_eof(c.stream), ENOTCONN);
    check_message(-ENOTCONN, name);
    bide_close(c.stream);
    return 0;
}

/*
 * The peer's kernel answers what is sent after its close with a reset; that must come out as an error, not be waited
 * for.
 */
bide_test(write_to_a_closed_peer_fails_soon)
{
    struct connection c = open_connection(0);
    ssize_t result = 0;
    int err;

    check(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    close(c.peer);
    bide_timeout (WAIT, err) {
        for (int i = 0; i < 1000 && result >= 0; i++)
            result = bide_write(c.stream, "x", 1);
        err = result < 0 ? 0 : -EIO;
    }
    check_eq(err, 0);
    check(result == -EPIPE || result == -ECONNRESET);
    bide_close(c.stream);
    return 0;
}

static int write_much(bide_stream *stream, ssize_t *ret_count, ssize_t *ret_next)
{
    char *data = malloc(LARGE);

    check(data != NULL);
    fill_sequence(data, LARGE, 0);
    *ret_count = bide_write(stream, data, LARGE);
    *ret_next = *ret_count == LARGE ? 0 : bide_write(stream, data, 1);
    free(data);
    return 0;
}
bide_async(write_much, bide_stream *, ssize_t *, ssize_t *);

bide_test(a_lost_connection_wakes_a_blocked_writer)
{
    struct connection c = open_connection(4096);
    ssize_t count = -1, next = -1;
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(write_much, c.stream, &count, &next));
        steps(6);
        check_eq(count, -1);
        reset(c.peer);
    }
    check(count == -ECONNRESET || count == -EPIPE || (count > 0 && count < LARGE));
    check(count < 0 || next == -ECONNRESET || next == -EPIPE);
    bide_close(c.stream);
    return err;
}

static int read_one(bide_stream *stream, ssize_t *ret_count)
{
    char byte;

    *ret_count = bide_read(stream, &byte, 1);
    return 0;
}
bide_async(read_one, bide_stream *, ssize_t *);

bide_test(a_lost_connection_wakes_reader_and_writer)
{
    struct connection c = open_connection(4096);
    ssize_t count = -1, next = -1, read = -1;
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(write_much, c.stream, &count, &next));
        bide_start(group, bide_co(read_one, c.stream, &read));
        steps(6);
        check_eq(count, -1);
        check_eq(read, -1);
        reset(c.peer);
    }
    check(read == -ECONNRESET || read == 0); /* the error is told to one of them */
    check(next == -ECONNRESET || next == -EPIPE || count == -ECONNRESET || count == -EPIPE);
    bide_close(c.stream);
    return err;
}

bide_test(a_second_writer_is_refused_and_the_first_undisturbed)
{
    struct connection c = open_connection(4096);
    ssize_t count = -1, next = -1;
    size_t total = 0;
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(write_much, c.stream, &count, &next));
        steps(6);
        check_eq(count, -1);
        check_error(bide_write(c.stream, "x", 1), EBUSY);
        check_message(-EBUSY, bide_peer_name(c.stream));
        check_message(-EBUSY, "another task");
        check_error(bide_write_vector(c.stream, &(struct iovec){ &count, 1 }, 1), EBUSY);
        bide_start(group, bide_co(drain_slowly, c.peer, LARGE / 4, &total));
        while (count < 0)
            step(1);
        check_eq(bide_write_eof(c.stream), 0);
    }
    check_eq(count, LARGE);
    check_eq(total, (size_t)LARGE);
    bide_close(c.stream);
    close(c.peer);
    return err;
}

/* One connection, both directions full of bytes at once. */
static int pump_out(bide_stream *stream, size_t total)
{
    char data[5000];

    for (size_t sent = 0; sent < total; sent += sizeof data) {
        fill_sequence(data, sizeof data, sent);
        check_eq(bide_write(stream, data, sizeof data), (ssize_t)sizeof data);
    }
    check_eq(bide_write_eof(stream), 0);
    return 0;
}
bide_async(pump_out, bide_stream *, size_t);

static int pump_in(bide_stream *stream, size_t total)
{
    char data[7000];
    size_t received = 0;
    ssize_t count;

    while ((count = bide_read(stream, data, sizeof data)) > 0) {
        check_sequence(data, (size_t)count, received);
        received += (size_t)count;
    }
    check_eq(count, 0);
    check_eq(received, total);
    return 0;
}
bide_async(pump_in, bide_stream *, size_t);

bide_test(both_directions_run_at_once)
{
    const size_t total = 1000 * 5000;
    struct both_ends ends = open_both_ends();
    int err = bide_gather(bide_co(pump_out, ends.near, total), bide_co(pump_in, ends.near, total),
                          bide_co(pump_out, ends.far, total), bide_co(pump_in, ends.far, total));

    bide_close(ends.near);
    bide_close(ends.far);
    return err;
}

bide_test(close_still_delivers_what_was_written)
{
    struct connection c = open_connection(0);
    char data[100];

    fill_sequence(data, sizeof data, 0);
    check_eq(bide_write(c.stream, data, sizeof data), (ssize_t)sizeof data);
    bide_close(c.stream);
    take(c.peer, data, sizeof data);
    check_sequence(data, sizeof data, 0);
    check_eq(take_some(c.peer, data, 1), 0);
    close(c.peer);
    return 0;
}

bide_test(abort_resets_the_connection)
{
    struct connection c = open_connection(0);
    char byte;

    check_eq(bide_write(c.stream, "x", 1), 1);
    bide_abort(c.stream);
    while (take_some(c.peer, &byte, 1) == 1)
        continue;
    check(take_some(c.peer, &byte, 1) == -ECONNRESET || take_some(c.peer, &byte, 1) == 0); /* the reset is told once */
    close(c.peer);

    c = open_connection(0);
    bide_abort(c.stream);
    check_error(take_some(c.peer, &byte, 1), ECONNRESET);
    close(c.peer);
    return 0;
}

bide_test(auto_stream_is_closed_at_the_end_of_its_block)
{
    int before = count_descriptors(), peer;

    for (int i = 0; i < 3; i++) {
        struct connection c = open_connection(0);
        bide_auto(stream) *stream = c.stream;

        peer = c.peer;
        check_eq(bide_write(stream, "x", 1), 1);
        close(peer);
        if (i == 1)
            break;
    }
    check_eq(count_descriptors(), before);
    return 0;
}
