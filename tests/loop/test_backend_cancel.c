/*
 * Cancelling operations: each ends exactly once, -ECANCELED means that it did not happen, and no byte is ever lost in
 * the race between the two.
 */
#include "support_loop.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static struct bide_loop loop;

static void check_cancel(struct bide__op op)
{
    struct trial trial;

    /* the kernel has not heard of it yet */
    check(!begin(&loop, &trial, op));
    check_error(cancel_and_end(&loop, &trial), ECANCELED);
    /* the kernel waits */
    check(!begin(&loop, &trial, op));
    check_pending(&loop, &trial);
    check_error(cancel_and_end(&loop, &trial), ECANCELED);
    check_eq(trial.ended, 1);
    poll_loop(&loop);
    check_eq(trial.ended, 1);
}

unit_test(cancelled_input)
{
    int pair[2], ends[2];
    char buffer[64];

    open_loop(&loop);
    open_pair(pair);
    open_pipe(ends);
    check_cancel(receive_op(pair[0], buffer, sizeof buffer));
    check_cancel(plain_op(BIDE__OP_READABLE, pair[0]));
    check_cancel(read_op(ends[0], buffer, sizeof buffer));
    put(pair[1], "abc"); /* nobody waits for it now, so the next one gets it */
    put(ends[1], "def");
    poll_loop(&loop);
    check_eq(run_op(&loop, receive_op(pair[0], buffer, sizeof buffer)), 3);
    check_mem(buffer, "abc", 3);
    check_eq(run_op(&loop, read_op(ends[0], buffer, sizeof buffer)), 3);
    check_mem(buffer, "def", 3);
    close_both(&loop, pair);
    close_both(&loop, ends);
    bide__loop_close(&loop);
    return 0;
}

unit_test(cancelled_output)
{
    struct iovec piece = { (char *)(uintptr_t) "abc", 3 };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
    struct bide__op op = { .kind = BIDE__OP_SEND_MESSAGE, .u.message = &message };
    int pair[2], ends[2];

    open_loop(&loop);
    open_pair(pair);
    open_pipe(ends);
    size_t in_socket = fill(pair[0]), in_pipe = fill(ends[1]);
    op.descriptor = pair[0];
    check_cancel(send_op(pair[0], "abc", 3));
    check_cancel(op);
    check_cancel(plain_op(BIDE__OP_WRITABLE, pair[0]));
    check_cancel(write_op(ends[1], "abc", 3));
    check_eq(drain(pair[1]), in_socket); /* not one byte of theirs */
    check_eq(drain(ends[0]), in_pipe);
    poll_loop(&loop);
    check_eq(drain(pair[1]), 0U);
    check_eq(drain(ends[0]), 0U);
    close_both(&loop, pair);
    close_both(&loop, ends);
    bide__loop_close(&loop);
    return 0;
}

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

