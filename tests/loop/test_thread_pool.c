/*
 * The pool of threads: where work runs, how much of it at once, what can be taken back.
 */
#include "support_loop.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "loop/thread_pool.h"

enum { MANY = 2000 };

static struct bide_loop loop;
static struct bide__thread_pool *pool;
static pthread_t loop_thread;
static int finished, expected;
static atomic_int worked, at_once, most_at_once;
static sem_t begun, may_end;

static void open_pool(size_t limit)
{
    open_loop(&loop);
    loop_thread = pthread_self();
    check_eq(sem_init(&begun, 0, 0), 0);
    check_eq(sem_init(&may_end, 0, 0), 0);
    pool = bide__thread_pool_open(&loop, limit, "test-worker");
    check(pool);
}

static void close_pool(void)
{
    bide__thread_pool_close(pool);
    bide__loop_close(&loop);
    sem_destroy(&begun);
    sem_destroy(&may_end);
}

static void come_home(struct bide__job *job)
{
    (void)job;
    check(pthread_equal(pthread_self(), loop_thread));
    if (++finished == expected)
        stop_loop(&loop);
}

static void work(struct bide__job *job)
{
    (void)job;
    check(!pthread_equal(pthread_self(), loop_thread));
    atomic_fetch_add(&worked, 1);
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) < 0)
        check_eq(errno, EINTR);
}

static void work_until_told(struct bide__job *job)
{
    int now = atomic_fetch_add(&at_once, 1) + 1, most = atomic_load(&most_at_once);

    while (now > most && !atomic_compare_exchange_weak(&most_at_once, &most, now))
        continue;
    check_eq(sem_post(&begun), 0);
    wait_for(&may_end);
    atomic_fetch_sub(&at_once, 1);
    work(job);
}

static void submit(struct bide__job *job, void (*function)(struct bide__job *job))
{
    *job = (struct bide__job){ .work = function, .finished = come_home };
    check_eq(bide__thread_pool_submit(pool, job), 0);
}

unit_test(work_in_a_thread_and_home_again)
{
    static struct bide__job jobs[MANY];

    open_pool(4);
    expected = MANY;
    for (int i = 0; i < MANY; i++)
        submit(&jobs[i], work);
    check_eq(finished, 0); /* only the loop brings it home */
    run_loop(&loop);
    check_eq(finished, (int)MANY);
    check_eq(atomic_load(&worked), (int)MANY);
    close_pool();
    return 0;
}

unit_test(no_more_at_once_than_the_limit)
{
    struct bide__job jobs[10];

    open_pool(3);
    expected = 10;
    for (int i = 0; i < 10; i++)
        submit(&jobs[i], work_until_told);
    for (int i = 0; i < 3; i++)
        wait_for(&begun);
    for (int i = 0; i < 10; i++)
        check_eq(sem_post(&may_end), 0);
    run_loop(&loop);
    check_eq(finished, 10);
    check_eq(atomic_load(&most_at_once), 3);
    close_pool();
    return 0;
}

struct where {
    struct bide__job job;
    pthread_t thread;
};

static void remember_thread(struct bide__job *job)
{
    ((struct where *)job)->thread = pthread_self();
}

/* Wakes the loop and goes idle; the next job must not start another thread for ever. */
unit_test(idle_threads_are_used_again)
{
    struct where first, next;
    int others = 0;

    open_pool(1);
    expected = 1;
    submit(&first.job, remember_thread);
    run_loop(&loop);
    for (int i = 0; i < 100; i++) {
        finished = 0;
        submit(&next.job, remember_thread);
        run_loop(&loop);
        others += !pthread_equal(first.thread, next.thread);
    }
    check_eq(others, 0);
    close_pool();
    return 0;
}

