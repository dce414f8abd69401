/*
 * The six rules of cancellation, one group of tests each: r1_... to r6_... What waits here are sleeps, joins, threads
 * and operations of the kernel on socket pairs; streams have tests of their own.
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/* A task that receives once and says what it got; `next` is what its next wait answers. */
struct reader {
    int descriptor;
    char buffer[8];
    int64_t result;
    int next;
};

static int read_once(struct reader *reader)
{
    reader->result = receive(reader->descriptor, reader->buffer, sizeof reader->buffer);
    reader->next = bide_sleep(0);
    return 0;
}
bide_async(read_once, struct reader *);

static int sleep_noted(double seconds, const char *name)
{
    int err = bide_sleep(seconds);

    note("%s:%d", name, err);
    return err;
}
bide_async(sleep_noted, double, const char *);

/* Sleeps, notes the answer, and what the next wait answers. */
static int sleep_twice(double seconds, int *ret_first, int *ret_second)
{
    *ret_first = bide_sleep(seconds);
    *ret_second = bide_sleep(0);
    return 0;
}
bide_async(sleep_twice, double, int *, int *);

/* ---- R1: -ECANCELED from a wait means it did not happen ---- */

bide_test(r1_cancelled_sleep_ends_at_once)
{
    double start = bide_time();
    bide_task *task = bide_create_task(NULL, bide_co(sleep_noted, 3600, "a"));

    turns(2);
    check(bide_cancel(task));
    check_error(bide_join(task), ECANCELED);
    check(bide_time() - start < 5 * check_slowness());
    check_notes("a:-125");
    return 0;
}

bide_test(r1_cancelled_receive_takes_no_byte)
{
    struct reader reader = { .result = 1 };
    char byte = 0;
    int pair[2];

    open_pair(pair);
    reader.descriptor = pair[0];
    bide_task *task = bide_create_task(NULL, bide_co(read_once, &reader));
    turns(2);
    bide_cancel(task);
    bide(bide_join(task));
    check_error(reader.result, ECANCELED);
    check_eq(write(pair[1], "x", 1), 1);
    check_eq(receive(pair[0], &byte, 1), 1);
    check_eq(byte, 'x');
    close_descriptor(pair[0]);
    return close(pair[1]);
}

bide_test(r1_wait_in_cancelled_scope_does_not_begin)
{
    char byte = 0;
    int pair[2], err;

    open_pair(pair);
    check_eq(write(pair[1], "x", 1), 1);
    bide_timeout (0, err) {
        check_error(receive(pair[0], &byte, 1), ECANCELED);
        check_eq(byte, 0);
    }
    check_eq(err, 0);
    check_eq(receive(pair[0], &byte, 1), 1);
    check_eq(byte, 'x');
    close_descriptor(pair[0]);
    return close(pair[1]);
}

bide_test(r1_cancelled_join_leaves_the_task_alone)
{
    bide_task *task = bide_create_task(NULL, bide_co(sleep_noted, 0.05, "inner"));
    int err;

    bide_timeout (0.001, err) {
        err = bide_join(task);
    }
    check_error(err, ETIMEDOUT);
    check(!bide_done(task));
    check_eq(bide_join(task), 0);
    check_notes("inner:0");
    return 0;
}

static int count_call(atomic_int *calls)
{
    atomic_fetch_add(calls, 1);
    return 0;
}
bide_async(count_call, atomic_int *);

bide_test(r1_thread_call_in_cancelled_scope_never_runs)
{
    atomic_int calls = 0;
    int err;

    bide_timeout (0, err) {
        err = bide_to_thread(bide_co(count_call, &calls));
    }
    check_error(err, ETIMEDOUT);
    check_eq(atomic_load(&calls), 0);
    return 0;
}

static int listen_on(struct sockaddr_un *ret_address)
{
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    snprintf(ret_address->sun_path + 1, sizeof ret_address->sun_path - 1, "bide-test-%d", (int)getpid());
    check_eq(bind(listener, (struct sockaddr *)ret_address, sizeof *ret_address), 0);
    check_eq(listen(listener, 8), 0);
    return listener;
}

