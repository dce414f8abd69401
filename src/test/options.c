/* The command line of a test program: options with a value take it as `--name VALUE` or `--name=VALUE`. */
#include "test/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "usage: %s [options]\n"
    "  --list             the names of the tests\n"
    "  --filter TEXT      only tests whose name contains TEXT\n"
    "  --only NAME        only the test with this name\n"
    "  --jobs N           how many run at once (the processors)\n"
    "  --repeat N         run each N times\n"
    "  --seed N           run ready tasks in the order that N decides; random: another N each time\n"
    "  --backend NAME     epoll, io_uring, or all (BIDE_BACKEND, else epoll)\n"
    "  --inject KIND:N    of a faults or cancel test only this run (as its report says)\n"
    "  --time-limit S     seconds until a test is killed (each test's own, else 10)\n"
    "  --here             run in this process, for a debugger (chosen by itself under one)\n"
    "  --tap              a line for each test (chosen by itself when stdout is no terminal)\n"
    "  --junit FILE       write a JUnit report\n"
    "  --verbose          show what passing tests print\n"
    "  --color, --no-color\n";

static bool is_on(const char *argument, const char *name)
{
    return strcmp(argument, name) == 0;
}

static int wrong(const char *program, const char *what, const char *argument)
{
    fprintf(stderr, "%s: %s '%s'; see --help\n", program, what, argument);
    return -EINVAL;
}

static int read_number(const char *program, const char *text, double *ret_number)
{
    char *end;
    double number = strtod(text, &end);

    if (end == text || *end || !(number >= 0))
        return wrong(program, "no number:", text);
    *ret_number = number;
    return 0;
}

static int read_seed(struct bide__test_command *command, const char *text)
{
    char *end;

    command->seeded = true;
    if (is_on(text, "random")) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        command->seed =
            ((uint64_t)now.tv_sec * 1000003u ^ (uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 20) % 1000000007u + 1;
        return 0;
    }
    command->seed = strtoull(text, &end, 0);
    return end == text || *end ? wrong(command->program, "no seed:", text) : 0;
}

static int read_injection(struct bide__test_command *command, const char *text)
{
    const char *colon = strchr(text, ':');

    command->fault = bide__fault_named(text);
    command->n = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
    return command->fault && command->n ? 0 : wrong(command->program, "no injection:", text);
}

/* An option with a value; 1: it is none. */
static int read_value(struct bide__test_command *command, const char *name, const char *value)
{
    double number = 0;
    int err = 0;

    if (is_on(name, "--filter"))
        command->filter = value;
    else if (is_on(name, "--only"))
        command->only = value;
    else if (is_on(name, "--backend"))
        command->backend = value;
    else if (is_on(name, "--junit"))
        command->junit = value;
    else if (is_on(name, "--seed"))
        return read_seed(command, value);
    else if (is_on(name, "--inject"))
        return read_injection(command, value);
    else if (is_on(name, "--time-limit"))
        return read_number(command->program, value, &command->time_limit);
    else if (is_on(name, "--jobs") && (err = read_number(command->program, value, &number)) == 0)
        command->jobs = number < 1 ? 1 : number > 256 ? 256 : (int)number;
    else if (is_on(name, "--repeat") && (err = read_number(command->program, value, &number)) == 0)
        command->repeat = number < 1 ? 1 : number > 1e6 ? 1000000 : (int)number;
    else if (err == 0)
        return 1;
    return err;
}

/* An option without a value; 1: it is none. */
static int read_switch(struct bide__test_command *command, const char *name)
{
    if (is_on(name, "--list"))
        command->list = true;
    else if (is_on(name, "--here") || is_on(name, "--no-fork"))
        command->here = true;
    else if (is_on(name, "--tap"))
        command->tap = true;
    else if (is_on(name, "--verbose"))
        command->verbose = true;
    else if (is_on(name, "--color"))
        command->color = true;
    else if (is_on(name, "--no-color"))
        command->color = false;
    else
        return 1;
    return 0;
}

static void set_defaults(struct bide__test_command *command, const char *program)
{
    const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool is_terminal = isatty(STDOUT_FILENO), is_clever = is_terminal && terminal && !is_on(terminal, "dumb");
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    *command =
        (struct bide__test_command){ .program = program, .repeat = 1, .jobs = processors > 0 ? (int)processors : 1 };
    command->tap = !is_terminal;
    command->progress = is_clever;
    command->color = is_clever && !(no_color && *no_color);
}

int bide__test_command_read(struct bide__test_command *command, int count, char **arguments)
{
    set_defaults(command, count ? arguments[0] : "test");
    for (int i = 1; i < count; i++) {
        char name[32];
        const char *equals = strchr(arguments[i], '='), *value = equals          ? equals + 1
                                                                 : i + 1 < count ? arguments[i + 1]
                                                                                 : NULL;
        int err;

        if (is_on(arguments[i], "--help") || is_on(arguments[i], "-h")) {
            printf(help, command->program);
            return 1;
        }
        if (read_switch(command, arguments[i]) == 0)
            continue;
        snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - arguments[i]) : (int)sizeof name - 1, arguments[i]);
        err = value ? read_value(command, name, value) : 1;
        if (err == 1)
            return wrong(command->program, "unknown option", arguments[i]);
        if (err < 0)
            return err;
        i += !equals;
    }
    return 0;
}
