/*
 * Errors: messages that are bound to codes, names of codes, return traces.
 */
#include "check.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "capture.h"
#include "notes.h"

static int fail_with(int code, const char *text)
{
    return bide_fail(code, "%s", text);
}
bide_async(fail_with, int, const char *);

static int bare(int code)
{
    return code;
}
bide_async(bare, int);

unit_test(fail_returns_its_code_and_keeps_the_message)
{
    check_error(bide_fail(-EINVAL, "port %d is out of range %d..%d", 70000, 1, 65535), EINVAL);
    check_str(bide_strerror(-EINVAL), "port 70000 is out of range 1..65535");
    check_eq(bide_fail(BIDE_EOF, "short"), BIDE_EOF);
    check_str(bide_strerror(BIDE_EOF), "short");
    check_str(bide_strerror(-EINVAL), "Invalid argument"); /* replaced: it belonged to another code */
    return 0;
}

unit_test(strerror_has_a_text_for_every_code)
{
    check_str(bide_strerror(0), "no error");
    check_str(bide_strerror(12), "no error");
    check_str(bide_strerror(-ENOENT), "No such file or directory");
    check_str(bide_strerror(BIDE_EOF), "the peer ended the stream too early");
    for (int code = BIDE_ETLS; code <= BIDE_EOF; code++)
        check(strncmp(bide_strerror(code), "Unknown", 7) != 0);
    check(strlen(bide_strerror(-5000)) > 0);
    check(strlen(bide_strerror(INT_MIN)) > 0);
    return 0;
}

unit_test(error_names)
{
    check_str(bide_error_name(-ECONNREFUSED), "ECONNREFUSED");
    check_str(bide_error_name(BIDE_EOF), "BIDE_EOF");
    check_str(bide_error_name(BIDE_ELIMIT), "BIDE_ELIMIT");
    check_str(bide_error_name(BIDE_EPROTOCOL), "BIDE_EPROTOCOL");
    check_str(bide_error_name(BIDE_ERESOLVE), "BIDE_ERESOLVE");
    check_str(bide_error_name(BIDE_EURL), "BIDE_EURL");
    check_str(bide_error_name(-12345), "error -12345");
    check_str(bide_error_name(0), "error 0");
    check_str(bide_error_name(7), "error 7");
    check_str(bide_error_name(INT_MIN), "error -2147483648");
    return 0;
}

unit_test(own_codes_survive_as_exit_codes)
{
    for (int code = BIDE_ETLS; code <= BIDE_EOF; code++)
        check((code & 0xff) != 0);
    return 0;
}

