/*
 * bide_to_thread. The names in comments (Q1, ...) are those of the rules in docs/semantics.md. What happens to a call
 * that is cancelled while it runs is in test_rules.c and test_rules_closing.c (R2, R5).
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "loop/loop.h"
#include "notes.h"

static int add(int a, double b)
{
    return a + (int)b;
}
bide_async(add, int, double);

static int fail_in_thread(const char *text)
{
    return bide_fail(-EIO, "in the thread: %s", text);
}
bide_async(fail_in_thread, const char *);

bide_test(thread_value_error_and_message) /* Q1 */
{
    check_eq(bide_to_thread(bide_co(add, 40, 2.5)), 42);
    check_error(bide_to_thread(bide_co(fail_in_thread, "no luck")), EIO);
    check_str(bide_strerror(-EIO), "in the thread: no luck");
    return 0;
}

static int is_another_thread(pthread_t *caller)
{
    sigset_t blocked;

    check(!pthread_equal(*caller, pthread_self()));
    check_eq(pthread_sigmask(SIG_BLOCK, NULL, &blocked), 0);
    check(sigismember(&blocked, SIGTERM)); /* signals are the business of the loop's thread */
    check_eq(bide_get_running_loop(), NULL);
    check_eq(bide_current_task(), NULL);
    check_error(bide_sleep(0), EPERM); /* what belongs to the loop cannot be used here */
    return 1;
}
bide_async(is_another_thread, pthread_t *);

bide_test(thread_is_another_one)
{
    pthread_t self = pthread_self();

    check_eq(bide_to_thread(bide_co(is_another_thread, &self)), 1);
    return 0;
}

static int meet(pthread_barrier_t *barrier)
{
    int result = pthread_barrier_wait(barrier);

    return result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : -result;
}
bide_async(meet, pthread_barrier_t *);

static int call_meet(pthread_barrier_t *barrier)
{
    return bide_to_thread(bide_co(meet, barrier));
}
bide_async(call_meet, pthread_barrier_t *);

static int count_turns(atomic_int *counter)
{
    while (bide_sleep(0) == 0)
        atomic_fetch_add(counter, 1);
    return 0;
}
bide_async(count_turns, atomic_int *);

bide_test(threads_run_at_the_same_time) /* Q1: the barrier opens only if all three calls are in it together */
{
    pthread_barrier_t barrier;

    pthread_barrier_init(&barrier, NULL, 3);
    check_eq(bide_gather(bide_co(call_meet, &barrier), bide_co(call_meet, &barrier), bide_co(call_meet, &barrier)), 0);
    pthread_barrier_destroy(&barrier);
    return 0;
}

static int wait_for_turns(atomic_int *counter)
{
    while (atomic_load(counter) < 100)
        sched_yield();
    return 0;
}
bide_async(wait_for_turns, atomic_int *);

bide_test_in_real_time(thread_does_not_stop_the_loop) /* Q1 */
{
    atomic_int counter = 0;

    bide(bide_start(NULL, bide_co(count_turns, &counter)));
    check_eq(bide_to_thread(bide_co(wait_for_turns, &counter)), 0);
    check(atomic_load(&counter) >= 100);
    return 0;
}

struct calls {
    atomic_bool open;
    atomic_int started, running, most;
};

static int run_at_gate(struct calls *calls)
{
    int running = atomic_fetch_add(&calls->running, 1) + 1, most = atomic_load(&calls->most);

    atomic_fetch_add(&calls->started, 1);
    while (running > most && !atomic_compare_exchange_weak(&calls->most, &most, running))
        continue;
    while (!atomic_load(&calls->open))
        sched_yield();
    atomic_fetch_sub(&calls->running, 1);
    return 5;
}
bide_async(run_at_gate, struct calls *);

static int call_at_gate(struct calls *calls, int *ret_result)
{
    return *ret_result = bide_to_thread(bide_co(run_at_gate, calls));
}
bide_async(call_at_gate, struct calls *, int *);

static int cancel_queued(void)
{
    struct calls calls = { .open = false };
    int results[3] = { 1, 1, 1 };
    bide_task *tasks[3];

    for (int i = 0; i < 3; i++)
        tasks[i] = bide_create_task(NULL, bide_co(call_at_gate, &calls, &results[i]));
    while (atomic_load(&calls.started) == 0)
        turns(1);
    turns(5);
    check_eq(atomic_load(&calls.started), 1); /* one thread: the other two are in the queue */
    bide_cancel(tasks[1]);
    check_error(bide_join(tasks[1]), ECANCELED); /* at once, though the thread is busy */
    check_error(results[1], ECANCELED);
    atomic_store(&calls.open, true);
    check_eq(bide_join(tasks[0]), 5);
    check_eq(bide_join(tasks[2]), 5);
    check_eq(atomic_load(&calls.started), 2); /* the cancelled one never ran */
    return 0;
}
bide_async(cancel_queued);

unit_test(thread_call_cancelled_in_the_queue_never_runs) /* Q3 */
{
    return bide_run_with(bide_co(cancel_queued), &(bide_run_options){ .thread_limit = 1 });
}

