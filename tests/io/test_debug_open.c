/*
 * Debug mode names what was not closed by the end of a run; and a forked child sees no running loop.
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int leave_open(bool close_them)
{
    bide_listener *listener;
    bide_stream *client, *server;

    bide(bide_listen("127.0.0.1", 0, &listener));
    bide(bide_open_connection("127.0.0.1", bide_listener_port(listener), &client));
    bide(bide_accept(listener, &server));
    bide_close(server);
    if (close_them) {
        bide_close(client);
        bide_listener_close(listener);
    }
    return 0;
}
bide_async(leave_open, bool);

/* What a debug run in a child process prints to stderr. */
static void debug_run(bool close_them, char *text, size_t size)
{
    int output[2];

    check_eq(pipe(output), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(output[1], 2);
        _exit(bide_run_with(bide_co(leave_open, close_them), &(bide_run_options){ .debug = BIDE_DEBUG_ON }) < 0);
    }
    close(output[1]);
    size_t got = 0;
    for (ssize_t n; (n = read(output[0], text + got, size - 1 - got)) > 0;)
        got += (size_t)n;
    text[got] = '\0';
    close(output[0]);
    int status;
    check_eq(waitpid(child, &status, 0), child);
}

unit_test(U6_what_was_not_closed_is_named)
{
    char text[4096];

    debug_run(false, text, sizeof text);
    printf("# %s\n", text);
    check(strstr(text, "stream to 127.0.0.1:"));
    check(strstr(text, "listener on 127.0.0.1"));
    check(strstr(text, "leave_open"));
    debug_run(true, text, sizeof text);
    check(!strstr(text, "stream to"));
    check(!strstr(text, "listener on"));
    return 0;
}

static int nothing(void)
{
    return 7;
}
bide_async(nothing);

bide_test(B24_a_forked_child_sees_no_loop_and_may_run_its_own)
{
    pid_t child = fork();
    if (child == 0)
        _exit(bide_get_running_loop() ? 1 : bide_run(bide_co(nothing)));
    int status = 0;

    check_eq(waitpid(child, &status, 0), child);
    check_eq(WEXITSTATUS(status), 7);
    check(bide_get_running_loop());
    check_eq(bide_sleep(0), 0);
    return 0;
}
