/*
 * Files: an open descriptor, its position, and what was read ahead of it.
 *
 * The position is ours, not the kernel's: all reads and writes of a regular file name their offset, so a transfer
 * that was cut short moves it by exactly what happened, and calls with their own offset can go on beside it. Only
 * appending uses the kernel's. What has no offsets (a FIFO, a terminal) is read and written like a stream.
 *
 * Closing: what was only read is closed in place; what was written to is closed by a thread, because a file system
 * may write to the disk, or to a server, just then. When the closing task is cancelled, the file itself is the job
 * and is freed when it is done. Must never happen: a descriptor that stays open.
 */
#include "io/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/behind.h"
#include "sync/step.h"
#include "task/debug.h"

enum { LINE_LIMIT = 64 * 1024 };

int64_t bide__file_explain(const char *action, const char *path, int64_t err)
{
    if (err >= 0 || err == -ECANCELED || !bide__current())
        return err;
    if (err == -EBUSY)
        return bide_fail(-EBUSY, "%s '%s': another task is doing that already", action, path);
    return bide_fail((int)err, "%s '%s': %s", action, path, strerror((int)-err));
}

int64_t bide__file_call(struct bide__file_op *file_op, int64_t (*call)(struct bide__file_op *file_op))
{
    file_op->op.kind = BIDE__OP_CALL;
    file_op->call = call;
    return bide__op_run(&file_op->op);
}

/* The flags of a mode; -1: there is no such mode. */
static int flags_of(const char *mode)
{
    static const struct {
        char letter;
        int flags;
    } modes[] = { { 'r', 0 }, { 'w', O_CREAT | O_TRUNC }, { 'a', O_CREAT | O_APPEND }, { 'x', O_CREAT | O_EXCL } };
    bool plus = false;

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (mode[0] != modes[i].letter)
            continue;
        for (const char *more = mode + 1; *more; more++) {
            if (*more != '+' && *more != 'b')
                return -1;
            if (strchr(more + 1, *more))
                return -1;
            plus |= *more == '+';
        }
        return modes[i].flags | (plus ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY);
    }
    return -1;
}

int bide__file_new(const char *path, int flags, const struct bide__opened *opened, struct bide_file **ret_file)
{
    size_t length = strlen(path) + 1;
    struct bide_file *file = malloc(sizeof *file + length);

    if (!file) {
        close(opened->descriptor);
        return bide_fail(-ENOMEM, "open '%s': no memory", path);
    }
    *file = (struct bide_file){
        .loop = bide__loop,
        .descriptor = opened->descriptor,
        .regular = bide__opened_is_regular(opened),
        .appends = flags & O_APPEND,
        .near = opened->place == BIDE__PLACE_LOCAL || opened->place == BIDE__PLACE_MEMORY,
        .written = flags & O_TRUNC,
        .reads_in_place = bide__opened_in_place(opened, flags, O_DIRECT),
        .writes_in_place = bide__opened_in_place(opened, flags, O_DIRECT | O_SYNC | O_DSYNC),
        .line_limit = LINE_LIMIT,
        .path = memcpy(file + 1, path, length),
    };
    if (__builtin_expect(file->loop->debug, 0))
        bide__debug_opened(file, "file", path);
    *ret_file = file;
    return 0;
}

int bide_file_open_flags(const char *path, int flags, mode_t permissions, bide_file **ret_file)
{
    struct bide__opened opened = { .content_limit = 0 };
    int err = bide__file_open_descriptor(AT_FDCWD, path, flags, permissions, &opened);

    if (err < 0)
        return (int)bide__file_explain("open", path, err);
    return bide__file_new(path, flags, &opened, ret_file);
}

int bide_file_open_beneath(int directory, const char *path, bide_file **ret_file)
{
    struct bide__opened opened = { .content_limit = 0 };
    int err = bide__file_open_descriptor(directory, path, O_RDONLY | O_NOCTTY, 0, &opened);

    if (err < 0)
        return (int)bide__file_explain("open", path, err);
    return bide__file_new(path, O_RDONLY, &opened, ret_file);
}

int bide_file_open(const char *path, const char *mode, bide_file **ret_file)
{
    int flags = flags_of(mode);

    if (flags < 0)
        return bide_fail(-EINVAL, "open '%s': mode \"%s\" is none of r, w, a, x with + and b", path, mode);
    return bide_file_open_flags(path, flags, 0666, ret_file);
}

struct close_call {
    struct bide__file_op base;
    int descriptor;
    const char *temporary; /* removed too; NULL: none */
};

/* Linux closes also when it says EINTR. */
static int64_t close_by_thread(struct bide__file_op *file_op)
{
    const struct close_call *call = (const struct close_call *)(void *)file_op;

    if (call->temporary)
        unlink(call->temporary);
    return close(call->descriptor) < 0 && errno != EINTR ? -errno : 0;
}

static struct bide_file *of_closing(struct bide__job *job)
{
    return (struct bide_file *)(void *)((char *)job - offsetof(struct bide_file, closing));
}

static void closing_work(struct bide__job *job)
{
    struct bide_file *file = of_closing(job);

    close(file->descriptor);
    file->descriptor = -1;
}

static void closing_finished(struct bide__job *job)
{
    struct bide_file *file = of_closing(job);

    if (file->descriptor >= 0) /* the loop ended first */
        close(file->descriptor);
    free(file);
}

