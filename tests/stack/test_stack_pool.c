/*
 * The pool of stacks: what comes back when, what a stack costs, and what happens when the system says no.
 */
#define _GNU_SOURCE 1
#include "check.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stack/context.h"
#include "stack/guard.h"
#include "stack/stack.h"

/* Sanitizers, Valgrind and emulators use memory of their own. */
#define TOOLS (BIDE__ASAN || BIDE__TSAN || bide__valgrind_running() > 0 || check_slowness() > 1)

/* Adds up lines of /proc/self/status, such as "VmRSS:" and "VmPTE:"; bytes. */
static size_t memory_of_process(const char *first, const char *second)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[200];
    size_t sum = 0;

    check(file != NULL);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, first, strlen(first)) == 0 || strncmp(line, second, strlen(second)) == 0)
            sum += strtoul(strchr(line, ':') + 1, NULL, 10) * 1024;
    fclose(file);
    return sum;
}

static void *take(struct bide__stack_pool *pool, bool expect_fresh)
{
    bool fresh = !expect_fresh;
    void *record = bide__stack_take(pool, &fresh);

    check(record != NULL);
    check_eq(fresh, expect_fresh);
    return record;
}

unit_test(the_last_stack_given_back_is_the_next_taken)
{
    struct bide__stack_options options = { .record_size = 200 };
    struct bide__stack_pool pool;
    char *first, *second, *third;

    check_eq(bide__stack_pool_open(&pool, &options), 0);
    first = take(&pool, true);
    second = take(&pool, true);
    memset(first, 1, 200);
    memset(second, 2, 200);
    bide__stack_give(&pool, first);
    bide__stack_give(&pool, second);
    check_eq(take(&pool, false), (void *)second);
    check_eq(take(&pool, false), (void *)first);
    check_eq(first[0] + first[199], 2); /* as it was when given back */
    check_eq(second[0] + second[199], 4);
    third = take(&pool, true);
    check(third != first && third != second);
    bide__stack_give(&pool, first);
    bide__stack_give(&pool, second);
    bide__stack_give(&pool, third);
    bide__stack_pool_close(&pool);
    return 0;
}

unit_test(slots_are_aligned_bounded_and_coloured)
{
    struct bide__stack_options options = { .stack_size = 32 * 1024, .record_size = 100 };
    struct bide__stack_pool pool;
    void *records[300];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned colours = 0;

    check_eq(bide__stack_pool_open(&pool, &options), 0);
    for (int i = 0; i < 300; i++) {
        uintptr_t slot, address;
        void *low, *high;

        records[i] = take(&pool, true);
        address = (uintptr_t)records[i];
        slot = address & ~(uintptr_t)(32 * 1024 - 1);
        bide__stack_bounds(&pool, records[i], &low, &high);
        check_eq(address % 64, 0);
        check_eq((uintptr_t)low, slot + page);
        check_eq(high, records[i]);
        check(slot + 32 * 1024 - address >= 128); /* room for the record, rounded to lines */
        check(slot + 32 * 1024 - address <= 128 + 15 * 64);
        colours |= 1u << (slot + 32 * 1024 - address - 128) / 64;
        memset(low, 0x5a, (size_t)((char *)high - (char *)low) + 100); /* all of it can be used */
    }
    check_eq(colours, 0xffff);
    for (int i = 0; i < 300; i++)
        bide__stack_give(&pool, records[i]);
    bide__stack_pool_close(&pool);
    return 0;
}

