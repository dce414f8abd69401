/* Guests: a loop that is driven, a piece at a time, by a host that sleeps in its own poll(). */
#include <bide/test.h>

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* What a host does between two runs: sleeps until there is something to do. Returns poll's answer. */
static int sleep_for(bide_guest *guest)
{
    struct pollfd poller = { .fd = bide_guest_descriptor(guest), .events = POLLIN };
    double seconds = bide_guest_timeout(guest);

    return poll(&poller, 1, seconds < 1e6 ? (int)ceil(seconds * 1000) : -1);
}

/* Drives a guest to its end; how many pieces that took. */
static int drive(bide_guest *guest)
{
    int pieces = 1;

    for (; bide_guest_run(guest, 0.001); pieces++)
        if (sleep_for(guest) < 0)
            check_eq(errno, EINTR);
    return pieces;
}

static int sleep_and_return(double seconds, int result)
{
    bide(bide_sleep(seconds));
    return result;
}
bide_async(sleep_and_return, double, int);

unit_test(a_guest_runs_to_its_end)
{
    bide_guest *guest;

    check_eq(bide_guest_open(bide_co(sleep_and_return, 0.02, 42), NULL, &guest), 0);
    check(bide_guest_descriptor(guest) >= 0);
    check_eq((void *)bide_get_running_loop(), NULL);
    check_eq(bide_guest_timeout(guest), 0);
    int pieces = drive(guest);
    check(pieces <= 6); /* it was asleep in between */
    check(!bide_guest_run(guest, 0));
    check(isinf(bide_guest_timeout(guest)));
    check_eq(bide_guest_close(guest), 42);
    check_eq(bide_guest_close(NULL), 0);
    return 0;
}

unit_test(the_timeout_is_that_of_the_next_timer)
{
    bide_guest *guest;

    check_eq(bide_guest_open(bide_co(sleep_and_return, 1000, 0), NULL, &guest), 0);
    check(bide_guest_run(guest, 0));
    check(bide_guest_timeout(guest) > 900 && bide_guest_timeout(guest) <= 1000);
    bide_guest_cancel(guest);
    drive(guest);
    check_eq(bide_guest_close(guest), -ECANCELED);
    check_eq(bide_guest_open(bide_co(sleep_and_return, INFINITY, 0), NULL, &guest), 0);
    check(bide_guest_run(guest, 0));
    check(isinf(bide_guest_timeout(guest)));
    check_eq(bide_guest_close(guest), -ECANCELED); /* cancelled, and waited for */
    return 0;
}

/* After some rounds there is nothing left to be told of: a host does not spin. */
unit_test(an_idle_guest_lets_its_host_sleep)
{
    bide_guest *guest;
    struct pollfd poller = { .events = POLLIN };

    check_eq(bide_guest_open(bide_co(sleep_and_return, INFINITY, 0), NULL, &guest), 0);
    poller.fd = bide_guest_descriptor(guest);
    for (int i = 0; i < 3; i++)
        check(bide_guest_run(guest, 0));
    check_eq(poll(&poller, 1, 0), 0);
    bide_guest_close(guest);
    return 0;
}

static int yield_for_ever(long *count)
{
    for (;;) {
        bide(bide_sleep(0));
        ++*count;
    }
}
bide_async(yield_for_ever, long *);

unit_test(busy_tasks_do_not_keep_the_host_for_long)
{
    bide_guest *guest;
    long count = 0;

    check_eq(bide_guest_open(bide_co(yield_for_ever, &count), NULL, &guest), 0);
    for (int i = 0; i < 3; i++)
        check(bide_guest_run(guest, 0));
    check(count > 0);
    check_eq(bide_guest_timeout(guest), 0);
    double start = bide_time();
    check(bide_guest_run(guest, 0.01));
    double seconds = bide_time() - start;
    check(seconds >= 0.01 && seconds < 0.01 + 1 * bide_test_slowness());
    check_eq(bide_guest_timeout(guest), 0);
    bide_guest_close(guest);
    return 0;
}

static int note_and_fail(const char *what)
{
    check_event("%s", what);
    return bide_fail(-EIO, "the disk of %s", what);
}
bide_async(note_and_fail, const char *);

unit_test(the_error_of_main_is_that_of_the_guest)
{
    bide_guest *guest;
    const bide_run_options options = { .quiet = true };

    check_eq(bide_guest_open(bide_co(note_and_fail, "main"), &options, &guest), 0);
    check_no_trace();
    drive(guest);
    check_trace("main");
    check_error(bide_guest_close(guest), EIO, "the disk of main");
    bide_test_capture();
    check_eq(bide_guest_open(bide_co(note_and_fail, "another"), NULL, &guest), 0);
    drive(guest);
    check_error(bide_guest_close(guest), EIO);
    check(strstr(bide_test_captured(), "bide: the disk of another"));
    check_trace("another");
    return 0;
}

static int end_slowly(void)
{
    int err = bide_sleep(1000);

    check_event("cancelled");
    bide_shield (10)
        bide_sleep(0.01);
    check_event("clean");
    return err;
}
bide_async(end_slowly);

