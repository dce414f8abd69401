/* io/file.h - what a file is made of. */
#ifndef BIDE_IO_FILE_H
#define BIDE_IO_FILE_H

#include <bide/file.h>

#include "io/file_place.h"
#include "loop/file_op.h"
#include "loop/loop.h"

struct bide_file {
    struct bide_loop *loop;
    int descriptor;
    bool regular; /* has offsets: a file, a block device. Otherwise it is waited for like a stream */
    bool appends; /* O_APPEND: written at the end, wherever that is */
    bool written; /* perhaps: closing it may write to the disk */
    bool busy;    /* a task is inside a call that uses the position */
    uint8_t reads_in_place, writes_in_place; /* enum bide__in_place */
    bool near;                               /* its metadata are at hand: on a disk, or in memory */
    size_t at_once;                          /* calls in progress that have their own offset */
    int64_t position;
    char *lines; /* read ahead: bytes [line_start, line_end), the first of which lies at `position` */
    size_t line_start, line_end, line_capacity, line_limit;
    struct bide__job closing;     /* of a file that nobody waits for any more */
    struct bide__behind *removal; /* of a temporary file with a name; NULL: it stays */
    const char *path;             /* lies behind this structure */
};

/* Gives an error of an operation its message. */
int64_t bide__file_explain(const char *action, const char *path, int64_t err);

/*
 * Reads or writes (kind: READ_AT, WRITE_AT) one piece at an offset, BIDE__FILE_CURRENT: the descriptor's own; waits.
 * in_place: see bide__file_op, NULL: it has no offsets and is waited for like a stream. Bytes, 0, or an error.
 */
int64_t bide__descriptor_transfer(int descriptor, uint8_t kind, void *buffer, size_t size, int64_t offset,
                                  uint8_t *in_place);

/* The same for a file. */
int64_t bide__file_transfer(struct bide_file *file, uint8_t kind, void *buffer, size_t size, int64_t offset);

/*
 * Runs call(file_op) in a thread of the file pool and waits for it; file_op is the beginning of the caller's
 * parameters. Its result, or -ECANCELED: it did not run.
 */
int64_t bide__file_call(struct bide__file_op *file_op, int64_t (*call)(struct bide__file_op *file_op));

/* Throws away what was read ahead. */
void bide__file_forget_lines(struct bide_file *file);

/* Takes `count` bytes of what was read ahead. */
void bide__file_take_lines(struct bide_file *file, size_t count);

/*
 * Reads ahead until at least `wanted` bytes are there, or the file ends. How many there are, or an error. The file is
 * busy.
 */
int64_t bide__file_fill_lines(struct bide_file *file, size_t wanted);

/* An open descriptor, and what was found out on the way. */
struct bide__opened {
    int descriptor;
    struct bide__file_status status;
    enum bide__file_place place;
    /*
     * in: a thread that opens a regular file of at most so many bytes reads it at once; out: its content (malloc, with
     * room for one more byte), or NULL
     */
    size_t content_limit;
    char *content;
    size_t content_size;
};

/*
 * Opens a path that the kernel has at hand, which must not lead out of the directory if `beneath`: a descriptor, an error that is certain, or -EAGAIN: ask a thread. flags:
 * with O_CLOEXEC, and neither O_CREAT nor O_TRUNC.
 */
int bide__file_open_cached(int directory, const char *path, int flags, bool beneath);

/*
 * Opens; 0 or an error, without a message. directory: AT_FDCWD as usual; another one: the path must not lead out of it.
 * See bide_file_open_flags. Nothing is left open after an error. *ret_opened
 * is zeroed, or has a content_limit.
 */
int bide__file_open_descriptor(int directory, const char *path, int flags, mode_t permissions,
                               struct bide__opened *ret_opened);

/* True for what has offsets. */
static inline bool bide__opened_is_regular(const struct bide__opened *opened)
{
    return S_ISREG(opened->status.mode) || S_ISBLK(opened->status.mode);
}

/* enum bide__in_place of a descriptor; never: the flags of open that forbid an attempt. */
static inline uint8_t bide__opened_in_place(const struct bide__opened *opened, int flags, int never)
{
    if (opened->place == BIDE__PLACE_MEMORY)
        return BIDE__IN_PLACE_ALWAYS;
    return flags & never ? BIDE__IN_PLACE_NEVER : BIDE__IN_PLACE_TRY;
}

/*
 * A file for an opened descriptor, which it owns from now on. 0, or -ENOMEM with a message: the descriptor is closed
 * then.
 */
int bide__file_new(const char *path, int flags, const struct bide__opened *opened, struct bide_file **ret_file);

#endif