unit_test(cancelled_accept)
{
    struct sockaddr_in address;

    open_loop(&loop);
    int listener = listen_anywhere(&address, 10);
    check_cancel(plain_op(BIDE__OP_ACCEPT, listener));
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check_eq(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    poll_loop(&loop);
    int server = (int)run_op(&loop, plain_op(BIDE__OP_ACCEPT, listener)); /* the connection went to this one */
    check(server >= 0);
    close_both(&loop, (int[]){ client, server });
    close_descriptor(&loop, listener);
    bide__loop_close(&loop);
    return 0;
}

/* To a listener whose queue is full: the handshake does not end. The socket stays its owner's. */
unit_test(cancelled_connect)
{
    struct sockaddr_in address;
    struct trial trials[16];
    int clients[16], count = 0;

    open_loop(&loop);
    int listener = listen_anywhere(&address, 0);
    for (; count < 16; count++) {
        clients[count] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        begin(&loop, &trials[count],
              (struct bide__op){ .kind = BIDE__OP_CONNECT,
                                 .descriptor = clients[count],
                                 .u.address = (struct sockaddr *)&address,
                                 .size = sizeof address });
        poll_loop(&loop);
        poll_loop(&loop);
        if (!trials[count].ended)
            break;
        check_eq(end(&loop, &trials[count]), 0);
    }
    check(count < 16);
    check_error(cancel_and_end(&loop, &trials[count]), ECANCELED);
    check(fcntl(clients[count], F_GETFD) >= 0);
    for (int i = 0; i <= count; i++)
        close_descriptor(&loop, clients[i]);
    close_descriptor(&loop, listener);
    bide__loop_close(&loop);
    return 0;
}

unit_test(the_direction_is_free_after_cancel)
{
    struct trial first, second;
    int pair[2];
    char buffer[8];

    open_loop(&loop);
    open_pair(pair);
    check(!begin(&loop, &first, receive_op(pair[0], buffer, sizeof buffer)));
    poll_loop(&loop);
    first.op.cancelling = true;
    loop.backend->cancel(&loop, &first.op);
    check(!begin(&loop, &second, receive_op(pair[0], buffer, sizeof buffer))); /* not -EBUSY */
    check_error(end(&loop, &first), ECANCELED);
    check_pending(&loop, &second);
    put(pair[1], "abc");
    check_eq(end(&loop, &second), 3);
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

/*
 * The bytes come while the operation is being cancelled, before or after the loop has looked, in all orders. Whatever
 * the outcome: what was sent is what was received, once.
 */
static void race_once(const int pair[2], bool as_pipe, unsigned order)
{
    struct trial trial;
    char buffer[8] = "";
    struct bide__op op = as_pipe ? read_op(pair[0], buffer, sizeof buffer) : receive_op(pair[0], buffer, sizeof buffer);

    check(!begin(&loop, &trial, op));
    if (order & 1)
        poll_loop(&loop);
    if (order & 2) {
        put(pair[1], "x");
        if (order & 4)
            loop.backend->wait(&loop, 0);
        if (!trial.op.done)
            loop.backend->cancel(&loop, &trial.op);
    } else {
        loop.backend->cancel(&loop, &trial.op);
        put(pair[1], "x");
    }
    int64_t result = end(&loop, &trial);
    if (result == 1) {
        check_eq(buffer[0], 'x');
    } else {
        check_error(result, ECANCELED);
        check_eq(run_op(&loop, op), 1);
        check_eq(buffer[0], 'x');
    }
    check_eq(drain(pair[0]), 0U);
}

unit_test(cancel_racing_with_completion)
{
    int pair[2], ends[2];

    open_loop(&loop);
    open_pair(pair);
    open_pipe(ends);
    for (unsigned round = 0; round < 800; round++) {
        race_once(pair, false, round % 8);
        race_once(ends, true, round % 8);
    }
    close_both(&loop, pair);
    close_both(&loop, ends);
    bide__loop_close(&loop);
    return 0;
}

/* The memory of a cancelled operation is used again at once by the next one, as on a task's stack. */
unit_test(an_address_used_again_is_not_mistaken)
{
    struct trial trial;
    int pair[2];
    char buffer[8];

    open_loop(&loop);
    open_pair(pair);
    for (int round = 0; round < 1000; round++) {
        check(!begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer)));
        if (round % 3 == 0)
            poll_loop(&loop);
        if (round % 2 == 0)
            put(pair[1], "a");
        loop.backend->cancel(&loop, &trial.op);
        int64_t first = end(&loop, &trial);
        check(first == 1 || first == -ECANCELED);
        if (round % 2 == 0 && first == 1)
            put(pair[1], "b");
        begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer));
        if (round % 2)
            put(pair[1], "c");
        check_eq(end(&loop, &trial), 1); /* the cancellation of the first did not hit the second */
    }
    close_both(&loop, pair);
    bide__loop_close(&loop);
    return 0;
}

enum { CROWD = 1500 };

/* More cancellations in one go than the ring has entries. */
unit_test(a_crowd_cancelled_at_once)
{
    static struct trial trials[CROWD * 2];
    static int pairs[CROWD][2];
    static char buffers[CROWD * 2];

    open_loop(&loop);
    for (int i = 0; i < CROWD; i++) {
        open_pair(pairs[i]);
        for (int side = 0; side < 2; side++)
            check(!begin(&loop, &trials[i * 2 + side], receive_op(pairs[i][side], &buffers[i * 2 + side], 1)));
    }
    for (int i = 0; i < CROWD * 2; i++)
        loop.backend->cancel(&loop, &trials[i].op);
    for (int i = 0; i < CROWD * 2; i++)
        check_error(end(&loop, &trials[i]), ECANCELED);
    for (int i = 0; i < CROWD; i++)
        close_both(&loop, pairs[i]);
    bide__loop_close(&loop);
    return 0;
}

/* After the end of the loop nothing holds the port, although an accept was in progress until just before. */
unit_test(a_listening_port_is_free_at_once)
{
    struct trial trial;
    struct sockaddr_in address;

    for (int round = 0; round < 20; round++) {
        open_loop(&loop);
        int listener = listen_anywhere(&address, 10);
        check(!begin(&loop, &trial, plain_op(BIDE__OP_ACCEPT, listener)));
        poll_loop(&loop);
        check_error(cancel_and_end(&loop, &trial), ECANCELED);
        close_descriptor(&loop, listener);
        bide__loop_close(&loop);

        int again = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check_eq(bind(again, (struct sockaddr *)&address, sizeof address), 0);
        check_eq(close(again), 0);
    }
    return 0;
}
