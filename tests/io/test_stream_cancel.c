/*
 * Streams: cancellation to the byte.
 *
 * A task that reads (or writes) a known sequence is cancelled after every possible number of steps, again and again,
 * and started anew, while bytes come and go. What its calls report must be the sequence: nothing lost, nothing twice.
 * Steps differ in whether the loop looks at the kernel, so a cancellation falls before, into, and after the turn in
 * which data arrives.
 */
#include "support_io.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 9 };

enum kind { READ, EXACTLY, LINE, PEEK };

/* What the cancelled tasks have read so far. */
struct reading {
    bide_stream *stream;
    enum kind kind;
    size_t got;
    bool ended;
};

/* A line of the stream for LINE: the digits of its number. */
static size_t line_text(size_t number, char *text, size_t size)
{
    return (size_t)snprintf(text, size, "%zu\r\n", number * number);
}

/* One call of its kind; checks what it brought. The result, > 0 when it went well. */
static ssize_t read_once(struct reading *reading)
{
    char data[300], expected[64];
    const void *peeked;
    ssize_t count = 0;

    switch (reading->kind) {
    case READ:
        count = bide_read(reading->stream, data, 1 + reading->got % sizeof data);
        break;
    case EXACTLY:
        count = 1 + (ssize_t)(reading->got % sizeof data);
        int err = bide_read_exactly(reading->stream, data, (size_t)count);
        if (err < 0)
            count = err == BIDE_EOF ? bide_read(reading->stream, data, sizeof data) : err;
        break;
    case LINE:
        count = bide_read_line(reading->stream, data, sizeof data);
        if (count >= 0) {
            size_t length = line_text(reading->got++, expected, sizeof expected);
            expected[length - 2] = '\0';
            check_str(data, expected);
            return count + 2;
        }
        return count == BIDE_EOF ? 0 : count;
    case PEEK:
        count = bide_peek(reading->stream, 1 + reading->got % sizeof data, &peeked);
        if (count > 200)
            count = 200;
        if (count > 0) {
            memcpy(data, peeked, (size_t)count);
            bide_consume(reading->stream, (size_t)count);
        }
    }
    if (count > 0) {
        check_sequence(data, (size_t)count, reading->got);
        reading->got += (size_t)count;
    }
    return count;
}

static int read_until_cancelled(struct reading *reading)
{
    ssize_t count;

    while ((count = read_once(reading)) > 0)
        continue;
    if (count == 0)
        reading->ended = true;
    else
        check_eq(count, -ECANCELED);
    return 0;
}
bide_async(read_until_cancelled, struct reading *);

/* The sender's side: pieces of many sizes. Returns how much has been sent now. */
static size_t send_piece(int peer, enum kind kind, size_t *sent, size_t lines_or_bytes)
{
    char data[700];
    size_t size = 0;

    if (kind == LINE) {
        /* in two halves, so lines are split everywhere */
        size_t length = line_text(*sent / 2, data, sizeof data), half = *sent / 2 % length;

        if (*sent % 2 == 0)
            put(peer, data, half);
        else
            put(peer, data + half, length - half);
        return ++*sent;
    }
    size = 1 + *sent * 7919 % sizeof data;
    if (size > lines_or_bytes - *sent)
        size = lines_or_bytes - *sent;
    fill_sequence(data, size, *sent);
    put(peer, data, size);
    return *sent += size;
}

/*
 * One round: start, some steps with a piece sent somewhere among them, cancel; the piece comes before or after the
 * cancellation in the same turn when `at` says so.
 */
static void cancelled_round(struct reading *reading, int peer, unsigned count, unsigned at, size_t *sent, size_t total)
{
    bide_task *task = bide_create_task(NULL, bide_co(read_until_cancelled, reading));

    check(task != NULL);
    for (unsigned i = 0; i < count; i++) {
        if (i == at && *sent < total)
            send_piece(peer, reading->kind, sent, total);
        step(i + at);
    }
    if (at == count && *sent < total)
        send_piece(peer, reading->kind, sent, total);
    bide_cancel(task);
    if (at == count + 1 && *sent < total)
        send_piece(peer, reading->kind, sent, total);
    check_eq(bide_join(task), 0);
    bide_forget(task);
}

static int reads_exactly_once(enum kind kind)
{
    const size_t total = kind == LINE ? 2 * 600 : 150 * 1000; /* of half lines, or of bytes */
    struct connection c = open_connection(0);
    struct reading reading = { .stream = c.stream, .kind = kind };
    size_t sent = 0;

    while (sent < total)
        for (unsigned count = 0; count < STEPS; count++)
            for (unsigned at = 0; at <= count + 1; at++)
                cancelled_round(&reading, c.peer, count, at, &sent, total);
    check(shutdown(c.peer, SHUT_WR) == 0);
    check_eq(read_until_cancelled(&reading), 0);
    check(reading.ended);
    check_eq(reading.got, kind == LINE ? total / 2 : total);
    bide_close(c.stream);
    close(c.peer);
    return 0;
}

