/*
 * The hot paths, one after the other, for counting their instructions: tools/check-instructions runs this under
 * callgrind and compares each path with bench/instructions.limits. Counts, unlike times, are the same in every run:
 * so the one thing that depends on the time, the loop's look at the kernel every so many microseconds, is put off
 * here. Each path runs twice to warm up (stacks pooled, arrays grown) and once counted. Run by hand it prints
 * nanoseconds for one operation, rough ones.
 * Usage: instructions [PATH...]
 */
#include <arpa/inet.h>
#include <bide.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "loop/loop.h"
#include "stack/context.h"
#include "stack/stack.h"

#if defined(__has_include)
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif
#endif
#ifndef CALLGRIND_ZERO_STATS
#define CALLGRIND_ZERO_STATS (void)0
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

enum { COUNT = 6000, TASKS = 100, MESSAGE = 64 };

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* What is wrong here is wrong with the machine or the program; nothing to measure then. */
static void need(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "instructions: %s failed\n", what);
    exit(1);
}

/* ---- the bare switch, without a loop ---- */

static struct bide__context scheduler, parked;

static void park_for_ever(void *argument)
{
    (void)argument;
    for (;;)
        bide__context_switch(&parked, &scheduler);
}

/* There and back are two. */
static int path_switch(void)
{
    for (int i = 0; i < COUNT / 2; i++)
        bide__context_enter(&scheduler, &parked);
    return COUNT;
}

/* ---- tasks ---- */

static int nothing(void)
{
    return 0;
}
bide_async(nothing);

static int yielder(int count)
{
    for (int i = 0; i < count; i++)
        bide(bide_sleep(0));
    return 0;
}
bide_async(yielder, int);

static int path_sleep_0_alone(void)
{
    yielder(COUNT);
    return COUNT;
}

static int path_sleep_0_among_100(void)
{
    int err;

    bide_task_group (group, err) {
        for (int i = 0; i < TASKS; i++)
            bide_start(group, bide_co(yielder, COUNT / TASKS * 10));
    }
    return COUNT * 10;
}

static int path_create_join(void)
{
    int err;

    bide_task_group (group, err) {
        for (int i = 0; i < COUNT; i++) {
            bide_task *task = bide_create_task(group, bide_co(nothing));

            bide_join(task);
            bide_forget(task);
        }
    }
    return COUNT;
}

static int path_start_in_a_group(void)
{
    int err;

    for (int round = 0; round < COUNT / TASKS; round++)
        bide_task_group (group, err)
            for (int i = 0; i < TASKS; i++)
                bide_start(group, bide_co(nothing));
    return COUNT;
}

static int path_gather(void)
{
    bide_coroutine all[TASKS];

    for (int round = 0; round < COUNT / TASKS; round++) {
        for (int i = 0; i < TASKS; i++)
            all[i] = bide_co(nothing);
        bide_gather_n(all, TASKS);
    }
    return COUNT;
}

static int sleeper(void)
{
    return bide_sleep(3600);
}
bide_async(sleeper);

static int path_park_and_cancel(void)
{
    int err;

    for (int round = 0; round < COUNT / TASKS; round++)
        bide_task_group (group, err) {
            for (int i = 0; i < TASKS; i++)
                bide_start(group, bide_co(sleeper));
            bide_sleep(0);
            bide_group_cancel(group);
        }
    return COUNT;
}

static int path_timeout(void)
{
    int err;

    for (int i = 0; i < COUNT; i++)
        bide_timeout (5, err)
            err = 0;
    return COUNT;
}

/* ---- primitives ---- */

typedef bide_queue(int, 128) wide_queue;
typedef bide_queue(int, 1) narrow_queue;

static int path_queue_put_get(void)
{
    wide_queue queue = { 0 };
    int value;

    for (int i = 0; i < COUNT; i++) {
        bide_queue_put(&queue, i);
        bide_queue_get(&queue, &value);
    }
    return COUNT;
}

static int narrow_producer(narrow_queue *queue)
{
    for (int i = 0; i < COUNT; i++)
        bide(bide_queue_put(queue, i));
    return 0;
}
bide_async(narrow_producer, narrow_queue *);

static int path_queue_hand_over(void)
{
    narrow_queue queue = { 0 };
    int err, value;

    bide_task_group (group, err) {
        bide_start(group, bide_co(narrow_producer, &queue));
        for (int i = 0; i < COUNT; i++)
            bide_queue_get(&queue, &value);
    }
    return COUNT;
}

static int path_lock_free(void)
{
    bide_lock lock = { 0 };

    for (int i = 0; i < COUNT; i++) {
        bide_lock_acquire(&lock);
        bide_lock_release(&lock);
    }
    return COUNT;
}

static int locker(bide_lock *lock, int count)
{
    for (int i = 0; i < count; i++) {
        bide(bide_lock_acquire(lock));
        bide(bide_sleep(0));
        bide_lock_release(lock);
    }
    return 0;
}
bide_async(locker, bide_lock *, int);

static int path_lock_contended(void)
{
    bide_lock lock = { 0 };
    int err;

    bide_task_group (group, err) {
        for (int i = 0; i < TASKS; i++)
            bide_start(group, bide_co(locker, &lock, COUNT / TASKS));
    }
    return COUNT;
}

