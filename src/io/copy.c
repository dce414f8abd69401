/*
 * Copying a file: by one thread from the beginning to the end, which looks between two pieces whether it is to stop.
 *
 * copy_file_range lets the file system do it: those that can share blocks need no time, others copy inside of the
 * kernel. Between file systems of old kernels, and from files that have no size (/proc), it does not work; then it is
 * read and written, 256 KiB at a time. What must never happen: half a copy that is left behind as if it were whole.
 */
#include <bide/path.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/file.h"
#include "task/wait.h"

enum { PIECE_BYTES = 4 * 1024 * 1024, BUFFER_BYTES = 256 * 1024 };

struct copy_call {
    struct bide__file_op base;
    const char *from, *to;
    bool concerns_to; /* the error is about the copy */
};

static bool is_stopped(struct copy_call *call)
{
    return atomic_load_explicit(&call->base.stop, memory_order_relaxed);
}

static int write_all(struct copy_call *call, int to, const char *data, size_t size)
{
    while (size) {
        ssize_t count = write(to, data, size);

        if (count < 0 && errno != EINTR) {
            call->concerns_to = true;
            return -errno;
        }
        if (count > 0) {
            data += count;
            size -= (size_t)count;
        }
    }
    return 0;
}

static int64_t copy_by_hand(struct copy_call *call, int from, int to)
{
    char *buffer = malloc(BUFFER_BYTES);
    int64_t copied = 0;

    if (!buffer)
        return -ENOMEM;
    for (;;) {
        ssize_t count = is_stopped(call) ? 0 : read(from, buffer, BUFFER_BYTES);

        if (is_stopped(call))
            copied = -ECANCELED;
        else if (count < 0 && errno == EINTR)
            continue;
        else if (count < 0)
            copied = -errno;
        if (count <= 0)
            break;
        int err = write_all(call, to, buffer, (size_t)count);
        if (err < 0) {
            copied = err;
            break;
        }
        copied += count;
    }
    free(buffer);
    return copied;
}

static int64_t copy_bytes(struct copy_call *call, int from, int to)
{
    int64_t copied = 0;

    for (;;) {
        if (is_stopped(call))
            return -ECANCELED;
        ssize_t count = copy_file_range(from, NULL, to, NULL, PIECE_BYTES, 0);
        if (count > 0) {
            copied += count;
            continue;
        }
        if (count < 0 && errno == EINTR)
            continue;
        if (copied == 0 && (count == 0 || errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ||
                            errno == EPERM || errno == EBADF))
            return copy_by_hand(call, from, to);
        call->concerns_to = count < 0;
        return count < 0 ? -errno : copied;
    }
}

/* Takes neither descriptor. */
static int64_t copy_to(struct copy_call *call, int from, const struct stat *status)
{
    struct stat other = { .st_size = 0 };
    int to = open(call->to, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, status->st_mode & 0777);

    call->concerns_to = true;
    if (to < 0)
        return -errno;
    if (fstat(to, &other) == 0 && other.st_dev == status->st_dev && other.st_ino == status->st_ino) {
        close(to);
        return -EINVAL;
    }
    int64_t result = 0;
    /* not an empty one: ext4 takes any truncation for the rewriting of a file, and begins writing at the close */
    while (S_ISREG(other.st_mode) && other.st_size > 0 && (result = ftruncate(to, 0) < 0 ? -errno : 0) == -EINTR)
        continue;
    call->concerns_to = result < 0;
    if (result == 0)
        result = copy_bytes(call, from, to);
    if (result >= 0 && S_ISREG(other.st_mode) && fchmod(to, status->st_mode & 07777) < 0)
        result = errno == EPERM ? result : -errno; /* a file system without permissions, or not our file */
    if (close(to) < 0 && errno != EINTR && result >= 0) {
        call->concerns_to = true;
        result = -errno;
    }
    if (result < 0 && S_ISREG(other.st_mode))
        unlink(call->to);
    return result;
}

static int64_t copy_by_thread(struct bide__file_op *file_op)
{
    struct copy_call *call = (struct copy_call *)(void *)file_op;
    struct stat status;
    int from = open(call->from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int64_t result;

    if (from < 0)
        return -errno;
    if (fstat(from, &status) < 0)
        result = -errno;
    else if (S_ISDIR(status.st_mode))
        result = -EISDIR;
    else
        result = copy_to(call, from, &status);
    close(from);
    return result;
}

int64_t bide_copy_file(const char *from, const char *to)
{
    struct copy_call call = { .from = from, .to = to };
    int64_t result = bide__file_call(&call.base, copy_by_thread);

    if (result == -EINVAL && call.concerns_to)
        return bide_fail(-EINVAL, "copy '%s' to '%s': they are the same file", from, to);
    return bide__file_explain(call.concerns_to ? "copy to" : "copy", call.concerns_to ? to : from, result);
}
