/*
 * Files on the ring: reads, writes and syncs. Opening, stat and all that changes directories are not here: the kernel
 * hands those to threads of its own in any case, one for each step, where one call in a thread of ours makes several
 * steps (open, look, look at the device) at once.
 *
 * What cannot be done in place because the file system does not promise to be quick (in_place is NEVER) goes to the
 * kernel's threads by force: asked to be quick, some file systems (FUSE) would wait all the same, in our thread. A
 * read is at most 256 KiB: its bytes are copied in our thread when they have come.
 */
#include "loop/backend/uring_file.h"

bool bide__uring_file_can(const struct bide__ring *ring, const struct bide__op *op)
{
    switch (op->kind) {
    case BIDE__OP_READ_AT:
        return bide__ring_has(ring, IORING_OP_READ);
    case BIDE__OP_WRITE_AT:
        return bide__ring_has(ring, IORING_OP_WRITE);
    case BIDE__OP_SYNC:
        return bide__ring_has(ring, IORING_OP_FSYNC);
    default:
        return false;
    }
}

void bide__uring_file_fill(struct io_uring_sqe *entry, struct bide__op *op, bool never_in_place)
{
    const struct bide__file_op *file_op = bide__file_op_of(op);
    bool reads = op->kind == BIDE__OP_READ_AT;

    entry->fd = op->descriptor;
    entry->user_data = (uintptr_t)op;
    if (op->kind == BIDE__OP_SYNC) {
        entry->opcode = IORING_OP_FSYNC;
        entry->fsync_flags = file_op->data_only ? IORING_FSYNC_DATASYNC : 0;
        return;
    }
    size_t limit =
        reads && file_op->in_place != BIDE__IN_PLACE_NEVER ? BIDE__FILE_IN_PLACE_BYTES : BIDE__FILE_PIECE_BYTES;
    entry->opcode = reads ? IORING_OP_READ : IORING_OP_WRITE;
    entry->addr = (uintptr_t)op->u.buffer;
    entry->len = (unsigned)(op->size < limit ? op->size : limit);
    entry->off = (uint64_t)file_op->offset;
    if (never_in_place || file_op->in_place == BIDE__IN_PLACE_NEVER)
        entry->flags = 1U << 4; /* IOSQE_ASYNC */
}
