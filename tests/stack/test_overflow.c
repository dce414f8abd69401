/*
 * Running out of stack: the process dies of the right signal with a line that names the task, and nobody else's
 * faults are touched. Each case happens in a child whose stderr is read.
 */
#define _GNU_SOURCE 1
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stack/context.h"
#include "stack/overflow.h"
#include "stack/stack.h"

struct task {
    struct bide__context context;
    struct bide__context caller;
    char name[32];
};

static void describe(const void *record, char *text, size_t size)
{
    const struct task *task = record;
    size_t length = strnlen(task->name, sizeof task->name);

    if (length > size - 1)
        length = size - 1;
    memcpy(text, task->name, length);
    text[length] = '\0';
}

/* Uses stack until there is none; `again` keeps the compiler from seeing that it never ends. */
__attribute__((noinline)) static int recurse(volatile int *again)
{
    volatile char frame[300];

    frame[0] = (char)*again;
    frame[299] = 1;
    if (*again == 0)
        return frame[0];
    return recurse(again) + frame[299];
}

static void overflow(void *argument)
{
    volatile int again = 1;

    (void)argument;
    recurse(&again);
    abort();
}

static struct task *take_task(struct bide__stack_pool *pool, const char *name, void (*entry)(void *argument))
{
    bool fresh;
    struct task *task = bide__stack_take(pool, &fresh);
    void *low, *high;

    check(task != NULL);
    bide__stack_bounds(pool, task, &low, &high);
    snprintf(task->name, sizeof task->name, "%s", name);
    bide__context_adopt(&task->caller);
    bide__context_make(&task->context, low, high, entry, task);
    return task;
}

static void run_task(const struct bide__stack_options *options, void (*entry)(void *argument))
{
    struct bide__stack_pool others[5], pool;
    struct task *task;

    for (int i = 0; i < 5; i++)
        check_eq(bide__stack_pool_open(&others[i], NULL), 0);
    check_eq(bide__stack_pool_open(&pool, options), 0);
    for (int i = 0; i < 200; i++)
        take_task(&pool, "an idle task", entry);
    task = take_task(&pool, "task 'fetch' (main.c:41)", entry);
    for (int i = 0; i < 200; i++)
        take_task(&pool, "another idle task", entry);
    bide__context_switch(&task->caller, &task->context);
}

/* Runs `body` in a child; returns its wait status and what it wrote to stderr. */
static int run_child(void (*body)(void), char *ret_text, size_t size)
{
    struct rlimit no_core = { 0, 0 };
    size_t used = 0;
    ssize_t length;
    int pipes[2], status = 0;
    pid_t child;

    check_eq(pipe(pipes), 0);
    child = fork();
    check(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        body();
        _exit(0);
    }
    close(pipes[1]);
    while ((length = read(pipes[0], ret_text + used, size - 1 - used)) > 0)
        used += (size_t)length;
    ret_text[used] = '\0';
    if (strstr(ret_text, "qemu: uncaught"))
        *strstr(ret_text, "qemu: uncaught") = '\0'; /* what an emulator adds about its own death */
    close(pipes[0]);
    check_eq(waitpid(child, &status, 0), child);
    return status;
}

static void guard_the_thread(void)
{
    check_eq(bide__overflow_install(), 0);
    check_eq(bide__overflow_thread_enter(), 0);
}

static const struct bide__stack_options by_madvise = { .record_size = sizeof(struct task), .describe = describe };
static const struct bide__stack_options by_mprotect = { .record_size = sizeof(struct task),
                                                        .describe = describe,
                                                        .guard = BIDE__STACK_GUARD_MPROTECT,
                                                        .stack_size = 32 * 1024 };
static const struct bide__stack_options anonymous = { .record_size = sizeof(struct task) };

static void overflow_by_madvise(void)
{
    guard_the_thread();
    run_task(&by_madvise, overflow);
}

static void overflow_by_mprotect(void)
{
    guard_the_thread();
    run_task(&by_mprotect, overflow);
}

static void overflow_without_describe(void)
{
    guard_the_thread();
    run_task(&anonymous, overflow);
}

#define SKIP_WITH_ASAN()                                                                                               \
    do {                                                                                                               \
        if (BIDE__ASAN)                                                                                                \
            skip("AddressSanitizer reports overflows itself");                                                         \
        if (bide__valgrind_running())                                                                                  \
            skip("Valgrind reports faults itself");                                                                    \
    } while (0)

