/*
 * The floor of the core works: bare stacks and switches, with no runtime around them. yield_2, yield_1000: flows that
 * park through a short call chain and hand over to the next of a ring; sleepers: a fresh stack taken, with its guard,
 * and its first page touched; what every runtime with stacks pays. Usage: bare WORK [SECONDS]
 */
#include <stdbool.h>

#include "bench.h"
#include "stack/context.h"
#include "stack/stack.h"

enum { RING = 1024, SLEEPERS = 100000 };

struct flow {
    struct bide__context context;
    long turns;
};

static struct bide__stack_pool pool;
static struct bide__context outside;
static struct flow *flows[RING], *current, *ring[RING];
static size_t head, tail;
static long left;

__attribute__((noinline)) static void park(void)
{
    struct flow *self = current, *next;

    ring[tail++ % RING] = self;
    next = ring[head++ % RING];
    if (--left <= 0) {
        bide__context_switch(&self->context, &outside);
        return;
    }
    current = next;
    __builtin_prefetch(ring[(head + 2) % RING]);
    if (next != self)
        bide__context_switch(&self->context, &next->context);
}

__attribute__((noinline)) static long wait_in(struct flow *flow)
{
    park();
    return flow->turns++;
}

static void live(void *argument)
{
    for (;;)
        wait_in(argument);
}

static void open_pool(void)
{
    struct bide__stack_options options = { .record_size = sizeof(struct flow) };

    if (bide__stack_pool_open(&pool, &options) < 0)
        exit(1);
}

static void *take(void)
{
    bool fresh;
    void *record = bide__stack_take(&pool, &fresh);

    if (!record)
        exit(1);
    memset(record, 0, sizeof(struct flow));
    return record;
}

static void yield_among(size_t tasks, long count)
{
    open_pool();
    bide__context_adopt(&outside);
    head = tail = 0;
    for (size_t i = 0; i < tasks; i++) {
        void *low, *high;

        flows[i] = take();
        bide__stack_bounds(&pool, flows[i], &low, &high);
        bide__context_make(&flows[i]->context, low, high, live, flows[i]);
        if (i > 0)
            ring[tail++ % RING] = flows[i];
    }
    left = count;
    current = flows[0];
    bide__context_switch(&outside, &current->context);
    for (size_t i = 0; i < tasks; i++) {
        bide__context_release(&flows[i]->context);
        bide__stack_give(&pool, flows[i]);
    }
    bide__context_release(&outside);
    bide__stack_pool_close(&pool);
}

static void yield_2(long count)
{
    yield_among(2, count);
}

static void yield_1000(long count)
{
    yield_among(1000, count);
}

static void sleepers(void)
{
    static void *records[SLEEPERS];
    double start = bench_now(), cpu = bench_cpu();

    open_pool();
    for (int i = 0; i < SLEEPERS; i++)
        records[i] = take();
    bench_report("sleepers_cold", "ns", (bench_now() - start) * 1e9 / SLEEPERS, (bench_cpu() - cpu) * 1e9 / SLEEPERS);
    for (int i = 0; i < SLEEPERS; i++)
        bide__stack_give(&pool, records[i]);
    bide__stack_pool_close(&pool);
}

static const struct bench_work works[] = {
    { .name = "yield_2", .body = yield_2, .step = 2 },
    { .name = "yield_1000", .body = yield_1000, .step = 1000 },
    { .name = "sleepers", .special = sleepers },
};

int main(int argc, char **argv)
{
    return bench_run(works, sizeof works / sizeof *works, bench_name(argc, argv), bench_seconds(argc, argv));
}
