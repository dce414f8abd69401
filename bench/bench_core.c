/*
 * The core's costs: yield, spawn and wait, timeouts, sleeping tasks and their memory, cancel. Nanoseconds for one
 * operation, the best and the median of several rounds in one run; compare only inside a run. Usage: bench_core
 * [tasks of the memory part, default 200000]
 */
#include <bide.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 7 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(const char *name, double *rounds)
{
    qsort(rounds, ROUNDS, sizeof rounds[0], compare);
    printf("%-44s %9.1f %9.1f\n", name, rounds[0], rounds[ROUNDS / 2]);
}

static long depth_counter;

/* A real call chain, so that returning through it costs what it costs. */
__attribute__((noinline)) static int leaf(void)
{
    bide(bide_sleep(0));
    depth_counter++;
    return 0;
}

__attribute__((noinline)) static int middle(void)
{
    bide(leaf());
    depth_counter++;
    return 0;
}

static int yielder(long count)
{
    for (long i = 0; i < count; i++)
        bide(middle());
    return 0;
}
bide_async(yielder, long);

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

static void bench_yield(long tasks)
{
    double rounds[ROUNDS];
    char name[64];
    int err;

    for (int r = 0; r < ROUNDS; r++) {
        long count = 1000000 / tasks;
        double start = bide_time();

        bide_task_group (group, err) {
            for (long i = 0; i < tasks; i++)
                bide_start(group, bide_co(yielder, count));
        }
        rounds[r] = (bide_time() - start) * 1e9 / (double)(count * tasks);
    }
    snprintf(name, sizeof name, "yield, %ld tasks", tasks);
    report(name, rounds);
}

static void bench_spawn_batches(int batch)
{
    double rounds[ROUNDS];
    char name[64];
    int err;

    for (int r = 0; r < ROUNDS; r++) {
        int batches = 300000 / batch;
        double start = bide_time();

        for (int b = 0; b < batches; b++) {
            bide_task_group (group, err) {
                for (int i = 0; i < batch; i++)
                    bide_start(group, bide_co(nothing));
            }
        }
        rounds[r] = (bide_time() - start) * 1e9 / ((double)batches * batch);
    }
    snprintf(name, sizeof name, "group of %d tasks, per task", batch);
    report(name, rounds);
}

static void bench_spawn_one_by_one(void)
{
    double rounds[ROUNDS];
    int err;

    for (int r = 0; r < ROUNDS; r++) {
        double start = bide_time();

        bide_task_group (group, err) {
            for (int i = 0; i < 300000; i++) {
                bide_start(group, bide_co(nothing));
                bide_sleep(0);
            }
        }
        rounds[r] = (bide_time() - start) * 1e9 / 300000;
    }
    report("start one, let it run (start + yield)", rounds);
    for (int r = 0; r < ROUNDS; r++) {
        double start = bide_time();

        bide_task_group (group, err) {
            for (int i = 0; i < 300000; i++) {
                bide_task *task = bide_create_task(group, bide_co(nothing));

                bide_join(task);
                bide_forget(task);
            }
        }
        rounds[r] = (bide_time() - start) * 1e9 / 300000;
    }
    report("create_task, join, forget", rounds);
}

static void bench_timeout(void)
{
    double rounds[ROUNDS];
    int err;

    for (int r = 0; r < ROUNDS; r++) {
        double start = bide_time();

        for (int i = 0; i < 1000000; i++)
            bide_timeout (5, err)
                depth_counter++;
        rounds[r] = (bide_time() - start) * 1e3;
    }
    report("timeout armed and cancelled", rounds);
}

static size_t memory_now(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    size_t total = 0, value;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %zu", &value) == 1 || sscanf(line, "VmPTE: %zu", &value) == 1)
            total += value;
    if (file)
        fclose(file);
    return total * 1024;
}

static void bench_sleepers(int tasks)
{
    size_t before = memory_now();
    double start = bide_time(), started;
    int err;

    bide_task_group (group, err) {
        for (int i = 0; i < tasks; i++)
            bide_start(group, bide_co(sleeper, 1e6));
        bide_sleep(0.001);
        started = bide_time();
        printf("%-44s %9.0f\n", "idle task: bytes of memory and page tables", (double)(memory_now() - before) / tasks);
        bide_group_cancel(group);
    }
    printf("%-44s %9.0f\n", "idle task: start on a cold stack and park, ns", (started - start) * 1e9 / tasks);
    printf("%-44s %9.0f\n", "idle task: cancel and end, ns", (bide_time() - started) * 1e9 / tasks);
}

static int app(int tasks)
{
    printf("%-44s %9s %9s\n", "nanoseconds", "best", "median");
    bench_yield(2);
    bench_yield(8);
    bench_yield(1000);
    bench_spawn_one_by_one();
    bench_spawn_batches(1);
    bench_spawn_batches(100);
    bench_spawn_batches(1000);
    bench_timeout();
    bench_sleepers(tasks);
    return 0;
}
bide_async(app, int);

int main(int argc, char **argv)
{
    return bide_run(bide_co(app, argc > 1 ? atoi(argv[1]) : 200000));
}