static int start_and_leave(double seconds)
{
    bide_start(NULL, bide_co(end_slowly));
    return bide_sleep(seconds);
}
bide_async(start_and_leave, double);

unit_test(the_end_of_main_cancels_what_is_left_and_the_host_goes_on)
{
    bide_guest *guest;
    int pieces = 0;

    check_eq(bide_guest_open(bide_co(start_and_leave, 0.001), NULL, &guest), 0);
    while (bide_guest_run(guest, 0)) {
        pieces++;
        sleep_for(guest);
    }
    check(pieces > 1);
    check_trace("cancelled", "clean");
    check_eq(bide_guest_close(guest), 0);
    check_eq(bide_guest_open(bide_co(start_and_leave, 1000), NULL, &guest), 0);
    check(bide_guest_run(guest, 0));
    check_eq(bide_guest_close(guest), -ECANCELED); /* all of it in there */
    check_trace("cancelled", "clean");
    return 0;
}

static int note(const char *what)
{
    check_event("%s", what);
    return 0;
}
bide_async(note, const char *);

unit_test(a_host_starts_tasks)
{
    bide_guest *guest;
    const bide_run_options eager = { .eager_start = true };

    for (int i = 0; i < 2; i++) {
        check_eq(bide_guest_open(bide_co(sleep_and_return, INFINITY, 0), i ? &eager : NULL, &guest), 0);
        check_eq(bide_guest_start(guest, bide_co(note, "before the first run")), 0);
        check_no_trace();
        while (bide_guest_timeout(guest) == 0)
            check(bide_guest_run(guest, 0));
        check_trace("before the first run");
        check_eq(bide_guest_start(guest, bide_co(note, "one")), 0);
        check_eq(bide_guest_start(guest, bide_co(note, "two")), 0);
        check_no_trace();
        check_eq(bide_guest_timeout(guest), 0);
        check_eq(sleep_for(guest), 1); /* a host that had computed its timeout before is woken too */
        check(bide_guest_run(guest, 0));
        check_trace("one", "two");
        bide_guest_cancel(guest);
        check_eq(sleep_for(guest), 1);
        drive(guest);
        check_error(bide_guest_start(guest, bide_co(note, "too late")), ESRCH);
        check_eq(bide_guest_close(guest), -ECANCELED);
    }
    return 0;
}

static void note_call(void *unused)
{
    (void)unused;
    check_event("called");
}

unit_test(a_host_calls_the_loop)
{
    bide_guest *guest;
    bide_loop *loop;

    check_eq(bide_guest_open(bide_co(sleep_and_return, INFINITY, 0), NULL, &guest), 0);
    loop = bide_guest_get_loop(guest);
    check(bide_guest_run(guest, 0));
    check_eq(bide_call_soon(loop, note_call, NULL, NULL), 0);
    check_eq(poll(&(struct pollfd){ .fd = bide_guest_descriptor(guest), .events = POLLIN }, 1, -1), 1);
    check_eq(bide_guest_timeout(guest), 0);
    check(bide_guest_run(guest, 0));
    check_trace("called");
    check_eq(bide_call_later(loop, 0.005, note_call, NULL, NULL), 0);
    check(bide_guest_timeout(guest) <= 0.005);
    double start = bide_time();
    while (bide_time() - start < 0.005)
        sleep_for(guest);
    check(bide_guest_run(guest, 0));
    check_trace("called");
    bide_guest_close(guest);
    return 0;
}

static void *call_from_thread(void *loop)
{
    check_eq(bide_call_soon_threadsafe(loop, note_call, NULL), 0);
    return NULL;
}

unit_test(another_thread_wakes_the_host)
{
    bide_guest *guest;
    pthread_t thread;

    check_eq(bide_guest_open(bide_co(sleep_and_return, INFINITY, 0), NULL, &guest), 0);
    for (int i = 0; i < 20; i++) {
        check(bide_guest_run(guest, 0));
        check_eq(pthread_create(&thread, NULL, call_from_thread, bide_guest_get_loop(guest)), 0);
        if (i % 2)
            pthread_join(thread, NULL);
        struct pollfd poller = { .fd = bide_guest_descriptor(guest), .events = POLLIN };
        check_eq(poll(&poller, 1, -1), 1);
        if (i % 2 == 0)
            pthread_join(thread, NULL);
        check(bide_guest_run(guest, 0));
        check_trace("called");
        check(bide_guest_run(guest, 0));
        check(bide_guest_run(guest, 0));
        check_eq(poll(&poller, 1, 0), 0);
    }
    bide_guest_close(guest);
    return 0;
}

static int compute(int *number)
{
    return ++*number;
}
bide_async(compute, int *);

static int call_threads(void)
{
    int number = 0;

    for (int i = 1; i <= 10; i++)
        check_eq(bide_to_thread(bide_co(compute, &number)), i);
    return number;
}
bide_async(call_threads);

unit_test(threads_work_for_a_guest)
{
    bide_guest *guest;

    check_eq(bide_guest_open(bide_co(call_threads), NULL, &guest), 0);
    drive(guest);
    check_eq(bide_guest_close(guest), 10);
    return 0;
}

