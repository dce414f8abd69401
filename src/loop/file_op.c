/*
 * Operations on files. A file is never "not ready": a read of it waits in the kernel for the disk, and stops the
 * thread that made it. So an operation has two ways:
 *
 * in place   when the kernel promises not to wait: preadv2(RWF_NOWAIT) gives what is in the page cache, 0.9 us for 4
 *            KiB, or says EAGAIN. At most 256 KiB at once, and each 4 KiB count as one operation of the loop's budget,
 *            so a gigabyte that is read by one task lets the others run every 50 us. A file system that cannot promise
 *            it says so once; the file is not asked again.
 * elsewhere  by the ring (which hands most of it to threads of the kernel), or by threads of a pool that nothing else
 *            uses: neither bide_to_thread nor a dead name server can stop files. Some 10 us more.
 *
 * Nothing is copied: the operation and its buffer lie in the waiting task's frame, and the wait does not end before
 * the thread is done with them. A cancellation takes back what no thread has begun, and waits for the rest.
 *
 * Must never happen: a call in place that waits for a disk or a network; a zero taken for the end of a file because
 * an old kernel answers it for pages that are not there (RWF_NOWAIT, 5.9): the size decides.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "loop/file_op.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { THREADS_MIN = 4, THREADS_MAX = 32, BYTES_PER_OPERATION = 4096 };

static bool finish(struct bide__op *op, int64_t result)
{
    op->result = result;
    op->done = true;
    return true;
}

static size_t clipped(size_t size, size_t limit)
{
    return size < limit ? size : limit;
}

/* Whether a file really ends at this offset. Costs no wait: what the kernel knows by heart is enough. */
static bool ends_at(int descriptor, int64_t offset)
{
    struct statx status;

    return statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE, &status) == 0 &&
           (int64_t)status.stx_size <= offset;
}

/* The result, or -EAGAIN: it would wait. */
static int64_t transfer_in_place(struct bide__file_op *file_op)
{
    struct bide__op *op = &file_op->op;
    struct iovec piece = { op->u.buffer, clipped(op->size, BIDE__FILE_IN_PLACE_BYTES) };
    int flags = file_op->in_place == BIDE__IN_PLACE_TRY ? RWF_NOWAIT : 0;
    ssize_t result = op->kind == BIDE__OP_READ_AT ? preadv2(op->descriptor, &piece, 1, file_op->offset, flags)
                                                  : pwritev2(op->descriptor, &piece, 1, file_op->offset, flags);

    if (result > 0 || (result == 0 && (op->size == 0 || op->kind == BIDE__OP_WRITE_AT)))
        return result;
    if (result == 0)
        return !flags || ends_at(op->descriptor, file_op->offset) ? 0 : -EAGAIN;
    if (errno == EINTR || errno == EAGAIN)
        return -EAGAIN;
    if (flags && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)) {
        file_op->in_place = BIDE__IN_PLACE_NEVER;
        return -EAGAIN;
    }
    return -errno;
}

static void charge(struct bide_loop *loop, int64_t bytes)
{
    unsigned operations = bytes > 0 ? (unsigned)(bytes / BYTES_PER_OPERATION) : 0;

    loop->budget -= operations < loop->budget ? operations : loop->budget;
}

bool bide__file_op_attempt(struct bide_loop *loop, struct bide__op *op)
{
    struct bide__file_op *file_op = bide__file_op_of(op);

    op->done = false;
    file_op->in_pool = false;
    if (op->kind >= BIDE__OP_SYNC || file_op->in_place == BIDE__IN_PLACE_NEVER)
        return false;
    int64_t result = transfer_in_place(file_op);
    if (result == -EAGAIN)
        return false;
    charge(loop, result);
    return finish(op, result);
}

int64_t bide__file_op_perform(struct bide__file_op *file_op)
{
    struct bide__op *op = &file_op->op;
    struct iovec piece = { op->u.buffer, clipped(op->size, BIDE__FILE_PIECE_BYTES) };
    int64_t result;

    if (op->kind == BIDE__OP_CALL)
        return file_op->call(file_op);
    do {
        if (op->kind == BIDE__OP_SYNC)
            result = file_op->data_only ? fdatasync(op->descriptor) : fsync(op->descriptor);
        else if (op->kind == BIDE__OP_READ_AT)
            result = preadv2(op->descriptor, &piece, 1, file_op->offset, 0);
        else
            result = pwritev2(op->descriptor, &piece, 1, file_op->offset, 0);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

static struct bide__file_op *of_job(struct bide__job *job)
{
    return (struct bide__file_op *)(void *)((char *)job - offsetof(struct bide__file_op, job));
}

/* In a thread. */
static void work(struct bide__job *job)
{
    struct bide__file_op *file_op = of_job(job);

    file_op->op.result = bide__file_op_perform(file_op);
}

static void finished(struct bide__job *job)
{
    struct bide__file_op *file_op = of_job(job);

    file_op->op.done = true;
    bide__ready_push(job->loop, file_op->op.ready);
}

static struct bide__thread_pool *file_threads(struct bide_loop *loop)
{
    if (!loop->file_threads) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        size_t limit = loop->file_thread_limit;

        if (!limit)
            limit = processors < THREADS_MIN / 2   ? THREADS_MIN
                    : processors > THREADS_MAX / 2 ? THREADS_MAX
                                                   : (size_t)processors * 2;
        loop->file_threads = bide__thread_pool_open(loop, limit, "bide-file");
    }
    return loop->file_threads;
}

int bide__file_job_submit(struct bide_loop *loop, struct bide__job *job)
{
    struct bide__thread_pool *pool = file_threads(loop);

    return pool ? bide__thread_pool_submit(pool, job) : -ENOMEM;
}

bool bide__file_op_submit(struct bide_loop *loop, struct bide__op *op)
{
    struct bide__file_op *file_op = bide__file_op_of(op);

    file_op->job = (struct bide__job){ .work = work, .finished = finished };
    file_op->in_pool = true;
    op->result = -ECANCELED;
    int err = bide__file_job_submit(loop, &file_op->job);
    return err < 0 && finish(op, err);
}

void bide__file_op_cancel(struct bide_loop *loop, struct bide__op *op)
{
    struct bide__file_op *file_op = bide__file_op_of(op);

    atomic_store_explicit(&file_op->stop, true, memory_order_relaxed);
    if (!bide__thread_pool_cancel(file_op->job.pool, &file_op->job))
        return;
    finish(op, -ECANCELED);
    bide__ready_push(loop, op->ready);
}
