/* loop/file_op.h - operations on files: in place where they cannot block, else by the ring or by threads. */
#ifndef BIDE_LOOP_FILE_OP_H
#define BIDE_LOOP_FILE_OP_H

#include "loop/op.h"
#include "loop/thread_pool.h"

enum {
    BIDE__FILE_IN_PLACE_BYTES = 256 * 1024, /* read or written in place at once: some 50 us */
    /* what an operation in progress moves at once; a cancellation waits for that much */
    BIDE__FILE_PIECE_BYTES = 1024 * 1024,
    BIDE__FILE_CURRENT = -1 /* as an offset: the descriptor's own position, which moves on */
};

/* May an operation be made in place? What the file can do is found out once: the attempt turns TRY into NEVER. */
enum bide__in_place {
    BIDE__IN_PLACE_NEVER,
    BIDE__IN_PLACE_TRY,   /* if the kernel says that it need not wait */
    BIDE__IN_PLACE_ALWAYS /* the file is memory */
};

/*
 * An operation on a file. Its first member is what the loop sees; kind is READ_AT, WRITE_AT, SYNC or CALL. Lies on
 * the stack of the task that waits; the buffer belongs to the kernel, or to a thread, until it is done.
 */
struct bide__file_op {
    struct bide__op op;
    struct bide__job job;
    int64_t offset;
    /* BIDE__OP_CALL: called in a thread; its result is the operation's. Parameters stand behind this structure. */
    int64_t (*call)(struct bide__file_op *file_op);
    uint8_t in_place; /* enum bide__in_place */
    bool data_only;   /* SYNC: fdatasync */
    bool in_pool;     /* a thread has it, or will */
    atomic_bool stop; /* CALL: the wait was cancelled; a call of many steps looks at it between two of them */
};

/* The file operation whose first member this is. */
static inline struct bide__file_op *bide__file_op_of(struct bide__op *op)
{
    return (struct bide__file_op *)(void *)op;
}

/*
 * Makes the operation now if that cannot block. True: it is done. Bytes that were moved count against the loop's
 * budget for the running step, so that many of them let the others run.
 */
bool bide__file_op_attempt(struct bide_loop *loop, struct bide__op *op);

/* Makes the operation now, however long that takes; in a thread. The result. */
int64_t bide__file_op_perform(struct bide__file_op *file_op);

/* Gives the operation to the file threads. True: it is done at once, with an error (no thread, no memory). */
bool bide__file_op_submit(struct bide_loop *loop, struct bide__op *op);

/* Takes it back if no thread has begun it: -ECANCELED; otherwise it ends with its result. */
void bide__file_op_cancel(struct bide_loop *loop, struct bide__op *op);

/* Queues a job of another kind to the file threads. 0, -EAGAIN, -ENOMEM. */
int bide__file_job_submit(struct bide_loop *loop, struct bide__job *job);

#endif