/* Nobody waits for it. */
static void close_behind(struct bide_file *file)
{
    if (file->removal)
        bide__behind_run(file->removal, file->path);
    file->closing = (struct bide__job){ .work = closing_work, .finished = closing_finished };
    if (bide__file_job_submit(file->loop, &file->closing) < 0)
        closing_finished(&file->closing);
}

int bide_file_close(bide_file *file)
{
    if (!file)
        return 0;
    assert(!file->busy && !file->at_once && "a file was closed while a task is in the middle of a call on it");
    if (__builtin_expect(file->loop->debug, 0))
        bide__debug_closed(file);
    bide__file_forget_lines(file);
    if (!file->regular)
        file->loop->backend->forget(file->loop, file->descriptor);
    int64_t err = 0;
    if (file->removal || (file->written && file->regular)) {
        struct close_call call = { .descriptor = file->descriptor, .temporary = file->removal ? file->path : NULL };

        err = bide__current() ? bide__file_call(&call.base, close_by_thread) : -ECANCELED;
        if (err == -ECANCELED || err == -EAGAIN || err == -ENOMEM) { /* cancelled, or no thread can be had */
            close_behind(file);
            return 0;
        }
        bide__behind_free(file->removal);
    } else {
        close(file->descriptor);
    }
    if (err < 0)
        bide__file_explain("close", file->path, err);
    free(file);
    return (int)err;
}

struct stat_call {
    struct bide__file_op base;
    int descriptor;
    struct stat *status;
};

static int64_t stat_by_thread(struct bide__file_op *file_op)
{
    struct stat_call *call = (struct stat_call *)(void *)file_op;

    return fstat(call->descriptor, call->status) < 0 ? -errno : 0;
}

int bide_file_stat(bide_file *file, struct stat *ret_status)
{
    struct bide__record *task;
    struct stat status;
    int64_t err = bide__checkpoint(&task);

    if (err < 0)
        return (int)err;
    file->at_once++;
    if (file->near) {
        err = bide__step_end(task, fstat(file->descriptor, &status) < 0 ? -errno : 0);
    } else {
        struct stat_call call = { .descriptor = file->descriptor, .status = &status };

        err = bide__file_call(&call.base, stat_by_thread);
    }
    file->at_once--;
    if (err == 0)
        *ret_status = status;
    return (int)bide__file_explain("stat", file->path, err);
}

static int64_t seek_to(struct bide_file *file, int64_t base, int64_t offset)
{
    int64_t position;

    if (__builtin_add_overflow(base, offset, &position) || position < 0)
        return bide_fail(-EINVAL, "seek in '%s': %lld is before the beginning", file->path, (long long)offset);
    bide__file_forget_lines(file);
    file->position = position;
    return position;
}

int64_t bide_file_seek(bide_file *file, int64_t offset, int whence)
{
    struct stat status = { .st_size = 0 };

    if (!file->regular)
        return bide__file_explain("seek in", file->path, -ESPIPE);
    if (file->busy)
        return bide__file_explain("seek in", file->path, -EBUSY);
    switch (whence) {
    case SEEK_SET:
        return seek_to(file, 0, offset);
    case SEEK_CUR:
        return seek_to(file, file->position, offset);
    case SEEK_END: {
        file->busy = true;
        int64_t end = bide_file_stat(file, &status);
        if (end == 0)
            end = S_ISBLK(status.st_mode) ? lseek(file->descriptor, 0, SEEK_END) : status.st_size;
        file->busy = false;
        return end < 0 ? end : seek_to(file, end, offset);
    }
    default:
        return bide_fail(-EINVAL, "seek in '%s': %d is not SEEK_SET, SEEK_CUR or SEEK_END", file->path, whence);
    }
}

int64_t bide_file_tell(const bide_file *file)
{
    return file->position;
}

const char *bide_file_path(const bide_file *file)
{
    return file->path;
}

int bide_file_descriptor(const bide_file *file)
{
    return file->descriptor;
}

struct truncate_call {
    struct bide__file_op base;
    int descriptor;
    int64_t size;
};

static int64_t truncate_by_thread(struct bide__file_op *file_op)
{
    struct truncate_call *call = (struct truncate_call *)(void *)file_op;
    int result;

    do {
        result = ftruncate(call->descriptor, call->size);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

int bide_file_truncate(bide_file *file, int64_t size)
{
    struct truncate_call call = { .descriptor = file->descriptor, .size = size };

    file->at_once++;
    int64_t err = bide__file_call(&call.base, truncate_by_thread);
    file->at_once--;
    file->written = true;
    if (!file->busy)
        bide__file_forget_lines(file);
    return (int)bide__file_explain("truncate", file->path, err);
}

static int sync_file(bide_file *file, bool data_only)
{
    struct bide__file_op file_op = { .op = { .kind = BIDE__OP_SYNC, .descriptor = file->descriptor },
                                     .data_only = data_only };

    file->at_once++;
    int64_t err = bide__op_run(&file_op.op);
    file->at_once--;
    return (int)bide__file_explain("sync", file->path, err);
}

int bide_file_fsync(bide_file *file)
{
    return sync_file(file, false);
}

int bide_file_fdatasync(bide_file *file)
{
    return sync_file(file, true);
}
