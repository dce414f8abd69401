/*
 * The harness that users get must be able to fail, and say why. planted.c has a mistake in each of its tests: each
 * must be caught and named in so many words. working.c uses what the harness offers, and must pass in every way a
 * user may run it.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZED true
#endif
#endif
#ifndef THREAD_SANITIZED
#define THREAD_SANITIZED false
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static char output[1 << 18];

/* Runs a program of tests/test with these options; its output is in `output`. Returns its exit code. */
static int run(const char *program, const char *options)
{
    const char *folder = getenv("BIDE_BUILD_DIR");
    char command[1024];

    if (!folder)
        skip("BIDE_BUILD_DIR is not set: run by ctest");
    snprintf(command, sizeof command, "%s $CHECK_RUNNER %s/tests/test/%s %s 2>&1",
             SANITIZED ? "BIDE_TEST_LEAK_CHECKER=1" : "", folder, program, options);
    FILE *pipe = popen(command, "r");
    check(pipe != NULL);
    size_t count = fread(output, 1, sizeof output - 1, pipe);
    output[count] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool says(const char *text)
{
    return strstr(output, text) != NULL;
}

/*
 * One test of planted.c, and what its report must contain. of_memory: found by other means, or not at all, when a
 * sanitizer looks after the memory.
 */
static const struct mistake {
    const char *name;
    const char *words[5];
    bool of_memory;
} mistakes[] = {
    { "leaked_descriptor",
      { "(/dev/null) was left open, made here:", "at test_leaked_descriptor (planted/planted.c:" },
      false },
    { "closed_descriptor", { "descriptor 0 was open before the test and is closed now" }, false },
    { "leaked_memory",
      { "memory: 77 bytes were not freed, made here:", "at make_and_forget (planted/planted.c:" },
      true },
    { "leaked_string",
      { "memory: 26 bytes were not freed, made here:", "at test_leaked_string (planted/planted.c:" },
      true },
    { "task_left_running",
      { "left running at the end of the test: 1 task", "'sleeper'", "waits for the end of its sleep" },
      false },
    { "thread_left",
      { "a thread was neither joined nor detached, started here:", "at test_thread_left (planted/planted.c:" },
      false },
    { "unread_error", { "task 'failing' failed with ENOSPC, and nobody read that: the disk is full" }, false },
    { "unread_error_of_a_handle",
      { "task 'failing' failed with ENOSPC, and nobody read that: the disk is full" },
      false },
    { "double_free_in_a_cleanup",
      { "is freed for the second time, here:", "at clean_up (planted/planted.c:", "it was freed before, here:",
        "it was made here:", "at test_double_free_in_a_cleanup (planted/planted.c:" },
      true },
    { "use_after_free",
      { "a block of 10 bytes was written into (offset 3) after it was freed here:",
        "at test_use_after_free (planted/planted.c:", "it was made here:" },
      true },
    { "written_behind_the_end",
      { "written behind the end of a block of 10 bytes (offset 10), made here:",
        "at test_written_behind_the_end (planted/planted.c:" },
      true },
    { "leak_without_memory",
      { "memory: 20 bytes were not freed",
        "in this run allocation 1 failed:", "again: ", "--only 'leak_without_memory' --inject memory:1" },
      true },
    { "crash_without_memory", { "Segmentation fault", "in this run allocation 1 failed:", "--inject memory:1" }, true },
    { "timeout_off_by_one", { "check failed: bide_time() - start == 5.0, but left is 5.001 and right is 5" }, false },
    { "lost_wake_up",
      { "deadlock: every task waits, and nothing is under way that could wake one", "'lost_wake_up'",
        "waits for another task", "`-- 'waiter'" },
      false },
    { "two_locks_in_two_orders",
      { "deadlock: every task waits", "'two_locks_in_two_orders'", "waits for its children", "|-- 'take_both'",
        "waits for a lock" },
      false },
    { "queue_that_nobody_fills", { "deadlock: every task waits", "waits for an item of a queue" }, false },
    { "endless_loop",
      { "time is over; it was here:", "at spin (planted/planted.c:", "in task 'endless_loop'", "timed out after" },
      false },
    { "wrong_order",
      { "the trace differs from event 2 on (4 expected, 4 happened)",
        "> a ends                                   b begins" },
      false },
    { "order_decides",
      { "check failed: counter == 11, but left is 21 and right is 11", "again: ", "--only 'order_decides' --seed " },
      false },
    { "wrong_code",
      { "check failed: failing(ENOSPC) fails with EIO, but it failed with ENOSPC (-28): the disk is full" },
      false },
    { "wrong_message",
      { "with another message", "message:  \"the disk is full\"", "expected: \"the disk is empty\"" },
      false },
    { "returned_error", { "the test returned -28 (ENOSPC): the disk is full", "in failing(ENOSPC) (" }, false },
    { "swallowed_cancel",
      { "swallowed: the body's wait answered -ECANCELED, but it returned 0",
        "the body was cancelled at wait 2:", "--inject cancel:2" },
      false },
    { "swallowed_timeout",
      { "swallowed: the body's wait answered -ECANCELED, but it returned 0",
        "the timeout around the body expired at wait 1:", "--inject timeout:1" },
      false },
    { "leak_when_cancelled", { "memory: 33 bytes were not freed", "the body was cancelled at wait 1:" }, true },
    { "deaf_to_cancel",
      { "timed out after", "test_deaf_to_cancel (planted/planted.c:", "the body was cancelled at wait 1:" },
      false },
    { "short_write_ignored",
      { "left:  \"h\"", "in this run system call 1 moved only one byte:", "--inject short:1" },
      false },
    { "eintr_not_retried",
      { "returned -4 (EINTR)",
        "in this run system call 1 was interrupted (EINTR):", "at send_uninterrupted (planted/planted.c:" },
      false },
    { "crash", { "touch_null" }, false },
    { "leaves_by_exit",
      { "the test called exit() before its end:", "at test_leaves_by_exit (planted/planted.c:", "before its end" },
      false },
    { "aborts", { "crashed: signal 6 (Aborted)", "at test_aborts (planted/planted.c:" }, false },
    { "fails_an_assertion",
      { "Assertion `two == 3' failed", "at test_fails_an_assertion (planted/planted.c:" },
      false },
    { "check_in_a_child_task",
      { "check failed: number == 1, but left is 2 and right is 1", "in task 'checking_child'", "`-- 'checking_child'" },
      false },
    { "check_in_a_thread", { "check failed: 1 == 2, but left is 1 and right is 2", "in thread " }, false },
    { "soft_checks_go_on", { "check failed: 1 > 2 was not true", "left:  \"left\"" }, false },
    { "failing_cleanup", { "cleanup 'cleanup_that_fails' failed with EIO: the cleanup failed" }, false },
    { "failing_fixture", { "fixture 'broken_fixture' failed with EADDRINUSE: no port for the fixture" }, false },
    { "passes_unexpectedly", { "it passed, although it is expected to fail: bug 42" }, false },
};

/* True if the mistake was caught and named. */
static bool is_caught(const struct mistake *mistake)
{
    char options[128];
    bool caught;

    snprintf(options, sizeof options, "--tap --only %s", mistake->name);
    caught = run("planted", options) == 1 && says("\n0 passed, 1 failed, 0 skipped\n");
    for (int i = 0; i < 5 && mistake->words[i]; i++) {
        if (says(mistake->words[i]))
            continue;
        printf("# missing: %s\n", mistake->words[i]);
        caught = false;
    }
    if (!caught)
        printf("# %s said:\n%s", mistake->name, output);
    return caught;
}

unit_test(each_mistake_is_caught_and_named)
{
    int missed = 0;

    if (THREAD_SANITIZED)
        skip("Thread Sanitizer holds signals back, so a process cannot say where it hangs");
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        if (!mistakes[i].of_memory || (!SANITIZED && !getenv("BIDE_VALGRIND")))
            missed += !is_caught(&mistakes[i]);
    check_eq(missed, 0);
    return 0;
}

unit_test(no_mistake_is_left_out)
{
    size_t lines = 0;

    check_eq(run("planted", "--list"), 0);
    for (const char *at = output; *at; at++)
        lines += *at == '\n';
    check_eq(lines, sizeof mistakes / sizeof *mistakes);
    return 0;
}

static int run_working(const char *options, const char *summary)
{
    int code = run("working", options);

    if (code || (summary && !says(summary)))
        printf("# working %s said:\n%s", options, output);
    check_eq(code, 0);
    check(!summary || says(summary));
    return 0;
}

unit_test(what_works_passes)
{
    return run_working("--tap", SANITIZED ? "29 passed, 0 failed, 3 skipped\n" : "30 passed, 0 failed, 2 skipped\n");
}

unit_test(it_passes_one_by_one_and_in_any_order)
{
    run_working("--jobs 1 --seed 7", NULL);
    check(says("# seed 7\n"));
    return run_working("--tap --repeat 2 --seed=random", NULL);
}

unit_test(each_backend)
{
    return run_working("--tap --backend all --filter exchange", "ok 1 - an_exchange_survives_faults [epoll]");
}

unit_test(results_are_remarked_upon)
{
    run_working("--tap", NULL);
    check(says(" - known_to_fail # failed as expected: bug 42\n"));
    check(says(" - not_here # SKIP there is no such machine\n"));
    check(says(" - each_word[two]\n"));
    check(says(" - each_number[3]\n"));
    check(says(" - each_pair[1]\n"));
    return 0;
}

unit_test(a_junit_report_is_written)
{
    char path[] = "/tmp/bide-junit-XXXXXX", options[128];
    int descriptor = mkstemp(path);

    check(descriptor >= 0);
    snprintf(options, sizeof options, "--tap --filter wrong --junit %s", path);
    check_eq(run("planted", options), 1);
    ssize_t count = read(descriptor, output, sizeof output - 1);
    output[count > 0 ? count : 0] = '\0';
    close(descriptor);
    unlink(path);
    check(says("<testsuite name=\"planted\" tests=\"3\" failures=\"3\" errors=\"0\" skipped=\"0\""));
    check(says("<testcase classname=\"planted\" name=\"wrong_message\""));
    check(says("&quot;the disk is empty&quot;"));
    return 0;
}

unit_test(wrong_usage_is_refused)
{
    check_eq(run("working", "--nonsense"), 2);
    check(says("unknown option '--nonsense'"));
    check_eq(run("working", "--jobs x"), 2);
    check_eq(run("working", "--only nothing_like_it"), 1);
    check(says("no test fits"));
    check_eq(run("working", "--help"), 0);
    check(says("--inject KIND:N"));
    return 0;
}

unit_test(a_failing_run_is_replayed_exactly)
{
    if (SANITIZED || getenv("BIDE_VALGRIND"))
        skip("the memory is not watched here");
    check_eq(run("planted", "--tap --only leak_without_memory --inject memory:1"), 1);
    check(says("memory: 20 bytes were not freed"));
    check_eq(run("planted", "--tap --only leak_without_memory --inject memory:2"), 1);
    check(says("memory: 10 bytes were not freed"));
    return 0;
}

unit_test(in_this_process)
{
    check_eq(run("working", "--here --only the_clock_is_virtual"), 0);
    check_eq(run("planted", "--here --only wrong_code"), 1);
    check(says("fails with EIO, but it failed with ENOSPC"));
    return 0;
}

unit_test(other_frameworks_can_run_tests)
{
    check_eq(run("bridge", ""), 0);
    check(says("good 0\n"));
    check(says("bad -1\n"));
    check(says("bad (") && says("check failed: number == 1, but left is 2 and right is 1"));
    check(says("leaking -1\n") && says("(/dev/null) was left open"));
    check(says("leaking, allowed 0\n"));
    check(says("skipping 1\n"));
    check(says("inside 0\n"));
    return 0;
}
