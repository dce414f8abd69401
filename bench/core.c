/*
 * bide's core: tasks, queues, locks, timers, memory, threads, cancellation. Each work has the same name in the programs
 * of the peers (bench/peers). Usage: core WORK [SECONDS]; core list
 */
#include <bide.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "bench.h"

enum { BATCH = 1000, SLEEPERS = 100000, CANCELLED = 10000, CONTENDERS = 100 };

static int nothing(void)
{
    return 0;
}
bide_async(nothing);

static int sleeper(double seconds)
{
    return bide_sleep(seconds);
}
bide_async(sleeper, double);

/* ---- yield ---- */

static int yielder(long count)
{
    for (long i = 0; i < count; i++)
        bide(bide_sleep(0));
    return 0;
}
bide_async(yielder, long);

static void yield_among(long tasks, long count)
{
    int err;

    bide_task_group (group, err)
        for (long i = 0; i < tasks; i++)
            bide_start(group, bide_co(yielder, count / tasks));
}

static void yield_2(long count)
{
    yield_among(2, count);
}

static void yield_1000(long count)
{
    yield_among(1000, count);
}

/* ---- spawn ---- */

static void spawn_one(long count)
{
    int err;

    bide_task_group (group, err)
        for (long i = 0; i < count; i++) {
            bide_task *task = bide_create_task(group, bide_co(nothing));

            bide_join(task);
            bide_forget(task);
        }
}

static void spawn_gather(long count)
{
    static bide_coroutine all[BATCH];

    for (long done = 0; done < count; done += BATCH) {
        for (int i = 0; i < BATCH; i++)
            all[i] = bide_co(nothing);
        bide_gather_n(all, BATCH);
    }
}

static void spawn_group(long count)
{
    int err;

    for (long done = 0; done < count; done += BATCH)
        bide_task_group (group, err)
            for (int i = 0; i < BATCH; i++)
                bide_start(group, bide_co(nothing));
}

/* ---- queue ---- */

typedef bide_queue(long, 1) narrow_queue;
typedef bide_queue(long, 128) wide_queue;

static int narrow_producer(narrow_queue *queue, long count)
{
    for (long i = 0; i < count; i++)
        bide(bide_queue_put(queue, i));
    return 0;
}
bide_async(narrow_producer, narrow_queue *, long);

static int wide_producer(wide_queue *queue, long count)
{
    for (long i = 0; i < count; i++)
        bide(bide_queue_put(queue, i));
    return 0;
}
bide_async(wide_producer, wide_queue *, long);

static void queue_1(long count)
{
    narrow_queue queue = { 0 };
    int err;
    long item;

    bide_task_group (group, err) {
        bide_start(group, bide_co(narrow_producer, &queue, count));
        for (long i = 0; i < count; i++)
            bide_queue_get(&queue, &item);
    }
}

static void queue_128(long count)
{
    wide_queue queue = { 0 };
    int err;
    long item;

    bide_task_group (group, err) {
        bide_start(group, bide_co(wide_producer, &queue, count));
        for (long i = 0; i < count; i++)
            bide_queue_get(&queue, &item);
    }
}

/* ---- lock ---- */

static void lock_free(long count)
{
    bide_lock lock = { 0 };

    for (long i = 0; i < count; i++) {
        bide_lock_acquire(&lock);
        bide_lock_release(&lock);
    }
}

static int contender(bide_lock *lock, long count)
{
    for (long i = 0; i < count; i++) {
        bide(bide_lock_acquire(lock));
        bide(bide_sleep(0));
        bide_lock_release(lock);
    }
    return 0;
}
bide_async(contender, bide_lock *, long);

static void lock_100(long count)
{
    bide_lock lock = { 0 };
    int err;

    bide_task_group (group, err)
        for (int i = 0; i < CONTENDERS; i++)
            bide_start(group, bide_co(contender, &lock, count / CONTENDERS));
}

/* ---- timers ---- */

static void timeout(long count)
{
    bide_event ready = { 0 };
    int err;

    bide_event_set(&ready);
    for (long i = 0; i < count; i++)
        bide_timeout (5, err)
            err = bide_event_wait(&ready);
}

