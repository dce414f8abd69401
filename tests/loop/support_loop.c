/*
 * What the tests of the loop share. A loop opened here is driven by callbacks alone, so these tests see the layer
 * itself and not the tasks above it.
 *
 * No test waits for time to pass: it waits for an end (run_loop), or asks the backend and looks (poll_loop).
 */
#include "support_loop.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool stopped;

void open_loop(struct bide_loop *loop)
{
    const struct bide__loop_options options = { .record_size = 64 };
    const char *wanted = getenv("BIDE_BACKEND");
    char reason[160] = "";

    check_eq(bide__loop_open(loop, &options, reason, sizeof reason), 0);
    if (wanted && *wanted && strcmp(wanted, bide_backend_name(loop)) != 0)
        skip(bide_backend_reason(loop));
}

void stop_loop(struct bide_loop *loop)
{
    (void)loop;
    stopped = true;
}

void stop_loop_callback(void *loop)
{
    stop_loop(loop);
}

static void too_long(void *unused)
{
    const bool the_loop_waited_too_long = true;

    (void)unused;
    check(!the_loop_waited_too_long);
}

void run_loop(struct bide_loop *loop)
{
    bide_handle guard;

    check_eq(bide_call_later(loop, 20 * check_slowness(), too_long, NULL, &guard), 0);
    stopped = false;
    bide__loop_run(loop, &stopped);
    check(bide_handle_cancel(guard));
}

void poll_loop(struct bide_loop *loop)
{
    loop->backend->wait(loop, 0);
    check_eq(bide_call_soon(loop, stop_loop_callback, loop, NULL), 0);
    run_loop(loop);
}

static void trial_ended(void *argument)
{
    struct trial *trial = argument;

    check(trial->op.done);
    trial->ended++;
    check_eq(trial->ended, 1);
    if (trial->awaited)
        stop_loop(trial->due.loop);
}

bool begin(struct bide_loop *loop, struct trial *trial, struct bide__op op)
{
    *trial = (struct trial){ .op = op,
                             .due = { .function = trial_ended, .argument = trial, .loop = loop, .persistent = true } };
    trial->op.ready = (uintptr_t)&trial->due | BIDE__READY_CALLBACK;
    check_eq(bide__ready_reserve(loop), 0);
    if (!loop->backend->submit(loop, &trial->op))
        return false;
    check(trial->op.done);
    trial->ended = 1;
    return true;
}

int64_t end(struct bide_loop *loop, struct trial *trial)
{
    if (!trial->ended) {
        trial->awaited = true;
        run_loop(loop);
    }
    check_eq(trial->ended, 1);
    bide__ready_unreserve(loop);
    return trial->op.result;
}

int64_t run_op(struct bide_loop *loop, struct bide__op op)
{
    struct trial trial;

    begin(loop, &trial, op);
    return end(loop, &trial);
}

void check_pending(struct bide_loop *loop, const struct trial *trial)
{
    poll_loop(loop);
    poll_loop(loop);
    check_eq(trial->ended, 0);
    check(!trial->op.done);
}

int64_t cancel_and_end(struct bide_loop *loop, struct trial *trial)
{
    check(!trial->op.done);
    trial->op.cancelling = true;
    loop->backend->cancel(loop, &trial->op);
    return end(loop, trial);
}

struct bide__op receive_op(int descriptor, void *buffer, size_t size)
{
    return (struct bide__op){ .kind = BIDE__OP_RECEIVE, .descriptor = descriptor, .u.buffer = buffer, .size = size };
}

struct bide__op send_op(int descriptor, const void *data, size_t size)
{
    return (struct bide__op){ .kind = BIDE__OP_SEND, .descriptor = descriptor, .u.data = data, .size = size };
}

struct bide__op read_op(int descriptor, void *buffer, size_t size)
{
    return (struct bide__op){ .kind = BIDE__OP_READ, .descriptor = descriptor, .u.buffer = buffer, .size = size };
}

struct bide__op write_op(int descriptor, const void *data, size_t size)
{
    return (struct bide__op){ .kind = BIDE__OP_WRITE, .descriptor = descriptor, .u.data = data, .size = size };
}

struct bide__op plain_op(enum bide__op_kind kind, int descriptor)
{
    return (struct bide__op){ .kind = (uint8_t)kind, .descriptor = descriptor };
}

void open_pair(int pair[2])
{
    check_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
}

void open_pipe(int pair[2])
{
    check_eq(pipe2(pair, O_NONBLOCK | O_CLOEXEC), 0);
}

void close_descriptor(struct bide_loop *loop, int descriptor)
{
    loop->backend->forget(loop, descriptor);
    check_eq(close(descriptor), 0);
}

void close_both(struct bide_loop *loop, const int pair[2])
{
    close_descriptor(loop, pair[0]);
    close_descriptor(loop, pair[1]);
}

void put(int descriptor, const char *text)
{
    check_eq(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
}

size_t fill(int descriptor)
{
    static const char block[4096];
    size_t all = 0;
    ssize_t n;

    while ((n = write(descriptor, block, sizeof block)) > 0)
        all += (size_t)n;
    check_eq(errno, EAGAIN);
    while (write(descriptor, block, 1) == 1)
        all++;
    return all;
}

size_t drain(int descriptor)
{
    char block[4096];
    size_t all = 0;
    ssize_t n;

    while ((n = read(descriptor, block, sizeof block)) > 0)
        all += (size_t)n;
    return all;
}

void drain_exactly(int descriptor, size_t size)
{
    char block[4096];

    while (size > 0) {
        ssize_t n = read(descriptor, block, size < sizeof block ? size : sizeof block);

        check(n > 0);
        size -= (size_t)n;
    }
}