unit_test(overflow_names_the_task_and_dies_of_the_signal)
{
    char text[4096];
    int status;

    SKIP_WITH_ASAN();
    status = run_child(overflow_by_madvise, text, sizeof text);
    check_str(text,
              "bide: stack overflow in task 'fetch' (main.c:41): stack of 65536 bytes; raise run option stack_size\n");
    check(WIFSIGNALED(status));
    check_eq(WTERMSIG(status), SIGSEGV);
    status = run_child(overflow_by_mprotect, text, sizeof text);
    check_str(text,
              "bide: stack overflow in task 'fetch' (main.c:41): stack of 32768 bytes; raise run option stack_size\n");
    check(WIFSIGNALED(status));
    check_eq(WTERMSIG(status), SIGSEGV);
    status = run_child(overflow_without_describe, text, sizeof text);
    check_str(text, "bide: stack overflow in a task: stack of 65536 bytes; raise run option stack_size\n");
    check(WIFSIGNALED(status));
    return 0;
}

static void *overflow_on_thread(void *argument)
{
    (void)argument;
    check_eq(bide__overflow_thread_enter(), 0);
    run_task(&by_madvise, overflow);
    return NULL;
}

static void overflow_in_second_thread(void)
{
    pthread_t thread;

    guard_the_thread();
    pthread_create(&thread, NULL, overflow_on_thread, NULL);
    pthread_join(thread, NULL);
}

unit_test(overflow_on_another_thread_is_named_too)
{
    char text[4096];
    int status;

    SKIP_WITH_ASAN();
    status = run_child(overflow_in_second_thread, text, sizeof text);
    check(strstr(text, "bide: stack overflow in task 'fetch' (main.c:41)") == text);
    check(WIFSIGNALED(status));
    check_eq(WTERMSIG(status), SIGSEGV);
    return 0;
}

static void hit_guard_of_a_neighbour(void *argument)
{
    struct task *task = argument;
    char *slot_end = (char *)(((uintptr_t)task | 65535) + 1);

    *(volatile char *)slot_end = 1; /* running off the top of our own slot */
    abort();
}

static void stray_into_a_guard(void)
{
    guard_the_thread();
    run_task(&by_madvise, hit_guard_of_a_neighbour);
}

unit_test(a_stray_write_into_a_guard_is_not_called_an_overflow)
{
    char text[4096];
    int status;

    SKIP_WITH_ASAN();
    status = run_child(stray_into_a_guard, text, sizeof text);
    check(strstr(text, "bide: the guard below the stack of an") == text);
    check(strstr(text, "was hit from elsewhere") != NULL);
    check(strstr(text, "fetch") == NULL);
    check(WIFSIGNALED(status));
    return 0;
}

