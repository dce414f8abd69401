/*
 * The last two of the six rules: r5_... a cancelled call returns after the kernel, or a thread, is done with its
 * buffers; r6_... closing always closes, and cancelled it only skips the politeness.
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "notes.h"
#include "task/wait.h"

static int64_t receive(int descriptor, void *buffer, size_t size)
{
    struct bide__op op = { .kind = BIDE__OP_RECEIVE, .descriptor = descriptor, .u.buffer = buffer, .size = size };

    return bide__op_run(&op);
}

static void open_pair(int ret_pair[2])
{
    check_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_pair), 0);
}

static void close_descriptor(int descriptor)
{
    bide_loop *loop = bide_get_running_loop();

    loop->backend->forget(loop, descriptor);
    check_eq(close(descriptor), 0);
}

/* ---- R5 ---- */

/* Waits for bytes into a buffer of its own frame, cancelled after a while. */
static int receive_briefly(int descriptor, int64_t *ret_result)
{
    char buffer[64];
    int err;

    memset(buffer, 'a', sizeof buffer);
    bide_timeout (0.001, err) {
        err = (int)(*ret_result = receive(descriptor, buffer, sizeof buffer));
    }
    for (size_t i = 0; i < sizeof buffer; i++)
        check_eq(buffer[i], 'a');
    return err;
}

/* Lies where the frame of receive_briefly() lay. */
__attribute__((noinline)) static void check_frame_is_ours(int writer)
{
    volatile char area[512];

    for (size_t i = 0; i < sizeof area; i++)
        area[i] = 'b';
    check_eq(write(writer, "zzzzzzzz", 8), 8);
    poll_once();
    for (size_t i = 0; i < sizeof area; i++)
        check_eq(area[i], 'b');
}

bide_test(r5_cancelled_receive_never_writes_into_the_frame_later)
{
    int64_t result = 0;
    char bytes[16];
    int pair[2];

    open_pair(pair);
    check_error(receive_briefly(pair[0], &result), ETIMEDOUT);
    check_error(result, ECANCELED);
    check_frame_is_ours(pair[1]);
    check_eq(receive(pair[0], bytes, sizeof bytes), 8);
    close_descriptor(pair[0]);
    return close(pair[1]);
}

struct gate {
    atomic_bool started, open;
    int written;
};

static int wait_at_gate(struct gate *gate)
{
    atomic_store(&gate->started, true);
    while (!atomic_load(&gate->open))
        sched_yield();
    gate->written = 1;
    return 3;
}
bide_async(wait_at_gate, struct gate *);

static void open_gate(void *argument)
{
    struct gate *gate = argument;

    atomic_store(&gate->open, true);
}

/* True when the thread had begun before the limit; else the call never ran, and a longer limit has to be tried. */
static bool time_out_thread_call(double limit)
{
    struct gate gate = { .written = 0 };
    bide_handle handle;
    int err, result = 0;

    check_eq(bide_call_later(bide_get_running_loop(), 4 * limit, open_gate, &gate, &handle), 0);
    bide_timeout (limit, err) {
        err = result = bide_to_thread(bide_co(wait_at_gate, &gate));
    }
    bide_handle_cancel(handle);
    if (!atomic_load(&gate.started)) {
        check_error(result, ECANCELED);
        check_error(err, ETIMEDOUT);
        return false;
    }
    check_eq(gate.written, 1);
    check_eq(result, 3);
    check_eq(err, 3); /* it happened, so there is no -ETIMEDOUT (R2) */
    return true;
}

bide_test_in_real_time(r5_timed_out_thread_call_returns_when_the_thread_is_done)
{
    double limit = 0.005;

    while (!time_out_thread_call(limit))
        limit *= 2;
    return 0;
}

static int receive_forever(int descriptor)
{
    char buffer[16];

    return (int)receive(descriptor, buffer, sizeof buffer);
}
bide_async(receive_forever, int);

