/* Cancelled at any point, and anything that can fail failing: no byte is lost, none comes twice, nothing is left. */
#include "support_tls.h"

#include <errno.h>
#include <string.h>

enum { SIZE = 40000 };

/* Handshakes, bytes both ways, both ends; over memory, so small that all have to wait. */
static int exchange(size_t limit, size_t size)
{
    int err;
    struct ends ends;

    bide(bide_stream_pair(limit, &ends.client, &ends.server));
    err = bide_gather(bide_co(bide_start_tls, ends.client, zoo()->trusting, "example.test"),
                      bide_co(bide_tls_accept, ends.server, zoo()->serving));
    if (err >= 0)
        err = bide_gather(bide_co(send_sequence, ends.client, size), bide_co(receive_sequence, ends.client, size),
                          bide_co(send_sequence, ends.server, size), bide_co(receive_sequence, ends.server, size));
    close_ends(ends);
    return err;
}

bide_test_cancel_everywhere(exchange_cancelled_everywhere, .time_limit = 60, .allow = BIDE_ALLOW_TASKS,
                            .points_max = 200)
{
    zoo();
    return exchange(3000, 7000);
}

bide_test_timeout_everywhere(exchange_timed_out_everywhere, .time_limit = 60, .allow = BIDE_ALLOW_TASKS,
                             .points_max = 100)
{
    zoo();
    return exchange(3000, 4000);
}

bide_test_faults(exchange_with_faults, .time_limit = 60, .real_clock = true, .faults = "eintr eagain short",
                 .allow = BIDE_ALLOW_TASKS, .points_max = 60)
{
    struct ends ends = open_socket_ends();
    int err = bide_gather(bide_co(bide_start_tls, ends.client, zoo()->trusting, "example.test"),
                          bide_co(bide_tls_accept, ends.server, zoo()->serving));

    if (err >= 0)
        err = bide_gather(bide_co(send_sequence, ends.client, SIZE), bide_co(receive_sequence, ends.server, SIZE));
    close_ends(ends);
    return err;
}

bide_test_faults(exchange_with_errors, .time_limit = 60, .real_clock = true, .faults = "error",
                 .allow = BIDE_ALLOW_TASKS, .points_max = 60)
{
    bide_listener *listener;
    struct ends ends = { NULL, NULL };
    int err;

    zoo();
    bide(bide_listen("127.0.0.1", 0, &listener));
    err = bide_open_connection("127.0.0.1", bide_listener_port(listener), &ends.client);
    if (err == 0)
        err = bide_accept(listener, &ends.server);
    if (err == 0)
        err = bide_gather(bide_co(bide_start_tls, ends.client, zoo()->trusting, "example.test"),
                          bide_co(bide_tls_accept, ends.server, zoo()->serving));
    if (err >= 0)
        err = bide_gather(bide_co(send_sequence, ends.client, SIZE), bide_co(receive_sequence, ends.server, SIZE));
    close_ends(ends);
    bide_listener_close(listener);
    return err;
}

/* ---- a writer that is cancelled says how much went out, to the byte ---- */

struct writer {
    bide_stream *stream;
    size_t sent;
};

static int write_on(struct writer *writer)
{
    char data[20000];

    for (;;) {
        fill_sequence(data, sizeof data, writer->sent);
        ssize_t count = bide_write(writer->stream, data, sizeof data);

        if (count < 0)
            return (int)count;
        writer->sent += (size_t)count;
    }
}
bide_async(write_on, struct writer *);

/* Reads what comes until the end; how much that was. */
static int read_on(bide_stream *stream, size_t *received)
{
    char data[3000];
    ssize_t count;

    while ((count = bide(bide_read(stream, data, sizeof data))) > 0) {
        check_sequence(data, (size_t)count, *received);
        *received += (size_t)count;
    }
    return 0;
}
bide_async(read_on, bide_stream *, size_t *);

static const size_t limits[] = { 1, 100, 5000, 16384, 16500, 40000 };