static void note_and_leave(int signal_number, siginfo_t *info, void *state)
{
    static const char text[] = "the program's own handler\n";

    (void)state;
    check_eq(write(STDERR_FILENO, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    _exit(info->si_addr == (void *)16 && signal_number == SIGSEGV ? 77 : 78);
}

static void note_and_leave_plain(int signal_number)
{
    _exit(signal_number == SIGSEGV ? 66 : 67);
}

static void install_handler(void (*with_information)(int, siginfo_t *, void *), void (*plain)(int))
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    if (with_information) {
        action.sa_sigaction = with_information;
        action.sa_flags = SA_SIGINFO;
    } else {
        action.sa_handler = plain;
    }
    check_eq(sigaction(SIGSEGV, &action, NULL), 0);
}

__attribute__((no_sanitize("undefined"))) static void fault_elsewhere(void)
{
    char *volatile nowhere = (char *)16;

    *(volatile char *)nowhere = 1;
}

static void fault_with_information(void)
{
    install_handler(note_and_leave, NULL);
    guard_the_thread();
    fault_elsewhere();
}

static void fault_with_plain_handler(void)
{
    install_handler(NULL, note_and_leave_plain);
    guard_the_thread();
    fault_elsewhere();
}

static void fault_with_ignore(void)
{
    install_handler(NULL, SIG_IGN);
    guard_the_thread();
    kill(getpid(), SIGSEGV); /* ignored, as before */
    check_eq(write(STDERR_FILENO, "still here\n", 11), 11);
    fault_elsewhere();
}

static void fault_by_default(void)
{
    install_handler(NULL, SIG_DFL);
    guard_the_thread();
    fault_elsewhere();
}

static void killed_by_default(void)
{
    install_handler(NULL, SIG_DFL);
    guard_the_thread();
    kill(getpid(), SIGSEGV);
    for (;;)
        pause();
}

static void overflow_with_earlier_handler(void)
{
    install_handler(note_and_leave, NULL);
    guard_the_thread();
    run_task(&by_madvise, overflow);
}

unit_test(other_faults_go_where_they_went_before)
{
    char text[4096];
    int status;

    SKIP_WITH_ASAN();
    status = run_child(fault_with_information, text, sizeof text);
    check_str(text, "the program's own handler\n");
    check(WIFEXITED(status));
    check_eq(WEXITSTATUS(status), 77);
    status = run_child(fault_with_plain_handler, text, sizeof text);
    check_str(text, "");
    check(WIFEXITED(status));
    check_eq(WEXITSTATUS(status), 66);
    status = run_child(fault_with_ignore, text, sizeof text);
    check_str(text, "still here\n");
    check(WIFSIGNALED(status));
    check_eq(WTERMSIG(status), SIGSEGV);
    status = run_child(fault_by_default, text, sizeof text);
    check_str(text, "");
    check(WIFSIGNALED(status));
    check_eq(WTERMSIG(status), SIGSEGV);
    status = run_child(killed_by_default, text, sizeof text);
    check_str(text, "");
    check(WIFSIGNALED(status));
    check_eq(WTERMSIG(status), SIGSEGV);
    status = run_child(overflow_with_earlier_handler, text, sizeof text);
    check(strstr(text, "bide: stack overflow in task 'fetch'") == text);
    check(WIFSIGNALED(status));
    return 0;
}

unit_test(install_counts_and_restores)
{
    struct sigaction before, during, after;

    SKIP_WITH_ASAN();
    install_handler(note_and_leave, NULL);
    check_eq(sigaction(SIGSEGV, NULL, &before), 0);
    check_eq(bide__overflow_install(), 0);
    check_eq(bide__overflow_install(), 0);
    check_eq(sigaction(SIGSEGV, NULL, &during), 0);
    check(during.sa_sigaction != note_and_leave);
    check(during.sa_flags & SA_ONSTACK);
    bide__overflow_remove();
    check_eq(sigaction(SIGSEGV, NULL, &after), 0);
    check(after.sa_sigaction == during.sa_sigaction);
    bide__overflow_remove();
    check_eq(sigaction(SIGSEGV, NULL, &after), 0);
    check(after.sa_sigaction == note_and_leave);
    check_eq(bide__overflow_install(), 0); /* a handler put over ours stays when we go */
    install_handler(NULL, note_and_leave_plain);
    bide__overflow_remove();
    check_eq(sigaction(SIGSEGV, NULL, &after), 0);
    check(after.sa_handler == note_and_leave_plain);
    return 0;
}

unit_test(the_handler_of_address_sanitizer_stays)
{
    struct sigaction before, after;

    if (!BIDE__ASAN)
        skip("not an AddressSanitizer build");
    check_eq(sigaction(SIGSEGV, NULL, &before), 0);
    check_eq(bide__overflow_install(), 0);
    check_eq(sigaction(SIGSEGV, NULL, &after), 0);
    check(memcmp(&before.sa_sigaction, &after.sa_sigaction, sizeof before.sa_sigaction) == 0);
    bide__overflow_remove();
    return 0;
}

static void *enter_and_leave(void *argument)
{
    stack_t stack;

    (void)argument;
    for (int round = 0; round < 3; round++) {
        check_eq(sigaltstack(NULL, &stack), 0);
        check(BIDE__ASAN || BIDE__TSAN || (stack.ss_flags & SS_DISABLE));
        check_eq(bide__overflow_thread_enter(), 0);
        check_eq(bide__overflow_thread_enter(), 0);
        bide__overflow_thread_leave();
        check_eq(sigaltstack(NULL, &stack), 0);
        check(!(stack.ss_flags & SS_DISABLE));
        check(stack.ss_size >= 16 * 1024);
        bide__overflow_thread_leave();
    }
    check_eq(sigaltstack(NULL, &stack), 0);
    check(BIDE__ASAN || BIDE__TSAN || (stack.ss_flags & SS_DISABLE));
    return NULL;
}

unit_test(alternate_stacks_come_and_go_with_threads)
{
    pthread_t thread;

    enter_and_leave(NULL);
    check_eq(pthread_create(&thread, NULL, enter_and_leave, NULL), 0);
    check_eq(pthread_join(thread, NULL), 0);
    return 0;
}

static void keep_own_stack(void)
{
    static char memory[64 * 1024];
    stack_t mine = { .ss_sp = memory, .ss_size = sizeof memory }, present;

    check_eq(sigaltstack(&mine, NULL), 0);
    check_eq(bide__overflow_thread_enter(), 0);
    check_eq(sigaltstack(NULL, &present), 0);
    check_eq(present.ss_sp, (void *)memory);
    bide__overflow_thread_leave();
    check_eq(sigaltstack(NULL, &present), 0);
    check_eq(present.ss_sp, (void *)memory);
}

unit_test(an_alternate_stack_of_the_program_is_kept)
{
    keep_own_stack();
    return 0;
}

unit_test(more_pools_than_the_registry_holds_still_work)
{
    enum { COUNT = 1100 };
    struct bide__stack_pool *pools = calloc(COUNT, sizeof *pools);
    bool fresh;

    check(pools != NULL);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++)
            check_eq(bide__stack_pool_open(&pools[i], NULL), 0);
        check(pools[1000].registration >= 0);
        check_eq(pools[COUNT - 1].registration, -1);
        bide__stack_give(&pools[COUNT - 1], bide__stack_take(&pools[COUNT - 1], &fresh));
        for (int i = 0; i < COUNT; i++)
            bide__stack_pool_close(&pools[i]);
    }
    free(pools);
    return 0;
}