unit_test(odd_sizes_are_refused)
{
    struct bide__stack_pool pool;
    struct bide__stack_options bad[] = {
        { .stack_size = 48 * 1024 },
        { .stack_size = 8 * 1024 },
        { .stack_size = 128 * 1024 * 1024 },
        { .stack_size = 16 * 1024, .record_size = 8 * 1024 },
        { .stack_size = 16 * 1024, .guard_size = 16 * 1024 },
        { .record_size = SIZE_MAX - 10 },
        { .guard_size = SIZE_MAX - 10 },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_error(bide__stack_pool_open(&pool, &bad[i]), EINVAL);
    return 0;
}

unit_test(every_size_works)
{
    for (size_t size = 16 * 1024; size <= 64 * 1024 * 1024; size *= 2) {
        struct bide__stack_options options = { .stack_size = size, .record_size = 128, .guard_size = 1 };
        struct bide__stack_pool pool;
        void *records[20];

        check_eq(bide__stack_pool_open(&pool, &options), 0);
        for (int i = 0; i < 20; i++) {
            records[i] = take(&pool, true);
            memset(records[i], i, 128);
        }
        for (int i = 0; i < 20; i++) {
            check_eq(*(char *)records[i], i);
            bide__stack_give(&pool, records[i]);
        }
        bide__stack_pool_close(&pool);
    }
    return 0;
}

unit_test(the_limit_counts_stacks_that_are_out)
{
    struct bide__stack_options options = { .limit = 100 };
    struct bide__stack_pool pool;
    void *records[100];
    bool fresh = false;

    check_eq(bide__stack_pool_open(&pool, &options), 0);
    for (int i = 0; i < 100; i++)
        records[i] = take(&pool, true);
    errno = 0;
    check_eq(bide__stack_take(&pool, &fresh), NULL);
    check_eq(errno, EAGAIN);
    bide__stack_give(&pool, records[7]);
    check_eq(take(&pool, false), records[7]);
    for (int i = 0; i < 100; i++)
        bide__stack_give(&pool, records[i]);
    bide__stack_pool_close(&pool);
    return 0;
}

static int discarded;

static void note_discard(void *record)
{
    check_eq(*(int *)record, 4711 + discarded); /* the coldest first, contents still there */
    discarded++;
}

unit_test(trimming_discards_the_cold_end_and_gives_memory_back)
{
    struct bide__stack_options options = { .record_size = 64, .on_discard = note_discard };
    struct bide__stack_statistics statistics;
    struct bide__stack_pool pool;
    enum { COUNT = 2000, TOUCHED = 32 * 1024 };
    void *records[COUNT];
    size_t full;

    check_eq(bide__stack_pool_open(&pool, &options), 0);
    for (int i = 0; i < COUNT; i++) {
        records[i] = take(&pool, true);
        memset((char *)records[i] - TOUCHED, 1, TOUCHED);
        *(int *)records[i] = 4711 + i;
    }
    full = memory_of_process("VmRSS:", "VmRSS:");
    for (int i = 0; i < COUNT; i++)
        bide__stack_give(&pool, records[i]);
    check_eq(bide__stack_trim(&pool, COUNT), 0);
    check_eq(bide__stack_trim(&pool, 100), COUNT - 100);
    check_eq(discarded, COUNT - 100);
    check_eq(bide__stack_trim(&pool, 100), 0);
    bide__stack_statistics(&pool, &statistics);
    check_eq(statistics.live, 0);
    check_eq(statistics.idle, 100);
    check_eq(statistics.cold, COUNT - 100);
    if (!TOOLS)
        check(memory_of_process("VmRSS:", "VmRSS:") < full - (size_t)(COUNT - 100) * (TOUCHED - 4096));
    for (int i = COUNT; i-- > COUNT - 100;)
        check_eq(take(&pool, false), records[i]);
    for (int i = COUNT - 100; i-- > 0;) {
        check_eq(take(&pool, true), records[i]); /* the same slots, but empty */
        check_eq(*(int *)records[i], 0);
        *(int *)records[i] = 4711 + i;
    }
    bide__stack_statistics(&pool, &statistics);
    check_eq(statistics.live, COUNT);
    discarded = 0;
    for (int i = 0; i < COUNT; i++)
        bide__stack_give(&pool, records[i]);
    bide__stack_pool_close(&pool);
    check_eq(discarded, COUNT); /* closing tells too */
    return 0;
}

unit_test(a_stack_that_holds_one_page_costs_one_page)
{
    size_t count = TOOLS ? 2000 : 200000;
    struct bide__stack_options options = { .record_size = 256 };
    struct bide__stack_statistics statistics;
    struct bide__stack_pool pool;
    void **records = malloc(count * sizeof *records);
    size_t before, each;

    check(records != NULL);
    memset(records, 0, count * sizeof *records);
    before = memory_of_process("VmRSS:", "VmPTE:");
    check_eq(bide__stack_pool_open(&pool, &options), 0);
    for (size_t i = 0; i < count; i++) {
        records[i] = take(&pool, true);
        memset((char *)records[i] - 1024, 1, 1024 + 256);
    }
    each = (memory_of_process("VmRSS:", "VmPTE:") - before) / count;
    bide__stack_statistics(&pool, &statistics);
    printf("# %zu bytes a stack, guards by %s, %zu without, %zu slabs\n", each, statistics.guard, statistics.unguarded,
           statistics.slabs);
    check_eq(statistics.live, count);
    check(statistics.reserved >= count * 64 * 1024);
    if (!TOOLS && sysconf(_SC_PAGESIZE) == 4096) {
        check(each >= 4096);
        check(each <= 4300);
    }
    for (size_t i = 0; i < count; i++)
        bide__stack_give(&pool, records[i]);
    check_eq(bide__stack_trim(&pool, 0), count);
    if (!TOOLS)
        check(memory_of_process("VmRSS:", "VmRSS:") < before + count * 64);
    bide__stack_pool_close(&pool);
    free(records);
    return 0;
}

unit_test(running_out_of_address_space_is_an_error)
{
    struct rlimit limit = { 0 };
    struct bide__stack_pool pool;
    void *records[20000];
    int count = 0;
    bool fresh;

    if (TOOLS)
        skip("the tools need the address space");
    check_eq(bide__stack_pool_open(&pool, NULL), 0);
    limit.rlim_cur = limit.rlim_max = 512 * 1024 * 1024;
    check_eq(setrlimit(RLIMIT_AS, &limit), 0);
    while (count < 20000 && (records[count] = bide__stack_take(&pool, &fresh)) != NULL)
        count++;
    check(count < 20000);
    check_eq(errno, ENOMEM);
    check(count > 4000); /* small slabs fill what large ones left */
    bide__stack_give(&pool, records[--count]);
    check(bide__stack_take(&pool, &fresh) == records[count]);
    for (int i = 0; i <= count; i++)
        bide__stack_give(&pool, records[i]);
    bide__stack_pool_close(&pool);
    return 0;
}

unit_test(mprotect_guards_have_a_budget)
{
    struct bide__stack_options options = { .guard = BIDE__STACK_GUARD_MPROTECT };
    struct bide__stack_statistics statistics;
    struct bide__stack_pool pool;
    void *records[100];

    bide__guard_set_budget(60);
    for (int round = 0; round < 2; round++) { /* closing gives the budget back */
        check_eq(bide__stack_pool_open(&pool, &options), 0);
        for (int i = 0; i < 100; i++) {
            records[i] = take(&pool, true);
            bide__stack_statistics(&pool, &statistics);
            check_str(statistics.guard, i < 60 ? "mprotect" : "none");
        }
        check_eq(statistics.unguarded, 40);
        for (int i = 0; i < 100; i++)
            bide__stack_give(&pool, records[i]);
        bide__stack_pool_close(&pool);
    }
    return 0;
}

/* Whether a read of `address` faults, without faulting: the kernel reads it for us. */
static bool faults(const void *address)
{
    int pipes[2];
    bool result;

    check_eq(pipe(pipes), 0);
    result = write(pipes[1], address, 1) < 0 && errno == EFAULT;
    close(pipes[0]);
    close(pipes[1]);
    return result;
}

unit_test(guards_guard_exactly_their_pages)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    for (enum bide__stack_guard guard = BIDE__STACK_GUARD_MADVISE; guard <= BIDE__STACK_GUARD_NONE; guard++) {
        struct bide__stack_options options = { .guard = guard, .guard_size = 2 * page, .stack_size = 256 * 1024 };
        struct bide__stack_statistics statistics;
        struct bide__stack_pool pool;
        void *record, *low, *high;

        check_eq(bide__stack_pool_open(&pool, &options), 0);
        record = take(&pool, true);
        bide__stack_statistics(&pool, &statistics);
        bide__stack_bounds(&pool, record, &low, &high);
        for (int round = 0; round < 2; round++) { /* before and after the memory was given back */
            check(!faults(low));
            check_eq(faults((char *)low - 1), statistics.unguarded == 0);
            check_eq(faults((char *)low - 2 * page), statistics.unguarded == 0);
            check(!faults((char *)low - 2 * page - 1)); /* the next slot down */
            bide__stack_give(&pool, record);
            check_eq(bide__stack_trim(&pool, 0), 1);
            check_eq(take(&pool, true), record);
        }
        check_eq(statistics.unguarded, guard == BIDE__STACK_GUARD_NONE);
        bide__stack_give(&pool, record);
        bide__stack_pool_close(&pool);
    }
    return 0;
}

