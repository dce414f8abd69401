/*
 * The backends: every kind of operation, done at once, pending, ended by the other side. Cancellation, crowds and
 * descriptors that come and go have files of their own.
 */
#include "support_loop.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static struct bide_loop loop;

unit_test(receive_what_is_there)
{
    int pair[2];
    char buffer[64];

    open_loop(&loop);
    open_pair(pair);
    put(pair[1], "hello");
    check_eq(run_op(&loop, receive_op(pair[0], buffer, sizeof buffer)), 5);
    check_mem(buffer, "hello", 5);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

unit_test(receive_what_comes_later)
{
    struct trial trial;
    int pair[2];
    char buffer[64];

    open_loop(&loop);
    open_pair(pair);
    check(!begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer)));
    check_pending(&loop, &trial);
    put(pair[1], "hello");
    check_eq(end(&loop, &trial), 5);
    check_mem(buffer, "hello", 5);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

unit_test(receive_more_than_the_buffer_holds)
{
    int pair[2];
    char buffer[4];

    open_loop(&loop);
    open_pair(pair);
    put(pair[1], "0123456789");
    check_eq(run_op(&loop, receive_op(pair[0], buffer, sizeof buffer)), 4);
    check_mem(buffer, "0123", 4);
    check_eq(run_op(&loop, receive_op(pair[0], buffer, sizeof buffer)), 4);
    check_mem(buffer, "4567", 4);
    check_eq(run_op(&loop, receive_op(pair[0], buffer, sizeof buffer)), 2);
    check_mem(buffer, "89", 2);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

unit_test(a_short_read_then_more)
{
    struct trial trial;
    int pair[2];
    char buffer[64];

    open_loop(&loop);
    open_pair(pair);
    for (int round = 0; round < 100; round++) {
        check(!begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer)));
        poll_loop(&loop);
        put(pair[1], "abc");
        check_eq(end(&loop, &trial), 3);
        put(pair[1], "de"); /* there before the next operation begins */
        check_eq(run_op(&loop, receive_op(pair[0], buffer, sizeof buffer)), 2);
    }
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

unit_test(the_end_comes_after_the_last_bytes)
{
    int pair[2];
    char buffer[64];
    struct trial trial;

    open_loop(&loop);
    open_pair(pair);
    check(!begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer)));
    poll_loop(&loop);
    put(pair[1], "abc");
    close_descriptor(&loop, pair[1]); /* the bytes and the end are one event */
    check_eq(end(&loop, &trial), 3);
    check_eq(run_op(&loop, receive_op(pair[0], buffer, sizeof buffer)), 0);
    check_eq(run_op(&loop, receive_op(pair[0], buffer, sizeof buffer)), 0);
    close_descriptor(&loop, pair[0]);
    bide__loop_close(&loop);
    return 0;
}