static void sleepers_once(const char *name)
{
    unsigned state = 1;
    double start = bench_now(), cpu = bench_cpu();
    int err;

    bide_task_group (group, err)
        for (int i = 0; i < SLEEPERS; i++)
            bide_start(group, bide_co(sleeper, bench_random(&state) * 0.1));
    bench_report(name, "ns", (bench_now() - start) * 1e9 / SLEEPERS, (bench_cpu() - cpu) * 1e9 / SLEEPERS);
}

static void sleepers(void)
{
    sleepers_once("sleepers_cold");
    sleepers_once("sleepers_warm");
}

/* ---- memory and cancellation ---- */

static void memory_of(const char *name, int tasks)
{
    double before = bench_memory();
    int err;

    bide_task_group (group, err) {
        for (int i = 0; i < tasks; i++)
            bide_start(group, bide_co(sleeper, 1e6));
        bide_sleep(0.01);
        bench_report(name, "bytes", (bench_memory() - before) / tasks, 0);
        _exit(0); /* ending a million tasks is not what is measured */
    }
}

static void memory_100k(void)
{
    memory_of("memory_100k", 100000);
}

static void memory_1m(void)
{
    memory_of("memory_1m", 1000000);
}

static void cancel_10k(void)
{
    double start = 0, cpu = 0;
    int err;

    for (int round = 0; round < 5; round++) {
        bide_task_group (group, err) {
            for (int i = 0; i < CANCELLED; i++)
                bide_start(group, bide_co(sleeper, 1e6));
            bide_sleep(0);
            start = bench_now();
            cpu = bench_cpu();
            bide_group_cancel(group);
        }
        start = bench_now() - start;
        cpu = bench_cpu() - cpu;
    }
    bench_report("cancel_10k", "ns", start * 1e9 / CANCELLED, cpu * 1e9 / CANCELLED);
}

/* ---- threads ---- */

struct partner {
    bide_loop *loop;
    bide_event answer;
    sem_t question;
    long count;
};

static void set_answer(void *argument)
{
    bide_event_set(argument);
}

static void *answer_all(void *argument)
{
    struct partner *partner = argument;

    for (long i = 0; i < partner->count; i++) {
        sem_wait(&partner->question);
        bide_call_soon_threadsafe(partner->loop, set_answer, &partner->answer);
    }
    return NULL;
}

/* There and back: a thread is woken by a semaphore, and wakes the task through the loop. */
static void wake(long count)
{
    struct partner partner = { .loop = bide_get_running_loop(), .count = count };
    pthread_t thread;

    sem_init(&partner.question, 0, 0);
    if (pthread_create(&thread, NULL, answer_all, &partner) != 0)
        exit(1);
    for (long i = 0; i < count; i++) {
        sem_post(&partner.question);
        bide_event_wait(&partner.answer);
        bide_event_clear(&partner.answer);
    }
    pthread_join(thread, NULL);
}

static void to_thread(long count)
{
    for (long i = 0; i < count; i++)
        bide_to_thread(bide_co(nothing));
}

static const struct bench_work works[] = {
    { .name = "yield_2", .body = yield_2, .step = 2 },
    { .name = "yield_1000", .body = yield_1000, .step = 1000 },
    { .name = "spawn_one", .body = spawn_one },
    { .name = "spawn_gather", .body = spawn_gather, .step = BATCH },
    { .name = "spawn_group", .body = spawn_group, .step = BATCH },
    { .name = "queue_1", .body = queue_1 },
    { .name = "queue_128", .body = queue_128 },
    { .name = "lock_free", .body = lock_free },
    { .name = "lock_100", .body = lock_100, .step = CONTENDERS },
    { .name = "timeout", .body = timeout },
    { .name = "sleepers", .special = sleepers },
    { .name = "memory_100k", .special = memory_100k },
    { .name = "memory_1m", .special = memory_1m },
    { .name = "cancel_10k", .special = cancel_10k },
    { .name = "wake", .body = wake },
    { .name = "to_thread", .body = to_thread },
};

static int app(const char *name, double seconds)
{
    return bench_run(works, sizeof works / sizeof *works, name, seconds);
}
bide_async(app, const char *, double);

int main(int argc, char **argv)
{
    return bide_run(bide_co(app, bench_name(argc, argv), bench_seconds(argc, argv))) < 0;
}
