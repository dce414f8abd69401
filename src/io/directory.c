/*
 * Directories: their entries one after the other, in one directory or down a tree.
 *
 * A thread reads some hundred entries at once (32 KiB), so most calls of next do not wait. In a walk the directories
 * that are still to be read are kept as paths, the last found first; so one descriptor is open however deep it goes,
 * and a tree that changes meanwhile costs an entry, not the walk. Memory: the block, and the paths of the directories
 * found and not read.
 *
 * Must never happen: a link that is followed; an endless walk (links are not followed, and a directory has one name).
 */
#include <bide/path.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/file.h"
#include "sync/step.h"
#include "task/debug.h"

enum { BLOCK_BYTES = 32 * 1024 };

/* A directory of a walk that is still to be read. */
struct pending {
    struct pending *next;
    unsigned depth;
    char path[];
};

struct bide_directory {
    struct bide_loop *loop;
    int descriptor; /* of the one that is being read, -1: none */
    unsigned depth;
    bool walks;
    bool busy;
    bool found_directory; /* the last entry was one: pending is its */
    struct pending *pending;
    char *path; /* of the directory, with a '/', and behind it the name of the entry */
    size_t path_length, path_capacity;
    size_t start, end; /* in block: entries not given out yet */
    bide_directory_entry entry;
    char block[BLOCK_BYTES] __attribute__((aligned(8)));
};

struct directory_call {
    struct bide__file_op base;
    struct bide_directory *directory;
    const char *path;
};

static int64_t open_by_thread(struct bide__file_op *file_op)
{
    struct directory_call *call = (struct directory_call *)(void *)file_op;
    int descriptor;

    do {
        descriptor = open(call->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (call->directory->depth ? O_NOFOLLOW : 0));
    } while (descriptor < 0 && errno == EINTR);
    call->directory->descriptor = descriptor;
    return descriptor < 0 ? -errno : 0;
}