bide_test(a_cancelled_read_loses_nothing)
{
    return reads_exactly_once(READ);
}

bide_test(a_cancelled_read_exactly_loses_nothing)
{
    return reads_exactly_once(EXACTLY);
}

bide_test(a_cancelled_read_line_loses_nothing)
{
    return reads_exactly_once(LINE);
}

bide_test(a_cancelled_peek_loses_nothing)
{
    return reads_exactly_once(PEEK);
}

struct feeding {
    int peer;
    size_t sent;
    const size_t *got; /* what the reader has */
    bool stop;
};

/* Sends a piece every few polls, but never so far ahead of the reader that its blocking call would wait. */
static int feed(struct feeding *feeding)
{
    enum { AHEAD = 32 * 1024 };

    for (unsigned i = 0; !feeding->stop; i++) {
        if (i % 6 == 0 && feeding->sent - *feeding->got < AHEAD)
            send_piece(feeding->peer, READ, &feeding->sent, SIZE_MAX);
        step(i % 5);
    }
    return 0;
}
bide_async(feed, struct feeding *);

/* The same with deadlines that fall together with data: R2 says who wins, and either way the bytes are there. */
bide_test(a_read_that_times_out_loses_nothing)
{
    enum { ROUNDS = 3000 };
    struct connection c = open_connection(0);
    struct reading reading = { .stream = c.stream };
    struct feeding feeding = { .peer = c.peer, .got = &reading.got };
    int timeouts = 0, err = 0, outer;

    bide_task_group (group, outer) {
        bide_start(group, bide_co(feed, &feeding));
        for (int i = 0; i < ROUNDS; i++) {
            ssize_t count = 0;

            reading.kind = i % 2 ? PEEK : READ;
            bide_timeout (i % 4 ? 1e-9 : 1e-5, err) {
                count = read_once(&reading);
                err = count < 0 ? (int)count : 0;
            }
            check(err == 0 || err == -ETIMEDOUT);
            check_eq(count > 0, err == 0);
            timeouts += err != 0;
            for (size_t sent = feeding.sent; i % 50 == 0 && reading.got < sent;)
                check(read_once(&reading) > 0);
        }
        feeding.stop = true;
    }
    check_eq(outer, 0);
    check(timeouts > ROUNDS / 100 && timeouts < ROUNDS - ROUNDS / 100);
    check(shutdown(c.peer, SHUT_WR) == 0);
    check_eq(read_until_cancelled(&reading), 0);
    check_eq(reading.got, feeding.sent);
    bide_close(c.stream);
    close(c.peer);
    return 0;
}

/* What the cancelled writers have written so far. */
struct writing {
    bide_stream *stream;
    bool pieces; /* write_vector */
    size_t written;
    bool partial; /* a call reported less than asked for */
};

static int write_until_cancelled(struct writing *writing)
{
    enum { SIZE = 100 * 1000 };
    char *data = malloc(SIZE);
    ssize_t count;

    check(data != NULL);
    do {
        fill_sequence(data, SIZE, writing->written);
        struct iovec pieces[4] = {
            { data, SIZE / 3 }, { NULL, 0 }, { data + SIZE / 3, 1 }, { data + SIZE / 3 + 1, SIZE - SIZE / 3 - 1 }
        };

        count =
            writing->pieces ? bide_write_vector(writing->stream, pieces, 4) : bide_write(writing->stream, data, SIZE);
        if (count > 0)
            writing->written += (size_t)count;
        writing->partial |= count > 0 && count < SIZE;
    } while (count >= 0);
    check_eq(count, -ECANCELED);
    free(data);
    return 0;
}
bide_async(write_until_cancelled, struct writing *);

/* Takes at most `most` bytes off the peer and checks them. */
static void take_sequence(int peer, size_t most, size_t *taken)
{
    char data[8192];

    while (most) {
        ssize_t count = take_some(peer, data, most < sizeof data ? most : sizeof data);

        if (count <= 0)
            break;
        check_sequence(data, (size_t)count, *taken);
        *taken += (size_t)count;
        most -= (size_t)count;
    }
}

