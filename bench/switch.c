/*
 * What a switch costs: uniform call chains that park and resume, by way of a scheduler and handed over directly, next
 * to a bare loop of the same shape; and what a stack costs to take, warm and cold. Prints nanoseconds, median and
 * best of nine. Pin it: taskset -c 1 switch.
 */
#define _GNU_SOURCE 1
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "stack/context.h"
#include "stack/stack.h"

enum { REPEATS = 9, MOST_TASKS = 1000, RING = 1024 };

struct task {
    struct bide__context context;
    long turns;
    char buffer[64];
};

static struct bide__stack_pool pool;
static struct bide__context scheduler;
static struct task *tasks[MOST_TASKS];
static struct task *current;
static struct task *ring[RING]; /* the run queue of the direct hand-over */
static size_t ring_head, ring_tail;
static long turns_left;
static long sink;

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;

    return (difference > 0) - (difference < 0);
}

/* Runs `body` a few times and prints its cost for each of `count` steps. */
static void measure(const char *name, long count, void (*body)(long count))
{
    double times[REPEATS];

    body(count / 10 + 1);
    for (int i = 0; i < REPEATS; i++) {
        double start = now();

        body(count);
        times[i] = (now() - start) / (double)count;
    }
    qsort(times, REPEATS, sizeof *times, compare);
    printf("%-58s %8.1f   (best %.1f)\n", name, times[REPEATS / 2], times[0]);
}

/* The chain of a real handler: handle -> receive -> wait_for -> park. */
__attribute__((noinline)) static void park_to_scheduler(void)
{
    bide__context_switch(&current->context, &scheduler);
}

__attribute__((noinline)) static void park_to_next(void)
{
    struct task *self = current;
    struct task *next;

    ring[ring_tail++ % RING] = self;
    next = ring[ring_head++ % RING];
    if (--turns_left <= 0) {
        bide__context_switch(&self->context, &scheduler);
        return;
    }
    current = next;
    bide__context_switch(&self->context, &next->context);
}

__attribute__((noinline)) static long wait_for(struct task *task, void (*park)(void))
{
    park();
    return task->turns++;
}

__attribute__((noinline)) static long receive(struct task *task, void (*park)(void))
{
    long result = wait_for(task, park);

    task->buffer[result & 63] = (char)result;
    return result + 1;
}

__attribute__((noinline)) static void handle(struct task *task, void (*park)(void))
{
    for (;;)
        sink += receive(task, park) & 1;
}

static void by_scheduler(void *argument)
{
    handle(argument, park_to_scheduler);
}

static void directly(void *argument)
{
    handle(argument, park_to_next);
}

static size_t task_count;

static void run_by_scheduler(long count)
{
    size_t at = 0;

    for (long i = 0; i < count; i++) {
        current = tasks[at];
        at = at + 1 == task_count ? 0 : at + 1;
        bide__context_switch(&scheduler, &current->context);
    }
}

static void run_by_entering(long count)
{
    size_t at = 0;

    for (long i = 0; i < count; i++) {
        current = tasks[at];
        at = at + 1 == task_count ? 0 : at + 1;
        bide__context_enter(&scheduler, &current->context);
    }
}

static void run_directly(long count)
{
    ring_head = ring_tail = 0;
    for (size_t i = 1; i < task_count; i++)
        ring[ring_tail++ % RING] = tasks[i];
    turns_left = count;
    current = tasks[0];
    bide__context_switch(&scheduler, &current->context);
}

/* The same chain and queue with nothing to switch: what is left is what switching adds. */
__attribute__((noinline)) static void park_nowhere(void)
{
    __asm__ volatile("" ::: "memory");
}

static void run_bare(long count)
{
    size_t at = 0;

    for (long i = 0; i < count; i++) {
        current = tasks[at];
        at = at + 1 == task_count ? 0 : at + 1;
        sink += receive(current, park_nowhere) & 1;
    }
}

static void open_tasks(size_t count, void (*entry)(void *argument))
{
    struct bide__stack_options options = { .record_size = sizeof(struct task) };

    if (bide__stack_pool_open(&pool, &options) < 0)
        abort();
    task_count = count;
    for (size_t i = 0; i < count; i++) {
        void *low, *high;
        bool fresh;

        tasks[i] = bide__stack_take(&pool, &fresh);
        if (!tasks[i])
            abort();
        bide__stack_bounds(&pool, tasks[i], &low, &high);
        memset(tasks[i], 0, sizeof *tasks[i]);
        bide__context_make(&tasks[i]->context, low, high, entry, tasks[i]);
    }
}

static void close_tasks(void)
{
    for (size_t i = 0; i < task_count; i++) {
        bide__context_release(&tasks[i]->context);
        bide__stack_give(&pool, tasks[i]);
    }
    bide__stack_pool_close(&pool);
}

static void measure_switches(size_t count)
{
    char name[80];

    open_tasks(count, by_scheduler);
    snprintf(name, sizeof name, "turn by a scheduler that calls the switch, %zu tasks", count);
    measure(name, 5000000, run_by_scheduler);
    close_tasks();
    open_tasks(count, by_scheduler);
    snprintf(name, sizeof name, "turn by a scheduler that enters in line, %zu tasks", count);
    measure(name, 5000000, run_by_entering);
    close_tasks();
    open_tasks(count, directly);
    snprintf(name, sizeof name, "turn handed over directly, %zu tasks", count);
    measure(name, 5000000, run_directly);
    snprintf(name, sizeof name, "bare loop of the same shape, %zu tasks", count);
    measure(name, 5000000, run_bare);
    close_tasks();
}

static void take_and_give(long count)
{
    bool fresh;

    for (long i = 0; i < count; i++) {
        void *record = bide__stack_take(&pool, &fresh);

        __asm__ volatile("" : : "r"(record) : "memory");
        bide__stack_give(&pool, record);
    }
}

static void take_cold(long count)
{
    struct bide__stack_options options = { .record_size = sizeof(struct task) };
    void **records = malloc((size_t)count * sizeof *records);
    bool fresh;

    if (!records || bide__stack_pool_open(&pool, &options) < 0)
        abort();
    for (long i = 0; i < count; i++) {
        records[i] = bide__stack_take(&pool, &fresh);
        if (!records[i])
            abort();
        memset(records[i], 0, sizeof(struct task));
    }
    for (long i = 0; i < count; i++)
        bide__stack_give(&pool, records[i]);
    bide__stack_pool_close(&pool);
    free(records);
}

int main(void)
{
    printf("%-58s %8s\n", "what", "ns");
    bide__context_adopt(&scheduler);
    measure_switches(8);
    measure_switches(1000);
    open_tasks(1, by_scheduler);
    measure("warm stack, take and give", 20000000, take_and_give);
    close_tasks();
    measure("cold stack: take, guard, first page, its share of unmapping", 20000, take_cold);
    bide__context_release(&scheduler);
    return sink == 0x7fffffff;
}
