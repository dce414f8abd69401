/* loop/backend/uring_file.h - operations on files as entries of a ring. */
#ifndef BIDE_LOOP_BACKEND_URING_FILE_H
#define BIDE_LOOP_BACKEND_URING_FILE_H

#include "loop/backend/uring_ring.h"
#include "loop/file_op.h"

/* True when the ring can do this operation, as well as a thread could. */
bool bide__uring_file_can(const struct bide__ring *ring, const struct bide__op *op);

/*
 * Fills in a cleared entry for the operation. never_in_place: the kernel hands it to a thread of its own without an
 * attempt.
 */
void bide__uring_file_fill(struct io_uring_sqe *entry, struct bide__op *op, bool never_in_place);

#endif
