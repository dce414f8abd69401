/*
 * The core works on neco. Joining is by wait group, as its users do. Usage: core WORK [SECONDS]
 */
#include <neco.h>

#include "bench.h"

enum { BATCH = 1000, SLEEPERS = 100000, CANCELLED = 10000, CONTENDERS = 100 };

static void nothing(int argc, void *argv[])
{
    (void)argc;
    neco_waitgroup_done(argv[0]);
}

static void yielder(int argc, void *argv[])
{
    long count = (long)argv[1];

    (void)argc;
    for (long i = 0; i < count; i++)
        neco_yield();
    neco_waitgroup_done(argv[0]);
}

static void sleeper(int argc, void *argv[])
{
    (void)argc;
    neco_setcanceltype(NECO_CANCEL_INLINE, NULL);
    neco_sleep((int64_t)argv[1]);
    neco_waitgroup_done(argv[0]);
}

static void yield_among(long tasks, long count)
{
    neco_waitgroup group = NECO_WAITGROUP_INITIALIZER;

    neco_waitgroup_add(&group, (int)tasks);
    for (long i = 0; i < tasks; i++)
        neco_start(yielder, 2, &group, (void *)(count / tasks));
    neco_waitgroup_wait(&group);
}

static void yield_2(long count)
{
    yield_among(2, count);
}

static void yield_1000(long count)
{
    yield_among(1000, count);
}

static void spawn_one(long count)
{
    neco_waitgroup group = NECO_WAITGROUP_INITIALIZER;

    for (long i = 0; i < count; i++) {
        neco_waitgroup_add(&group, 1);
        neco_start(nothing, 1, &group);
        neco_waitgroup_wait(&group);
    }
}

static void spawn_group(long count)
{
    neco_waitgroup group = NECO_WAITGROUP_INITIALIZER;

    for (long done = 0; done < count; done += BATCH) {
        neco_waitgroup_add(&group, BATCH);
        for (int i = 0; i < BATCH; i++)
            neco_start(nothing, 1, &group);
        neco_waitgroup_wait(&group);
    }
}

static void producer(int argc, void *argv[])
{
    long count = (long)argv[1];

    (void)argc;
    for (long i = 0; i < count; i++)
        neco_chan_send(argv[0], &i);
}

static void hand_over(size_t capacity, long count)
{
    neco_chan *channel;
    long item;

    neco_chan_make(&channel, sizeof item, capacity);
    neco_start(producer, 2, channel, (void *)count);
    for (long i = 0; i < count; i++)
        neco_chan_recv(channel, &item);
    neco_chan_release(channel);
}

static void queue_1(long count)
{
    hand_over(1, count);
}

static void queue_128(long count)
{
    hand_over(128, count);
}

static void lock_free(long count)
{
    neco_mutex lock = NECO_MUTEX_INITIALIZER;

    for (long i = 0; i < count; i++) {
        neco_mutex_lock(&lock);
        neco_mutex_unlock(&lock);
    }
}

static void contender(int argc, void *argv[])
{
    long count = (long)argv[2];

    (void)argc;
    for (long i = 0; i < count; i++) {
        neco_mutex_lock(argv[1]);
        neco_yield();
        neco_mutex_unlock(argv[1]);
    }
    neco_waitgroup_done(argv[0]);
}

static void lock_100(long count)
{
    neco_mutex lock = NECO_MUTEX_INITIALIZER;
    neco_waitgroup group = NECO_WAITGROUP_INITIALIZER;

    neco_waitgroup_add(&group, CONTENDERS);
    for (int i = 0; i < CONTENDERS; i++)
        neco_start(contender, 3, &group, &lock, (void *)(count / CONTENDERS));
    neco_waitgroup_wait(&group);
}

/* A receive with a deadline from a channel that has something; the send before it is measured too. */
static void timeout(long count)
{
    neco_chan *channel;
    long item = 0;

    neco_chan_make(&channel, sizeof item, 1);
    for (long i = 0; i < count; i++) {
        neco_chan_send(channel, &item);
        neco_chan_recv_dl(channel, &item, neco_now() + 5 * NECO_SECOND);
    }
    neco_chan_release(channel);
}

static void sleepers_once(const char *name)
{
    neco_waitgroup group = NECO_WAITGROUP_INITIALIZER;
    unsigned state = 1;
    double start = bench_now(), cpu = bench_cpu();

    neco_waitgroup_add(&group, SLEEPERS);
    for (int i = 0; i < SLEEPERS; i++)
        neco_start(sleeper, 2, &group, (void *)(int64_t)(bench_random(&state) * 1e8));
    neco_waitgroup_wait(&group);
    bench_report(name, "ns", (bench_now() - start) * 1e9 / SLEEPERS, (bench_cpu() - cpu) * 1e9 / SLEEPERS);
}

static void sleepers(void)
{
    sleepers_once("sleepers_cold");
    sleepers_once("sleepers_warm");
}

static void memory_of(const char *name, int count)
{
    neco_waitgroup group = NECO_WAITGROUP_INITIALIZER;
    double before = bench_memory();

    neco_waitgroup_add(&group, count);
    for (int i = 0; i < count; i++)
        neco_start(sleeper, 2, &group, (void *)(INT64_C(1000000) * NECO_SECOND));
    bench_report(name, "bytes", (bench_memory() - before) / count, 0);
    _exit(0);
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
    static int64_t ids[CANCELLED];
    double start = 0, cpu = 0;

    for (int round = 0; round < 5; round++) {
        neco_waitgroup group = NECO_WAITGROUP_INITIALIZER;

        neco_waitgroup_add(&group, CANCELLED);
        for (int i = 0; i < CANCELLED; i++) {
            neco_start(sleeper, 2, &group, (void *)(INT64_C(1000000) * NECO_SECOND));
            ids[i] = neco_lastid();
        }
        start = bench_now();
        cpu = bench_cpu();
        for (int i = 0; i < CANCELLED; i++)
            neco_cancel(ids[i]);
        neco_waitgroup_wait(&group);
        start = bench_now() - start;
        cpu = bench_cpu() - cpu;
    }
    bench_report("cancel_10k", "ns", start * 1e9 / CANCELLED, cpu * 1e9 / CANCELLED);
}

static const struct bench_work works[] = {
    { .name = "yield_2", .body = yield_2, .step = 2 },
    { .name = "yield_1000", .body = yield_1000, .step = 1000 },
    { .name = "spawn_one", .body = spawn_one },
    { .name = "spawn_gather", .body = spawn_group, .step = BATCH }, /* there is one way only */
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
};

static void app(int argc, void *argv[])
{
    (void)argc;
    exit(bench_run(works, sizeof works / sizeof *works, argv[0], *(double *)argv[1]));
}

int main(int argc, char **argv)
{
    double seconds = bench_seconds(argc, argv);

    return neco_start(app, 2, bench_name(argc, argv), &seconds);
}
