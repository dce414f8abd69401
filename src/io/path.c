/*
 * Paths: one system call of the file system each, made by a thread.
 *
 * stat is asked in place first: the path is looked up in the kernel's cache only (openat2 with RESOLVE_CACHED and
 * O_PATH, which opens nothing), then what is known of the file is taken as it is. That is three system calls, 1.1 us,
 * where a thread costs ten times as much; it counts only on file systems whose knowledge cannot be out of date.
 */
#include <bide/path.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/file.h"
#include "sync/step.h"
#include "task/failure.h"

struct path_call {
    struct bide__file_op base;
    const char *path, *other;
    int mode;
    void *result;
    size_t size;
};

static struct path_call *of(struct bide__file_op *file_op)
{
    return (struct path_call *)(void *)file_op;
}

static int64_t outcome(int64_t result)
{
    return result < 0 ? -errno : result;
}

static int64_t call_stat(struct bide__file_op *op)
{
    return outcome(fstatat(AT_FDCWD, of(op)->path, of(op)->result, of(op)->mode));
}

static int64_t call_access(struct bide__file_op *op)
{
    return outcome(access(of(op)->path, of(op)->mode));
}

static int64_t call_statvfs(struct bide__file_op *op)
{
    return outcome(statvfs(of(op)->path, of(op)->result));
}

static int64_t call_rename(struct bide__file_op *op)
{
    return outcome(rename(of(op)->path, of(op)->other));
}

static int64_t call_remove(struct bide__file_op *op)
{
    return outcome(unlink(of(op)->path));
}

static int64_t call_mkdir(struct bide__file_op *op)
{
    return outcome(mkdir(of(op)->path, (mode_t)of(op)->mode));
}

static int64_t call_rmdir(struct bide__file_op *op)
{
    return outcome(rmdir(of(op)->path));
}

static int64_t call_link(struct bide__file_op *op)
{
    return outcome(link(of(op)->path, of(op)->other));
}

static int64_t call_symlink(struct bide__file_op *op)
{
    return outcome(symlink(of(op)->path, of(op)->other));
}

static int64_t call_readlink(struct bide__file_op *op)
{
    return outcome(readlink(of(op)->path, of(op)->result, of(op)->size));
}

/* "rename 'a' to 'b': No such file or directory". */
static int explain(const char *action, const char *path, const char *joint, const char *other, int64_t err)
{
    if (err >= 0 || err == -ECANCELED || !bide__current())
        return (int)err;
    if (!other)
        return (int)bide__file_explain(action, path, err);
    return bide_fail((int)err, "%s '%s' %s '%s': %s", action, path, joint, other, strerror((int)-err));
}

static int on_path(const char *action, const char *path, int mode, void *result,
                   int64_t (*function)(struct bide__file_op *op))
{
    struct path_call call = { .path = path, .mode = mode, .result = result };

    return explain(action, path, NULL, NULL, bide__file_call(&call.base, function));
}

static int on_two(const char *action, const char *path, const char *joint, const char *other,
                  int64_t (*function)(struct bide__file_op *op))
{
    struct path_call call = { .path = path, .other = other };

    return explain(action, path, joint, other, bide__file_call(&call.base, function));
}

static void to_stat(const struct statx *status, struct stat *ret_status)
{
    *ret_status = (struct stat){
        .st_dev = makedev(status->stx_dev_major, status->stx_dev_minor),
        .st_ino = status->stx_ino,
        .st_mode = status->stx_mode,
        .st_nlink = status->stx_nlink,
        .st_uid = status->stx_uid,
        .st_gid = status->stx_gid,
        .st_rdev = makedev(status->stx_rdev_major, status->stx_rdev_minor),
        .st_size = (off_t)status->stx_size,
        .st_blksize = (blksize_t)status->stx_blksize,
        .st_blocks = (blkcnt_t)status->stx_blocks,
        .st_atim = { .tv_sec = status->stx_atime.tv_sec, .tv_nsec = status->stx_atime.tv_nsec },
        .st_mtim = { .tv_sec = status->stx_mtime.tv_sec, .tv_nsec = status->stx_mtime.tv_nsec },
        .st_ctim = { .tv_sec = status->stx_ctime.tv_sec, .tv_nsec = status->stx_ctime.tv_nsec },
    };
}

