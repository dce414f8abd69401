/*
 * Opening a file: in place when the kernel has the path in its cache and the directory is known to be near, 1 us;
 * else by a thread, which also finds out where the file lies.
 *
 * Creating and truncating change the disk's structures and are always a thread's. Everything is opened with
 * O_NONBLOCK, so a FIFO or a terminal without its other end cannot hold a thread for ever; files do not care. Must
 * never happen: a descriptor that is lost because the open was cancelled: one that a thread has opened is the result
 * of the call.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/beneath.h"
#include "io/file.h"
#include "stack/sanitizer.h"
#include "sync/step.h"

struct open_call {
    struct bide__file_op base;
    int directory;
    const char *path;
    int flags;
    mode_t permissions;
    struct bide__opened opened;
};

/* The kernel (before Linux 5.12), a container profile or Valgrind does not know opens that do not wait. */
static atomic_bool never_in_place;

static bool may_be_cached(int flags)
{
    return !(flags & (O_CREAT | O_TRUNC)) && (flags & O_TMPFILE) != O_TMPFILE;
}

/* A descriptor, an error that a thread would get too, or -EAGAIN. */
int bide__file_open_cached(int directory, const char *path, int flags, bool beneath)
{
    struct open_how how = { .flags = (unsigned)flags,
                            .resolve = RESOLVE_CACHED | (beneath ? RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS : 0) };

    if (atomic_load_explicit(&never_in_place, memory_order_relaxed))
        return -EAGAIN;
    if (bide__valgrind_running()) {
        atomic_store(&never_in_place, true);
        return -EAGAIN;
    }
    int descriptor = (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (descriptor >= 0)
        return descriptor;
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case ELOOP:
    case EMFILE:
    case ENFILE:
    case ENAMETOOLONG:
    case EXDEV:
        return -errno;
    case ENOSYS:
    case EINVAL:
    case EPERM:
    case E2BIG:
        atomic_store(&never_in_place, true);
        return -EAGAIN;
    default:
        return -EAGAIN;
    }
}

/* In a thread. A file that somebody has a lease on (F_SETLEASE) says EAGAIN: then we wait for it. */
static int open_patiently(const char *path, int flags, mode_t permissions)
{
    struct stat status;
    int descriptor;

    do {
        descriptor = open(path, flags, permissions);
        if (descriptor < 0 && errno == EAGAIN && stat(path, &status) == 0 && S_ISREG(status.st_mode))
            descriptor = open(path, flags & ~O_NONBLOCK, permissions);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor < 0 ? -errno : descriptor;
}

/* Reads a small file at once, as it was asked for. What goes wrong shows again when it is read the usual way. */
static void read_content(struct bide__opened *opened)
{
    size_t size = (size_t)opened->status.size;
    ssize_t count = 1;

    if (!S_ISREG(opened->status.mode) || size == 0 || opened->status.size > opened->content_limit)
        return;
    opened->content = malloc(size + 1);
    while (opened->content && opened->content_size < size && count > 0) {
        count = pread(opened->descriptor, opened->content + opened->content_size, size - opened->content_size,
                      (off_t)opened->content_size);
        if (count > 0)
            opened->content_size += (size_t)count;
        else if (count < 0 && errno == EINTR)
            count = 1;
    }
    if (count < 0) {
        free(opened->content);
        opened->content = NULL;
        opened->content_size = 0;
    }
}

static int64_t open_by_thread(struct bide__file_op *file_op)
{
    struct open_call *call = (struct open_call *)(void *)file_op;
    int descriptor = call->directory == AT_FDCWD ? open_patiently(call->path, call->flags, call->permissions)
                                                 : bide__open_beneath(call->directory, call->path, call->flags);

    if (descriptor < 0)
        return descriptor;
    int err = bide__file_status_get(descriptor, &call->opened.status);
    if (err < 0) {
        close(descriptor);
        return err;
    }
    call->opened.place = bide__place_look(descriptor, &call->opened.status);
    call->opened.descriptor = descriptor;
    read_content(&call->opened);
    return 0;
}

/* What is at hand of a file that was opened in place. */
static int look(struct bide_loop *loop, int directory, const char *path, struct bide__opened *opened)
{
    int err = bide__file_status_get(opened->descriptor, &opened->status);

    if (err < 0) {
        close(opened->descriptor);
        return err;
    }
    opened->place = bide__place_of(loop, &opened->status);
    if (opened->place == BIDE__PLACE_UNKNOWN || opened->place == BIDE__PLACE_REMOTE)
        bide__place_note(loop, directory, path, &opened->status, BIDE__PLACE_REMOTE);
    return 0;
}

/* Apart, so that the frame of those who need no thread stays small: it may be the one that costs a page. */
static __attribute__((noinline)) int open_elsewhere(struct bide_loop *loop, int directory, const char *path, int flags,
                                                    mode_t permissions, struct bide__opened *ret_opened)
{
    struct open_call call = { .directory = directory,
                              .path = path,
                              .flags = flags,
                              .permissions = permissions,
                              .opened.content_limit = ret_opened->content_limit };
    int err = (int)bide__file_call(&call.base, open_by_thread);

    if (err < 0)
        return err;
    bide__place_note(loop, directory, path, &call.opened.status, call.opened.place);
    *ret_opened = call.opened;
    return 0;
}

int bide__file_open_descriptor(int directory, const char *path, int flags, mode_t permissions,
                               struct bide__opened *ret_opened)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    flags |= O_CLOEXEC | O_NONBLOCK;
    if (may_be_cached(flags) && bide__place_is_near(task->loop, directory, path)) {
        struct bide__opened opened = { .descriptor =
                                           bide__file_open_cached(directory, path, flags, directory != AT_FDCWD) };

        err = opened.descriptor < 0 ? opened.descriptor : look(task->loop, directory, path, &opened);
        if (err == 0)
            *ret_opened = opened;
        if (err != -EAGAIN)
            return bide__step_end(task, err);
    }
    return open_elsewhere(task->loop, directory, path, flags, permissions, ret_opened);
}