unit_test(message_is_cut_at_511_bytes)
{
    char text[2000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    fail_with(-EIO, text);
    check_eq(strlen(bide_strerror(-EIO)), 511);
    text[511] = 0;
    check_str(bide_strerror(-EIO), text);
    return 0;
}

unit_test(message_may_quote_the_one_before)
{
    fail_with(-EIO, "disk");
    check_error(bide_fail(-EIO, "write: %s", bide_strerror(-EIO)), EIO);
    check_str(bide_strerror(-EIO), "write: disk");
    return 0;
}

static int have_message(const char *text)
{
    fail_with(-EIO, text);
    turns(3);
    check_str(bide_strerror(-EIO), text);
    return 0;
}
bide_async(have_message, const char *);

bide_test(message_belongs_to_its_task)
{
    return bide_gather(bide_co(have_message, "a"), bide_co(have_message, "b"), bide_co(have_message, "c"));
}

bide_test(message_travels_with_join_gather_and_thread)
{
    bide_task *task = bide_create_task(NULL, bide_co(fail_with, -EIO, "from a task"));

    turns(2);
    for (int i = 0; i < 2; i++) { /* each joiner gets it */
        check_error(bide_join(task), EIO);
        check_str(bide_strerror(-EIO), "from a task");
        bide_fail(-EIO, "another one");
    }
    check_error(bide_gather(bide_co(fail_with, -EIO, "from a gather")), EIO);
    check_str(bide_strerror(-EIO), "from a gather");
    check_error(bide_to_thread(bide_co(fail_with, -EIO, "from a thread")), EIO);
    check_str(bide_strerror(-EIO), "from a thread");
    check_error(bide_wait_for(bide_co(fail_with, -EIO, "from a wait_for"), 1), EIO);
    check_str(bide_strerror(-EIO), "from a wait_for");
    return 0;
}

bide_test(message_of_a_bare_code_is_never_an_old_one)
{
    bide_task *task = bide_create_task(NULL, bide_co(bare, -EIO));

    fail_with(-EIO, "old");
    check_error(bide_join(task), EIO);
    check_str(bide_strerror(-EIO), "Input/output error");
    fail_with(-EIO, "old");
    check_error(bide_gather(bide_co(bare, -EIO)), EIO);
    check_str(bide_strerror(-EIO), "Input/output error");
    fail_with(-EIO, "old");
    check_error(bide_to_thread(bide_co(bare, -EIO)), EIO);
    check_str(bide_strerror(-EIO), "Input/output error");
    return 0;
}

bide_test(message_survives_success_and_cancellation)
{
    int err;

    fail_with(-EIO, "kept");
    check_eq(bide_sleep(0.001), 0);
    bide_timeout (0, err) {
        (void)bide_sleep(0);
    }
    check_str(bide_strerror(-EIO), "kept");
    return 0;
}

/* ---- traces ---- */

static int level_three(void)
{
    return bide_fail(-EIO, "deep down");
}

static int level_two(int number)
{
    (void)number;
    bide(level_three());
    return 0;
}

static int level_one(void)
{
    bide(level_two(1 + 1));
    return 0;
}
bide_async(level_one);

/* The lines of captured[] without the places, joined by '|'. */
static const char *trace_lines(void)
{
    static char lines[4096];
    char *out = lines;

    for (const char *at = captured; *at;) {
        const char *end = strchr(at, '\n'), *place = end;

        check(end != NULL);
        if (strncmp(at, "    in ", 7) == 0)
            while (place > at && strncmp(place, " (/", 3) != 0 && strncmp(place, " (..", 4) != 0)
                place--;
        out += snprintf(out, (size_t)(lines + sizeof lines - out), "%.*s|", (int)(place - at), at);
        at = end + 1;
    }
    *out = 0;
    return lines;
}

static int join_level_one(void)
{
    bide_task *task = bide_create_task(NULL, bide_co(level_one));

    bide(bide_join(task));
    return 0;
}
bide_async(join_level_one);

bide_test(trace_goes_through_awaits_and_tasks)
{
    check_error(bide_gather(bide_co(join_level_one)), EIO);
    capture_begin();
    bide_print_error(-EIO);
    capture_end();
    check_str(trace_lines(), "bide: deep down|    in level_three()|    in level_two(1 + 1)|    in task 'level_one'|"
                             "    in bide_join(task)|    in task 'join_level_one'|");
    check(strstr(captured, "test_error.c:") != NULL);
    return 0;
}

static int recurse(int depth)
{
    if (depth == 0)
        return bide_fail(-EIO, "bottom");
    bide(recurse(depth - 1));
    return 0;
}

bide_test(trace_longer_than_it_can_hold)
{
    int lines = 0;

    check_error(recurse(30), EIO);
    capture_begin();
    bide_print_error(-EIO);
    capture_end();
    for (const char *at = captured; (at = strstr(at, "in recurse(depth - 1)")); at++)
        lines++;
    check_eq(lines, 16);
    check(strstr(captured, "    and 14 more\n") != NULL);
    return 0;
}

bide_test(trace_of_another_code_begins_anew)
{
    check_error(recurse(3), EIO);
    check_error(fail_with(-EPIPE, "new"), EPIPE);
    capture_begin();
    bide_print_error(-EPIPE);
    bide_print_error(-EIO);
    capture_end();
    check_str(captured, "bide: new\nbide: Input/output error\n");
    return 0;
}

static int await_code(int code)
{
    bide(bare(code));
    return 1;
}

bide_test(await_returns_errors_and_gives_values)
{
    check_eq(await_code(0), 1);
    check_eq(await_code(7), 1);
    check_error(await_code(-EIO), EIO);
    check_error(await_code(-ECANCELED), ECANCELED);
    capture_begin();
    bide_print_error(-ECANCELED); /* a cancellation is no fault: it has no trace */
    capture_end();
    check_str(captured, "bide: Operation canceled\n");
    return 0;
}

static int await_long(long *ret_value)
{
    *ret_value = bide((long)1 << 40);
    return 0;
}

unit_test(await_works_outside_of_a_loop_and_keeps_the_type)
{
    long value = 0;

    check_eq(await_long(&value), 0);
    check_eq(value, (long)1 << 40);
    check_error(recurse(2), EIO);
    check_str(bide_strerror(-EIO), "bottom");
    return 0;
}
