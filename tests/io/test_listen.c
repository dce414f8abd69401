/* What listeners are opened on: many addresses, one port; descriptors; sockets of a service manager. */
#include <bide/test.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/activation.h"

static void check_connects(const char *host, int port)
{
    bide_stream *stream;

    check_eq(bide_open_connection(host, port, &stream), 0);
    bide_abort(stream);
}

bide_test(listen_on_several_hosts_with_one_port)
{
    const char *const hosts[] = { "127.0.0.2", "127.0.0.3", NULL };
    bide_listener *listener;
    bide_stream *stream;

    check_eq(bide_listen_with("127.0.0.1", 0, &(bide_listen_options){ .hosts = hosts }, &listener), 0);
    int port = bide_listener_port(listener);
    check(port > 0);
    for (size_t i = 0; i < 3; i++) {
        char expected[64], host[16];

        snprintf(host, sizeof host, "127.0.0.%zu", i + 1);
        snprintf(expected, sizeof expected, "%s:%d", host, port);
        check_str(bide_listener_name(listener, i), expected);
        check(bide_listener_descriptor(listener, i) >= 0);
        check_connects(host, port);
    }
    check(bide_listener_name(listener, 3) == NULL);
    check_eq(bide_listener_descriptor(listener, 3), -1);
    check_error(bide_accept(listener, &stream), EINVAL, "the listener has 3 sockets");
    bide_listener_close(listener);
    return 0;
}

bide_test(listen_on_both_families_with_one_port)
{
    const char *const hosts[] = { "127.0.0.1", "::1", NULL };
    bide_listener *listener, *any;
    bide_stream *stream;

    int err = bide_listen_with(NULL, 0, &(bide_listen_options){ .hosts = hosts }, &listener);
    check_eq(err, 0);
    int port = bide_listener_port(listener);
    if (!bide_listener_name(listener, 1)) {
        bide_listener_close(listener);
        skip("this machine has no IPv6");
    }
    check_connects("127.0.0.1", port);
    check_connects("::1", port);
    bide_listener_close(listener);
    check_eq(bide_listen_with(NULL, 0, NULL, &any), 0); /* one socket for both */
    check(bide_listener_name(any, 1) == NULL);
    check_eq(bide_open_connection("127.0.0.1", bide_listener_port(any), &stream), 0);
    bide_stream *served;
    check_eq(bide_accept(any, &served), 0);
    bide_close(served);
    bide_close(stream);
    check_connects("::1", bide_listener_port(any));
    bide_listener_close(any);
    return 0;
}

bide_test(listen_all_or_nothing)
{
    const char *const hosts[] = { "127.0.0.2", "127.0.0.1", NULL };
    bide_listener *first, *second = NULL;
    char text[64];

    check_eq(bide_listen("127.0.0.1", 0, &first), 0);
    int port = bide_listener_port(first);
    snprintf(text, sizeof text, "listen on 127.0.0.1:%d: Address already in use", port);
    check_error(bide_listen_with(NULL, port, &(bide_listen_options){ .hosts = hosts }, &second), EADDRINUSE, text);
    check(second == NULL);
    check_error(bide_listen_with(NULL, -1, NULL, &second), EINVAL, "nothing to listen on");
    check_error(bide_listen_with("203.0.113.1", port, NULL, &second), EADDRNOTAVAIL, "203.0.113.1");
    bide_listener_close(first);
    return 0;
}

bide_test(listen_twice_with_reuse_port)
{
    bide_listener *first, *second, *third = NULL;
    const bide_listen_options options = { .reuse_port = true, .backlog = 7 };

    check_eq(bide_listen_with("127.0.0.1", 0, &options, &first), 0);
    check_eq(bide_listen_with("127.0.0.1", bide_listener_port(first), &options, &second), 0);
    check_error(bide_listen("127.0.0.1", bide_listener_port(first), &third), EADDRINUSE);
    bide_listener_close(first);
    bide_listener_close(second);
    return 0;
}

static int bound_socket(bool listens)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);

    check(descriptor >= 0);
    check(bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0);
    if (listens)
        check(listen(descriptor, 5) == 0);
    return descriptor;
}