bide_test(r5_descriptor_is_free_when_the_cancelled_call_has_returned)
{
    int pair[2], other[2], old;

    open_pair(pair);
    bide_task *task = bide_create_task(NULL, bide_co(receive_forever, pair[0]));
    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    old = pair[0];
    close_descriptor(pair[0]);
    open_pair(other); /* takes the number again: nothing may be registered for it */
    check_eq(other[0], old);
    bide_task *again = bide_create_task(NULL, bide_co(receive_forever, other[0]));
    poll_once();
    check(!bide_done(again));
    check_eq(write(other[1], "y", 1), 1);
    check_eq(bide_join(again), 1);
    close_descriptor(other[0]);
    close(other[1]);
    return close(pair[1]);
}

bide_test(r5_second_reader_is_refused_not_mixed_up)
{
    int pair[2];

    open_pair(pair);
    bide_task *first = bide_create_task(NULL, bide_co(receive_forever, pair[0]));
    turns(2);
    check_error(receive_forever(pair[0]), EBUSY);
    bide_cancel(first);
    check_error(bide_join(first), ECANCELED);
    check_eq(write(pair[1], "xy", 2), 2);
    check_eq(receive_forever(pair[0]), 2);
    close_descriptor(pair[0]);
    return close(pair[1]);
}

/* ---- R6 ---- */

static int slow_to_leave(double seconds, const char *name)
{
    (void)bide_sleep(3600);
    bide_shield (60) {
        (void)bide_sleep(seconds);
    }
    note("%s", name);
    return -ECANCELED;
}
bide_async(slow_to_leave, double, const char *);

static int own_children(void)
{
    int err;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(slow_to_leave, 0.02, "one")));
        bide(bide_start(tg, bide_co(slow_to_leave, 0.01, "two")));
    }
    note("closed");
    return err;
}
bide_async(own_children);

bide_test(r6_group_in_a_cancelled_scope_still_waits_for_its_children)
{
    bide_task *task = bide_create_task(NULL, bide_co(own_children));

    turns(3);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_notes("two one closed");
    return 0;
}

/* Says goodbye if there is time, closes in any case. */
static int close_politely(int descriptor, int *ret_goodbye)
{
    (void)bide_sleep(3600);
    *ret_goodbye = bide_sleep(0.001);
    close(descriptor);
    return -ECANCELED;
}
bide_async(close_politely, int, int *);

bide_test(r6_closing_skips_only_the_politeness)
{
    int pair[2], goodbye = 0;
    char byte;

    open_pair(pair);
    bide_task *task = bide_create_task(NULL, bide_co(close_politely, pair[0], &goodbye));
    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(goodbye, ECANCELED);
    check_eq(receive(pair[1], &byte, 1), 0); /* the other side sees the end */
    close_descriptor(pair[1]);
    return 0;
}

static int polite_cleanup(double *ret_seconds)
{
    (void)bide_sleep(3600);
    double start = bide_time();
    bide_shield (0.02) {
        check_error(bide_sleep(3600), ECANCELED);
    }
    *ret_seconds = bide_time() - start;
    return -ECANCELED;
}
bide_async(polite_cleanup, double *);

bide_test_in_real_time(r6_politeness_has_an_end)
{
    double seconds = 0;
    bide_task *task = bide_create_task(NULL, bide_co(polite_cleanup, &seconds));

    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check(seconds >= 0.02);
    check(seconds < 5 * check_slowness());
    return 0;
}

static void never(void *argument)
{
    (void)argument;
    note("called");
}

bide_test(r6_watchers_are_removed_in_a_cancelled_scope)
{
    int pair[2], err;

    open_pair(pair);
    bide(bide_add_reader(bide_get_running_loop(), pair[0], never, NULL));
    bide_timeout (0, err) {
        check(bide_remove_reader(bide_get_running_loop(), pair[0]));
        check_eq(write(pair[1], "x", 1), 1);
        poll_once();
    }
    check_eq(err, 0);
    poll_once();
    poll_once();
    check_notes("");
    close(pair[0]);
    return close(pair[1]);
}