static void *send_signal(void *main_thread)
{
    pthread_kill(*(pthread_t *)main_thread, SIGUSR1);
    return NULL;
}

unit_test(a_signal_wakes_the_host)
{
    bide_guest *guest;
    pthread_t self = pthread_self(), thread;

    check_eq(bide_guest_open(bide_co(sleep_and_return, INFINITY, 0), NULL, &guest), 0);
    check_eq(bide_add_signal_handler(bide_guest_get_loop(guest), SIGUSR1, note_call, NULL), 0);
    check(bide_guest_run(guest, 0));
    check_eq(pthread_create(&thread, NULL, send_signal, &self), 0);
    int ready = sleep_for(guest);
    check(ready == 1 || errno == EINTR);
    pthread_join(thread, NULL);
    check_eq(sleep_for(guest), 1); /* the descriptor says so as well */
    check(bide_guest_run(guest, 0));
    check_trace("called");
    raise(SIGUSR1);
    check_eq(sleep_for(guest), 1);
    check(bide_guest_run(guest, 0));
    check_trace("called");
    bide_guest_close(guest);
    return 0;
}

/* Ctrl-C is not taken from the host. */
unit_test(a_guest_leaves_the_signals_of_its_host_alone)
{
    bide_guest *guest;
    struct sigaction action;
    const bide_run_options options = { .terminate_like_interrupt = true };

    check_eq(bide_guest_open(bide_co(sleep_and_return, 0.001, 0), &options, &guest), 0);
    check(bide_guest_run(guest, 0));
    check(sigaction(SIGINT, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    check(sigaction(SIGTERM, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    drive(guest);
    check_eq(bide_guest_close(guest), 0);
    return 0;
}

static int open_a_guest(void)
{
    bide_guest *guest = NULL;

    check_error(bide_guest_open(bide_co(note, "inside"), NULL, &guest), EDEADLK, "running event loop");
    check_eq((void *)guest, NULL);
    return 0;
}
bide_async(open_a_guest);

unit_test(what_is_refused)
{
    bide_guest *guest = NULL;
    const bide_run_options virtual = { .virtual_clock = true }, odd = { .stack_size = 12345 };

    check_eq(bide_run(bide_co(open_a_guest)), 0);
    check_error(bide_guest_open(bide_co(note, "virtual"), &virtual, &guest), EINVAL, "virtual");
    check_error(bide_guest_open(bide_co(note, "odd"), &odd, &guest), EINVAL, "stack size");
    check_eq((void *)guest, NULL);
    check_no_trace();
    return 0;
}

unit_test(several_guests_and_runs_in_one_thread)
{
    enum { GUESTS = 3 };
    bide_guest *guests[GUESTS];
    bool alive = true;

    for (int i = 0; i < GUESTS; i++)
        check_eq(bide_guest_open(bide_co(sleep_and_return, 0.005 * (i + 1), i), NULL, &guests[i]), 0);
    while (alive) {
        alive = false;
        for (int i = 0; i < GUESTS; i++)
            alive |= bide_guest_run(guests[i], 0);
        check_eq(bide_run(bide_co(sleep_and_return, 0.001, 7)), 7);
    }
    for (int i = 0; i < GUESTS; i++)
        check_eq(bide_guest_close(guests[i]), i);
    return 0;
}

static int stop_the_loop(void)
{
    bide_stop(bide_get_running_loop());
    return bide_sleep(1000);
}
bide_async(stop_the_loop);

unit_test(bide_stop_cancels_the_guest)
{
    bide_guest *guest;

    check_eq(bide_guest_open(bide_co(stop_the_loop), NULL, &guest), 0);
    drive(guest);
    check_eq(bide_guest_close(guest), -ECANCELED);
    return 0;
}

unit_test(a_guest_that_is_cancelled_before_it_began)
{
    bide_guest *guest;

    check_eq(bide_guest_open(bide_co(end_slowly), NULL, &guest), 0);
    bide_guest_cancel(guest);
    bide_guest_cancel(guest);
    drive(guest);
    check_trace("cancelled", "clean"); /* R4: it runs, and its first wait says so */
    check_eq(bide_guest_close(guest), -ECANCELED);
    check_eq(bide_guest_open(bide_co(end_slowly), NULL, &guest), 0);
    check_eq(bide_guest_close(guest), -ECANCELED); /* it was never run by the host */
    check_trace("cancelled", "clean");
    return 0;
}

/* A guest in a worker thread: what goes wrong comes out, and nothing stays behind. */
static int host_in_thread(void)
{
    bide_guest *guest;
    int number = 0;

    bide(bide_guest_open(bide_co(sleep_and_return, 0.002, 7), NULL, &guest));
    int err = bide_guest_start(guest, bide_co(compute, &number));
    while (bide_guest_run(guest, 0.001))
        sleep_for(guest);
    int result = bide_guest_close(guest);
    return err < 0 ? err : result;
}
bide_async(host_in_thread);

bide_test_faults(a_guest_with_faults, .real_clock = true, .faults = "memory eintr error")
{
    check_eq(bide(bide_to_thread(bide_co(host_in_thread))), 7);
    return 0;
}
