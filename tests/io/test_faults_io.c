/*
 * System calls that fail: each call that streams make, the n-th of its kind, for every n, in every way that it can.
 *
 * The functions below stand before those of the C library, in this program only. What is harmless (a signal, a short
 * count) must not be noticed; what is an error must come out as that error, with a message, and leave nothing open.
 * An EAGAIN, or a short count, that is not true is not tried with epoll: a kernel that says so tells the edge later.
 */
#include "support_io.h"

#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "support_session.h"

enum call {
    RECV,
    SEND,
    SENDMSG,
    ACCEPT4,
    CONNECT,
    SOCKET,
    BIND,
    LISTEN,
    SETSOCKOPT,
    GETSOCKOPT,
    GETPEERNAME,
    EPOLL_CTL,
    EPOLL_WAIT,
    POLL,
    CALLS
};

static const char *const names[CALLS] = { "recv",        "send",      "sendmsg",    "accept4",    "connect",
                                          "socket",      "bind",      "listen",     "setsockopt", "getsockopt",
                                          "getpeername", "epoll_ctl", "epoll_wait", "poll" };

enum { SHORT = -1 }; /* instead of an error: one byte only */

/* The fault to come. */
static struct {
    bool armed;
    enum call call;
    int number; /* which call of its kind; 0: none */
    int error;
    bool happened;
    int count[CALLS];
} fault;

/* Counts a call; true when it is the one that is to fail. */
static bool strikes(enum call call)
{
    if (!fault.armed)
        return false;
    fault.count[call]++;
    if (call != fault.call || fault.count[call] != fault.number)
        return false;
    fault.happened = true;
    return true;
}

static int fail(void)
{
    errno = fault.error;
    return -1;
}

#define REAL(type, name, ...)                                                                                          \
    static type (*real)(__VA_ARGS__);                                                                                  \
    if (!real) {                                                                                                       \
        void *found = dlsym(RTLD_NEXT, #name);                                                                         \
        memcpy(&real, &found, sizeof real);                                                                            \
    }
#ifndef __GLIBC__ /* which has a way of its own to declare addresses */
#define __CONST_SOCKADDR_ARG const struct sockaddr *
#define __SOCKADDR_ARG struct sockaddr *
#endif
#define VISIBLE __attribute__((visibility("default")))

VISIBLE ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    REAL(ssize_t, recv, int, void *, size_t, int)
    if (strikes(RECV)) {
        if (fault.error != SHORT)
            return fail();
        size = size > 1 ? 1 : size;
    }
    return real(fd, buffer, size, flags);
}

VISIBLE ssize_t send(int fd, const void *data, size_t size, int flags)
{
    REAL(ssize_t, send, int, const void *, size_t, int)
    if (strikes(SEND)) {
        if (fault.error != SHORT)
            return fail();
        size = size > 1 ? 1 : size;
    }
    return real(fd, data, size, flags);
}

VISIBLE ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct msghdr one;
    struct iovec piece;

    REAL(ssize_t, sendmsg, int, const struct msghdr *, int)
    if (strikes(SENDMSG)) {
        if (fault.error != SHORT)
            return fail();
        one = *message;
        piece = message->msg_iov[0];
        piece.iov_len = piece.iov_len > 1 ? 1 : piece.iov_len;
        one.msg_iov = &piece;
        one.msg_iovlen = 1;
        message = &one;
    }
    return real(fd, message, flags);
}

VISIBLE int accept4(int fd, __SOCKADDR_ARG address, socklen_t *size, int flags)
{
    REAL(int, accept4, int, __SOCKADDR_ARG, socklen_t *, int)
    return strikes(ACCEPT4) ? fail() : real(fd, address, size, flags);
}

VISIBLE int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    REAL(int, connect, int, __CONST_SOCKADDR_ARG, socklen_t)
    if (!strikes(CONNECT))
        return real(fd, address, size);
    if (fault.error == EINTR) /* it goes on all the same */
        real(fd, address, size);
    return fail();
}

VISIBLE int socket(int family, int type, int protocol)
{
    REAL(int, socket, int, int, int)
    return strikes(SOCKET) ? fail() : real(family, type, protocol);
}

VISIBLE int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    REAL(int, bind, int, __CONST_SOCKADDR_ARG, socklen_t)
    return strikes(BIND) ? fail() : real(fd, address, size);
}

VISIBLE int listen(int fd, int backlog)
{
    REAL(int, listen, int, int)
    return strikes(LISTEN) ? fail() : real(fd, backlog);
}

VISIBLE int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    REAL(int, setsockopt, int, int, int, const void *, socklen_t)
    return strikes(SETSOCKOPT) ? fail() : real(fd, level, name, value, size);
}

VISIBLE int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
    REAL(int, getsockopt, int, int, int, void *, socklen_t *)
    return strikes(GETSOCKOPT) ? fail() : real(fd, level, name, value, size);
}