bide_test(listen_on_descriptors_that_are_bound_already)
{
    int good = bound_socket(true), bad = bound_socket(false), both[2] = { good, bad };
    bide_listener *listener = NULL;
    bide_listen_options options = { .descriptors = both, .descriptor_count = 2 };

    check_error(bide_listen_with(NULL, -1, &options, &listener), EINVAL, "is not a stream socket that listens");
    check(fcntl(good, F_GETFD) >= 0); /* still ours */
    close(bad);
    options.descriptor_count = 1;
    check_eq(bide_listen_with(NULL, -1, &options, &listener), 0);
    check(bide_listener_port(listener) > 0);
    check_eq(bide_listener_descriptor(listener, 0), good);
    check(fcntl(good, F_GETFD) & FD_CLOEXEC);
    check(fcntl(good, F_GETFL) & O_NONBLOCK);
    check_connects("127.0.0.1", bide_listener_port(listener));
    bide_listener_close(listener);
    check(fcntl(good, F_GETFD) < 0);
    return 0;
}

/* As a service manager leaves it, but for the numbers. */
static void pass(int count, const char *names)
{
    char text[32];

    snprintf(text, sizeof text, "%d", (int)getpid());
    setenv("LISTEN_PID", text, 1);
    snprintf(text, sizeof text, "%d", count);
    setenv("LISTEN_FDS", text, 1);
    if (names)
        setenv("LISTEN_FDNAMES", names, 1);
    bide__activation_first = 200;
    for (int i = 0; i < count; i++) {
        int descriptor = bound_socket(true);

        check_eq(dup2(descriptor, 200 + i), 200 + i);
        close(descriptor);
    }
}

bide_test(activated_sockets_are_used_instead_of_addresses)
{
    bide_listener *listener, *second;
    const bide_listen_options options = { .activated = true };

    pass(2, NULL);
    check_eq(bide_listen_with("127.0.0.1", 0, &options, &listener), 0);
    check_eq(bide_listener_descriptor(listener, 0), 200);
    check_eq(bide_listener_descriptor(listener, 1), 201);
    check_eq(bide_listener_descriptor(listener, 2), -1);
    check_eq(bide_listen_with("127.0.0.1", 0, &options, &second), 0); /* all are taken: as if there were none */
    check(bide_listener_descriptor(second, 0) != 200);
    bide_listener_close(listener);
    bide_listener_close(second);
    return 0;
}

bide_test(activated_sockets_are_chosen_by_name)
{
    bide_listener *listener, *rest;

    pass(3, "web:admin:web");
    check_eq(
        bide_listen_with(NULL, 0, &(bide_listen_options){ .activated = true, .activation_name = "web" }, &listener), 0);
    check_eq(bide_listener_descriptor(listener, 0), 200);
    check_eq(bide_listener_descriptor(listener, 1), 202);
    check_eq(bide_listen_with(NULL, 0, &(bide_listen_options){ .activated = true }, &rest), 0);
    check_eq(bide_listener_descriptor(rest, 0), 201);
    bide_listener_close(listener);
    bide_listener_close(rest);
    return 0;
}

bide_test(activated_sockets_of_another_process_are_not_ours)
{
    bide_listener *listener;

    pass(1, NULL);
    setenv("LISTEN_PID", "1", 1);
    check_eq(bide_listen_with("127.0.0.1", 0, &(bide_listen_options){ .activated = true }, &listener), 0);
    check(bide_listener_descriptor(listener, 0) != 200);
    bide_listener_close(listener);
    close(200);
    return 0;
}

static int open_all(void)
{
    const char *const hosts[] = { "127.0.0.1", "127.0.0.2", "127.0.0.1", NULL }, *const paths[] = { "@bide-open-all",
                                                                                                    NULL };
    bide_auto(listener) *listener = NULL;

    bide(bide_listen_with(NULL, 0, &(bide_listen_options){ .hosts = hosts, .paths = paths }, &listener));
    return 0;
}

bide_test_faults(listen_with_faults, .faults = "memory eintr error")
{
    return open_all();
}