unit_test(locked_memory_gets_guards_by_mprotect)
{
    struct bide__stack_statistics statistics;
    struct bide__stack_pool pool;
    void *first, *second, *low, *high;

    if (TOOLS)
        skip("the tools hold too much memory to lock");
    check_eq(bide__stack_pool_open(&pool, NULL), 0);
    first = take(&pool, true);
    if (mlockall(MCL_CURRENT) < 0)
        skip("mlockall is not allowed here");
    second = take(&pool, true);
    bide__stack_statistics(&pool, &statistics);
    check_eq(statistics.unguarded, 0);
    check_str(statistics.guard, "mprotect");
    bide__stack_bounds(&pool, second, &low, &high);
    check(faults((char *)low - 1));
    memset((char *)second - 8192, 1, 8192);
    bide__stack_give(&pool, second);
    check_eq(bide__stack_trim(&pool, 0), 1); /* locked pages stay, and nothing breaks */
    check_eq(take(&pool, true), second);
    bide__stack_give(&pool, second);
    bide__stack_give(&pool, first);
    bide__stack_pool_close(&pool);
    return 0;
}

unit_test(high_water_is_the_deepest_page_touched)
{
    struct bide__stack_options options = { .stack_size = 4 * 1024 * 1024, .record_size = 128 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct bide__stack_pool pool;
    char *record;

    if (TOOLS)
        skip("needs real memory accounting");
    check_eq(bide__stack_pool_open(&pool, &options), 0);
    record = take(&pool, true);
    check_eq(bide__stack_high_water(&pool, record), 0);
    record[-1] = 1;
    check(bide__stack_high_water(&pool, record) > 0);
    check(bide__stack_high_water(&pool, record) <= page);
    record[-100000] = 1;
    check(bide__stack_high_water(&pool, record) >= 100000);
    check(bide__stack_high_water(&pool, record) < 100000 + page);
    record[-3000000] = 1;
    check(bide__stack_high_water(&pool, record) >= 3000000);
    check(bide__stack_high_water(&pool, record) < 3000000 + page);
    bide__stack_give(&pool, record);
    bide__stack_pool_close(&pool);
    return 0;
}

/* A record as a task has one: its context, and who runs it. */
struct worker {
    struct bide__context context;
    struct bide__context *caller;
    long turns;
};

static void work(void *argument)
{
    struct worker *worker = argument;

    for (;;) {
        worker->turns++;
        bide__context_switch(&worker->context, worker->caller);
    }
}

static void release_worker(void *record)
{
    bide__context_release(&((struct worker *)record)->context);
}

static int fresh_starts;

/* What a runtime does to start a task: resume the parked trampoline of a warm stack, or make one on a fresh stack. */
static struct worker *start(struct bide__stack_pool *pool, struct bide__context *caller)
{
    bool fresh;
    struct worker *worker = bide__stack_take(pool, &fresh);
    long turns = 0;
    void *low, *high;

    check(worker != NULL);
    fresh_starts += fresh;
    if (fresh) {
        bide__stack_bounds(pool, worker, &low, &high);
        memset(worker, 0, sizeof *worker);
        bide__context_make(&worker->context, low, high, work, worker);
    }
    turns = worker->turns;
    worker->caller = caller;
    bide__context_switch(caller, &worker->context);
    check_eq(worker->turns, turns + 1);
    return worker;
}

unit_test(parked_trampolines_are_resumed_and_trimmed_ones_made_again)
{
    struct bide__stack_options options = { .record_size = sizeof(struct worker), .on_discard = release_worker };
    struct bide__context here;
    struct bide__stack_pool pool;
    struct worker *workers[200];

    bide__context_adopt(&here);
    check_eq(bide__stack_pool_open(&pool, &options), 0);
    for (int round = 0; round < 40; round++) {
        int before = fresh_starts;

        for (int i = 0; i < 200; i++)
            workers[i] = start(&pool, &here);
        check_eq(fresh_starts - before, round % 4 == 0 ? 200 : 50);
        for (int i = 0; i < 200; i++)
            bide__stack_give(&pool, workers[i]);
        check_eq(bide__stack_trim(&pool, round % 4 == 3 ? 0 : 150), round % 4 == 3 ? 200 : 50);
    }
    bide__stack_pool_close(&pool);
    return 0;
}

unit_test(parked_contexts_go_on_in_a_forked_child)
{
    struct bide__stack_options options = { .record_size = sizeof(struct worker), .on_discard = release_worker };
    struct bide__context here;
    struct bide__stack_pool pool;
    struct worker *workers[100];
    int status = 0;
    pid_t child;

    if (BIDE__TSAN)
        skip("ThreadSanitizer does not follow flows into a child");
    bide__context_adopt(&here);
    check_eq(bide__stack_pool_open(&pool, &options), 0);
    for (int i = 0; i < 100; i++)
        workers[i] = start(&pool, &here);
    child = fork();
    check(child >= 0);
    for (int i = 0; i < 100; i++) {
        void *low, *high;

        bide__context_switch(&here, &workers[i]->context);
        check_eq(workers[i]->turns, 2);
        bide__stack_bounds(&pool, workers[i], &low, &high);
        check(faults((char *)low - 1)); /* guards are inherited */
    }
    workers[0]->turns = child == 0 ? 1000 : 2;
    for (int i = 0; i < 100; i++)
        bide__stack_give(&pool, workers[i]);
    for (int i = 0; i < 100; i++)
        start(&pool, &here);
    for (int i = 0; i < 100; i++)
        bide__stack_give(&pool, workers[i]);
    if (child == 0)
        _exit(workers[0]->turns == 1001 ? 42 : 1);
    check_eq(waitpid(child, &status, 0), child);
    check(WIFEXITED(status));
    check_eq(WEXITSTATUS(status), 42);
    check_eq(workers[0]->turns, 3);
    bide__stack_pool_close(&pool);
    return 0;
}

unit_test(closing_unmaps_everything)
{
    size_t before = memory_of_process("VmSize:", "VmSize:");
    struct bide__stack_pool pool;
    struct bide__stack_options options = { .record_size = 1 };
    void *records[1000];

    for (int round = 0; round < 20; round++) {
        check_eq(bide__stack_pool_open(&pool, &options), 0);
        for (int i = 0; i < 1000; i++)
            *(char *)(records[i] = take(&pool, true)) = 1;
        for (int i = 0; i < 1000; i++)
            bide__stack_give(&pool, records[i]);
        bide__stack_pool_close(&pool);
    }
    if (!TOOLS)
        check(memory_of_process("VmSize:", "VmSize:") < before + 2 * 1024 * 1024);
    return 0;
}
