/*
 * add_reader and add_writer: level-triggered, replaceable, and silent from the moment they are removed. The rule B20
 * of asyncio.
 */
#include "support_loop.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct bide_loop loop;
static int calls, limit;
static int watched = -1, other = -1;

static void count(void *counter)
{
    if (++*(int *)counter >= limit)
        stop_loop(&loop);
}

static void must_not_run(void *unused)
{
    const bool a_callback_ran_after_its_removal = true;

    (void)unused;
    check(!a_callback_ran_after_its_removal);
}

unit_test(called_again_and_again_while_it_holds)
{
    int pair[2];

    open_loop(&loop);
    open_pair(pair);
    check_eq(bide_add_reader(&loop, pair[0], count, &calls), 0);
    poll_loop(&loop);
    poll_loop(&loop);
    check_eq(calls, 0);
    put(pair[1], "abc");
    limit = 10;
    run_loop(&loop);
    check_eq(calls, 10); /* once a turn, although nobody reads */
    check_eq(drain(pair[0]), 3U);
    poll_loop(&loop); /* one may be under way */
    poll_loop(&loop);
    calls = 0;
    poll_loop(&loop);
    poll_loop(&loop);
    check_eq(calls, 0);
    put(pair[1], "d");
    limit = 1;
    run_loop(&loop);
    check(bide_remove_reader(&loop, pair[0]));
    check(!bide_remove_reader(&loop, pair[0]));
    close(pair[0]);
    close(pair[1]);
    bide__loop_close(&loop);
    return 0;
}

unit_test(the_end_makes_it_readable)
{
    int pair[2];

    open_loop(&loop);
    open_pair(pair);
    check_eq(bide_add_reader(&loop, pair[0], count, &calls), 0);
    poll_loop(&loop);
    check_eq(close(pair[1]), 0);
    limit = 1;
    run_loop(&loop);
    check(bide_remove_reader(&loop, pair[0]));
    close(pair[0]);
    bide__loop_close(&loop);
    return 0;
}

unit_test(adding_again_replaces)
{
    int pair[2], second = 0;

    open_loop(&loop);
    open_pair(pair);
    check_eq(bide_add_reader(&loop, pair[0], must_not_run, NULL), 0);
    check_eq(bide_add_reader(&loop, pair[0], count, &second), 0);
    put(pair[1], "a");
    limit = 3;
    run_loop(&loop);
    check_eq(second, 3);
    check(bide_remove_reader(&loop, pair[0]));
    check(!bide_remove_reader(&loop, pair[0]));
    close(pair[0]);
    close(pair[1]);
    bide__loop_close(&loop);
    return 0;
}

unit_test(the_directions_are_independent)
{
    int pair[2], readers = 0, writers = 0;

    open_loop(&loop);
    open_pair(pair);
    check_eq(bide_add_reader(&loop, pair[0], count, &readers), 0);
    check_eq(bide_add_writer(&loop, pair[0], count, &writers), 0);
    limit = 5;
    run_loop(&loop);
    check_eq(writers, 5);
    check_eq(readers, 0);
    check(bide_remove_writer(&loop, pair[0]));
    check(!bide_remove_writer(&loop, pair[0]));
    put(pair[1], "a");
    writers = 0;
    run_loop(&loop);
    check_eq(readers, 5);
    check_eq(writers, 0);
    fill(pair[0]);
    check_eq(bide_add_writer(&loop, pair[0], must_not_run, NULL), 0); /* full */
    readers = 0;
    run_loop(&loop);
    check(bide_remove_writer(&loop, pair[0]));
    check(bide_remove_reader(&loop, pair[0]));
    close(pair[0]);
    close(pair[1]);
    bide__loop_close(&loop);
    return 0;
}

static void remove_watched(void *unused)
{
    (void)unused;
    calls++;
    check(bide_remove_reader(&loop, watched));
    check(!bide_remove_reader(&loop, watched));
    stop_loop(&loop);
}

unit_test(removed_by_itself)
{
    int pair[2];

    open_loop(&loop);
    open_pair(pair);
    watched = pair[0];
    put(pair[1], "a");
    check_eq(bide_add_reader(&loop, watched, remove_watched, NULL), 0);
    run_loop(&loop);
    poll_loop(&loop);
    poll_loop(&loop);
    check_eq(calls, 1);
    close(pair[0]);
    close(pair[1]);
    bide__loop_close(&loop);
    return 0;
}

static void remove_and_add(void *unused)
{
    (void)unused;
    calls++;
    check(bide_remove_reader(&loop, watched));
    if (calls < 20)
        check_eq(bide_add_reader(&loop, watched, remove_and_add, NULL), 0);
    else
        stop_loop(&loop);
}

unit_test(removed_and_added_by_itself)
{
    int pair[2];

    open_loop(&loop);
    open_pair(pair);
    watched = pair[0];
    put(pair[1], "a");
    check_eq(bide_add_reader(&loop, watched, remove_and_add, NULL), 0);
    run_loop(&loop);
    check_eq(calls, 20);
    close(pair[0]);
    close(pair[1]);
    bide__loop_close(&loop);
    return 0;
}

static void remove_the_other(void *mine)
{
    int removed = *(const int *)mine == watched ? other : watched;

    calls++;
    check_eq(calls, 1);
    check(bide_remove_reader(&loop, removed));
    check(bide_remove_reader(&loop, *(const int *)mine));
    stop_loop(&loop);
}

