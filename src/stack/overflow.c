/*
 * The overflow handler.
 *
 * A fixed array of pool pointers is the registry: registering is one compare-and-swap, and the handler reads it and
 * the pools' slab lists (which only grow at the head) without locks. A counter of running handlers keeps a pool from
 * being closed under one. The handler writes one line with write(2), puts the default action back and returns: the
 * instruction faults again and the core dump shows the place. What must never happen: a lock, malloc or stdio inside
 * the handler.
 */
#define _GNU_SOURCE 1
#include "stack/overflow.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "stack/sanitizer.h"
#include "stack/stack.h"

enum {
    POOLS = 1024,
    ALTERNATE_ROOM =
        32 * 1024, /* for the handler and for the earlier ones it may chain to, on top of what the kernel stores */
};

static _Atomic(struct bide__stack_pool *) pools[POOLS];
static atomic_int handlers_running;

static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned installed; /* under install_lock */
static const int signals[2] = { SIGSEGV, SIGBUS };
static struct sigaction earlier[2];

static _Thread_local unsigned entered;
static _Thread_local char *alternate; /* ours, or NULL when the thread had one */
static _Thread_local stack_t before;

/* Present when any part of the program was built with AddressSanitizer. */
extern void __asan_init(void) __attribute__((weak));

int bide__overflow_register(struct bide__stack_pool *pool)
{
    for (int i = 0; i < POOLS; i++) {
        struct bide__stack_pool *none = NULL;

        if (atomic_compare_exchange_strong(&pools[i], &none, pool))
            return i;
    }
    return -1;
}

void bide__overflow_unregister(int place)
{
    if (place < 0)
        return;
    atomic_store(&pools[place], NULL);
    while (atomic_load(&handlers_running) > 0)
        sched_yield();
}

/* Appends to a line under construction; signal-safe. */
static size_t append(char *line, size_t size, size_t used, const char *text)
{
    while (*text && used + 1 < size)
        line[used++] = *text++;
    line[used] = '\0';
    return used;
}

static size_t append_number(char *line, size_t size, size_t used, size_t number)
{
    char digits[24];
    size_t at = sizeof digits - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return append(line, size, used, digits + at);
}

static uintptr_t stack_pointer_of(const ucontext_t *state)
{
#if defined(__x86_64__)
    return (uintptr_t)state->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (uintptr_t)state->uc_mcontext.sp;
#else
    (void)state;
    return 0;
#endif
}

static void report(const struct bide__stack_pool *pool, const char *address, const ucontext_t *state)
{
    uintptr_t slot = (uintptr_t)address & ~(uintptr_t)(pool->options.stack_size - 1);
    uintptr_t stack_pointer = stack_pointer_of(state);
    bool own = stack_pointer == 0 || (stack_pointer >= slot && stack_pointer < slot + pool->options.stack_size);
    char owner[200] = "a task";
    char line[512];
    size_t used = 0;
    ssize_t written;

    if (pool->options.describe) {
        pool->options.describe(bide__stack_record(pool, address), owner, sizeof owner);
        owner[sizeof owner - 1] = '\0';
    }
    used = append(line, sizeof line, used, own ? "bide: stack overflow in " : "bide: the guard below the stack of ");
    used = append(line, sizeof line, used, owner);
    used = append(line, sizeof line, used,
                  own ? ": stack of "
                      : " was hit from elsewhere (one frame larger than the guard, "
                        "or a stray pointer): stack of ");
    used = append_number(line, sizeof line, used, pool->options.stack_size);
    used = append(line, sizeof line, used, " bytes; raise run option stack_size\n");
    written = write(STDERR_FILENO, line, used);
    (void)written;
}

