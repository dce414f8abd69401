/*
 * A test program as a whole: reads its command line, makes the cases, runs them, sums up. Also the door for other
 * test frameworks: one coroutine run as a test of its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test/fixture.h"
#include "test/output.h"
#include "test/runner.h"

struct printing {
    const struct bide__cases *cases;
    const struct bide__test_command *command;
};

static void case_ended(const struct bide__case *one, void *argument)
{
    const struct printing *printing = argument;

    bide__output_case(printing->cases, printing->command, one);
}

static void case_starts(const struct bide__case *one, void *argument)
{
    const struct printing *printing = argument;

    bide__output_progress(printing->cases, printing->command, one);
}

/* Runs the first case in this very process; its exit code is the result. */
static int run_here(const struct bide__cases *cases)
{
    if (!cases->count) {
        fprintf(stderr, "no test fits\n");
        return 1;
    }
    printf("# running %s in this process\n", cases->first->name);
    fflush(stdout);
    bide__quiet--;
    bide__attempt_run(&cases->first->attempt);
}

static int run(struct bide__cases *cases, const struct bide__test_command *command)
{
    struct printing printing = { cases, command };

    bide__fixtures_of_program();
    if (command->here)
        return run_here(cases);
    if (command->seeded)
        printf("# seed %llu\n", (unsigned long long)command->seed);
    if (bide__run_cases(cases, command, case_ended, case_starts, &printing) < 0)
        return 1;
    bide__cleanups_run(false);
    size_t failed = bide__output_summary(cases, command);
    if (command->junit) {
        int err = bide__output_junit(cases, command->junit, command->program);

        if (err < 0) {
            fprintf(stderr, "%s: %s: %s\n", command->program, command->junit, strerror(-err));
            return 1;
        }
    }
    if (!cases->count)
        fprintf(stderr, "%s: no test fits\n", command->program);
    return failed > 0 || !cases->count || atomic_load(&bide__report->failures);
}

int bide_test_main(int count, char **arguments)
{
    static struct bide__report own_report;
    static struct bide__test_command command;
    static struct bide__cases cases;
    int err, result = 0;

    bide__report = &own_report;
    bide__quiet++; /* what the runner does is none of a test's business */
    err = bide__test_command_read(&command, count, arguments);
    if (err) {
        bide__quiet--;
        return err == 1 ? 0 : 2;
    }
    command.here |= bide__debugged();
    if (bide__cases_make(&cases, &command) < 0) {
        fprintf(stderr, "no memory\n");
        result = 1;
    } else if (command.list) {
        for (size_t i = 0; i < cases.count; i++)
            puts(cases.first[i].name);
    } else {
        result = run(&cases, &command);
    }
    bide__cases_free(&cases);
    bide__quiet--;
    return result;
}

static void nothing(const struct bide__case *one, void *argument)
{
    (void)one;
    (void)argument;
}

static const bide_coroutine *borrowed; /* of bide_test_run(): read by the forked process */

static int call_borrowed(const void *parameter)
{
    (void)parameter;
    return borrowed->entry((void *)(uintptr_t)borrowed->arguments);
}

int bide_test_run(bide_coroutine body, const bide_test_options *options)
{
    static struct bide__report own_report;
    struct bide__test test = {
        .name = body.name, .file = body.file, .line = body.line, .call = call_borrowed, .count = 1
    };
    struct bide__case one = { .attempt = { .test = &test } };
    struct bide__cases cases = { &one, 1 };
    struct bide__test_command command = { .program = "bide_test_run", .jobs = 1, .repeat = 1 };
    enum bide__outcome outcome;

    if (bide_get_running_loop())
        return bide_fail(-EDEADLK, "bide_test_run cannot be called from inside a loop");
    if (!bide__report)
        bide__report = &own_report;
    if (options)
        test.options = *options;
    snprintf(one.name, sizeof one.name, "%s", body.name);
    borrowed = &body;
    bide__quiet++;
    int err = bide__run_cases(&cases, &command, nothing, nothing, NULL);
    outcome = one.outcome;
    if (err == 0 && outcome == BIDE__FAILED) {
        fprintf(stderr, "%s (%s:%d) failed:\n", body.name, body.file, body.line);
        bide__output_text(stderr, "  ", one.text);
    }
    free(one.text);
    bide__quiet--;
    return err < 0 || outcome == BIDE__FAILED ? BIDE_TEST_FAILED : outcome == BIDE__SKIPPED ? BIDE_TEST_SKIPPED : 0;
}
