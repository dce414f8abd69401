/*
 * The core works on Photon. Joining is by join handle, as its users do. Usage: core WORK [SECONDS]
 */
#include <photon/common/alog.h>
#include <photon/photon.h>
#include <photon/thread/thread11.h>

#include <semaphore.h>

#include <thread>
#include <vector>

#include "bench.h"

enum { BATCH = 1000, SLEEPERS = 30000, CANCELLED = 10000, CONTENDERS = 100, IDLE = 30000, STACK = 65536 };

static void *nothing(void *)
{
    return nullptr;
}

static void *yielder(void *count)
{
    for (long i = (long)count; i > 0; i--)
        photon::thread_yield();
    return nullptr;
}

static void *sleeper(void *microseconds)
{
    photon::thread_usleep((uint64_t)microseconds);
    return nullptr;
}

static photon::join_handle *start(void *(*function)(void *), void *argument)
{
    return photon::thread_enable_join(photon::thread_create(function, argument, STACK));
}

static void join_all(std::vector<photon::join_handle *> &handles)
{
    for (auto handle : handles)
        photon::thread_join(handle);
    handles.clear();
}

static void yield_among(long tasks, long count)
{
    std::vector<photon::join_handle *> handles;

    for (long i = 0; i < tasks; i++)
        handles.push_back(start(yielder, (void *)(count / tasks)));
    join_all(handles);
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
        photon::thread_join(start(nothing, nullptr));
}

static void spawn_group(long count)
{
    std::vector<photon::join_handle *> handles;

    for (long done = 0; done < count; done += BATCH) {
        for (int i = 0; i < BATCH; i++)
            handles.push_back(start(nothing, nullptr));
        join_all(handles);
    }
}

/* Photon's channels are its rings between threads; inside one they are built of two semaphores. */
struct queue {
    photon::semaphore room, items;
    std::vector<long> places;
    size_t head = 0, tail = 0;

    explicit queue(size_t capacity) : room(capacity), items(0), places(capacity) {}
    void put(long item)
    {
        room.wait(1);
        places[tail++ % places.size()] = item;
        items.signal(1);
    }
    long get()
    {
        items.wait(1);
        long item = places[head++ % places.size()];
        room.signal(1);
        return item;
    }
};

static void hand_over(size_t capacity, long count)
{
    queue between(capacity);
    auto task = photon::thread_create11([&] {
        for (long i = 0; i < count; i++)
            between.put(i);
    });
    auto handle = photon::thread_enable_join(task);

    for (long i = 0; i < count; i++)
        between.get();
    photon::thread_join(handle);
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
    photon::mutex lock;

    for (long i = 0; i < count; i++) {
        lock.lock();
        lock.unlock();
    }
}

static photon::mutex *contended;

static void *contender(void *count)
{
    for (long i = (long)count; i > 0; i--) {
        contended->lock();
        photon::thread_yield();
        contended->unlock();
    }
    return nullptr;
}

static void lock_100(long count)
{
    photon::mutex lock;
    std::vector<photon::join_handle *> handles;

    contended = &lock;
    for (int i = 0; i < CONTENDERS; i++)
        handles.push_back(start(contender, (void *)(count / CONTENDERS)));
    join_all(handles);
}

/* A wait with a deadline for a semaphore that has a permit; giving it back is measured too. */
static void timeout(long count)
{
    photon::semaphore ready(1);

    for (long i = 0; i < count; i++) {
        ready.wait(1, 5000000);
        ready.signal(1);
    }
}

static void sleepers_once(const char *name)
{
    std::vector<photon::join_handle *> handles;
    unsigned state = 1;
    double begin = bench_now(), cpu = bench_cpu();

    for (int i = 0; i < SLEEPERS; i++)
        handles.push_back(start(sleeper, (void *)(uint64_t)(bench_random(&state) * 1e5)));
    join_all(handles);
    bench_report(name, "ns", (bench_now() - begin) * 1e9 / SLEEPERS, (bench_cpu() - cpu) * 1e9 / SLEEPERS);
}

static void sleepers()
{
    sleepers_once("sleepers_cold");
    sleepers_once("sleepers_warm");
}

/* 30,000: its guard pages use up the mappings of a process. */
static void memory_100k()
{
    double before = bench_memory();

    for (int i = 0; i < IDLE; i++)
        start(sleeper, (void *)(uint64_t)1000000000000);
    photon::thread_usleep(10000);
    bench_report("memory_100k", "bytes", (bench_memory() - before) / IDLE, 0);
    _exit(0);
}

static void cancel_10k()
{
    std::vector<photon::join_handle *> handles;
    double begin = 0, cpu = 0;

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < CANCELLED; i++)
            handles.push_back(start(sleeper, (void *)(uint64_t)1000000000000));
        photon::thread_usleep(10000);
        begin = bench_now();
        cpu = bench_cpu();
        for (auto handle : handles)
            photon::thread_interrupt((photon::thread *)handle, ECANCELED);
        join_all(handles);
        begin = bench_now() - begin;
        cpu = bench_cpu() - cpu;
    }
    bench_report("cancel_10k", "ns", begin * 1e9 / CANCELLED, cpu * 1e9 / CANCELLED);
}

static void wake(long count)
{
    photon::semaphore answer(0);
    sem_t question;

    sem_init(&question, 0, 0);
    std::thread thread([&] {
        for (long i = 0; i < count; i++) {
            sem_wait(&question);
            answer.signal(1);
        }
    });
    for (long i = 0; i < count; i++) {
        sem_post(&question);
        answer.wait(1);
    }
    thread.join();
}

#define WORK(name, step) { #name, name, step, nullptr }
#define SPECIAL(name) { #name, nullptr, 0, name }

static const struct bench_work works[] = {
    WORK(yield_2, 2),         WORK(yield_1000, 1000), WORK(spawn_one, 1),     WORK(spawn_group, BATCH),
    { "spawn_gather", spawn_group, BATCH, nullptr }, /* there is one way only */
    WORK(queue_1, 1),         WORK(queue_128, 1),     WORK(lock_free, 1),     WORK(lock_100, CONTENDERS),
    WORK(timeout, 1),         SPECIAL(sleepers),      SPECIAL(memory_100k),   SPECIAL(cancel_10k),
    WORK(wake, 1),
};

int main(int argc, char **argv)
{
    log_output_level = ALOG_ERROR + 1;
    photon::PhotonOptions options;
    options.use_pooled_stack_allocator = true;
    if (photon::init(photon::INIT_EVENT_EPOLL, photon::INIT_IO_NONE, options) < 0)
        return 1;
    bench_run(works, sizeof works / sizeof *works, bench_name(argc, argv), bench_seconds(argc, argv));
    fflush(stdout);
    _exit(0); /* without waiting for the threads of the pool */
}
