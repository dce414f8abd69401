/*
 * The runner: a process for each attempt.
 *
 * A slot holds one running attempt: its process (the leader of a process group, so that what it starts dies with it),
 * the shared page for its report, an unnamed file for what it says and prints, and its deadline. The runner sleeps
 * until a child ends or a deadline passes. When time is over the child is asked where it is; if it cannot even say
 * that, it is killed.
 *
 * Must never happen: an attempt that died counted as passed; a process left behind.
 */
#include "test/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/crash.h"

#define TIME_LIMIT 10.0
#define LAST_WORDS 3.0 /* seconds a process whose time is over has for saying where it is */

enum { SAY_DESCRIPTOR = 900 };

struct slot {
    pid_t process; /* 0: free */
    struct bide__case *one;
    struct bide__report *report;
    int output;
    double started, limit, deadline;
    bool asked, killed; /* because its time was over */
};

struct runner {
    struct bide__cases *cases;
    const struct bide__test_command *command;
    struct slot *slots;
    size_t next; /* the first case that has not started */
    sigset_t before;
};

static double clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Adds a line to what a case said. */
__attribute__((format(printf, 2, 3))) static void add_line(struct bide__case *one, const char *format, ...)
{
    char line[512], *text;
    va_list arguments;
    size_t before = one->text ? strlen(one->text) : 0;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    text = realloc(one->text, before + strlen(line) + 3);
    if (!text)
        return;
    sprintf(text + before, "%s%s\n", before && text[before - 1] != '\n' ? "\n" : "", line);
    one->text = text;
}

/* In the new process. */
/* A shell starts what it runs in the background with SIGINT ignored: that is not the test's affair. */
static void default_signals(void)
{
    static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2 };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], SIG_DFL);
}

static _Noreturn void be_child(const struct runner *runner, const struct slot *slot)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_SETMASK, &runner->before, NULL);
    default_signals();
    for (int i = 0; i < runner->command->jobs; i++)
        if (&runner->slots[i] != slot && runner->slots[i].process)
            close(runner->slots[i].output);
    dup2(null, STDIN_FILENO);
    dup2(slot->output, STDOUT_FILENO);
    dup2(slot->output, STDERR_FILENO);
    bide__report = slot->report;
    bide__say_to(fcntl(slot->output, F_DUPFD_CLOEXEC, SAY_DESCRIPTOR));
    close(slot->output);
    close(null);
    bide__quiet--;
    bide__attempt_run(&slot->one->attempt);
}

static double limit_of(const struct bide__case *one, const struct bide__test_command *command)
{
    double limit = one->attempt.test->options.time_limit;

    if (command->time_limit > 0)
        limit = command->time_limit;
    else if (!(limit > 0))
        limit = TIME_LIMIT;
    return limit * bide_test_slowness();
}

static int start(struct runner *runner, struct slot *slot, struct bide__case *one)
{
    slot->one = one;
    if (!one->started)
        slot->started = clock_now();
    one->started = true;
    one->attempts++;
    memset(slot->report, 0, sizeof *slot->report);
    slot->output = memfd_create("test output", MFD_CLOEXEC);
    if (slot->output < 0 || fcntl(slot->output, F_SETFL, O_APPEND) < 0)
        return -errno;
    fflush(NULL);
    slot->process = fork();
    if (slot->process == 0)
        be_child(runner, slot);
    if (slot->process < 0) {
        slot->process = 0;
        close(slot->output);
        return -errno;
    }
    setpgid(slot->process, slot->process);
    slot->limit = limit_of(one, runner->command);
    slot->deadline = clock_now() + slot->limit;
    slot->asked = slot->killed = false;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    (void)status;
    (void)kind;
    (void)position;
    return remove(path);
}

static char *read_output(int descriptor)
{
    off_t size = lseek(descriptor, 0, SEEK_END);
    char *text = size > 0 ? malloc((size_t)size + 1) : NULL;

    if (text) {
        ssize_t count = pread(descriptor, text, (size_t)size, 0);

        text[count > 0 ? count : 0] = '\0';
        for (ssize_t i = 0; i < count; i++)
            if (!text[i])
                text[i] = '?';
    }
    return text;
}

