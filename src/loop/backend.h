/* loop/backend.h - the seam between the loop and what it waits with. */
#ifndef BIDE_LOOP_BACKEND_H
#define BIDE_LOOP_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bide_loop;
struct bide__op;

/*
 * A backend. All calls come from the loop's thread. Completion-shaped: a submitted operation is done exactly once; a
 * backend without completions (epoll) emulates them. Nobody is called back: a completion stores op->result, sets
 * op->done and puts op->ready into the ready queue.
 */
struct bide__backend {
    const char *name;

    /*
     * Sets loop->backend_state up. 0, or -errno with one line in `reason` that says why this backend cannot be used
     * here.
     */
    int (*open)(struct bide_loop *loop, char *reason, size_t size);

    /* Frees it. No operation is in progress. */
    void (*close)(struct bide_loop *loop);

    /*
     * Begins an operation. True: it was done at once, op->result and op->done are set, nothing was queued. False: it
     * is in progress. A second operation of the same direction on one descriptor is refused at once with -EBUSY.
     */
    bool (*submit)(struct bide_loop *loop, struct bide__op *op);

    /*
     * Asks to end an operation in progress. It ends soon (perhaps within this call) with -ECANCELED, and then did not
     * happen; or with the result that was faster. Not called twice for one operation.
     */
    void (*cancel)(struct bide_loop *loop, struct bide__op *op);

    /*
     * Delivers completions; waits for the first at most `timeout` nanoseconds (0: not at all, BIDE__FOREVER: until
     * one comes). Rounds up to milliseconds.
     */
    void (*wait)(struct bide_loop *loop, int64_t timeout);

    /* The descriptor is about to be closed: forget what is registered for it. No operation is in progress on it. */
    void (*forget)(struct bide_loop *loop, int descriptor);

    /*
     * For a loop that sleeps in somebody else's poll() (loop->is_guest; then wait leaves nothing that was submitted
     * unknown to the kernel): the backend's descriptor, which is readable whenever wait would deliver something.
     */
    int (*descriptor)(struct bide_loop *loop);
};

extern const struct bide__backend bide__backend_epoll;
extern const struct bide__backend bide__backend_io_uring;

#endif
