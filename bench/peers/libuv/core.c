/*
 * The core works on libuv, as far as a library of callbacks has them: a "task" is a handle, a yield a turn of an idle
 * handle. Usage: core WORK [SECONDS]
 */
#include <uv.h>

#include "bench.h"

enum { SLEEPERS = 100000, TASKS = 1000 };

static long left;

static void on_idle(uv_idle_t *idle)
{
    if (--left <= 0)
        uv_idle_stop(idle);
}

static void yield_among(long tasks, long count)
{
    static uv_idle_t handles[TASKS];

    left = count;
    for (long i = 0; i < tasks; i++) {
        uv_idle_init(uv_default_loop(), &handles[i]);
        uv_idle_start(&handles[i], on_idle);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    for (long i = 0; i < tasks; i++)
        uv_close((uv_handle_t *)&handles[i], NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

static void yield_2(long count)
{
    yield_among(2, count);
}

static void yield_1000(long count)
{
    yield_among(TASKS, count);
}

static void on_timer(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
}

/* Armed and cancelled, with no wait in between. */
static void timeout(long count)
{
    uv_timer_t timer;

    uv_timer_init(uv_default_loop(), &timer);
    for (long i = 0; i < count; i++) {
        uv_timer_start(&timer, on_timer, 5000, 0);
        uv_timer_stop(&timer);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

static void sleepers_once(const char *name)
{
    uv_timer_t *timers = malloc(SLEEPERS * sizeof *timers);
    unsigned state = 1;
    double start = bench_now(), cpu = bench_cpu();

    for (int i = 0; i < SLEEPERS; i++) {
        uv_timer_init(uv_default_loop(), &timers[i]);
        uv_timer_start(&timers[i], on_timer, (uint64_t)(bench_random(&state) * 100), 0);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    bench_report(name, "ns", (bench_now() - start) * 1e9 / SLEEPERS, (bench_cpu() - cpu) * 1e9 / SLEEPERS);
    free(timers);
}

static void sleepers(void)
{
    sleepers_once("sleepers_cold");
    sleepers_once("sleepers_warm");
}

static void memory_of(const char *name, int count)
{
    double before = bench_memory();
    uv_timer_t *timers = malloc((size_t)count * sizeof *timers);

    for (int i = 0; i < count; i++) {
        uv_timer_init(uv_default_loop(), &timers[i]);
        uv_timer_start(&timers[i], on_timer, 1000000000, 0);
    }
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

static uv_sem_t question;
static uv_async_t answer;

static void answer_all(void *argument)
{
    for (long i = *(long *)argument; i > 0; i--) {
        uv_sem_wait(&question);
        uv_async_send(&answer);
    }
}

static void on_answer(uv_async_t *async)
{
    if (--left > 0)
        uv_sem_post(&question);
    else
        uv_close((uv_handle_t *)async, NULL);
}

static void wake(long count)
{
    uv_thread_t thread;

    left = count;
    uv_sem_init(&question, 1);
    uv_async_init(uv_default_loop(), &answer, on_answer);
    uv_thread_create(&thread, answer_all, &count);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    uv_thread_join(&thread);
    uv_sem_destroy(&question);
}

static void in_thread(uv_work_t *work)
{
    (void)work;
}

static void after_thread(uv_work_t *work, int status)
{
    (void)status;
    if (--left > 0)
        uv_queue_work(uv_default_loop(), work, in_thread, after_thread);
}

static void to_thread(long count)
{
    uv_work_t work;

    left = count;
    uv_queue_work(uv_default_loop(), &work, in_thread, after_thread);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

static const struct bench_work works[] = {
    { .name = "yield_2", .body = yield_2, .step = 2 },
    { .name = "yield_1000", .body = yield_1000, .step = TASKS },
    { .name = "timeout", .body = timeout },
    { .name = "sleepers", .special = sleepers },
    { .name = "memory_100k", .special = memory_100k },
    { .name = "memory_1m", .special = memory_1m },
    { .name = "wake", .body = wake },
    { .name = "to_thread", .body = to_thread },
};

int main(int argc, char **argv)
{
    return bench_run(works, sizeof works / sizeof *works, bench_name(argc, argv), bench_seconds(argc, argv));
}