static void open_calls(void *argument)
{
    struct calls *calls = argument;

    atomic_store(&calls->open, true);
}

static int many_calls(size_t limit)
{
    struct calls calls = { .open = false };
    int results[40], err;

    bide_task_group (tg, err) {
        for (int i = 0; i < 40; i++)
            bide(bide_start(tg, bide_co(call_at_gate, &calls, &results[i])));
        while ((size_t)atomic_load(&calls.started) < limit)
            turns(1);
        turns(5);
        open_calls(&calls);
    }
    check_eq(err, 0);
    check_eq(atomic_load(&calls.started), 40);
    check_eq((size_t)atomic_load(&calls.most), limit);
    for (int i = 0; i < 40; i++)
        check_eq(results[i], 5);
    return 0;
}
bide_async(many_calls, size_t);

unit_test(thread_limit_is_respected)
{
    check_eq(bide_run_with(bide_co(many_calls, 3), &(bide_run_options){ .thread_limit = 3 }), 0);
    check_eq(bide_run_with(bide_co(many_calls, 1), &(bide_run_options){ .thread_limit = 1 }), 0);
    return 0;
}

static int increment(int *counter)
{
    ++*counter; /* each has its own: nothing else synchronises these but the calls themselves */
    return 0;
}
bide_async(increment, int *);

static int call_often(int times)
{
    int counter = 0;

    for (int i = 0; i < times; i++)
        bide(bide_to_thread(bide_co(increment, &counter)));
    check_eq(counter, times);
    return 0;
}
bide_async(call_often, int);

bide_test(thread_calls_one_after_the_other)
{
    return bide_gather(bide_co(call_often, 200), bide_co(call_often, 200), bide_co(call_often, 200));
}

static int hold_on(atomic_int *counter)
{
    atomic_fetch_add(counter, 1);
    return 0;
}
bide_async(hold_on, atomic_int *);

static int call_hold_on(atomic_int *counter, int *ret_result)
{
    return *ret_result = bide_to_thread(bide_co(hold_on, counter));
}
bide_async(call_hold_on, atomic_int *, int *);

/* Cancels calls at any moment of their lives; a call has run exactly when it does not answer -ECANCELED (R1, R2). */
bide_test(thread_calls_cancelled_at_any_moment)
{
    for (int round = 0; round < 300; round++) {
        atomic_int counter = 0;
        int results[4] = { 1, 1, 1, 1 }, ran = 0;
        bide_task *tasks[4];

        for (int i = 0; i < 4; i++)
            tasks[i] = bide_create_task(NULL, bide_co(call_hold_on, &counter, &results[i]));
        turns(1 + round % 5);
        for (int i = 0; i < 4; i++)
            bide_cancel(tasks[i]);
        for (int i = 0; i < 4; i++) {
            (void)bide_join(tasks[i]);
            check(results[i] == 0 || results[i] == -ECANCELED);
            ran += results[i] == 0;
            bide_forget(tasks[i]);
        }
        check_eq(atomic_load(&counter), ran);
    }
    return 0;
}

static void *run_calls(void *argument)
{
    (void)argument;
    check_eq(bide_run(bide_co(call_often, 100)), 0);
    return NULL;
}

unit_test(thread_calls_from_four_loops_at_once)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        check_eq(pthread_create(&threads[i], NULL, run_calls, NULL), 0);
    for (int i = 0; i < 4; i++)
        check_eq(pthread_join(threads[i], NULL), 0);
    return 0;
}

struct from_thread {
    bide_loop *loop;
    int next; /* touched only in the loop's thread */
    int errors;
};

struct message {
    struct from_thread *to;
    int number;
};

static struct message messages[1000];

static void receive_message(void *argument)
{
    const struct message *message = argument;

    message->to->errors += message->number != message->to->next;
    message->to->next++;
}

static int send_messages(struct from_thread *to)
{
    for (int i = 0; i < 1000; i++) {
        messages[i] = (struct message){ to, i };
        check_eq(bide_call_soon_threadsafe(to->loop, receive_message, &messages[i]), 0);
    }
    return 0;
}
bide_async(send_messages, struct from_thread *);

bide_test(call_soon_threadsafe_keeps_the_order_of_a_thread) /* B17 */
{
    struct from_thread to = { .loop = bide_get_running_loop() };

    check_eq(bide_to_thread(bide_co(send_messages, &to)), 0);
    poll_once();
    turns(3);
    check_eq(to.next, 1000);
    check_eq(to.errors, 0);
    return 0;
}

static int idle_thread_is_used_again(void)
{
    const struct bide_loop *loop = bide_get_running_loop();

    for (int i = 0; i < 40; i++) {
        bide(bide_to_thread(bide_co(add, i, 1.0)));
        bide(bide_sleep(0.001));
    }
    check(loop->pool_threads < 20);
    return 0;
}
bide_async(idle_thread_is_used_again);

unit_test(thread_that_is_idle_is_used_again)
{
    return bide_run_with(bide_co(idle_thread_is_used_again), &(bide_run_options){ .thread_limit = 64 });
}
