/*
 * Listeners: where they listen, what they refuse, and that no connection is lost between a cancellation and an
 * arrival.
 */
#include "support_io.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "support_resolver.h"

enum { STEPS = 8 };

bide_test(listen_on_port_0_gets_a_free_port)
{
    bide_listener *first, *second;
    bide_stream *stream;

    check_eq(bide_listen("127.0.0.1", 0, &first), 0);
    check_eq(bide_listen("127.0.0.1", 0, &second), 0);
    check(bide_listener_port(first) > 0 && bide_listener_port(first) < 65536);
    check(bide_listener_port(first) != bide_listener_port(second));
    int plain = plain_connect(bide_listener_port(first));
    check_eq(bide_accept(first, &stream), 0);
    bide_close(stream);
    close(plain);
    bide_listener_close(first);
    bide_listener_close(second);
    return 0;
}

bide_test(listen_on_a_port_in_use)
{
    bide_listener *first, *second = NULL;
    char expected[96];

    check_eq(bide_listen("127.0.0.1", 0, &first), 0);
    int port = bide_listener_port(first);
    check_error(bide_listen("127.0.0.1", port, &second), EADDRINUSE);
    snprintf(expected, sizeof expected, "listen on 127.0.0.1:%d: Address already in use", port);
    check_str(bide_strerror(-EADDRINUSE), expected);
    check_eq((void *)second, NULL);
    bide_listener_close(first);
    check_eq(bide_listen("127.0.0.1", port, &second), 0); /* free again at once */
    bide_listener_close(second);
    return 0;
}

/* With connections of the old listener still lingering: SO_REUSEADDR. */
bide_test(listen_again_on_the_port_of_a_listener_that_served)
{
    bide_listener *listener;
    bide_stream *stream;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    int port = bide_listener_port(listener), plain = plain_connect(port);
    check_eq(bide_accept(listener, &stream), 0);
    bide_close(stream); /* this side closes first: TIME_WAIT is ours */
    close(plain);
    bide_listener_close(listener);
    check_eq(bide_listen("127.0.0.1", port, &listener), 0);
    bide_listener_close(listener);
    return 0;
}

static bool have_ipv6(void)
{
    bide_listener *listener;

    if (bide_listen("::1", 0, &listener) < 0)
        return false;
    bide_listener_close(listener);
    return true;
}

bide_test(listen_without_a_host_takes_both_families)
{
    bide_listener *listener;
    bide_stream *client, *server;

    check_eq(bide_listen(NULL, 0, &listener), 0);
    int port = bide_listener_port(listener);
    check_eq(bide_open_connection("127.0.0.1", port, &client), 0);
    check_eq(bide_accept(listener, &server), 0);
    bide_close(client);
    bide_close(server);
    if (have_ipv6()) {
        check_eq(bide_open_connection("::1", port, &client), 0);
        check_eq(bide_accept(listener, &server), 0);
        check(!strncmp(bide_peer_name(server), "[::1]:", 6));
        bide_close(client);
        bide_close(server);
    }
    bide_listener_close(listener);
    return 0;
}

bide_test(listen_on_an_ipv6_address_takes_only_that)
{
    bide_listener *listener, *beside;
    bide_stream *stream = NULL;

    if (!have_ipv6())
        skip("no IPv6 here");
    int port = 0, err = -EADDRINUSE;
    for (int i = 0; i < 100 && err == -EADDRINUSE; i++) { /* somebody else may have the same port in the other family */
        check_eq(bide_listen("::", 0, &listener), 0);     /* not the same as no host */
        port = bide_listener_port(listener);
        err = bide_listen("0.0.0.0", port, &beside);
        if (err < 0)
            bide_listener_close(listener);
    }
    check_eq(err, 0);
    bide_listener_close(beside);
    check_error(bide_open_connection("127.0.0.1", port, &stream), ECONNREFUSED);
    check_eq(bide_open_connection("::1", port, &stream), 0);
    bide_close(stream);
    bide_listener_close(listener);
    return 0;
}

bide_test(listen_on_a_name_and_on_none)
{
    bide_listener *listener = NULL;

    check_eq(bide_listen("two.test", 0, &listener), 0);
    bide_listener_close(listener);
    listener = NULL;
    check_eq(bide_listen("unknown.test", 0, &listener), BIDE_ERESOLVE);
    check_message(BIDE_ERESOLVE, "unknown.test");
    check_error(bide_listen("127.0.0.1", 65536, &listener), EINVAL);
    check_error(bide_listen("127.0.0.1", -1, &listener), EINVAL);
    check_error(bide_listen("192.0.2.1", 0, &listener), EADDRNOTAVAIL); /* not ours */
    check_message(-EADDRNOTAVAIL, "192.0.2.1:0");
    check_eq((void *)listener, NULL);
    return 0;
}

bide_test(accepted_and_opened_connections_do_not_delay_small_writes)
{
    struct both_ends ends = open_both_ends();
    int near = 0, far = 0;
    socklen_t size = sizeof near;

    check(getsockopt(ends.near->channel.descriptor, IPPROTO_TCP, TCP_NODELAY, &near, &size) == 0);
    check(getsockopt(ends.far->channel.descriptor, IPPROTO_TCP, TCP_NODELAY, &far, &size) == 0);
    check(near && far);
    bide_close(ends.near);
    bide_close(ends.far);
    return 0;
}

