/* Connecting: to one address or to several, refused, given up, and out of descriptors. */
#include "support_io.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "support_resolver.h"

enum { STEPS = 12 };

/* A port of 127.0.0.1 where nobody listens. */
static int closed_port(void)
{
    int port, listener = plain_listener(1, &port);

    close(listener);
    return port;
}

bide_test(connect_to_a_numeric_v4_address)
{
    int port, listener = plain_listener(1, &port), calls = resolver_calls();
    bide_stream *stream;
    char expected[64];

    check_eq(bide_open_connection("127.0.0.1", port, &stream), 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%d", port);
    check_str(bide_peer_name(stream), expected);
    check_eq(resolver_calls(), calls); /* needs no resolver */
    bide_close(stream);
    close(listener);
    return 0;
}

bide_test(connect_to_a_numeric_v6_address)
{
    bide_listener *listener;
    bide_stream *stream;
    char expected[64];

    int err = bide_listen("::1", 0, &listener);
    if (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL)
        skip("no IPv6 here");
    check_eq(err, 0);
    check_eq(bide_open_connection("::1", bide_listener_port(listener), &stream), 0);
    snprintf(expected, sizeof expected, "[::1]:%d", bide_listener_port(listener));
    check_str(bide_peer_name(stream), expected);
    bide_close(stream);
    int port = bide_listener_port(listener);
    bide_listener_close(listener);
    check_error(bide_open_connection("::1", port, &stream), ECONNREFUSED);
    snprintf(expected, sizeof expected, "connect to [::1]:%d: Connection refused", port);
    check_str(bide_strerror(-ECONNREFUSED), expected);
    return 0;
}

bide_test(connect_refused_names_the_address_and_the_reason)
{
    int port = closed_port();
    bide_stream *stream = NULL;
    char expected[128];

    check_error(bide_open_connection("127.0.0.1", port, &stream), ECONNREFUSED);
    snprintf(expected, sizeof expected, "connect to 127.0.0.1:%d: Connection refused", port);
    check_str(bide_strerror(-ECONNREFUSED), expected);
    check_eq((void *)stream, NULL);
    return 0;
}

bide_test(connect_tries_all_addresses_and_names_them_all)
{
    int port = closed_port();
    bide_stream *stream = NULL;
    char expected[128];

    check_error(bide_open_connection("two.test", port, &stream), ECONNREFUSED);
    snprintf(expected, sizeof expected,
             "connect to two.test:%d: 127.0.0.2:%d: Connection refused; 127.0.0.1:%d: Connection refused", port, port,
             port);
    check_str(bide_strerror(-ECONNREFUSED), expected);
    return 0;
}

bide_test(connect_takes_the_first_address_that_answers)
{
    int port, listener = plain_listener(1, &port); /* at 127.0.0.1 only, the second address of the two */
    bide_stream *stream;
    char expected[64];

    check_eq(bide_open_connection("two.test", port, &stream), 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%d", port);
    check_str(bide_peer_name(stream), expected);
    bide_close(stream);
    check_eq(bide_open_connection("six.test", port, &stream), 0);
    check_str(bide_peer_name(stream), expected);
    bide_close(stream);
    close(listener);
    return 0;
}

bide_test(connect_to_an_unknown_host)
{
    bide_stream *stream = NULL;

    check_eq(bide_open_connection("unknown.test", 80, &stream), BIDE_ERESOLVE);
    check_message(BIDE_ERESOLVE, "resolve 'unknown.test': Name or service not known");
    check_eq((void *)stream, NULL);
    return 0;
}

bide_test(connect_to_a_port_out_of_range)
{
    bide_stream *stream = NULL;

    check_error(bide_open_connection("127.0.0.1", 0, &stream), EINVAL);
    check_message(-EINVAL, "port 0 ");
    check_error(bide_open_connection("127.0.0.1", -1, &stream), EINVAL);
    check_error(bide_open_connection("localhost", 65536, &stream), EINVAL);
    check_message(-EINVAL, "port 65536 ");
    return 0;
}

/* A listener with its queue full: the kernel drops what comes, so a connect neither succeeds nor fails. */
struct full {
    int listener, port, inside[4];
};

static struct full open_full(void)
{
    struct full full = { 0 };

    full.listener = plain_listener(0, &full.port);
    for (size_t i = 0; i < 4; i++) {
        full.inside[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        check(full.inside[i] >= 0);
        struct sockaddr_in address;
        socklen_t size = sizeof address;
        check(getsockname(full.listener, (struct sockaddr *)&address, &size) == 0);
        check(connect(full.inside[i], (struct sockaddr *)&address, size) == 0 || errno == EINPROGRESS);
    }
    return full;
}

static void close_full(const struct full *full)
{
    close(full->listener);
    for (size_t i = 0; i < 4; i++)
        close(full->inside[i]);
}

bide_test(connect_that_is_not_answered_times_out)
{
    struct full full = open_full();
    int before = count_descriptors(), err;
    bide_stream *stream = NULL;

    bide_timeout (0.05, err)
        err = bide_open_connection("127.0.0.1", full.port, &stream);
    check_eq(err, -ETIMEDOUT);
    check_message(err, "timed out after 0.05 s");
    check_eq((void *)stream, NULL);
    check_eq(count_descriptors(), before);
    close_full(&full);
    return 0;
}

static int connect_once(const char *host, int port, int *ret_result)
{
    bide_stream *stream = NULL;

    *ret_result = bide_open_connection(host, port, &stream);
    if (*ret_result == 0)
        bide_close(stream);
    else
        check_eq((void *)stream, NULL);
    return 0;
}
bide_async(connect_once, const char *, int, int *);

/* Cancels a connect after each number of steps; counts how it ended. */
static void cancel_everywhere(const char *host, int port, int *ret_connected, int *ret_cancelled)
{
    for (unsigned round = 0; round < 8 * STEPS; round++) {
        int result = 1;
        bide_task *task = bide_create_task(NULL, bide_co(connect_once, host, port, &result));

        for (unsigned i = 0; i < round % STEPS; i++)
            step(i + round / STEPS);
        bide_cancel(task);
        check_eq(bide_join(task), 0);
        bide_forget(task);
        *ret_connected += result == 0;
        *ret_cancelled += result == -ECANCELED;
        check(result == 0 || result == -ECANCELED);
    }
}

static int cancel_to_a_listener(const char *host)
{
    bide_listener *listener;
    int connected = 0, cancelled = 0;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    int before = count_descriptors();
    cancel_everywhere(host, bide_listener_port(listener), &connected, &cancelled);
    check(cancelled > 0);
    if (strcmp(host, "127.0.0.1") == 0) {
        check(connected > 0);
        check_eq(count_descriptors(), before);
    }
    bide_listener_close(listener);
    return 0;
}
bide_async(cancel_to_a_listener, const char *);

/* The harness compares the descriptors when the loop (with its resolver threads) has ended. */
unit_test(connect_cancelled_anywhere_leaves_nothing)
{
    return bide_run(bide_co(cancel_to_a_listener, "127.0.0.1"));
}

unit_test(connect_by_name_cancelled_anywhere_leaves_nothing)
{
    return bide_run(bide_co(cancel_to_a_listener, "two.test"));
}

bide_test(connect_without_an_answer_cancelled_anywhere_leaves_nothing)
{
    struct full full = open_full();
    int before = count_descriptors(), connected = 0, cancelled = 0;

    cancel_everywhere("127.0.0.1", full.port, &connected, &cancelled);
    check_eq(connected, 0);
    check_eq(count_descriptors(), before);
    close_full(&full);
    return 0;
}

/*
 * The number of a descriptor whose connect was cancelled is used again at once: nothing of the old one may cling to
 * it.
 */
bide_test(descriptor_of_a_cancelled_connect_can_be_used_again)
{
    struct full full = open_full();

    for (unsigned round = 0; round < 50; round++) {
        int result = 1;
        char byte = 0;
        bide_task *task = bide_create_task(NULL, bide_co(connect_once, "127.0.0.1", full.port, &result));

        steps(round % 5);
        bide_cancel(task);
        check_eq(bide_join(task), 0);
        bide_forget(task);
        check_eq(result, -ECANCELED);
        struct connection c = open_connection(0);
        put_text(c.peer, "x");
        check_eq(bide_read(c.stream, &byte, 1), 1);
        check_eq(byte, 'x');
        check_eq(bide_write(c.stream, "y", 1), 1);
        bide_close(c.stream);
        close(c.peer);
    }
    close_full(&full);
    return 0;
}

bide_test(connect_in_a_cancelled_scope_does_nothing)
{
    int port, listener = plain_listener(1, &port), before = count_descriptors(), err;
    bide_stream *stream = NULL;

    bide_timeout (0, err)
        err = bide_open_connection("127.0.0.1", port, &stream);
    check_eq(err, -ETIMEDOUT);
    check_eq(count_descriptors(), before);
    check(fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
    check_eq(accept(listener, NULL, NULL), -1); /* nobody knocked */
    close(listener);
    return 0;
}

bide_test(connect_without_descriptors_says_so)
{
    int port, listener = plain_listener(1, &port), first = dup(listener);
    struct rlimit limit, low;
    bide_stream *stream = NULL;

    check(first >= 0);
    close(first);
    check(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    low = limit;
    low.rlim_cur = (rlim_t)first; /* every number below is taken */
    check(setrlimit(RLIMIT_NOFILE, &low) == 0);
    check_error(bide_open_connection("127.0.0.1", port, &stream), EMFILE);
    check_message(-EMFILE, "127.0.0.1");
    check_message(-EMFILE, "Too many open files");
    check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    check_eq(bide_open_connection("127.0.0.1", port, &stream), 0);
    bide_close(stream);
    close(listener);
    return 0;
}

static int connect_in_a_thread(int port)
{
    bide_stream *stream;

    check_error(bide_open_connection("127.0.0.1", port, &stream), EPERM);
    return 0;
}
bide_async(connect_in_a_thread, int);

bide_test(connect_outside_of_a_task_is_refused)
{
    return bide_to_thread(bide_co(connect_in_a_thread, 80));
}
