/*
 * Cancellations, deadlines and wake-ups in the same turn, in every order, for everything that can be waited for but
 * queues (test_storm_queue.c): nothing is lost, nothing is had twice. See storm.h.
 */
#include "check.h"

#include "storm.h"

enum { ROUNDS = 4, PERMITS = 2, PARTIES = 3 };

static int inside; /* tasks that hold the thing */

static void hold(int limit)
{
    inside++;
    check_storm(inside <= limit);
    if (pick(3))
        (void)bide_sleep(pick(3) * 0.5);
    inside--;
}

/* ---- lock ---- */

static bide_lock lock;

static int lock_worker(int number)
{
    (void)number;
    for (int i = 0, err; i < ROUNDS; i++) {
        bide_timeout (pick(4) * 0.5, err) {
            err = counted(bide_lock_acquire(&lock));
            if (err == 0) {
                check_storm(lock.owner == bide__current());
                hold(1);
                check_storm(bide_lock_release(&lock) == 0);
            }
        }
        count_timeout(err);
    }
    return 0;
}
bide_async(lock_worker, int);

/* Makes the coroutine value in the caller's block: the arguments must outlive the call. */
#define worker_maker(f)                                                                                                \
    static bide_coroutine make_##f(int *number)                                                                        \
    {                                                                                                                  \
        return (bide_coroutine){ bide__run_##f, number, sizeof *number, #f, __FILE__, __LINE__ };                      \
    }
worker_maker(lock_worker)

    static int lock_storm(void)
{
    lock = (bide_lock){ 0 };
    inside = 0;
    bide(storm_tasks(make_lock_worker));
    check_storm(!bide_lock_locked(&lock));
    check_storm(bide_lock_get_statistics(&lock).waiting == 0);
    return 0;
}
bide_async(lock_storm);

unit_test(K_lock)
{
    struct storm_counts counts = { 0 };

    return run_storm(bide_co(lock_storm), &counts);
}

/* ---- semaphores ---- */

static bide_bounded_semaphore semaphore;

static int semaphore_worker(int number)
{
    (void)number;
    for (int i = 0, err; i < ROUNDS; i++) {
        bide_timeout (pick(4) * 0.5, err) {
            err = counted(bide_bounded_semaphore_acquire(&semaphore));
            if (err == 0) {
                hold(PERMITS);
                check_storm(bide_bounded_semaphore_release(&semaphore) == 0);
            }
        }
        count_timeout(err);
    }
    return 0;
}
bide_async(semaphore_worker, int);
worker_maker(semaphore_worker)

    static int semaphore_storm(void)
{
    semaphore = (bide_bounded_semaphore)BIDE_BOUNDED_SEMAPHORE(PERMITS);
    inside = 0;
    bide(storm_tasks(make_semaphore_worker));
    check_storm(bide_bounded_semaphore_get_statistics(&semaphore).value == PERMITS);
    check_storm(bide_bounded_semaphore_get_statistics(&semaphore).waiting == 0);
    return 0;
}
bide_async(semaphore_storm);

unit_test(L6_semaphore)
{
    struct storm_counts counts = { 0 };

    return run_storm(bide_co(semaphore_storm), &counts);
}

/* ---- capacity limiter ---- */

static bide_capacity_limiter limiter;

static int limiter_worker(int number)
{
    (void)number;
    for (int i = 0, err; i < ROUNDS; i++) {
        bide_timeout (pick(4) * 0.5, err) {
            err = counted(bide_capacity_limiter_acquire(&limiter));
            if (err == 0) {
                hold(PARTIES);
                check_storm(bide_capacity_limiter_set_total(&limiter, 1 + pick(PARTIES)) == 0);
                check_storm(bide_capacity_limiter_release(&limiter) == 0);
            }
        }
        count_timeout(err);
    }
    return 0;
}
bide_async(limiter_worker, int);
worker_maker(limiter_worker)

    static int limiter_storm(void)
{
    limiter = (bide_capacity_limiter)BIDE_CAPACITY_LIMITER(PERMITS);
    inside = 0;
    bide(storm_tasks(make_limiter_worker));
    check_storm(limiter.borrowed == 0 && limiter.waiting == 0 && !limiter.waiters.first && !limiter.borrowers);
    return 0;
}
bide_async(limiter_storm);

unit_test(capacity_limiter)
{
    struct storm_counts counts = { 0 };

    return run_storm(bide_co(limiter_storm), &counts);
}

/* ---- event ---- */

static bide_event event;
static long woken, returned; /* waits that were ended by a wake-up, and that returned 0 after having waited */

static int event_worker(int number)
{
    for (int i = 0, err; i < ROUNDS; i++) {
        if (number % 2) {
            (void)bide_sleep(pick(3) * 0.5);
            woken += (long)bide_event_get_statistics(&event).waiting;
            bide_event_set(&event);
            bide_event_clear(&event);
            continue;
        }
        bide_timeout (pick(4) * 0.5, err) {
            err = counted(bide_event_wait(&event));
            returned += err == 0;
        }
        count_timeout(err);
    }
    return 0;
}
bide_async(event_worker, int);
worker_maker(event_worker)

    static int event_storm(void)
{
    event = (bide_event){ 0 };
    woken = returned = 0;
    bide(storm_tasks(make_event_worker));
    check_storm(woken == returned);
    check_storm(bide_event_get_statistics(&event).waiting == 0);
    return 0;
}
bide_async(event_storm);

unit_test(M_event)
{
    struct storm_counts counts = { 0 };

    return run_storm(bide_co(event_storm), &counts);
}

/* ---- condition ---- */

static bide_condition condition;

static void wait_for_notify(void)
{
    int err, outer;

    bide_with (&condition, outer) {
        bide_timeout (pick(4) * 0.5, err) {
            err = counted(bide_condition_wait(&condition));
            check_storm(condition.own.owner == bide__current());
            returned += err == 0;
            hold(1);
        }
        count_timeout(err);
    }
}

static int condition_worker(int number)
{
    for (int i = 0, err; i < ROUNDS; i++) {
        if (number % 3) {
            wait_for_notify();
            continue;
        }
        (void)bide_sleep(pick(3) * 0.5);
        bide_with (&condition, err) {
            size_t waiting = bide_condition_get_statistics(&condition).waiting, wanted = pick(3);

            woken += (long)(waiting < wanted ? waiting : wanted);
            check_storm(bide_condition_notify(&condition, wanted) == 0);
            hold(1);
        }
    }
    return 0;
}
bide_async(condition_worker, int);
worker_maker(condition_worker)

    static int condition_storm(void)
{
    condition = (bide_condition){ 0 };
    woken = returned = 0;
    inside = 0;
    bide(storm_tasks(make_condition_worker));
    check_storm(woken == returned);
    check_storm(bide_condition_get_statistics(&condition).waiting == 0);
    check_storm(!bide_condition_locked(&condition));
    return 0;
}
bide_async(condition_storm);

unit_test(N_condition)
{
    struct storm_counts counts = { 0 };

    return run_storm(bide_co(condition_storm), &counts);
}

/* ---- barrier ---- */

static bide_barrier barrier;
static long passed[PARTIES], broken, broken_by_reset;

static int barrier_worker(int number)
{
    for (int i = 0, index; i < ROUNDS; i++) {
        bide_timeout (1 + pick(3) * 0.5, index) {
            if (number == 0 && pick(4) == 0) {
                broken_by_reset += (long)bide_barrier_n_waiting(&barrier);
                bide_barrier_reset(&barrier);
            }
            index = counted(bide_barrier_wait(&barrier));
            if (index >= 0) {
                check_storm(index < PARTIES);
                passed[index]++;
            }
            broken += index == BIDE_EBROKEN;
        }
        count_timeout(index);
    }
    return 0;
}
bide_async(barrier_worker, int);
worker_maker(barrier_worker)

    static int barrier_storm(void)
{
    barrier = (bide_barrier)BIDE_BARRIER(PARTIES);
    broken = broken_by_reset = 0;
    for (int i = 0; i < PARTIES; i++)
        passed[i] = 0;
    bide(storm_tasks(make_barrier_worker));
    check_storm(passed[0] == passed[1] && passed[1] == passed[2]);
    check_storm(broken == broken_by_reset);
    check_storm(bide_barrier_n_waiting(&barrier) == 0 && !barrier.waiters.first);
    return 0;
}
bide_async(barrier_storm);

unit_test(O_barrier)
{
    struct storm_counts counts = { 0 };

    return run_storm(bide_co(barrier_storm), &counts);
}

/* ---- broadcast ---- */

static bide_broadcast(int) news;
static int last_sent;

static int broadcast_worker(int number)
{
    for (int i = 0, err, value; i < ROUNDS; i++) {
        if (number % 2) {
            (void)bide_sleep(pick(3) * 0.5);
            woken += bide_broadcast_send(&news, ++last_sent);
            continue;
        }
        bide_timeout (pick(4) * 0.5, err) {
            value = 0;
            err = counted(bide_broadcast_receive(&news, &value));
            returned += err == 0;
            check_storm((err == 0) == (value > 0));
        }
        count_timeout(err);
    }
    return 0;
}
bide_async(broadcast_worker, int);
worker_maker(broadcast_worker)

    static int broadcast_storm(void)
{
    woken = returned = 0;
    last_sent = 0;
    bide(storm_tasks(make_broadcast_worker));
    check_storm(woken == returned);
    check_storm(bide_broadcast_waiting(&news) == 0);
    return 0;
}
bide_async(broadcast_storm);

unit_test(broadcast)
{
    struct storm_counts counts = { 0 };

    return run_storm(bide_co(broadcast_storm), &counts);
}