/* A file system that does not tell the type with the name is asked for it. */
static void find_types(struct bide_directory *directory)
{
    for (size_t at = directory->start; at < directory->end;) {
        struct dirent64 *entry = (struct dirent64 *)(void *)(directory->block + at);
        struct stat status;

        if (entry->d_type == DT_UNKNOWN &&
            fstatat(directory->descriptor, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
            entry->d_type = (unsigned char)IFTODT(status.st_mode);
        at += entry->d_reclen;
    }
}

static int64_t read_by_thread(struct bide__file_op *file_op)
{
    struct bide_directory *directory = ((struct directory_call *)(void *)file_op)->directory;
    ssize_t count = getdents64(directory->descriptor, directory->block, sizeof directory->block);

    if (count < 0)
        return errno == ENOENT ? 0 : -errno; /* it was removed meanwhile */
    directory->start = 0;
    directory->end = (size_t)count;
    find_types(directory);
    return count;
}

/* Makes room for a path of so many bytes. 0 or -ENOMEM. */
static int reserve_path(struct bide_directory *directory, size_t size)
{
    if (size <= directory->path_capacity)
        return 0;
    char *path = realloc(directory->path, size * 2);
    if (!path)
        return -ENOMEM;
    directory->path = path;
    directory->path_capacity = size * 2;
    return 0;
}

/* Opens the directory at a path, from now on the one that is read. 0 or an error. */
static int64_t enter_directory(struct bide_directory *directory, const char *path, unsigned depth)
{
    size_t length = strlen(path);
    struct directory_call call = { .directory = directory, .path = path };

    if (reserve_path(directory, length + 2) < 0)
        return -ENOMEM;
    directory->depth = depth;
    int64_t err = bide__file_call(&call.base, open_by_thread);
    if (err < 0)
        return err;
    memcpy(directory->path, path, length);
    if (length && path[length - 1] != '/')
        directory->path[length++] = '/';
    directory->path[length] = '\0';
    directory->path_length = length;
    directory->start = directory->end = 0;
    return 0;
}

static int open_directory(const char *path, bool walks, bide_directory **ret_directory)
{
    struct bide_directory *directory = malloc(sizeof *directory);

    if (!directory)
        return bide_fail(-ENOMEM, "read directory '%s': no memory", path);
    memset(directory, 0, offsetof(struct bide_directory, block));
    directory->loop = bide__loop;
    directory->descriptor = -1;
    directory->walks = walks;
    int64_t err = enter_directory(directory, path, 0);
    if (err < 0) {
        free(directory->path);
        free(directory);
        return (int)bide__file_explain("read directory", path, err);
    }
    if (__builtin_expect(directory->loop->debug, 0))
        bide__debug_opened(directory, "directory", path);
    *ret_directory = directory;
    return 0;
}

int bide_scandir(const char *path, bide_directory **ret_directory)
{
    return open_directory(path, false, ret_directory);
}

int bide_walk(const char *path, bide_directory **ret_directory)
{
    return open_directory(path, true, ret_directory);
}

/* The next directory of a walk. 1; 0: there is none; or an error: that one is left out. */
static int64_t next_directory(struct bide_directory *directory)
{
    struct pending *pending = directory->pending;

    if (directory->descriptor >= 0) {
        close(directory->descriptor);
        directory->descriptor = -1;
    }
    if (!pending)
        return 0;
    int64_t err = enter_directory(directory, pending->path, pending->depth);
    if (err == -ECANCELED || err == -ENOMEM || err == -EAGAIN) /* nothing happened: the next call tries again */
        return err;
    if (err < 0)
        bide__file_explain("read directory", pending->path, err);
    directory->pending = pending->next;
    free(pending);
    return err == -ENOENT ? next_directory(directory) : err < 0 ? err : 1;
}

/* Reads on. 1: there are entries; 0: there are none any more; or an error. */
static int64_t fill(struct bide_directory *directory)
{
    for (;;) {
        if (directory->descriptor >= 0) {
            struct directory_call call = { .directory = directory };
            int64_t count = bide__file_call(&call.base, read_by_thread);

            if (count > 0)
                return 1;
            if (count == -ECANCELED)
                return count;
            if (count < 0) {
                close(directory->descriptor);
                directory->descriptor = -1;
                return bide__file_explain("read directory", directory->path, count);
            }
        }
        int64_t more = next_directory(directory);
        if (more <= 0)
            return more;
    }
}

static int remember_directory(struct bide_directory *directory, const char *path)
{
    struct pending *pending = malloc(sizeof *pending + strlen(path) + 1);

    if (!pending)
        return -ENOMEM;
    memcpy(pending->path, path, strlen(path) + 1);
    pending->depth = directory->depth + 1;
    pending->next = directory->pending;
    directory->pending = pending;
    return 0;
}

/* Takes the first entry of the block. 1, 0: it is none to give out, or -ENOMEM: it is still there. */
static int take_entry(struct bide_directory *directory)
{
    const struct dirent64 *found = (const struct dirent64 *)(const void *)(directory->block + directory->start);
    size_t length = strlen(found->d_name);

    if (!strcmp(found->d_name, ".") || !strcmp(found->d_name, "..")) {
        directory->start += found->d_reclen;
        return 0;
    }
    if (reserve_path(directory, directory->path_length + length + 1) < 0)
        return -ENOMEM;
    memcpy(directory->path + directory->path_length, found->d_name, length + 1);
    directory->entry = (bide_directory_entry){
        .name = directory->path + directory->path_length,
        .path = directory->path,
        .type = (mode_t)DTTOIF(found->d_type),
        .inode = found->d_ino,
        .depth = directory->depth,
    };
    directory->found_directory = directory->walks && S_ISDIR(directory->entry.type);
    if (directory->found_directory && remember_directory(directory, directory->path) < 0)
        return -ENOMEM;
    directory->start += found->d_reclen;
    return 1;
}

int bide_directory_next(bide_directory *directory, bide_directory_entry **ret_entry)
{
    struct bide__record *task;
    int64_t result = bide__checkpoint(&task);

    if (result < 0)
        return (int)result;
    if (directory->busy)
        return bide_fail(-EBUSY, "read directory '%s': another task is doing that already", directory->path);
    directory->found_directory = false;
    while (result == 0) {
        if (directory->start == directory->end) {
            directory->busy = true;
            result = fill(directory);
            directory->busy = false;
            if (result <= 0)
                return (int)result;
        }
        result = take_entry(directory);
    }
    if (result < 0)
        return bide_fail((int)result, "read directory '%s': no memory", directory->path);
    *ret_entry = &directory->entry;
    return bide__step_end(task, 1);
}

void bide_directory_skip(bide_directory *directory)
{
    struct pending *pending = directory->pending;

    if (!directory->found_directory)
        return;
    directory->found_directory = false;
    directory->pending = pending->next;
    free(pending);
}

void bide_directory_close(bide_directory *directory)
{
    if (!directory)
        return;
    assert(!directory->busy && "a directory was closed while a task waits on it");
    if (__builtin_expect(directory->loop->debug, 0))
        bide__debug_closed(directory);
    while (directory->pending) {
        struct pending *pending = directory->pending;

        directory->pending = pending->next;
        free(pending);
    }
    if (directory->descriptor >= 0)
        close(directory->descriptor);
    free(directory->path);
    free(directory);
}