/* Both are due in one turn; the first removes the second, whose callback stands in the queue already. */
unit_test(removed_by_another_one_of_the_same_turn)
{
    int first[2], second[2];

    open_loop(&loop);
    open_pair(first);
    open_pair(second);
    watched = first[0];
    other = second[0];
    check_eq(bide_add_reader(&loop, watched, remove_the_other, &watched), 0);
    check_eq(bide_add_reader(&loop, other, remove_the_other, &other), 0);
    poll_loop(&loop);
    put(first[1], "a");
    put(second[1], "a");
    run_loop(&loop);
    poll_loop(&loop);
    check_eq(calls, 1);
    close(first[0]);
    close(first[1]);
    close(second[0]);
    close(second[1]);
    bide__loop_close(&loop);
    return 0;
}

/* Ready, the backend has said so, the callback is queued: and now it is removed. */
unit_test(removed_when_it_is_due)
{
    int pair[2];

    open_loop(&loop);
    open_pair(pair);
    for (int round = 0; round < 20; round++) {
        check_eq(bide_add_reader(&loop, pair[0], must_not_run, NULL), 0);
        if (round % 2)
            poll_loop(&loop);
        put(pair[1], "a");
        loop.backend->wait(&loop, 0);
        check(bide_remove_reader(&loop, pair[0]));
        if (round % 3)
            poll_loop(&loop);
        drain(pair[0]);
    }
    poll_loop(&loop);
    close(pair[0]);
    close(pair[1]);
    bide__loop_close(&loop);
    return 0;
}

static void close_watched(void *unused)
{
    (void)unused;
    calls++;
    if (watched >= 0)
        check_eq(close(watched), 0);
    watched = -1;
}

/* Against the rules, but people do it: the callback hears of it once and then it is quiet; no loop that spins. */
unit_test(closed_while_it_is_watched)
{
    int pair[2];

    open_loop(&loop);
    open_pair(pair);
    watched = pair[0];
    put(pair[1], "a");
    check_eq(bide_add_reader(&loop, pair[0], close_watched, NULL), 0);
    for (int i = 0; i < 10; i++)
        poll_loop(&loop);
    check_eq(calls, 2);
    check(bide_remove_reader(&loop, pair[0]));
    check(!bide_remove_reader(&loop, pair[0]));
    close(pair[1]);
    bide__loop_close(&loop);
    return 0;
}

unit_test(closed_after_removal_and_the_number_used_again)
{
    int pair[2], first = -1;

    open_loop(&loop);
    limit = 1;
    for (int round = 0; round < 50; round++) {
        open_pair(pair);
        if (first < 0)
            first = pair[0];
        check_eq(pair[0], first);
        calls = 0;
        check_eq(bide_add_reader(&loop, pair[0], count, &calls), 0);
        poll_loop(&loop);
        check_eq(calls, 0);
        if (round % 2) {
            put(pair[1], "a");
            run_loop(&loop);
            check_eq(calls, 1);
        }
        check(bide_remove_reader(&loop, pair[0]));
        close(pair[0]);
        close(pair[1]);
    }
    bide__loop_close(&loop);
    return 0;
}

unit_test(refusals)
{
    struct trial trial;
    int pair[2];
    char buffer[8];

    open_loop(&loop);
    check_error(bide_add_reader(&loop, -1, must_not_run, NULL), EBADF);
    open_pair(pair);
    close(pair[0]);
    close(pair[1]);
    check_error(bide_add_reader(&loop, pair[0], must_not_run, NULL), EBADF);
    check_error(bide_add_writer(&loop, pair[0], must_not_run, NULL), EBADF);
    check(!bide_remove_reader(&loop, pair[0]));
    check(!bide_remove_reader(&loop, -1));
    check(!bide_remove_writer(&loop, 1 << 20));

    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    check(file >= 0);
    check_error(bide_add_reader(&loop, file, must_not_run, NULL), EPERM); /* it would be readable for ever */
    close(file);

    open_pair(pair); /* one of our own */
    check(!begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer)));
    check_error(bide_add_reader(&loop, pair[0], must_not_run, NULL), EBUSY);
    check_error(cancel_and_end(&loop, &trial), ECANCELED);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

unit_test(closing_the_loop_drops_them)
{
    int pair[2];

    open_loop(&loop);
    open_pair(pair);
    check_eq(bide_add_reader(&loop, pair[0], must_not_run, NULL), 0);
    check_eq(bide_add_reader(&loop, pair[1], must_not_run, NULL), 0);
    put(pair[1], "a");
    loop.backend->wait(&loop, 0); /* one is due, one waits, one was removed and waits for the kernel */
    check_eq(bide_add_writer(&loop, pair[0], must_not_run, NULL), 0);
    check(bide_remove_reader(&loop, pair[1]));
    bide__loop_close(&loop);
    close(pair[0]);
    close(pair[1]);
    return 0;
}

enum { CROWD = 200 };

static int pairs[CROWD][2], seen[CROWD], left;

static void read_one(void *number)
{
    int i = *(const int *)number;

    check_eq(drain(pairs[i][0]), 1U);
    seen[i]++;
    if (--left == 0)
        stop_loop(&loop);
}

unit_test(a_crowd)
{
    static int numbers[CROWD];

    open_loop(&loop);
    for (int i = 0; i < CROWD; i++) {
        numbers[i] = i;
        open_pair(pairs[i]);
        check_eq(bide_add_reader(&loop, pairs[i][0], read_one, &numbers[i]), 0);
    }
    for (int round = 0; round < 10; round++) {
        left = CROWD;
        for (int i = 0; i < CROWD; i++)
            put(pairs[i][1], "x");
        run_loop(&loop);
    }
    for (int i = 0; i < CROWD; i++) {
        check_eq(seen[i], 10);
        check(bide_remove_reader(&loop, pairs[i][0]));
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    bide__loop_close(&loop);
    return 0;
}