VISIBLE int getpeername(int fd, __SOCKADDR_ARG address, socklen_t *size)
{
    REAL(int, getpeername, int, __SOCKADDR_ARG, socklen_t *)
    return strikes(GETPEERNAME) ? fail() : real(fd, address, size);
}

VISIBLE int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    REAL(int, epoll_ctl, int, int, int, struct epoll_event *)
    return strikes(EPOLL_CTL) ? fail() : real(epoll, operation, fd, event);
}

VISIBLE int epoll_wait(int epoll, struct epoll_event *events, int count, int milliseconds)
{
    REAL(int, epoll_wait, int, struct epoll_event *, int, int)
    return strikes(EPOLL_WAIT) ? fail() : real(epoll, events, count, milliseconds);
}

VISIBLE int poll(struct pollfd *pollers, nfds_t count, int milliseconds)
{
    REAL(int, poll, struct pollfd *, nfds_t, int)
    int ready = real(pollers, count, milliseconds);
    return ready == 0 && strikes(POLL) ? fail() : ready; /* a signal interrupts it only when nothing is ready */
}

/* One session with a fault: its result. */
static int session_with(enum call call, int number, int error, char *message, size_t size)
{
    memset(&fault, 0, sizeof fault);
    fault.call = call;
    fault.number = number;
    fault.error = error;
    fault.armed = true;
    int err = run_session(message, size);
    fault.armed = false;
    return err;
}

/* Lets every call of a kind in turn fail in one way. harmless: the session must not notice. */
static void every_call_fails(enum call call, int error, bool harmless)
{
    char message[512];
    int before = count_descriptors(), number;

    for (number = 1;; number++) {
        int err = session_with(call, number, error, message, sizeof message);
        const char *way = error == SHORT ? "a short count" : strerror(error);
        bool expected = harmless ? err == 0 : err == 0 || err == -error;

        bool explained = *message && (err == 0 || strstr(message, strerror(-err)));
        bool borne_well = expected && explained && count_descriptors() == before;
        if (!borne_well) {
            printf("# %s number %d: %s: the session gave %d \"%s\", %d descriptors (%d before)\n", names[call], number,
                   way, err, message, count_descriptors(), before);
            check(borne_well);
        }
        if (!fault.happened)
            break; /* there is no such call any more */
    }
    printf("# %s: %d calls\n", names[call], number - 1);
}

unit_test(a_session_without_faults_succeeds)
{
    char message[512];
    int err = session_with(RECV, 0, 0, message, sizeof message);

    if (err)
        printf("# %s\n", message);
    check_eq(err, 0);
    return 0;
}

unit_test(signals_are_not_noticed)
{
    static const enum call calls[] = { RECV, SEND, SENDMSG, ACCEPT4, CONNECT, EPOLL_WAIT, POLL };

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        every_call_fails(calls[i], EINTR, true);
    return 0;
}

unit_test(short_counts_are_not_noticed)
{
    const char *backend = getenv("BIDE_BACKEND");

    if (backend && !strcmp(backend, "io_uring"))
        every_call_fails(SEND, SHORT, true);
    every_call_fails(SENDMSG, SHORT, true);
    return 0;
}

unit_test(connections_that_end_before_they_are_accepted_are_skipped)
{
    every_call_fails(ACCEPT4, ECONNABORTED, true);
    every_call_fails(ACCEPT4, EPROTO, true);
    return 0;
}

unit_test(options_that_cannot_be_set_are_done_without)
{
    every_call_fails(SETSOCKOPT, ENOPROTOOPT, true);
    every_call_fails(GETPEERNAME, ENOTCONN, true);
    return 0;
}

unit_test(errors_of_transfers_come_out)
{
    every_call_fails(RECV, ENOMEM, false);
    every_call_fails(RECV, ECONNRESET, false);
    every_call_fails(SEND, ENOBUFS, false);
    every_call_fails(SEND, EPIPE, false);
    every_call_fails(SENDMSG, ENOMEM, false);
    every_call_fails(SENDMSG, EHOSTUNREACH, false);
    return 0;
}

unit_test(errors_of_connections_come_out)
{
    every_call_fails(ACCEPT4, EMFILE, false);
    every_call_fails(ACCEPT4, ENOMEM, false);
    every_call_fails(CONNECT, ECONNREFUSED, false);
    every_call_fails(CONNECT, EADDRNOTAVAIL, false);
    every_call_fails(GETSOCKOPT, ENOBUFS, false);
    every_call_fails(SOCKET, EMFILE, false);
    every_call_fails(SOCKET, ENOBUFS, false);
    every_call_fails(BIND, EACCES, false);
    every_call_fails(LISTEN, EADDRINUSE, false);
    return 0;
}

unit_test(errors_of_registering_come_out)
{
    every_call_fails(EPOLL_CTL, ENOSPC, false);
    every_call_fails(EPOLL_CTL, ENOMEM, false);
    return 0;
}
