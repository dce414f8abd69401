/*
 * Descriptors that come and go: numbers used again, foreign ones that are closed behind our back, waits that must be
 * long enough.
 */
#include "support_loop.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

static struct bide_loop loop;

static struct bide__op foreign_op(enum bide__op_kind kind, int descriptor)
{
    return (struct bide__op){ .kind = (uint8_t)kind, .descriptor = descriptor, .foreign = true };
}

unit_test(a_number_used_again_is_a_new_descriptor)
{
    int first = -1, pair[2];
    char buffer[8];

    open_loop(&loop);
    for (int round = 0; round < 100; round++) {
        struct trial trial;

        open_pair(pair);
        if (first < 0)
            first = pair[0];
        check_eq(pair[0], first);
        /* leave each round with another state behind: a short read, an end, a full socket, a cancelled receive */
        check(!begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer)));
        poll_loop(&loop);
        if (round % 4 == 0) {
            put(pair[1], "ab");
            check_eq(end(&loop, &trial), 2);
        } else if (round % 4 == 1) {
            check_eq(shutdown(pair[1], SHUT_WR), 0);
            check_eq(end(&loop, &trial), 0);
        } else if (round % 4 == 2) {
            fill(pair[1]);
            check_eq(end(&loop, &trial), (int)sizeof buffer);
        } else {
            check_error(cancel_and_end(&loop, &trial), ECANCELED);
        }
        close_both(&loop, pair);
    }
    bide__loop_close(&loop);
    return 0;
}

unit_test(foreign_operations)
{
    struct trial reading, writing;
    int pair[2];

    open_loop(&loop);
    open_pair(pair);
    fill(pair[0]);
    check(!begin(&loop, &reading, foreign_op(BIDE__OP_READABLE, pair[0])));
    check(!begin(&loop, &writing, foreign_op(BIDE__OP_WRITABLE, pair[0])));
    check_pending(&loop, &reading);
    check_pending(&loop, &writing);
    put(pair[1], "abc");
    check_eq(end(&loop, &reading), 0);
    check_eq(run_op(&loop, foreign_op(BIDE__OP_READABLE, pair[0])), 0); /* level-triggered: it is still there */
    drain(pair[1]);
    check_eq(end(&loop, &writing), 0);
    check_eq(drain(pair[0]), 3U);
    check(!begin(&loop, &reading, foreign_op(BIDE__OP_READABLE, pair[0])));
    check_pending(&loop, &reading);
    check_error(cancel_and_end(&loop, &reading), ECANCELED);
    close(pair[0]); /* without a word to the backend: it is not ours */
    close(pair[1]);
    bide__loop_close(&loop);
    return 0;
}

/*
 * Closed between two operations, and the number given to a descriptor of our own: nothing of the old one sticks to
 * it.
 */
unit_test(foreign_descriptors_closed_behind_our_back)
{
    int pair[2], first = -1;
    char buffer[8];

    open_loop(&loop);
    for (int round = 0; round < 50; round++) {
        struct trial trial;

        open_pair(pair);
        if (first < 0)
            first = pair[0];
        check_eq(pair[0], first);
        check(!begin(&loop, &trial, foreign_op(BIDE__OP_READABLE, pair[0])));
        poll_loop(&loop);
        if (round % 2) {
            put(pair[1], "abc");
            check_eq(end(&loop, &trial), 0);
        } else {
            check_error(cancel_and_end(&loop, &trial), ECANCELED);
        }
        close(pair[0]);
        close(pair[1]);

        open_pair(pair); /* the same numbers */
        check_eq(pair[0], first);
        check(!begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer)));
        check_pending(&loop, &trial);
        put(pair[1], "de");
        check_eq(end(&loop, &trial), 2);
        close_both(&loop, pair);
    }
    bide__loop_close(&loop);
    return 0;
}

/*
 * Cancelled and closed before the loop has turned: the number may be somebody else's by the time the kernel hears of
 * it.
 */
unit_test(foreign_descriptor_closed_right_after_cancel)
{
    struct trial old, new;
    int pair[2], first;

    open_loop(&loop);
    open_pair(pair);
    first = pair[0];
    check(!begin(&loop, &old, foreign_op(BIDE__OP_READABLE, pair[0])));
    loop.backend->cancel(&loop, &old.op);
    close(pair[0]);
    close(pair[1]);
    open_pair(pair);
    check_eq(pair[0], first);
    check(!begin(&loop, &new, foreign_op(BIDE__OP_READABLE, pair[0])));
    int64_t result = end(&loop, &old);
    check(result == -ECANCELED || result == -EBADF);
    check_pending(&loop, &new);
    put(pair[1], "abc");
    check_eq(end(&loop, &new), 0);
    close(pair[0]);
    close(pair[1]);
    bide__loop_close(&loop);
    return 0;
}

unit_test(owned_descriptors_refuse_foreign_operations)
{
    struct trial trial;
    int pair[2];
    char buffer[8];

    open_loop(&loop);
    open_pair(pair);
    fill(pair[0]);
    check(!begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer)));
    poll_loop(&loop);
    check_error(run_op(&loop, foreign_op(BIDE__OP_READABLE, pair[0])), EBUSY);
    check_error(run_op(&loop, foreign_op(BIDE__OP_WRITABLE, pair[0])), EBUSY);
    put(pair[1], "a");
    check_eq(end(&loop, &trial), 1);
    check_error(run_op(&loop, foreign_op(BIDE__OP_READABLE, pair[0])), EBUSY); /* still owned */
    close_both(&loop, pair);

    open_pair(pair); /* not this one, although it has the same number */
    check(!begin(&loop, &trial, foreign_op(BIDE__OP_READABLE, pair[0])));
    check_error(cancel_and_end(&loop, &trial), ECANCELED);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

unit_test(a_wait_is_never_too_short)
{
    const int64_t lengths[] = {
        1, 1000, BIDE__MILLISECOND - 1, BIDE__MILLISECOND, BIDE__MILLISECOND + 1, 5 * BIDE__MILLISECOND + 7
    };

    open_loop(&loop);
    poll_loop(&loop);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int64_t before = bide__clock_now();

        loop.backend->wait(&loop, lengths[i]);
        int64_t waited = bide__clock_now() - before;
        check(waited >= lengths[i]);
        check(waited >= BIDE__MILLISECOND); /* rounded up, so that timers close together are one batch */
        check(waited < 2 * BIDE__SECOND);
    }
    bide__loop_close(&loop);
    return 0;
}

unit_test(a_zero_wait_returns_at_once)
{
    int64_t best = INT64_MAX;

    open_loop(&loop);
    poll_loop(&loop);
    for (int i = 0; i < 200; i++) {
        int64_t before = bide__clock_now();

        loop.backend->wait(&loop, 0);
        int64_t waited = bide__clock_now() - before;
        best = waited < best ? waited : best;
    }
    check(best < (int64_t)(10000 * check_slowness())); /* a timeout of zero by argument would be 17,000 ns */
    bide__loop_close(&loop);
    return 0;
}

unit_test(thirty_loops_one_after_the_other)
{
    int pair[2];
    char buffer[8];

    for (int i = 0; i < 30; i++) {
        open_loop(&loop);
        open_pair(pair);
        put(pair[1], "abc");
        check_eq(run_op(&loop, receive_op(pair[0], buffer, sizeof buffer)), 3);
        close_both(&loop, pair);
        bide__loop_close(&loop);
    }
    return 0;
}
