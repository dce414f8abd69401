/*
 * The core works on libdill. Its go() starts the child at once, and gives no value back. Usage: core WORK [SECONDS]
 */
#include <libdill.h>

#include "bench.h"

enum { BATCH = 1000, SLEEPERS = 30000, CANCELLED = 10000, IDLE = 30000 };

static coroutine void nothing(void)
{
}

static coroutine void yielder(long count)
{
    for (long i = 0; i < count; i++)
        yield();
}

static coroutine void sleeper(double seconds)
{
    msleep(now() + (int64_t)(seconds * 1000));
}

static void yield_among(long tasks, long count)
{
    int group = bundle();

    for (long i = 0; i < tasks; i++)
        bundle_go(group, yielder(count / tasks));
    bundle_wait(group, -1);
    hclose(group);
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
    for (long i = 0; i < count; i++)
        hclose(go(nothing()));
}

static void spawn_group(long count)
{
    for (long done = 0; done < count; done += BATCH) {
        int group = bundle();

        for (int i = 0; i < BATCH; i++)
            bundle_go(group, nothing());
        bundle_wait(group, -1);
        hclose(group);
    }
}

static coroutine void producer(int channel, long count)
{
    for (long i = 0; i < count; i++)
        chsend(channel, &i, sizeof i, -1);
}

/* Channels of libdill have no capacity: a rendezvous, the nearest to a queue of 1. */
static void queue_1(long count)
{
    int channel[2], task;
    long item;

    chmake(channel);
    task = go(producer(channel[0], count));
    for (long i = 0; i < count; i++)
        chrecv(channel[1], &item, sizeof item, -1);
    hclose(task);
    hclose(channel[0]);
    hclose(channel[1]);
}

static void sleepers_once(const char *name)
{
    unsigned state = 1;
    int group = bundle();
    double start = bench_now(), cpu = bench_cpu();

    for (int i = 0; i < SLEEPERS; i++)
        bundle_go(group, sleeper(bench_random(&state) * 0.1));
    bundle_wait(group, -1);
    bench_report(name, "ns", (bench_now() - start) * 1e9 / SLEEPERS, (bench_cpu() - cpu) * 1e9 / SLEEPERS);
    hclose(group);
}

static void sleepers(void)
{
    sleepers_once("sleepers_cold");
    sleepers_once("sleepers_warm");
}

/* 30,000: its guard pages use up the mappings of a process. */
static void memory_100k(void)
{
    double before = bench_memory();
    int group = bundle();

    for (int i = 0; i < IDLE; i++)
        bundle_go(group, sleeper(1e6));
    bench_report("memory_100k", "bytes", (bench_memory() - before) / IDLE, 0);
    _exit(0);
}

static void cancel_10k(void)
{
    double start = 0, cpu = 0;

    for (int round = 0; round < 5; round++) {
        int group = bundle();

        for (int i = 0; i < CANCELLED; i++)
            bundle_go(group, sleeper(1e6));
        start = bench_now();
        cpu = bench_cpu();
        hclose(group);
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
    { .name = "sleepers", .special = sleepers },
    { .name = "memory_100k", .special = memory_100k },
    { .name = "cancel_10k", .special = cancel_10k },
};

int main(int argc, char **argv)
{
    return bench_run(works, sizeof works / sizeof *works, bench_name(argc, argv), bench_seconds(argc, argv));
}