static int event_waiter(bide_event *ping, bide_event *pong, int count)
{
    for (int i = 0; i < count; i++) {
        bide(bide_event_wait(ping));
        bide_event_clear(ping);
        bide_event_set(pong);
    }
    return 0;
}
bide_async(event_waiter, bide_event *, bide_event *, int);

static int path_event_ping_pong(void)
{
    bide_event ping = { 0 }, pong = { 0 };
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(event_waiter, &ping, &pong, COUNT));
        for (int i = 0; i < COUNT; i++) {
            bide_event_set(&ping);
            bide_event_wait(&pong);
            bide_event_clear(&pong);
        }
    }
    return COUNT;
}

/* ---- the loop's timers and callbacks ---- */

static void callback(void *argument)
{
    (void)argument;
}

static int path_call_later_cancel(void)
{
    bide_handle handle;

    for (int i = 0; i < COUNT; i++) {
        bide_call_later(bide_get_running_loop(), 5, callback, NULL, &handle);
        bide_handle_cancel(handle);
    }
    return COUNT;
}

/* ---- streams: reads and writes that the kernel serves at once; its own instructions are not counted ---- */

static bide_stream *stream;
static int far_end = -1;

static void open_streams(void)
{
    bide_listener *listener;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    need(bide_listen("127.0.0.1", 0, &listener) == 0, "bide_listen");
    address.sin_port = htons((uint16_t)bide_listener_port(listener));
    far_end = socket(AF_INET, SOCK_STREAM, 0);
    need(connect(far_end, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    need(bide_accept(listener, &stream) == 0, "bide_accept");
    bide_listener_close(listener);
}

static int path_read(void)
{
    static char block[COUNT / 60 * MESSAGE];
    char buffer[MESSAGE];

    for (int round = 0; round < 60; round++) {
        need(send(far_end, block, sizeof block, 0) == (ssize_t)sizeof block, "send");
        for (int i = 0; i < COUNT / 60; i++)
            need(bide_read(stream, buffer, sizeof buffer) == MESSAGE, "bide_read");
    }
    return COUNT;
}

static int path_write(void)
{
    static char block[COUNT / 60 * MESSAGE];
    char buffer[MESSAGE] = { 0 };

    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < COUNT / 60; i++)
            need(bide_write(stream, buffer, sizeof buffer) == MESSAGE, "bide_write");
        need(recv(far_end, block, sizeof block, MSG_WAITALL) == (ssize_t)sizeof block, "recv");
    }
    return COUNT;
}

/* ---- all of them ---- */

static const struct path {
    const char *name;
    int (*run)(void); /* returns how many operations it did */
} paths[] = {
    { "sleep_0_alone", path_sleep_0_alone },
    { "sleep_0_among_100", path_sleep_0_among_100 },
    { "create_join", path_create_join },
    { "start_in_a_group", path_start_in_a_group },
    { "gather", path_gather },
    { "park_and_cancel", path_park_and_cancel },
    { "timeout", path_timeout },
    { "call_later_cancel", path_call_later_cancel },
    { "queue_put_get", path_queue_put_get },
    { "queue_hand_over", path_queue_hand_over },
    { "lock_free", path_lock_free },
    { "lock_contended", path_lock_contended },
    { "event_ping_pong", path_event_ping_pong },
    { "read", path_read },
    { "write", path_write },
};

static bool is_wanted(const char *name, char **wanted)
{
    if (!*wanted)
        return true;
    while (*wanted && strcmp(*wanted, name) != 0)
        wanted++;
    return *wanted;
}

static void measure(const char *name, int (*run)(void))
{
    int count;
    double start;

    run();
    run();
    start = now();
    CALLGRIND_ZERO_STATS;
    count = run();
    CALLGRIND_DUMP_STATS_AT(name);
    printf("%s %d %.1f\n", name, count, (now() - start) / count);
}

static int app(char **wanted)
{
    open_streams();
    bide_get_running_loop()->poll_interval = UINT64_MAX;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (is_wanted(paths[i].name, wanted))
            measure(paths[i].name, paths[i].run);
    close(far_end);
    bide_close(stream);
    return 0;
}
bide_async(app, char **);

static void measure_switch(void)
{
    struct bide__stack_options options = { .record_size = 64 };
    struct bide__stack_pool pool;
    void *record, *low, *high;
    bool fresh;

    need(bide__stack_pool_open(&pool, &options) == 0, "bide__stack_pool_open");
    record = bide__stack_take(&pool, &fresh);
    need(record, "bide__stack_take");
    bide__stack_bounds(&pool, record, &low, &high);
    bide__context_adopt(&scheduler);
    bide__context_make(&parked, low, high, park_for_ever, NULL);
    measure("switch", path_switch);
    bide__context_release(&parked);
    bide__context_release(&scheduler);
    bide__stack_give(&pool, record);
    bide__stack_pool_close(&pool);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (is_wanted("switch", argv + 1))
        measure_switch();
    return bide_run_with(bide_co(app, argv + 1), &(bide_run_options){ .backend = "epoll" }) < 0;
}
