/*
 * loop/backend/uring_ring.h - the two rings shared with the kernel, by system calls alone: what the io_uring backend
 * stands on.
 */
#ifndef BIDE_LOOP_BACKEND_URING_RING_H
#define BIDE_LOOP_BACKEND_URING_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/io_uring.h>

/*
 * A ring in use. Entries are written between the kernel's head and our tail, completions read between our head and
 * the kernel's tail.
 */
struct bide__ring {
    int descriptor;
    /* what io_uring_enter gets: the descriptor, or its number in the kernel's table of registered rings */
    int enter_descriptor;
    unsigned enter_flags; /* says which of the two */
    unsigned setup_flags; /* those the kernel accepted */

    const unsigned *submission_head;
    unsigned *submission_tail;
    const unsigned *submission_flags;
    unsigned submission_mask, submission_entries;
    unsigned tail; /* entries taken; given to the kernel by the next enter */
    struct io_uring_sqe *submissions;

    unsigned *completion_head;
    const unsigned *completion_tail;
    unsigned completion_mask;
    const struct io_uring_cqe *completions;

    void *rings_memory;
    size_t rings_size, submissions_size;
    bool can_skip_success; /* the kernel knows IOSQE_CQE_SKIP_SUCCESS */
    uint64_t operations;   /* which of the first 64 the kernel has: bit n is IORING_OP number n */
    bool valgrind;         /* the process runs under Valgrind */
};

/*
 * Sets a ring up with the best features this kernel has. ret_ring: written in any case, needs no close after an
 * error. polled: its descriptor will be waited for with poll(). 0, or -errno with one clear line in `reason` (of `size` bytes) that says why io_uring cannot be used here:
 * not in this kernel, forbidden, too old, no memory.
 */
int bide__ring_open(struct bide__ring *ret_ring, bool polled, char *reason, size_t size);

/* Gives the ring back to the kernel. Nothing is in progress. */
void bide__ring_close(struct bide__ring *ring);

/*
 * A cleared submission entry to fill in, handed to the kernel by the next enter; NULL when all are taken: enter
 * first.
 */
struct io_uring_sqe *bide__ring_take(struct bide__ring *ring);

/* True when the kernel has this operation (IORING_OP_...). */
static inline bool bide__ring_has(const struct bide__ring *ring, unsigned operation)
{
    return operation < 64 && ring->operations >> operation & 1;
}

/* How many entries were taken and the kernel has not seen yet. */
static inline unsigned bide__ring_unsubmitted(const struct bide__ring *ring)
{
    return ring->tail - __atomic_load_n(ring->submission_head, __ATOMIC_ACQUIRE);
}

/*
 * True when the kernel holds completions back that only another enter brings: more than it delivers at once, or than
 * fitted into the ring.
 */
static inline bool bide__ring_holds_back(const struct bide__ring *ring)
{
    return __atomic_load_n(ring->submission_flags, __ATOMIC_RELAXED) &
           ((1U << 1) | (1U << 2)); /* CQ_OVERFLOW, TASKRUN */
}

/*
 * Enters the kernel: submits the first `submit` of the entries taken, runs what is due there, and waits at most
 * `timeout` nanoseconds, rounded up to milliseconds, for a completion (0: does not wait, BIDE__FOREVER: no limit). 0;
 * -EINTR, -ETIME: nothing came; -EBUSY: read the completions first; -EAGAIN: the kernel has no memory for submissions
 * now. Any other failure means that the ring itself is lost; then this ends the process with a message, since no
 * operation would ever end.
 */
int bide__ring_enter(struct bide__ring *ring, unsigned submit, int64_t timeout);

#endif