bide_test(r1_cancelled_accept_loses_no_connection)
{
    struct sockaddr_un address;
    int listener = listen_on(&address), err;
    struct bide__op op = { .kind = BIDE__OP_ACCEPT, .descriptor = listener };

    bide_timeout (0.001, err) {
        err = (int)bide__op_run(&op);
    }
    check_error(err, ETIMEDOUT);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check_eq(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    op = (struct bide__op){ .kind = BIDE__OP_ACCEPT, .descriptor = listener };
    int64_t connection = bide__op_run(&op);
    check(connection >= 0);
    close((int)connection);
    close(client);
    close_descriptor(listener);
    return 0;
}

/* ---- R2: if it did happen you get the result, and the cancellation comes at the next wait ---- */

bide_test_in_real_time(r2_sleep_that_is_over_stays_over)
{
    int first = 1, second = 1;
    bide_task *task = bide_create_task(NULL, bide_co(sleep_twice, 0.001, &first, &second));

    turns(1);
    for (double end = bide_time() + 0.002; bide_time() < end;)
        continue;
    poll_once(); /* its time is over, but we run before it */
    bide_cancel(task);
    bide(bide_join(task));
    check_eq(first, 0);
    check_error(second, ECANCELED);
    return 0;
}

bide_test(r2_sleep_zero_cancelled_before_its_turn_did_not_happen)
{
    int first = 1, second = 1;
    bide_task *task = bide_create_task(NULL, bide_co(sleep_twice, 0, &first, &second));

    turns(1); /* it has yielded and stands in the queue behind us */
    bide_cancel(task);
    bide(bide_join(task));
    check_error(first, ECANCELED);
    check_error(second, ECANCELED);
    return 0;
}

static int join_twice(bide_task **task, int *ret_first, int *ret_second)
{
    *ret_first = bide_join(*task);
    *ret_second = bide_sleep(0);
    return 0;
}
bide_async(join_twice, bide_task **, int *, int *);

static int answer(int value)
{
    turns(1);
    return value;
}
bide_async(answer, int);

bide_test(r2_join_that_is_fulfilled_gives_the_value)
{
    int first = -1, second = 1;
    bide_task *waited, *joiner;

    waited = bide_create_task(NULL, bide_co(answer, 42));
    joiner = bide_create_task(NULL, bide_co(join_twice, &waited, &first, &second));
    while (!bide_done(waited))
        turns(1);
    check(!bide_done(joiner)); /* it is ready, but has not run */
    bide_cancel(joiner);
    bide(bide_join(joiner));
    check_eq(first, 42);
    check_error(second, ECANCELED);
    return 0;
}

bide_test_in_real_time(r2_received_bytes_are_delivered_though_cancelled)
{
    struct reader reader = { .result = 0 };
    char byte = 0;
    int pair[2];

    open_pair(pair);
    reader.descriptor = pair[0];
    bide_task *task = bide_create_task(NULL, bide_co(read_once, &reader));
    turns(2);
    check_eq(write(pair[1], "x", 1), 1);
    poll_once(); /* the loop has seen the byte; we run before the reader */
    bide_cancel(task);
    bide(bide_join(task));
    check_error(reader.next, ECANCELED);
    if (reader.result == 1) {
        check_eq(reader.buffer[0], 'x');
    } else { /* only a backend that had not noticed the byte yet may say this */
        check_error(reader.result, ECANCELED);
        check_eq(receive(pair[0], &byte, 1), 1);
    }
    if (strcmp(bide_backend_name(bide_get_running_loop()), "epoll") == 0)
        check_eq(reader.result, 1);
    close_descriptor(pair[0]);
    return close(pair[1]);
}

struct gate {
    atomic_bool started, open;
    int written; /* by the thread just before it ends */
};

/* Runs in a thread until the gate is opened. */
static int wait_at_gate(struct gate *gate)
{
    atomic_store(&gate->started, true);
    while (!atomic_load(&gate->open))
        sched_yield();
    gate->written = 1;
    return 7;
}
bide_async(wait_at_gate, struct gate *);

static int call_thread(struct gate *gate, int *ret_result, int *ret_written, int *ret_next)
{
    *ret_result = bide_to_thread(bide_co(wait_at_gate, gate));
    *ret_written = gate->written;
    *ret_next = bide_sleep(0);
    return 0;
}
bide_async(call_thread, struct gate *, int *, int *, int *);

bide_test(r2_thread_call_that_runs_gives_its_result)
{
    struct gate gate = { .written = 0 };
    int result = 0, written = 0, next = 1;
    bide_task *task = bide_create_task(NULL, bide_co(call_thread, &gate, &result, &written, &next));

    while (!atomic_load(&gate.started))
        turns(1);
    bide_cancel(task);
    turns(20);
    check(!bide_done(task)); /* R5: not before the thread is done */
    atomic_store(&gate.open, true);
    bide(bide_join(task));
    check_eq(result, 7);
    check_eq(written, 1);
    check_error(next, ECANCELED);
    return 0;
}

/* ---- R3: the scope that is the cause translates; everybody else passes -ECANCELED on ---- */

static int sleep_in_block(double limit, int *ret_inside)
{
    int err;

    bide_timeout (limit, err) {
        err = *ret_inside = bide_sleep(3600);
    }
    return err;
}
bide_async(sleep_in_block, double, int *);

bide_test(r3_expired_timeout_translates_only_there)
{
    int inside = 0, middle = 0, outer;

    bide_timeout (0.001, outer) {
        middle = sleep_in_block(60, &inside);
        outer = middle;
    }
    check_error(inside, ECANCELED);
    check_error(middle, ECANCELED);
    check_error(outer, ETIMEDOUT);
    check_eq(sleep_in_block(0.001, &inside), -ETIMEDOUT);
    check_error(inside, ECANCELED);
    return bide_sleep(0); /* and afterwards all is as before */
}

bide_test(r3_cancel_from_outside_is_not_a_timeout)
{
    int inside = 0;
    bide_task *task = bide_create_task(NULL, bide_co(sleep_in_block, 3600, &inside));

    turns(2);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(inside, ECANCELED);
    return 0;
}

static int fail_with(int code)
{
    turns(1);
    return bide_fail(code, "failed on purpose");
}
bide_async(fail_with, int);

bide_test(r3_failed_group_translates_into_the_childs_error)
{
    int err, inside = 0;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(fail_with, -EBADMSG)));
        bide(bide_start(tg, bide_co(sleep_noted, 3600, "sibling")));
        err = inside = bide_sleep(3600);
    }
    check_error(inside, ECANCELED);
    check_error(err, EBADMSG);
    check_notes("sibling:-125");
    return bide_sleep(0);
}