static int accept_until_cancelled(bide_listener *listener, int *accepted)
{
    bide_stream *stream;
    int err;

    while ((err = bide_accept(listener, &stream)) == 0) {
        ++*accepted;
        bide_close(stream);
    }
    return err;
}
bide_async(accept_until_cancelled, bide_listener *, int *);

bide_test(accept_cancelled_while_connections_arrive_loses_none)
{
    enum { ROUNDS = 3 };
    bide_listener *listener;
    int plain[ROUNDS * STEPS * (STEPS + 2)], accepted = 0, count = 0;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    int port = bide_listener_port(listener), before = count_descriptors();
    for (int round = 0; round < ROUNDS; round++)
        for (unsigned stop = 0; stop < STEPS; stop++)
            for (unsigned at = 0; at <= stop + 1; at++) {
                bide_task *task = bide_create_task(NULL, bide_co(accept_until_cancelled, listener, &accepted));

                for (unsigned i = 0; i < stop; i++) {
                    if (i == at)
                        plain[count++] = plain_connect(port);
                    step(i + at + (unsigned)round);
                }
                if (at == stop)
                    plain[count++] = plain_connect(port);
                bide_cancel(task);
                if (at == stop + 1)
                    plain[count++] = plain_connect(port);
                check_error(bide_join(task), ECANCELED);
                bide_forget(task);
            }
    check(accepted > 0 && accepted <= count);
    bide_task *task = bide_create_task(NULL, bide_co(accept_until_cancelled, listener, &accepted));
    while (accepted < count)
        step(1);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_eq(accepted, count);
    check_eq(count_descriptors(), before + count);
    while (count)
        close(plain[--count]);
    bide_listener_close(listener);
    return 0;
}

bide_test(accept_in_a_cancelled_scope_takes_nothing)
{
    bide_listener *listener;
    bide_stream *stream = NULL;
    int err;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    int plain = plain_connect(bide_listener_port(listener));
    bide_timeout (0, err)
        err = bide_accept(listener, &stream);
    check_eq(err, -ETIMEDOUT);
    check_eq((void *)stream, NULL);
    check_eq(bide_accept(listener, &stream), 0);
    bide_close(stream);
    close(plain);
    bide_listener_close(listener);
    return 0;
}

bide_test(a_second_accept_is_refused_and_the_first_undisturbed)
{
    bide_listener *listener;
    bide_stream *stream = NULL;
    int accepted = 0, err;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    bide_task_group (group, err) {
        bide_start(group, bide_co(accept_until_cancelled, listener, &accepted));
        steps(4);
        check_error(bide_accept(listener, &stream), EBUSY);
        check_message(-EBUSY, "another task");
        int plain = plain_connect(bide_listener_port(listener));
        while (!accepted)
            step(1);
        close(plain);
        bide_group_cancel(group);
    }
    check_eq(accepted, 1);
    bide_listener_close(listener);
    return err;
}

/* A client that is gone before it was accepted: the kernel still hands it out, and reading tells. */
bide_test(accept_of_a_connection_that_was_reset)
{
    const struct linger reset = { .l_onoff = 1 };
    bide_listener *listener;
    bide_stream *stream;
    char byte;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    int plain = plain_connect(bide_listener_port(listener));
    check(setsockopt(plain, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
    close(plain);
    check_eq(bide_accept(listener, &stream), 0);
    check_error(bide_read(stream, &byte, 1), ECONNRESET);
    check_message(-ECONNRESET, "read from ");
    bide_close(stream);
    bide_listener_close(listener);
    return 0;
}

bide_test(accept_without_descriptors_leaves_the_connection_queued)
{
    bide_listener *listener;
    bide_stream *stream = NULL;
    struct rlimit limit, low;
    char byte;

    if (under_valgrind())
        skip("Valgrind accepts a connection that it has no descriptor for, and closes it");
    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    int plain = plain_connect(bide_listener_port(listener)), first = dup(plain);
    check(first >= 0);
    close(first);
    check(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    low = limit;
    low.rlim_cur = (rlim_t)first;
    check(setrlimit(RLIMIT_NOFILE, &low) == 0);
    check_error(bide_accept(listener, &stream), EMFILE);
    check_message(-EMFILE, "accept on 127.0.0.1:");
    check_message(-EMFILE, "Too many open files");
    check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    put_text(plain, "x");
    check_eq(bide_accept(listener, &stream), 0);
    check_eq(bide_read(stream, &byte, 1), 1);
    bide_close(stream);
    close(plain);
    bide_listener_close(listener);
    return 0;
}

/* limits: a ring that is taken down late would hold the port. */
static int listen_and_leave(int *ret_port)
{
    bide_listener *listener;
    int accepted = 0;

    check_eq(bide_listen("127.0.0.1", *ret_port, &listener), 0);
    *ret_port = bide_listener_port(listener);
    bide_task *task = bide_create_task(NULL, bide_co(accept_until_cancelled, listener, &accepted));
    steps(3);
    bide_cancel(task);
    bide_join(task);
    bide_listener_close(listener);
    return 0;
}
bide_async(listen_and_leave, int *);

unit_test(the_port_is_free_when_run_has_ended)
{
    int port = 0;

    for (int i = 0; i < 20; i++)
        check_eq(bide_run(bide_co(listen_and_leave, &port)), 0);
    return 0;
}