/* What is known without asking anybody: 0, an error that is certain, or -EAGAIN. */
static int stat_in_place(const struct bide_loop *loop, const char *path, int flags, struct stat *ret_status)
{
    struct statx status;
    int descriptor = bide__file_open_cached(AT_FDCWD, path,
                                            O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0), false);

    if (descriptor < 0)
        return descriptor == -EMFILE || descriptor == -ENFILE ? -EAGAIN : descriptor;
    int err = statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &status) < 0 ? -EAGAIN : 0;
    close(descriptor);
    if (err == 0) {
        const struct bide__file_status known = { .device_major = status.stx_dev_major,
                                                 .device_minor = status.stx_dev_minor };
        enum bide__file_place place = bide__place_of(loop, &known);

        if (place != BIDE__PLACE_LOCAL && place != BIDE__PLACE_MEMORY)
            return -EAGAIN;
        to_stat(&status, ret_status);
    }
    return err;
}

static int stat_at(const char *path, int flags, struct stat *ret_status)
{
    struct bide__record *task;
    struct stat status;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    err = stat_in_place(task->loop, path, flags, &status);
    if (err != -EAGAIN) {
        err = bide__step_end(task, err);
    } else {
        struct path_call call = { .path = path, .mode = flags, .result = &status };

        err = (int)bide__file_call(&call.base, call_stat);
    }
    if (err == 0)
        *ret_status = status;
    return err;
}

int bide_stat(const char *path, struct stat *ret_status)
{
    return explain("stat", path, NULL, NULL, stat_at(path, 0, ret_status));
}

int bide_lstat(const char *path, struct stat *ret_status)
{
    return explain("stat", path, NULL, NULL, stat_at(path, AT_SYMLINK_NOFOLLOW, ret_status));
}

int bide_exists(const char *path)
{
    struct stat status;
    int err = stat_at(path, 0, &status);

    if (err == -ENOENT || err == -ENOTDIR)
        return 0;
    return err < 0 ? explain("stat", path, NULL, NULL, err) : 1;
}

int bide_access(const char *path, int mode)
{
    return on_path("access", path, mode, NULL, call_access);
}

int bide_statvfs(const char *path, struct statvfs *ret_status)
{
    return on_path("statvfs", path, 0, ret_status, call_statvfs);
}

int bide_rename(const char *from, const char *to)
{
    return on_two("rename", from, "to", to, call_rename);
}

int bide_remove(const char *path)
{
    return on_path("remove", path, 0, NULL, call_remove);
}

int bide_mkdir(const char *path, mode_t permissions)
{
    return on_path("make directory", path, (int)permissions, NULL, call_mkdir);
}

int bide_rmdir(const char *path)
{
    return on_path("remove directory", path, 0, NULL, call_rmdir);
}

int bide_link(const char *target, const char *path)
{
    return on_two("link", target, "as", path, call_link);
}

int bide_symlink(const char *target, const char *path)
{
    return on_two("link to", target, "as", path, call_symlink);
}

ssize_t bide_readlink(const char *path, char *buffer, size_t size)
{
    struct path_call call = { .path = path, .result = buffer, .size = size };

    if (size == 0)
        return bide_fail(BIDE_ELIMIT, "read link '%s': nothing fits into 0 bytes", path);
    int64_t length = bide__file_call(&call.base, call_readlink);
    if (length < 0)
        return explain("read link", path, NULL, NULL, length);
    if ((size_t)length == size)
        return bide_fail(BIDE_ELIMIT, "read link '%s': it says more than fits into %zu bytes", path, size);
    buffer[length] = '\0';
    return (ssize_t)length;
}