unit_test(what_has_not_begun_can_be_taken_back)
{
    struct bide__job busy, queued[5];

    open_pool(1);
    submit(&busy, work_until_told);
    for (int i = 0; i < 5; i++)
        submit(&queued[i], work);
    wait_for(&begun);
    /* from the middle, the front and the end of the queue */
    check(bide__thread_pool_cancel(pool, &queued[2]));
    check(bide__thread_pool_cancel(pool, &queued[0]));
    check(bide__thread_pool_cancel(pool, &queued[4]));
    check(!bide__thread_pool_cancel(pool, &queued[4]));
    check(!bide__thread_pool_cancel(pool, &busy)); /* too late: it will be finished */
    memset(&queued[0], 0xff, sizeof queued[0]);    /* nobody looks at them any more */
    memset(&queued[2], 0xff, sizeof queued[2]);
    memset(&queued[4], 0xff, sizeof queued[4]);
    check_eq(sem_post(&may_end), 0);
    expected = 3;
    run_loop(&loop);
    check_eq(atomic_load(&worked), 3);
    check(!bide__thread_pool_cancel(pool, &busy)); /* and after the end still */
    close_pool();
    return 0;
}

unit_test(all_taken_back)
{
    struct bide__job busy, queued[3], later;

    open_pool(1);
    submit(&busy, work_until_told);
    wait_for(&begun);
    for (int i = 0; i < 3; i++)
        submit(&queued[i], work);
    for (int i = 0; i < 3; i++)
        check(bide__thread_pool_cancel(pool, &queued[i]));
    submit(&later, work); /* the empty queue still works */
    check_eq(sem_post(&may_end), 0);
    expected = 2;
    run_loop(&loop);
    check_eq(atomic_load(&worked), 2);
    close_pool();
    return 0;
}

static struct bide__job race_jobs[64];
static int race_finished, race_home;

static void count_home(struct bide__job *job)
{
    (void)job;
    race_finished++;
    if (--race_home == 0)
        stop_loop(&loop);
}

/* Each job is either taken back or finished, whoever is faster. */
unit_test(taking_back_races_with_beginning)
{
    open_pool(4);
    for (int round = 0; round < 100; round++) {
        int taken = 0;

        atomic_store(&worked, 0);
        race_finished = 0;
        for (int i = 0; i < 64; i++) {
            race_jobs[i] = (struct bide__job){ .work = work, .finished = count_home };
            check_eq(bide__thread_pool_submit(pool, &race_jobs[i]), 0);
        }
        for (int i = 63; i >= 0; i--)
            taken += bide__thread_pool_cancel(pool, &race_jobs[i]);
        race_home = 64 - taken;
        if (race_home)
            run_loop(&loop);
        check_eq(race_finished + taken, 64);
        check_eq(atomic_load(&worked), race_finished);
    }
    close_pool();
    return 0;
}

static void *let_it_end(void *unused)
{
    check_eq(sem_post(&may_end), 0);
    return unused;
}

/* Closing waits for what runs and drops what waits; both come home with the loop's last look. */
unit_test(closing_finishes_everything)
{
    struct bide__job busy, queued[5];
    pthread_t thread;

    open_pool(1);
    submit(&busy, work_until_told);
    for (int i = 0; i < 5; i++)
        submit(&queued[i], work);
    wait_for(&begun);
    check_eq(pthread_create(&thread, NULL, let_it_end, NULL), 0);
    bide__thread_pool_close(pool);
    check_eq(pthread_join(thread, NULL), 0);
    check(atomic_load(&worked) >= 1);
    check_eq(finished, 0);
    bide__loop_close(&loop);
    check_eq(finished, 6);
    bide__thread_pool_close(NULL);
    return 0;
}

static sigset_t seen_mask;
static char seen_name[16];

static void look_around(struct bide__job *job)
{
    (void)job;
    check_eq(pthread_sigmask(SIG_SETMASK, NULL, &seen_mask), 0);
    check_eq(pthread_getname_np(pthread_self(), seen_name, sizeof seen_name), 0); /* at first perhaps not given yet */
}

unit_test(threads_block_signals)
{
    struct bide__job job;
    sigset_t mask;

    open_pool(1);
    expected = 1;
    submit(&job, look_around);
    run_loop(&loop);
    for (int number = 1; number < 32; number++)
        if (number != SIGKILL && number != SIGSTOP)
            check_eq(sigismember(&seen_mask, number), 1);
    check_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    check_eq(sigismember(&mask, SIGUSR1), 0); /* and not in ours */
    finished = 0;
    submit(&job, look_around);
    run_loop(&loop);
    check_str(seen_name, "test-worker");
    close_pool();
    return 0;
}