bide_test_each(a_cancelled_writer_says_what_is_on_its_way, limits, .time_limit = 30)
{
    struct ends ends = open_ends(*it);
    struct writer writer = { ends.client, 0 };
    size_t received = 0;

    must_shake(ends, zoo()->trusting, zoo()->serving);
    for (int round = 0; round < 20; round++) {
        bide_task *task = bide_create_task(NULL, bide_co(write_on, &writer)), *reader = NULL;

        if (round % 3)
            reader = bide_create_task(NULL, bide_co(read_on, ends.server, &received));
        for (int steps = 0; steps < round * 2; steps++)
            bide_sleep(0);
        bide_cancel(task);
        check_error(bide_join(task), ECANCELED);
        if (reader) {
            bide_cancel(reader);
            check_error(bide_join(reader), ECANCELED);
        }
    }
    bide_close(ends.client); /* what was said to be on its way comes, though nobody writes any more */
    check_eq(read_on(ends.server, &received), 0);
    check_eq(received, writer.sent);
    check(*it < 5000 || received > 0);
    bide_close(ends.server);
    return 0;
}

/* The peer gets all of it although the writer has given up, and reads instead. */
bide_test(the_rest_of_a_cancelled_write_is_sent_while_its_task_reads)
{
    struct ends ends = open_ends(100);
    char data[1000], text[8];
    int err;
    ssize_t count = 0;

    must_shake(ends, zoo()->trusting, zoo()->serving);
    fill_sequence(data, sizeof data, 0);
    bide_timeout (1, err)
        count = bide_write(ends.client, data, sizeof data);
    check_eq(count, (ssize_t)sizeof data);
    bide_task *reader = bide_create_task(NULL, bide_co(receive_sequence, ends.server, sizeof data));
    bide_task *answer = bide_create_task(NULL, bide_co(send_sequence, ends.server, 3));
    check_eq(bide_read_exactly(ends.client, text, 3), 0);
    check_eq(bide_join(reader), 0);
    check_eq(bide_join(answer), 0);
    close_ends(ends);
    return 0;
}

/* A reader that is cancelled again and again gets every byte. */
bide_test(a_cancelled_reader_loses_nothing, .time_limit = 30)
{
    struct ends ends = open_ends(777);
    size_t received = 0;

    must_shake(ends, zoo()->trusting, zoo()->serving);
    bide_task *writer = bide_create_task(NULL, bide_co(send_sequence, ends.client, 60000));
    while (received < 60000) {
        bide_task *reader = bide_create_task(NULL, bide_co(read_on, ends.server, &received));

        bide_sleep(0);
        bide_sleep(0);
        bide_cancel(reader);
        check_error(bide_join(reader), ECANCELED);
    }
    check_eq(bide_join(writer), 0);
    close_ends(ends);
    return 0;
}

/* ---- closing while the peer takes nothing ---- */

bide_test(close_does_not_wait_and_loses_nothing)
{
    struct ends ends = open_ends(100);
    struct writer writer = { ends.client, 0 };
    size_t received = 0;
    double before;

    must_shake(ends, zoo()->trusting, zoo()->serving);
    bide_task *task = bide_create_task(NULL, bide_co(write_on, &writer));
    bide_sleep(0);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    before = bide_time();
    bide_close(ends.client);
    check(bide_time() == before);
    bide_sleep(20);
    check_eq(read_on(ends.server, &received), 0); /* with the goodbye at the end */
    check_eq(received, writer.sent);
    bide_close(ends.server);
    return 0;
}

bide_test(the_farewell_has_an_end)
{
    struct ends ends = open_ends(100);
    struct writer writer = { ends.client, 0 };
    char data[1000];
    ssize_t count;

    must_shake(ends, zoo()->trusting, zoo()->serving);
    bide_task *task = bide_create_task(NULL, bide_co(write_on, &writer));
    bide_sleep(0);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    bide_close(ends.client);
    check(bide_task_count() > 1);
    bide_sleep(61);
    check_eq(bide_task_count(), 1u);
    while ((count = bide_read(ends.server, data, sizeof data)) > 0)
        continue;
    check_error(count, BIDE_ETLS, "without a goodbye");
    bide_close(ends.server);
    return 0;
}

bide_test(abort_does_not_say_farewell)
{
    struct ends ends = open_ends(100);
    struct writer writer = { ends.client, 0 };
    char byte;

    must_shake(ends, zoo()->trusting, zoo()->serving);
    bide_task *task = bide_create_task(NULL, bide_co(write_on, &writer));
    bide_sleep(0);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    bide_abort(ends.client);
    bide_sleep(0);
    bide_sleep(0);
    check_eq(bide_task_count(), 1u);
    check_error(bide_read(ends.server, &byte, 1), ECONNRESET);
    bide_close(ends.server);
    return 0;
}
