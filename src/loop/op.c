/*
 * An operation attempted in place. Both backends begin here where a try is cheaper than asking the kernel to wait
 * (limits: a send that succeeds at once costs one system call either way), and the epoll backend finishes here when
 * the descriptor has become ready.
 *
 * Must never happen: a system call that blocks (every descriptor is non-blocking), a signal taken for a result (EINTR
 * is retried), SIGPIPE.
 */
#include "loop/op.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int64_t attempt_connect(struct bide__op *op, bool first)
{
    if (first) {
        if (connect(op->descriptor, op->u.address, (socklen_t)op->size) == 0)
            return 0;
        if (errno == EAGAIN) /* a local socket whose listener's queue is full: it would never tell when to try again */
            return -ECONNREFUSED;
        if (errno != EINPROGRESS && errno != EINTR)
            return -errno;
        if (errno == EINPROGRESS)
            return -EAGAIN; /* after a signal it may be through */
    }
    int error = 0;
    socklen_t length = sizeof error;
    struct pollfd poller = { .fd = op->descriptor, .events = POLLOUT };

    if (poll(&poller, 1, 0) <= 0)
        return -EAGAIN;
    if (getsockopt(op->descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        return -errno;
    return -error;
}

static int attempt_accept(struct bide__op *op)
{
    struct bide__peer *peer = op->u.peer;

    if (!peer)
        return accept4(op->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    peer->size = sizeof peer->address;
    return accept4(op->descriptor, (struct sockaddr *)&peer->address, &peer->size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static int64_t attempt_poll(struct bide__op *op)
{
    struct pollfd poller = { .fd = op->descriptor,
                             .events = op->kind == BIDE__OP_READABLE ? POLLIN | POLLRDHUP : POLLOUT };
    int ready = poll(&poller, 1, 0);

    if (ready < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    if (ready && poller.revents & POLLNVAL)
        return -EBADF;
    return ready ? 0 : -EAGAIN;
}

#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x100 /* Linux 6.18 */
#endif

void bide__pipe_signal_hold(struct bide__held_signal *ret_held)
{
    sigset_t pipe_signal, pending;

    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &ret_held->before);
    sigpending(&pending);
    ret_held->was_pending = sigismember(&pending, SIGPIPE);
}

void bide__pipe_signal_release(const struct bide__held_signal *held, bool raised)
{
    const struct timespec at_once = { 0 };
    sigset_t pipe_signal;
    int err = errno;

    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    if (raised && !held->was_pending)
        while (sigtimedwait(&pipe_signal, NULL, &at_once) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &held->before, NULL);
    errno = err;
}

static ssize_t write_masked(int descriptor, const void *data, size_t size)
{
    struct bide__held_signal held;

    bide__pipe_signal_hold(&held);
    ssize_t result = write(descriptor, data, size);
    bide__pipe_signal_release(&held, result < 0 && errno == EPIPE);
    return result;
}

/* write() that never raises SIGPIPE: by a flag where the kernel has it, else at the price of some more calls. */
static ssize_t write_without_signal(int descriptor, const void *data, size_t size)
{
    static atomic_bool has_no_flag;
    const struct iovec piece = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };

    if (!atomic_load_explicit(&has_no_flag, memory_order_relaxed)) {
        ssize_t result = pwritev2(descriptor, &piece, 1, -1, RWF_NOSIGNAL);

        if (result >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
            return result;
        atomic_store_explicit(&has_no_flag, true, memory_order_relaxed);
    }
    return write_masked(descriptor, data, size);
}

int64_t bide__op_attempt(struct bide__op *op, bool first)
{
    ssize_t result;

    do {
        switch ((enum bide__op_kind)op->kind) {
        case BIDE__OP_READABLE:
        case BIDE__OP_WRITABLE:
            return attempt_poll(op);
        case BIDE__OP_CONNECT:
            return attempt_connect(op, first);
        case BIDE__OP_RECEIVE:
            result = recv(op->descriptor, op->u.buffer, op->size, 0);
            break;
        case BIDE__OP_SEND:
            result = send(op->descriptor, op->u.data, op->size, MSG_NOSIGNAL);
            break;
        case BIDE__OP_SEND_MESSAGE:
            result = sendmsg(op->descriptor, op->u.message, MSG_NOSIGNAL);
            break;
        case BIDE__OP_ACCEPT:
            result = attempt_accept(op);
            break;
        case BIDE__OP_READ:
            result = read(op->descriptor, op->u.buffer, op->size);
            break;
        case BIDE__OP_WRITE:
            result = write_without_signal(op->descriptor, op->u.data, op->size);
            break;
        default:
            return -EINVAL;
        }
    } while (result < 0 && errno == EINTR);
    if (result >= 0)
        return result;
    return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}
