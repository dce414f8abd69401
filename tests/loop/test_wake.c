/*
 * Waking the loop from other threads: no call is lost, each thread's calls keep their order, a sleeping loop wakes.
 * The rule B17 of asyncio. To be run under ThreadSanitizer.
 */
#include "support_loop.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, CALLS = 10000 };

static struct bide_loop loop;
static int expected[THREADS], threads_through;

struct call {
    int thread, number;
};

static struct call calls[THREADS][CALLS];

static void arrive(void *argument)
{
    const struct call *call = argument;

    check_eq(call->number, expected[call->thread]);
    if (++expected[call->thread] == CALLS && ++threads_through == THREADS)
        stop_loop(&loop);
}

static void *send_all(void *argument)
{
    int thread = *(const int *)argument;

    for (int i = 0; i < CALLS; i++) {
        calls[thread][i] = (struct call){ thread, i };
        check_eq(bide_call_soon_threadsafe(&loop, arrive, &calls[thread][i]), 0);
    }
    return NULL;
}

unit_test(four_threads_keep_their_order)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];

    open_loop(&loop);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        check_eq(pthread_create(&threads[i], NULL, send_all, &numbers[i]), 0);
    }
    run_loop(&loop);
    for (int i = 0; i < THREADS; i++) {
        check_eq(pthread_join(threads[i], NULL), 0);
        check_eq(expected[i], (int)CALLS);
    }
    bide__loop_close(&loop);
    return 0;
}

static sem_t ball;
static int throws;

static void throw_back(void *unused)
{
    (void)unused;
    throws++;
    check_eq(sem_post(&ball), 0);
}

static void *play(void *rounds)
{
    for (int i = 0; i < *(const int *)rounds; i++) {
        check_eq(bide_call_soon_threadsafe(&loop, throw_back, NULL), 0);
        while (sem_wait(&ball) < 0)
            check_eq(errno, EINTR);
    }
    check_eq(bide_call_soon_threadsafe(&loop, stop_loop_callback, &loop), 0);
    return NULL;
}

/*
 * The loop has nothing else to do: each call finds it asleep or just about to sleep, the moment when a wake-up could
 * be lost.
 */
unit_test(a_sleeping_loop_wakes)
{
    int rounds = 3000;
    pthread_t thread;

    open_loop(&loop);
    check_eq(sem_init(&ball, 0, 0), 0);
    check_eq(pthread_create(&thread, NULL, play, &rounds), 0);
    run_loop(&loop);
    check_eq(throws, rounds);
    check_eq(pthread_join(thread, NULL), 0);
    sem_destroy(&ball);
    bide__loop_close(&loop);
    return 0;
}

static char notes[16];

static void note(void *letter)
{
    check(strlen(notes) + 1 < sizeof notes);
    strcat(notes, letter);
}

static char first[] = "a", second[] = "b", third[] = "c";

static void note_from_inside(void *letter)
{
    note(letter);
    check_eq(bide_call_soon_threadsafe(&loop, note, second), 0);
    check_eq(bide_call_soon_threadsafe(&loop, note, third), 0);
    check_eq(bide_call_soon_threadsafe(&loop, stop_loop_callback, &loop), 0);
}

unit_test(from_the_loop_itself)
{
    open_loop(&loop);
    check_eq(bide_call_soon_threadsafe(&loop, note_from_inside, first), 0);
    check_str(notes, "");
    run_loop(&loop);
    check_str(notes, "abc");
    bide__loop_close(&loop);
    return 0;
}

unit_test(in_one_order_with_call_soon)
{
    open_loop(&loop);
    check_eq(bide_call_soon_threadsafe(&loop, note, first), 0);
    poll_loop(&loop);
    check_eq(bide_call_soon(&loop, note, second, NULL), 0);
    check_eq(bide_call_soon_threadsafe(&loop, note, third), 0);
    poll_loop(&loop);
    poll_loop(&loop);
    check_str(notes, "abc");
    bide__loop_close(&loop);
    return 0;
}

static atomic_bool quit;

static void *shout(void *unused)
{
    while (!atomic_load(&quit))
        bide__wake_for_signal(&loop);
    return unused;
}

static void count_down(void *number)
{
    if (--*(int *)number == 0)
        stop_loop(&loop);
    else
        check_eq(bide_call_later(&loop, 0.0005, count_down, number, NULL), 0);
}

/* More wake-ups than anybody reads: they are one. */
unit_test(a_storm_of_wake_ups)
{
    pthread_t thread;
    int left = 100;

    open_loop(&loop);
    check_eq(pthread_create(&thread, NULL, shout, NULL), 0);
    count_down(&left);
    run_loop(&loop);
    atomic_store(&quit, true);
    check_eq(pthread_join(thread, NULL), 0);
    bide__loop_close(&loop);
    return 0;
}

static void *post_one(void *unused)
{
    check_eq(bide_call_soon_threadsafe(&loop, stop_loop_callback, &loop), 0);
    return unused;
}

/* A thread that ends as soon as it has called: what it sent lives on. */
unit_test(the_caller_may_be_gone)
{
    open_loop(&loop);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;

        check_eq(pthread_create(&thread, NULL, post_one, NULL), 0);
        check_eq(pthread_join(thread, NULL), 0);
        run_loop(&loop);
    }
    bide__loop_close(&loop);
    return 0;
}
