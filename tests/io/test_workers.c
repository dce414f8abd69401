/* Workers: servers in several threads, that begin and end together. */
#include <bide/test.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 3, CLIENTS = 60 };

static atomic_int served, threads_seen;
static _Thread_local int seen_here;

static int echo(bide_stream *stream, void *argument)
{
    char buffer[64];
    ssize_t count;

    (void)argument;
    if (!seen_here++)
        threads_seen++;
    while ((count = bide_read(stream, buffer, sizeof buffer)) > 0)
        count = bide_write(stream, buffer, (size_t)count);
    served++;
    return count == -ECANCELED ? -ECANCELED : 0;
}

static int exchange(const char *host, int port)
{
    bide_auto(stream) *stream = NULL;
    char text[4];

    bide(bide_open_connection(host, port, &stream));
    bide(bide_write(stream, "ping", 4));
    bide(bide_read_exactly(stream, text, 4));
    return 0;
}
bide_async(exchange, const char *, int);

static int exchanges(int port)
{
    int err;

    bide_task_group (group, err)
        for (int i = 0; i < CLIENTS; i++)
            bide(bide_start(group, bide_co(exchange, "127.0.0.1", port)));
    return err;
}

static int serve_with(int port, unsigned workers)
{
    return bide_serve_with(echo, NULL, "127.0.0.1", port, &(bide_serve_options){ .workers = workers });
}
bide_async(serve_with, int, unsigned);

bide_test(workers_serve_in_threads_and_end_together, .real_clock = true, .time_limit = 60)
{
    int port = bide_test_port();
    bide_task *task = bide_create_task(NULL, bide_co(serve_with, port, WORKERS));

    while (exchange("127.0.0.1", port) < 0) /* until it listens */
        bide(bide_sleep(0.001));
    bide(exchanges(port));
    check(served > 0);
    check(threads_seen > 1);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(exchange("127.0.0.1", port), ECONNREFUSED);
    return 0;
}

bide_test(workers_are_cancelled_with_what_they_do, .real_clock = true, .time_limit = 60)
{
    int port = bide_test_port();
    bide_stream *clients[20];
    char byte;

    for (int round = 0; round < 5; round++) {
        bide_task *task = bide_create_task(NULL, bide_co(serve_with, port, WORKERS));

        while (exchange("127.0.0.1", port) < 0)
            bide(bide_sleep(0.001));
        for (int i = 0; i < 20; i++) {
            check_eq(bide_open_connection("127.0.0.1", port, &clients[i]), 0);
            check_eq(bide_write(clients[i], "x", 1), 1);
            check_eq(bide_read(clients[i], &byte, 1), 1);
        }
        bide_cancel(task);
        check_error(bide_join(task), ECANCELED);
        bide_forget(task);
        for (int i = 0; i < 20; i++) {
            ssize_t count = bide_read(clients[i], &byte, 1);

            check(count == 0 || count == -ECONNRESET);
            bide_close(clients[i]);
        }
    }
    return 0;
}

bide_test(workers_cancelled_at_once, .real_clock = true, .time_limit = 60)
{
    int port = bide_test_port();

    for (int steps = 0; steps < 6; steps++) {
        bide_task *task = bide_create_task(NULL, bide_co(serve_with, port, WORKERS));

        for (int i = 0; i < steps; i++)
            bide(bide_sleep(0));
        bide_cancel(task);
        check_error(bide_join(task), ECANCELED);
        bide_forget(task);
    }
    return 0;
}

static atomic_int calls;

/* The third to begin fails, the others would serve for ever. */
static int fail_in_one(bide_listener *listener, void *argument)
{
    (void)argument;
    if (++calls == WORKERS) {
        bide_listener_close(listener);
        return bide_fail(-EIO, "the disk is on fire");
    }
    return bide_serve_listener(listener, echo, NULL, NULL);
}

bide_test(workers_end_when_one_fails, .real_clock = true, .time_limit = 60)
{
    bide_listener *listener;

    check_eq(bide_listen_with("127.0.0.1", 0, &(bide_listen_options){ .reuse_port = true }, &listener), 0);
    check_error(bide_serve_workers(WORKERS, listener, fail_in_one, NULL), EIO, "the disk is on fire");
    check_eq(calls, WORKERS);
    return 0;
}

static int fail_everywhere(bide_listener *listener, void *argument)
{
    (void)argument;
    bide_listener_close(listener);
    return bide_fail(-EIO, "no luck");
}

bide_test(workers_say_all_their_errors, .real_clock = true, .time_limit = 60)
{
    bide_listener *listener;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    bide_test_capture();
    int err = bide_serve_workers(WORKERS, listener, fail_everywhere, NULL);
    const char *said = bide_test_captured();
    check_error(err, EIO, "no luck");
    for (int i = 1; i < WORKERS; i++) /* one that was stopped before it began has nothing to say */
        check(strlen(said) == 0 || strstr(said, "no luck"));
    check_error(bide_serve_workers(5000, NULL, fail_everywhere, NULL), EINVAL, "5000 workers, at most 1024");
    return 0;
}

static int serve_unix(bide_listener *listener, void *argument)
{
    (void)argument;
    return bide_serve_listener(listener, echo, NULL, NULL);
}

static int serve_unix_workers(const char *path)
{
    bide_listener *listener;

    bide(bide_listen_unix(path, NULL, &listener));
    return bide_serve_workers(WORKERS, listener, serve_unix, NULL);
}
bide_async(serve_unix_workers, const char *);

bide_test(workers_share_a_unix_socket, .real_clock = true, .time_limit = 60)
{
    bide_stream *stream;
    char byte, path[200];

    strcpy(path, bide_test_directory());
    strcat(path, "/workers");
    bide_task *task = bide_create_task(NULL, bide_co(serve_unix_workers, path));
    for (int i = 0; i < CLIENTS; i++) {
        while (bide_open_unix_connection(path, &stream) < 0)
            bide(bide_sleep(0.001));
        check_eq(bide_write(stream, "x", 1), 1);
        check_eq(bide_read(stream, &byte, 1), 1);
        bide_close(stream);
    }
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check(access(path, F_OK) < 0);
    return 0;
}

/* A thread that sends the process a signal when the server on the port has answered. */
static int signal_number, signal_port;

static int wait_and_exchange(void)
{
    while (exchange("127.0.0.1", signal_port) < 0)
        bide(bide_sleep(0.001));
    return 0;
}
bide_async(wait_and_exchange);

static void *signal_when_it_serves(void *argument)
{
    sigset_t all;

    (void)argument;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL); /* the signal is for those that serve */
    check_eq(bide_run(bide_co(wait_and_exchange)), 0);
    kill(getpid(), signal_number);
    return NULL;
}

static void check_signal(int number, unsigned workers)
{
    pthread_t thread;

    signal_number = number;
    signal_port = bide_test_port();
    check_eq(pthread_create(&thread, NULL, signal_when_it_serves, NULL), 0);
    check_error(bide_serve_with(echo, NULL, "127.0.0.1", signal_port, &(bide_serve_options){ .workers = workers }),
                EINTR);
    check_eq(bide_interrupting_signal(), number);
    check_eq(pthread_join(thread, NULL), 0);
}

unit_test(serve_with_ends_by_ctrl_c, .time_limit = 60)
{
    check_signal(SIGINT, 1);
    check_signal(SIGINT, WORKERS);
    return 0;
}

unit_test(serve_with_ends_by_sigterm, .time_limit = 60)
{
    check_signal(SIGTERM, 1);
    check_signal(SIGTERM, WORKERS);
    return 0;
}