unit_test(hang_up_while_waiting)
{
    int pair[2];
    char buffer[64];
    struct trial receiving, readable;

    open_loop(&loop);
    open_pair(pair);
    check(!begin(&loop, &receiving, receive_op(pair[0], buffer, sizeof buffer)));
    check_pending(&loop, &receiving);
    close_descriptor(&loop, pair[1]);
    check_eq(end(&loop, &receiving), 0);
    close_descriptor(&loop, pair[0]);

    open_pair(pair);
    check(!begin(&loop, &readable, plain_op(BIDE__OP_READABLE, pair[0])));
    check_pending(&loop, &readable);
    check_eq(shutdown(pair[1], SHUT_WR), 0);
    check_eq(end(&loop, &readable), 0);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

unit_test(send_into_a_full_socket)
{
    struct trial trial;
    int pair[2];
    char data[1000] = "the data";

    open_loop(&loop);
    open_pair(pair);
    check_eq(run_op(&loop, send_op(pair[0], data, sizeof data)), (int)sizeof data);
    size_t before = sizeof data + fill(pair[0]);
    check(!begin(&loop, &trial, send_op(pair[0], data, sizeof data)));
    check_pending(&loop, &trial);
    drain_exactly(pair[1], before);
    check_eq(end(&loop, &trial), (int)sizeof data);
    check_eq(drain(pair[1]), sizeof data);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

/* A megabyte through a socket, sender and receiver in one loop: nothing lost, nothing twice, in order. */
unit_test(a_megabyte_through_a_socket)
{
    static unsigned char data[1 << 20], copy[1 << 20];
    struct trial sending, receiving;
    size_t sent = 0, received = 0;
    int pair[2];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 2654435761U >> 13);
    open_loop(&loop);
    open_pair(pair);
    begin(&loop, &sending, send_op(pair[0], data, sizeof data));
    while (received < sizeof data) {
        begin(&loop, &receiving, receive_op(pair[1], copy + received, 10007));
        int64_t n = end(&loop, &receiving);
        check(n > 0);
        received += (size_t)n;
        if (sending.ended && sent < sizeof data) {
            check(end(&loop, &sending) > 0);
            sent += (size_t)sending.op.result;
            if (sent < sizeof data)
                begin(&loop, &sending, send_op(pair[0], data + sent, sizeof data - sent));
        }
    }
    check_eq(sent, sizeof data);
    check_mem(copy, data, sizeof data);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

unit_test(send_to_one_who_is_gone)
{
    struct trial trial;
    int pair[2];

    open_loop(&loop);
    open_pair(pair);
    fill(pair[0]);
    check(!begin(&loop, &trial, send_op(pair[0], "abc", 3)));
    check_pending(&loop, &trial);
    close_descriptor(&loop, pair[1]);
    check_error(end(&loop, &trial), EPIPE); /* and no signal that would end the process */
    check_error(run_op(&loop, send_op(pair[0], "abc", 3)), EPIPE);
    close_descriptor(&loop, pair[0]);
    bide__loop_close(&loop);
    return 0;
}

unit_test(send_a_message_in_pieces)
{
    struct iovec pieces[2] = { { (char *)(uintptr_t) "hel", 3 }, { (char *)(uintptr_t) "lo", 2 } };
    struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
    struct bide__op op = plain_op(BIDE__OP_SEND_MESSAGE, -1);
    struct trial trial;
    int pair[2];
    char buffer[64];

    open_loop(&loop);
    open_pair(pair);
    op.descriptor = pair[0];
    op.u.message = &message;
    check_eq(run_op(&loop, op), 5);
    check_eq(run_op(&loop, receive_op(pair[1], buffer, sizeof buffer)), 5);
    check_mem(buffer, "hello", 5);

    size_t before = fill(pair[0]);
    check(!begin(&loop, &trial, op));
    check_pending(&loop, &trial);
    drain_exactly(pair[1], before);
    check_eq(end(&loop, &trial), 5);
    check_eq(run_op(&loop, receive_op(pair[1], buffer, sizeof buffer)), 5);
    check_mem(buffer, "hello", 5);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

unit_test(pipes)
{
    struct trial trial;
    int ends[2];
    char buffer[64];

    check(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    open_loop(&loop);
    open_pipe(ends);
    check_eq(run_op(&loop, write_op(ends[1], "abc", 3)), 3);
    check_eq(run_op(&loop, read_op(ends[0], buffer, sizeof buffer)), 3);
    check_mem(buffer, "abc", 3);

    check(!begin(&loop, &trial, read_op(ends[0], buffer, sizeof buffer)));
    check_pending(&loop, &trial);
    put(ends[1], "de");
    check_eq(end(&loop, &trial), 2);

    fill(ends[1]);
    check(!begin(&loop, &trial, write_op(ends[1], "fgh", 3)));
    check_pending(&loop, &trial);
    drain(ends[0]);
    check_eq(end(&loop, &trial), 3);
    check_eq(run_op(&loop, read_op(ends[0], buffer, sizeof buffer)), 3);
    check_mem(buffer, "fgh", 3);

    check(!begin(&loop, &trial, read_op(ends[0], buffer, sizeof buffer)));
    check_pending(&loop, &trial);
    close_descriptor(&loop, ends[1]);
    check_eq(end(&loop, &trial), 0);
    close_descriptor(&loop, ends[0]);

    open_pipe(ends);
    fill(ends[1]);
    check(!begin(&loop, &trial, write_op(ends[1], "abc", 3)));
    check_pending(&loop, &trial);
    close_descriptor(&loop, ends[0]);
    check_error(end(&loop, &trial), EPIPE);
    close_descriptor(&loop, ends[1]);
    bide__loop_close(&loop);
    return 0;
}

/* Somebody else reads what a waiting reader was woken for: it waits on. */
unit_test(a_reader_that_comes_too_late_waits_on)
{
    struct trial trial;
    int ends[2];
    char buffer[64];

    open_loop(&loop);
    open_pipe(ends);
    check(!begin(&loop, &trial, read_op(ends[0], buffer, sizeof buffer)));
    check_pending(&loop, &trial);
    put(ends[1], "abc");
    check_eq(drain(ends[0]), 3U);
    check_pending(&loop, &trial);
    put(ends[1], "d");
    check_eq(end(&loop, &trial), 1);
    check_eq(buffer[0], 'd');
    close_both(&loop, ends);
    bide__loop_close(&loop);
    return 0;
}

unit_test(readable_and_writable)
{
    struct trial trial;
    int pair[2];

    open_loop(&loop);
    open_pair(pair);
    check_eq(run_op(&loop, plain_op(BIDE__OP_WRITABLE, pair[0])), 0);
    check(!begin(&loop, &trial, plain_op(BIDE__OP_READABLE, pair[0])));
    check_pending(&loop, &trial);
    put(pair[1], "abc");
    check_eq(end(&loop, &trial), 0);
    check_eq(run_op(&loop, plain_op(BIDE__OP_READABLE, pair[0])), 0); /* still: nobody has read it */
    check_eq(drain(pair[0]), 3U);

    fill(pair[0]);
    check(!begin(&loop, &trial, plain_op(BIDE__OP_WRITABLE, pair[0])));
    check_pending(&loop, &trial);
    drain(pair[1]);
    check_eq(end(&loop, &trial), 0);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

/* A listening socket on the loopback interface; ret_address: where. */
static int listen_anywhere(struct sockaddr_in *ret_address, int backlog)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    check(listener >= 0);
    check_eq(bind(listener, (struct sockaddr *)&address, length), 0);
    check_eq(listen(listener, backlog), 0);
    check_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    *ret_address = address;
    return listener;
}

static struct bide__op connect_op(int descriptor, const void *address, size_t size)
{
    return (struct bide__op){ .kind = BIDE__OP_CONNECT, .descriptor = descriptor, .u.address = address, .size = size };
}

unit_test(accept_and_connect)
{
    struct sockaddr_in address;
    struct trial accepting, connecting;

    open_loop(&loop);
    int listener = listen_anywhere(&address, 10);
    check(!begin(&loop, &accepting, plain_op(BIDE__OP_ACCEPT, listener)));
    check_pending(&loop, &accepting);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    begin(&loop, &connecting, connect_op(client, &address, sizeof address));
    check_eq(end(&loop, &connecting), 0);
    int server = (int)end(&loop, &accepting);
    check(server >= 0);
    check(fcntl(server, F_GETFL) & O_NONBLOCK);
    check(fcntl(server, F_GETFD) & FD_CLOEXEC);
    put(client, "hello");
    char buffer[8];
    check_eq(run_op(&loop, receive_op(server, buffer, sizeof buffer)), 5);

    /* and one that waits for us already */
    int second = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check_eq(run_op(&loop, connect_op(second, &address, sizeof address)), 0);
    int served = (int)run_op(&loop, plain_op(BIDE__OP_ACCEPT, listener));
    check(served >= 0);
    close_both(&loop, (int[]){ client, server });
    close_both(&loop, (int[]){ second, served });
    close_descriptor(&loop, listener);
    bide__loop_close(&loop);
    return 0;
}

unit_test(connect_refused)
{
    struct sockaddr_in address;

    open_loop(&loop);
    close_descriptor(&loop, listen_anywhere(&address, 10)); /* now nobody listens there */
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check_error(run_op(&loop, connect_op(client, &address, sizeof address)), ECONNREFUSED);
    close_descriptor(&loop, client);
    bide__loop_close(&loop);
    return 0;
}

/* The kernel answers EAGAIN and would never tell when to try again: it must neither hang nor look like success. */
unit_test(connect_to_a_local_socket_with_a_full_queue)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t length = sizeof(sa_family_t) + 1; /* an abstract name, chosen by the kernel */
    int clients[8], count = 0;
    int64_t result = 0;

    open_loop(&loop);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check_eq(bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    length = sizeof address;
    check_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    check_eq(listen(listener, 1), 0);
    while (result == 0 && count < 8) {
        clients[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        result = run_op(&loop, connect_op(clients[count++], &address, length));
    }
    check_error(result, ECONNREFUSED);
    while (count > 0)
        close_descriptor(&loop, clients[--count]);
    close_descriptor(&loop, listener);
    bide__loop_close(&loop);
    return 0;
}

unit_test(bad_descriptors_are_refused)
{
    const enum bide__op_kind kinds[] = { BIDE__OP_READABLE, BIDE__OP_WRITABLE, BIDE__OP_RECEIVE, BIDE__OP_SEND,
                                         BIDE__OP_ACCEPT,   BIDE__OP_READ,     BIDE__OP_WRITE };
    char buffer[8] = "";
    int pair[2];

    open_loop(&loop);
    open_pair(pair);
    close_both(&loop, pair);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct bide__op op = plain_op(kinds[i], pair[0]);

        if (kinds[i] != BIDE__OP_ACCEPT) {
            op.u.buffer = buffer;
            op.size = sizeof buffer;
        }
        check_error(run_op(&loop, op), EBADF);
        op.descriptor = -1;
        check_error(run_op(&loop, op), EBADF);
        op.descriptor = pair[0];
        op.foreign = true;
        check_error(run_op(&loop, op), EBADF);
    }
    loop.backend->forget(&loop, -1); /* ignored, as is one that was never heard of */
    loop.backend->forget(&loop, 1 << 20);
    bide__loop_close(&loop);
    return 0;
}

unit_test(a_second_operation_of_one_direction_is_busy)
{
    struct trial first, second, output;
    int pair[2];
    char buffer[8];

    open_loop(&loop);
    open_pair(pair);
    fill(pair[0]);
    check(!begin(&loop, &first, receive_op(pair[0], buffer, sizeof buffer)));
    check(begin(&loop, &second, receive_op(pair[0], buffer, sizeof buffer)));
    check_error(end(&loop, &second), EBUSY);
    check_error(run_op(&loop, plain_op(BIDE__OP_READABLE, pair[0])), EBUSY);
    check(!begin(&loop, &output, send_op(pair[0], "a", 1))); /* the other direction is free */
    check_error(run_op(&loop, plain_op(BIDE__OP_WRITABLE, pair[0])), EBUSY);
    put(pair[1], "b");
    check_eq(end(&loop, &first), 1);
    check_pending(&loop, &output);
    drain(pair[1]);
    check_eq(end(&loop, &output), 1);
    put(pair[1], "c");
    check_eq(run_op(&loop, receive_op(pair[0], buffer, sizeof buffer)), 1);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}