/*
 * How an attempt ended, from the report and the way the process died; adds lines to the case where the report cannot
 * know.
 */
static enum bide__outcome outcome_of(const struct slot *slot, int status)
{
    const struct bide__report *report = slot->report;
    struct bide__case *one = slot->one;

    if (slot->asked) {
        add_line(one, "timed out after %.3g s%s", slot->limit,
                 report->timed_out ? "" : ", and could not say where it was");
        return BIDE__FAILED;
    }
    if (WIFSIGNALED(status)) {
        add_line(one, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
        return BIDE__FAILED;
    }
    if (report->outcome == BIDE__NOT_ENDED) {
        add_line(one, "the test left with exit code %d before its end", WEXITSTATUS(status));
        return BIDE__FAILED;
    }
    if (report->outcome == BIDE__PASSED && WEXITSTATUS(status) != 0) {
        add_line(one, "exit code %d after the test had passed (a leak checker?)", WEXITSTATUS(status));
        return BIDE__FAILED;
    }
    return report->outcome;
}

static void explain_replay(const struct runner *runner, struct bide__case *one)
{
    const struct bide__attempt *attempt = &one->attempt;
    char options[200] = "";
    size_t length = 0;

    if (attempt->n)
        length +=
            (size_t)snprintf(options, sizeof options, " --inject %s:%u", bide__fault_name(attempt->fault), attempt->n);
    if (attempt->seed)
        length += (size_t)snprintf(options + length, sizeof options - length, " --seed %llu",
                                   (unsigned long long)attempt->seed);
    if (attempt->backend)
        length += (size_t)snprintf(options + length, sizeof options - length, " --backend %s", attempt->backend);
    if (length)
        add_line(one, "again: %s --only '%s'%s", runner->command->program,
                 attempt->test->parameters ? one->name : attempt->test->name, options);
}

/* The case has come to its end with this outcome. */
static void finish_case(struct runner *runner, struct slot *slot, enum bide__outcome outcome)
{
    struct bide__case *one = slot->one;
    const struct bide__report *report = slot->report;

    one->checks += atomic_load(&report->checks);
    one->seconds = clock_now() - slot->started;
    if (outcome == BIDE__SKIPPED)
        snprintf(one->reason, sizeof one->reason, "%s", report->reason);
    if (*report->expected_failure && outcome == BIDE__FAILED) {
        snprintf(one->reason, sizeof one->reason, "failed as expected: %s", report->expected_failure);
        outcome = BIDE__PASSED;
    } else if (*report->expected_failure && outcome == BIDE__PASSED) {
        add_line(one, "it passed, although it is expected to fail: %s", report->expected_failure);
        outcome = BIDE__FAILED;
    } else if (outcome == BIDE__FAILED) {
        explain_replay(runner, one);
    } else if (outcome == BIDE__PASSED && one->attempts > 1) {
        snprintf(one->reason, sizeof one->reason, "%u runs", one->attempts);
    } else if (outcome == BIDE__PASSED && one->checks == 0) {
        snprintf(one->reason, sizeof one->reason, "no check ran");
    }
    one->outcome = outcome;
    one->ended = true;
}

/* A process has ended. True if its case has ended too. */
static bool collect(struct runner *runner, struct slot *slot, int status)
{
    struct bide__case *one = slot->one;
    enum bide__outcome outcome;

    kill(-slot->process, SIGKILL); /* whatever the test started and left behind */
    slot->process = 0;
    free(one->text);
    one->text = read_output(slot->output);
    close(slot->output);
    if (*slot->report->directory)
        nftw(slot->report->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    outcome = outcome_of(slot, status);
    if (outcome == BIDE__PASSED && bide__case_next(one, runner->command, slot->report->fired)) {
        one->checks += atomic_load(&slot->report->checks);
        if (start(runner, slot, one) == 0)
            return false;
        add_line(one, "cannot start a process: %s", strerror(errno));
        outcome = BIDE__FAILED;
    }
    finish_case(runner, slot, outcome);
    return true;
}

/* Sleeps until a child may have ended or a deadline has passed; deals with deadlines. */
static void wait_for_something(struct runner *runner)
{
    double now = clock_now(), next = now + 60;
    sigset_t child_signal;

    for (int i = 0; i < runner->command->jobs; i++) {
        struct slot *slot = &runner->slots[i];

        if (!slot->process)
            continue;
        if (now >= slot->deadline && slot->asked) {
            kill(-slot->process, SIGKILL);
            slot->deadline = INFINITY;
        } else if (now >= slot->deadline) {
            slot->asked = true;
            kill(slot->process, bide__crash_time_signal());
            slot->deadline = now + LAST_WORDS * bide_test_slowness();
        }
        if (slot->deadline < next)
            next = slot->deadline;
    }
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    double left = next > now ? next - now : 0;
    struct timespec timeout = { (time_t)left, (long)((left - floor(left)) * 1e9) };
    sigtimedwait(&child_signal, NULL, &timeout);
}

/* Why a case cannot run here, in its reason; false if it can. */
static bool is_skipped(struct bide__case *one)
{
    const char *backend = one->attempt.backend                     ? one->attempt.backend
                          : one->attempt.test->options.run.backend ? one->attempt.test->options.run.backend
                                                                   : getenv("BIDE_BACKEND");
    char reason[200];

    if (one->attempt.test->options.skip) {
        snprintf(one->reason, sizeof one->reason, "%s", one->attempt.test->options.skip);
        return true;
    }
    if (one->attempt.test->kind == BIDE__TEST_PLAIN || !backend || strcmp(backend, "io_uring") != 0 ||
        bide_probe_backend(backend, reason, sizeof reason) == 0)
        return false;
    snprintf(one->reason, sizeof one->reason, "no io_uring here: %s", reason);
    return true;
}

static struct bide__case *next_case(struct runner *runner, void (*ended)(const struct bide__case *one, void *argument),
                                    void *argument)
{
    while (runner->next < runner->cases->count) {
        struct bide__case *one = &runner->cases->first[runner->next++];

        if (!is_skipped(one))
            return one;
        one->outcome = BIDE__SKIPPED;
        one->ended = true;
        ended(one, argument);
    }
    return NULL;
}

static int open_slots(struct runner *runner)
{
    int count = runner->command->jobs;

    runner->slots = calloc((size_t)count, sizeof *runner->slots);
    for (int i = 0; runner->slots && i < count; i++) {
        runner->slots[i].report =
            mmap(NULL, sizeof *runner->slots[i].report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (runner->slots[i].report == MAP_FAILED)
            return -ENOMEM;
    }
    return runner->slots ? 0 : -ENOMEM;
}

int bide__run_cases(struct bide__cases *cases, const struct bide__test_command *command,
                    void (*ended)(const struct bide__case *one, void *argument),
                    void (*starts)(const struct bide__case *one, void *argument), void *argument)
{
    static struct runner runner; /* where a leak checker finds it, also in a process that leaves by exit() */
    sigset_t blocked;
    int running = 0, err;

    runner = (struct runner){ .cases = cases, .command = command };
    err = open_slots(&runner);
    if (err < 0) {
        fprintf(stderr, "%s: %s\n", command->program, strerror(-err));
        return err;
    }
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &runner.before);
    do {
        for (int i = 0; i < command->jobs && err == 0; i++) {
            struct slot *slot = &runner.slots[i];
            struct bide__case *one = slot->process ? NULL : next_case(&runner, ended, argument);

            if (!one)
                continue;
            starts(one, argument);
            err = start(&runner, slot, one);
            running += err == 0;
        }
        if (running)
            wait_for_something(&runner);
        for (int i = 0; i < command->jobs; i++) {
            struct slot *slot = &runner.slots[i];
            int status;

            if (slot->process && waitpid(slot->process, &status, WNOHANG) == slot->process &&
                collect(&runner, slot, status)) {
                running--;
                ended(slot->one, argument);
            }
        }
    } while (running || (err == 0 && runner.next < cases->count));
    sigprocmask(SIG_SETMASK, &runner.before, NULL);
    for (int i = 0; i < command->jobs; i++)
        munmap(runner.slots[i].report, sizeof *runner.slots[i].report);
    free(runner.slots);
    if (err < 0)
        fprintf(stderr, "%s: cannot start a process: %s\n", command->program, strerror(-err));
    return err;
}