static int writes_exactly_once(bool pieces)
{
    struct connection c = open_connection(4096);
    struct writing writing = { .stream = c.stream, .pieces = pieces };
    size_t taken = 0;

    for (int round = 0; round < 6; round++)
        for (unsigned count = 0; count < STEPS; count++)
            for (unsigned at = 0; at <= count + 1; at++) {
                bide_task *task = bide_create_task(NULL, bide_co(write_until_cancelled, &writing));

                for (unsigned i = 0; i < count; i++) {
                    if (i >= at)
                        take_sequence(c.peer, 30000 * (at + 1), &taken);
                    step(i + at);
                }
                if (at == count)
                    take_sequence(c.peer, SIZE_MAX, &taken);
                bide_cancel(task);
                if (at == count + 1)
                    take_sequence(c.peer, SIZE_MAX, &taken);
                check_eq(bide_join(task), 0);
                bide_forget(task);
            }
    bide_close(c.stream);
    check(writing.partial);
    for (;;) { /* what is on its way still comes */
        char byte;
        ssize_t count = recv(c.peer, &byte, 1, MSG_PEEK);

        check(count >= 0);
        if (count == 0)
            break;
        take_sequence(c.peer, SIZE_MAX, &taken);
    }
    check_eq(taken, writing.written);
    close(c.peer);
    return 0;
}

bide_test(a_cancelled_write_reports_what_went_out)
{
    return writes_exactly_once(false);
}

bide_test(a_cancelled_write_vector_reports_what_went_out)
{
    return writes_exactly_once(true);
}

bide_test(a_write_in_a_cancelled_scope_sends_nothing)
{
    struct connection c = open_connection(0);
    char byte;
    int err;

    bide_timeout (0, err)
        err = (int)bide_write(c.stream, "x", 1);
    check_eq(err, -ETIMEDOUT);
    bide_timeout (0, err)
        err = (int)bide_write_vector(c.stream, &(struct iovec){ &byte, 1 }, 1);
    check_eq(err, -ETIMEDOUT);
    check_error(take_some(c.peer, &byte, 1), EAGAIN);
    bide_close(c.stream);
    close(c.peer);
    return 0;
}

/* R1: also bytes that are there already are not taken, not from the kernel and not from the buffer. */
bide_test(a_read_in_a_cancelled_scope_takes_nothing)
{
    struct connection c = open_connection(0);
    const void *data;
    char buffer[8];
    int err;

    put_text(c.peer, "ab\n");
    for (int buffered = 0; buffered < 2; buffered++) {
        bide_timeout (0, err)
            err = (int)bide_read(c.stream, buffer, sizeof buffer);
        check_eq(err, -ETIMEDOUT);
        bide_timeout (0, err)
            err = bide_read_exactly(c.stream, buffer, 1);
        check_eq(err, -ETIMEDOUT);
        bide_timeout (0, err)
            err = (int)bide_read_line(c.stream, buffer, sizeof buffer);
        check_eq(err, -ETIMEDOUT);
        bide_timeout (0, err)
            err = (int)bide_peek(c.stream, 1, &data);
        check_eq(err, -ETIMEDOUT);
        check_eq(bide_peek(c.stream, 3, &data), 3);
    }
    check_mem(data, "ab\n", 3);
    bide_close(c.stream);
    close(c.peer);
    return 0;
}

static int read_into(bide_stream *stream, char *data, size_t size, ssize_t *ret_count)
{
    *ret_count = bide_read(stream, data, size);
    return 0;
}
bide_async(read_into, bide_stream *, char *, size_t, ssize_t *);

/* R5: once the call has returned -ECANCELED the memory is the caller's again, whatever arrives later. */
bide_test(a_cancelled_read_leaves_the_buffer_alone)
{
    char buffer[64];

    for (unsigned round = 0; round < 200; round++) {
        struct connection c = open_connection(0);
        ssize_t count = 0;
        bide_task *task = bide_create_task(NULL, bide_co(read_into, c.stream, buffer, sizeof buffer, &count));

        steps(round % 7);
        bide_cancel(task);
        check_eq(bide_join(task), 0);
        bide_forget(task);
        check_eq(count, -ECANCELED);
        memset(buffer, 0x5a, sizeof buffer);
        put_text(c.peer, "late");
        steps(round % 3);
        if (round % 2) {
            char late[5] = "";

            check_eq(bide_read(c.stream, late, 4), 4);
            check_str(late, "late");
        }
        bide_close(c.stream);
        close(c.peer);
        steps(2);
        for (size_t i = 0; i < sizeof buffer; i++)
            check_eq(buffer[i], 0x5a);
    }
    return 0;
}

/* The stream's own buffer: a peek is cancelled in the middle of a line, and the stream closed at once. */
bide_test(a_stream_can_be_closed_right_after_a_cancelled_call)
{
    for (unsigned round = 0; round < 300; round++) {
        struct connection c = open_connection(0);
        struct reading reading = { .stream = c.stream, .kind = round % 2 ? PEEK : EXACTLY, .got = 250 };

        put_text(c.peer, "x");
        bide_task *task = bide_create_task(NULL, bide_co(read_until_cancelled, &reading));
        steps(round % 8);
        if (round % 3 == 0)
            put_text(c.peer, "y");
        bide_cancel(task);
        check_eq(bide_join(task), 0);
        bide_forget(task);
        bide_close(c.stream);
        close(c.peer);
    }
    return 0;
}