bide_test(r3_of_two_causes_the_outer_one_translates)
{
    int inner = 0, outer = 0;

    bide_timeout (0, outer) {
        bide_timeout (0, inner) {
            inner = bide_sleep(1);
        }
        check_error(inner, ECANCELED);
        outer = inner;
    }
    check_error(outer, ETIMEDOUT);
    return 0;
}

/* ---- R4: a task that was started always runs; its first wait says cancelled ---- */

/* Owns what it was given, as a connection handler owns its connection. */
static int release(char *given, int *ret_wait)
{
    *ret_wait = bide_sleep(1);
    free(given);
    note("released");
    return *ret_wait;
}
bide_async(release, char *, int *);

bide_test(r4_cancelled_before_the_first_step_still_runs)
{
    int wait = 0;
    bide_task *task = bide_create_task(NULL, bide_co(release, malloc(10), &wait));

    check(bide_cancel(task));
    check_error(bide_join(task), ECANCELED);
    check_error(wait, ECANCELED);
    check_notes("released");
    return 0;
}

bide_test(r4_started_in_a_cancelled_group_runs)
{
    int wait = 0, err;

    bide_task_group (tg, err) {
        bide_group_cancel(tg);
        check_eq(bide_start(tg, bide_co(release, malloc(10), &wait)), 0);
    }
    check_eq(err, 0);
    check_error(wait, ECANCELED);
    check_notes("released");
    return 0;
}

bide_test(r4_sibling_of_a_child_that_fails_first_runs)
{
    int wait = 0, err;

    bide_task_group (tg, err) {
        bide(bide_start(tg, bide_co(fail_with, -EIO)));
        turns(1); /* it fails in the next turn, before the one started now has run */
        bide(bide_start(tg, bide_co(release, malloc(10), &wait)));
    }
    check_error(err, EIO);
    check_error(wait, ECANCELED);
    check_notes("released");
    return 0;
}

static int leave_one_behind(int *ret_wait)
{
    return bide_start(NULL, bide_co(release, malloc(10), ret_wait));
}
bide_async(leave_one_behind, int *);

unit_test(r4_started_just_before_main_ends_runs)
{
    int wait = 0;

    check_eq(bide_run(bide_co(leave_one_behind, &wait)), 0);
    check_error(wait, ECANCELED);
    check_notes("released");
    return 0;
}