/* Reports a fault in a guard. False when `address` is in none. */
static bool report_guard(const char *address, const ucontext_t *state)
{
    for (int i = 0; i < POOLS; i++) {
        struct bide__stack_pool *pool = atomic_load(&pools[i]);
        struct bide__stack_slab *slab = pool ? __atomic_load_n(&pool->slabs, __ATOMIC_ACQUIRE) : NULL;

        for (; slab; slab = slab->next) {
            size_t offset = (size_t)(address - slab->base);

            if (address < slab->base || offset >= slab->count * pool->options.stack_size)
                continue;
            if ((offset & (pool->options.stack_size - 1)) >= pool->options.guard_size)
                return false;
            report(pool, address, state);
            return true;
        }
    }
    return false;
}

static void restore_default(int signal_number)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, NULL);
}

static void handle(int signal_number, siginfo_t *info, void *state)
{
    const struct sigaction *next = &earlier[signal_number == SIGBUS];
    int saved_errno = errno;
    bool guard = false;

    if (info->si_code > 0) { /* a real fault; others were sent by kill() and have no address */
        atomic_fetch_add(&handlers_running, 1);
        guard = report_guard(info->si_addr, state);
        atomic_fetch_sub(&handlers_running, 1);
    }
    errno = saved_errno;
    if (!guard && (next->sa_flags & SA_SIGINFO)) {
        next->sa_sigaction(signal_number, info, state);
    } else if (!guard && next->sa_handler != SIG_DFL && next->sa_handler != SIG_IGN) {
        next->sa_handler(signal_number);
    } else if (guard || next->sa_handler == SIG_DFL || info->si_code > 0) {
        /*
         * Ignoring a fault is impossible: the kernel kills too. The faulting instruction runs again; a sent signal
         * needs sending again.
         */
        restore_default(signal_number);
        if (info->si_code <= 0)
            raise(signal_number);
    }
}

int bide__overflow_install(void)
{
    struct sigaction action;

    if (BIDE__ASAN || __asan_init)
        return 0;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&install_lock);
    if (installed++ == 0) {
        for (int i = 0; i < 2; i++) {
            struct sigaction present;

            /* Still ours when somebody installed over us, chains to us, and left while we were removed. */
            sigaction(signals[i], NULL, &present);
            if ((present.sa_flags & SA_SIGINFO) && present.sa_sigaction == handle)
                continue;
            earlier[i] = present;
            sigaction(signals[i], &action, NULL);
        }
    }
    pthread_mutex_unlock(&install_lock);
    return 0;
}

void bide__overflow_remove(void)
{
    if (BIDE__ASAN || __asan_init)
        return;
    pthread_mutex_lock(&install_lock);
    if (--installed == 0) {
        for (int i = 0; i < 2; i++) {
            struct sigaction present;

            sigaction(signals[i], NULL, &present);
            if ((present.sa_flags & SA_SIGINFO) && present.sa_sigaction == handle)
                sigaction(signals[i], &earlier[i], NULL);
        }
    }
    pthread_mutex_unlock(&install_lock);
}

int bide__overflow_thread_enter(void)
{
    size_t size = ALTERNATE_ROOM + getauxval(AT_MINSIGSTKSZ);
    stack_t mine;

    if (entered++ > 0)
        return 0;
    sigaltstack(NULL, &before);
    if (!(before.ss_flags & SS_DISABLE) && before.ss_size >= ALTERNATE_ROOM / 4)
        return 0;
    alternate = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (alternate == MAP_FAILED) {
        alternate = NULL;
        entered = 0;
        return -ENOMEM;
    }
    memset(&mine, 0, sizeof mine);
    mine.ss_sp = alternate;
    mine.ss_size = size;
    sigaltstack(&mine, NULL);
    return 0;
}

void bide__overflow_thread_leave(void)
{
    stack_t present;

    if (--entered > 0 || !alternate)
        return;
    sigaltstack(NULL, &present);
    if (present.ss_sp == alternate)
        sigaltstack(&before, NULL);
    munmap(alternate, ALTERNATE_ROOM + getauxval(AT_MINSIGSTKSZ));
    alternate = NULL;
}
