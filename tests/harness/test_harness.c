/*
 * test_harness.c: the harness must be able to fail. This program runs itself again with the environment variable
 * CHECK_SELF naming one way to end, and looks at what came out. In the second run only the test `victim` matters.
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *failing_thread(void *unused)
{
    (void)unused;
    check_eq(1, 2);
    return NULL;
}

/* Every value check in the way that fails; false when `how` is none of them. */
static bool fail_by_value(const char *how)
{
    if (strcmp(how, "check") == 0)
        check(1 > 2);
    else if (strcmp(how, "check_eq") == 0)
        check_eq(40 + 1, 42L);
    else if (strcmp(how, "check_eq_sign") == 0)
        check_eq(-1, UINT64_MAX);
    else if (strcmp(how, "check_eq_pointer") == 0)
        check_eq((const char *)how, NULL);
    else if (strcmp(how, "check_near") == 0)
        check_near(1.0, 1.5, 0.4);
    else if (strcmp(how, "check_str") == 0)
        check_str("left", "right");
    else if (strcmp(how, "check_str_null") == 0)
        check_str(NULL, "right");
    else if (strcmp(how, "check_mem") == 0)
        check_mem("abc", "abd", 3);
    else if (strcmp(how, "check_error") == 0)
        check_error(-EIO, ECANCELED);
    else
        return false;
    return true;
}

unit_test(victim)
{
    const char *how = getenv("CHECK_SELF");
    pthread_t thread;

    if (!how)
        return 0;
    if (fail_by_value(how))
        return 0;
    if (strcmp(how, "return") == 0)
        return -ENOENT;
    if (strcmp(how, "descriptor") == 0)
        return open("/dev/null", O_RDONLY) < 0;
    if (strcmp(how, "close") == 0)
        return close(0);
    if (strcmp(how, "signal") == 0)
        raise(SIGTERM);
    if (strcmp(how, "exit") == 0)
        exit(0);
    if (strcmp(how, "skip") == 0)
        skip("nothing to eat");
    if (strcmp(how, "thread") == 0 && pthread_create(&thread, NULL, failing_thread, NULL) == 0)
        pthread_join(thread, NULL);
    return 0;
}

/* Runs the victim; returns its exit code and its output. */
static int run_victim(const char *how, char *ret_output, size_t size)
{
    char command[512], self[256];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    size_t got;
    FILE *pipe;

    check(length > 0);
    self[length] = 0;
    snprintf(command, sizeof command, "CHECK_SELF=%s BIDE_BACKEND= $CHECK_RUNNER '%s' --filter victim 2>&1", how, self);
    pipe = popen(command, "r");
    check(pipe != NULL);
    got = fread(ret_output, 1, size - 1, pipe);
    ret_output[got] = 0;
    return WEXITSTATUS(pclose(pipe));
}

static void expect(const char *how, int exit_code, const char *text, const char *summary)
{
    char output[4096];
    int result = run_victim(how, output, sizeof output);

    if (!strstr(output, text) || !strstr(output, summary) || result != exit_code)
        printf("# victim '%s' ended with %d and wrote:\n%s", how, result, output);
    check_eq(result, exit_code);
    check(strstr(output, text) != NULL);
    check(strstr(output, summary) != NULL);
}

static const char one_failed[] = "\n0 passed, 1 failed, 0 skipped\n";

unit_test(true_checks_pass)
{
    uint8_t small = 200;
    enum { A_CONSTANT = 7 } constant = A_CONSTANT;
    int evaluated = 0;

    check(small);
    check_eq(small, 200L);
    check_eq(constant, 7);
    check_eq(1.5, 1.5f);
    check_eq(2, 2.0);
    check_eq(UINT64_MAX, UINT64_MAX);
    check_eq(&small, (const void *)&small);
    check_eq(++evaluated, 1);
    check_near(1.0, 1.05, 0.1);
    check_str("same", "same");
    check_str(NULL, NULL);
    check_mem("ab\0c", "ab\0c", 4);
    check_error(-EINVAL, EINVAL);
    return 0;
}

unit_test(false_checks_fail_and_show_both_sides)
{
    expect("check", 1, "check failed: 1 > 2 was not true", one_failed);
    expect("check_eq", 1, "40 + 1 == 42L, but left is 41 and right is 42", one_failed);
    expect("check_eq_sign", 1, "left is -1 and right is 18446744073709551615", one_failed);
    expect("check_eq_pointer", 1, "left is 0x", one_failed);
    expect("check_near", 1, "left is 1 and right is 1.5", one_failed);
    expect("check_str", 1, "left:  \"left\"", one_failed);
    expect("check_str_null", 1, "left:  NULL", one_failed);
    expect("check_mem", 1, "differ from byte 2", one_failed);
    expect("check_error", 1, "fails with ECANCELED, but it failed with -5 (Input/output error)", one_failed);
    return 0;
}

unit_test(a_check_in_another_thread_fails_the_test)
{
    expect("thread", 1, "left is 1 and right is 2", one_failed);
    return 0;
}

unit_test(a_negative_result_fails)
{
    expect("return", 1, "the test returned -2 (No such file or directory)", one_failed);
    return 0;
}

unit_test(descriptors_are_compared)
{
    expect("descriptor", 1, "(/dev/null) was left open", one_failed);
    expect("close", 1, "descriptor 0 was open before the test and is closed now", one_failed);
    return 0;
}

unit_test(dying_or_leaving_early_fails)
{
    expect("signal", 1, "killed by signal 15", one_failed);
    expect("exit", 1, "left with exit code 0 before its end", one_failed);
    return 0;
}

unit_test(a_skip_is_counted_with_its_reason)
{
    expect("skip", 0, "ok 1 - victim # SKIP nothing to eat", "\n0 passed, 0 failed, 1 skipped\n");
    return 0;
}

unit_test(passing_is_reported)
{
    expect("nothing", 0, "ok 1 - victim\n", "\n1 passed, 0 failed, 0 skipped\n");
    return 0;
}
