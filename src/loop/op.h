/* loop/op.h - one operation of the kernel in progress: what the backends are asked for. */
#ifndef BIDE_LOOP_OP_H
#define BIDE_LOOP_OP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum bide__op_kind {
    BIDE__OP_READABLE,     /* wait until input, end or an error can be read; result 0 */
    BIDE__OP_WRITABLE,     /* wait until something can be written; result 0 */
    BIDE__OP_RECEIVE,      /* recv(buffer, size); result bytes, 0 at the end */
    BIDE__OP_SEND,         /* send(buffer, size); result bytes */
    BIDE__OP_SEND_MESSAGE, /* sendmsg(message); result bytes */
    BIDE__OP_ACCEPT,       /* accept4(peer); result a descriptor, non-blocking and close-on-exec */
    BIDE__OP_CONNECT,      /* connect(address); result 0 */
    BIDE__OP_READ,         /* read(buffer, size) of a pipe or the like; result bytes */
    BIDE__OP_WRITE,        /* write(buffer, size); result bytes */

    /* What follows is part of a struct bide__file_op: see loop/file_op.h. */
    BIDE__OP_READ_AT,  /* pread(buffer, size, offset) of a file; result bytes, 0 at the end */
    BIDE__OP_WRITE_AT, /* pwrite(buffer, size, offset); result bytes */
    BIDE__OP_SYNC,     /* fsync, or fdatasync; result 0 */
    BIDE__OP_CALL      /* a function in a thread of the file pool; result what it returned */
};

/* Where BIDE__OP_ACCEPT puts who has connected; zeroed before. */
struct bide__peer {
    struct sockaddr_storage address;
    socklen_t size; /* what the kernel says; possibly more than fits */
};

/*
 * An operation. Lies on the stack of the task that waits for it (or in the structure of a callback front end), must
 * stay there, with its buffers, until it is done. The descriptor must be non-blocking.
 */
struct bide__op {
    uint8_t kind;
    /* the descriptor belongs to somebody else, who may close it between two operations: keep nothing registered */
    bool foreign;
    bool likely_ready; /* the descriptor was just seen ready: trying at once is cheaper than asking to wait */
    bool done;         /* the result is there */
    bool cancelling;   /* a cancellation was asked for and is not through yet */
    int descriptor;
    union {
        void *buffer;
        const void *data;
        const struct msghdr *message;
        const struct sockaddr *address;
        struct bide__peer *peer; /* may be NULL */
    } u;
    size_t size;           /* of the buffer, data or address */
    int64_t result;        /* >= 0, or -errno; -ECANCELED: it did not happen */
    uintptr_t ready;       /* what to put into the ready queue when it is done (see loop.h) */
    struct bide__op *next; /* the backend's own */
    uint64_t backend_data;
};

/* True for the operations that wait for input, false for those that wait for output. */
static inline bool bide__op_is_input(const struct bide__op *op)
{
    return op->kind == BIDE__OP_READABLE || op->kind == BIDE__OP_RECEIVE || op->kind == BIDE__OP_ACCEPT ||
           op->kind == BIDE__OP_READ;
}

/* True for the operations on files. They need no readiness, any number may be in progress on one descriptor. */
static inline bool bide__op_is_file(const struct bide__op *op)
{
    return op->kind >= BIDE__OP_READ_AT;
}

/*
 * Makes the system call of an operation once, now, without waiting: its result, or -EAGAIN when it would have to wait
 * (for a connect the first call starts it; the call after it became writable gives its outcome).
 */
int64_t bide__op_attempt(struct bide__op *op, bool first);

/*
 * Around a system call that would raise SIGPIPE and has no flag against that: holds the signal back in this thread, and
 * takes it away if it came of the call. Keeps errno.
 */
struct bide__held_signal {
    sigset_t before;
    bool was_pending;
};
void bide__pipe_signal_hold(struct bide__held_signal *ret_held);
void bide__pipe_signal_release(const struct bide__held_signal *held, bool raised);

#endif
