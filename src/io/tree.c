/*
 * Trees of directories made and removed, by one thread from the beginning to the end, which looks between two steps
 * whether it is to stop.
 *
 * Removing goes down by descriptors (openat, unlinkat) and never by paths, so nobody can lead it elsewhere by putting
 * a link in its way; at most DEPTH_MAX deep, with a descriptor for each level.
 */
#include "io/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/path.h>

#include "io/file.h"
#include "task/wait.h"

enum { DEPTH_MAX = 512 };

struct tree_call {
    struct bide__file_op base;
    const char *path;
    mode_t permissions;
};

static int remove_in(int descriptor, const atomic_bool *stop, unsigned depth);

/* Removes one entry of a directory, with what is in it. */
static int remove_entry(int directory, const char *name, const atomic_bool *stop, unsigned depth)
{
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    int err = -errno, descriptor = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0)
        return errno == ENOTDIR || errno == ELOOP ? err : -errno;
    err = depth == DEPTH_MAX ? -ENAMETOOLONG : remove_in(descriptor, stop, depth + 1); /* takes the descriptor */
    if (err == 0 && unlinkat(directory, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        err = -errno;
    return err;
}

/* Removes all that is in a directory; takes its descriptor. */
static int remove_in(int descriptor, const atomic_bool *stop, unsigned depth)
{
    DIR *directory = fdopendir(descriptor);
    int err = 0;

    if (!directory) {
        err = -errno;
        close(descriptor);
        return err;
    }
    while (err == 0) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry) {
            err = -errno;
            break;
        }
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        err = stop && atomic_load_explicit(stop, memory_order_relaxed)
                  ? -ECANCELED
                  : remove_entry(descriptor, entry->d_name, stop, depth);
    }
    closedir(directory);
    return err;
}

int bide__tree_remove(const char *path, const atomic_bool *stop)
{
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (descriptor < 0)
        return errno == ELOOP ? -ENOTDIR : -errno;
    int err = remove_in(descriptor, stop, 0);
    return err < 0 ? err : rmdir(path) < 0 ? -errno : 0;
}

static int64_t remove_by_thread(struct bide__file_op *file_op)
{
    return bide__tree_remove(((struct tree_call *)(void *)file_op)->path, &file_op->stop);
}

int bide_rmtree(const char *path)
{
    struct tree_call call = { .path = path };

    return (int)bide__file_explain("remove tree", path, bide__file_call(&call.base, remove_by_thread));
}

static int make(const char *path, mode_t permissions)
{
    struct stat status;

    if (mkdir(path, permissions) == 0)
        return 0;
    int err = -errno;
    return err == -EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode) ? 0 : err;
}

/* First as if all but the last were there, then from the beginning. */
static int64_t make_by_thread(struct bide__file_op *file_op)
{
    const struct tree_call *call = (const struct tree_call *)(void *)file_op;
    int err = make(call->path, call->permissions);

    if (err != -ENOENT || !*call->path)
        return err;
    char *path = strdup(call->path);
    if (!path)
        return -ENOMEM;
    for (char *at = path + 1; *at; at++) {
        if (*at != '/' || at[-1] == '/' || !at[strspn(at, "/")])
            continue;
        *at = '\0';
        err = atomic_load(&file_op->stop) ? -ECANCELED : make(path, 0777);
        *at = '/';
        if (err < 0)
            break;
    }
    free(path);
    return err < 0 ? err : make(call->path, call->permissions);
}

int bide_makedirs(const char *path, mode_t permissions)
{
    struct tree_call call = { .path = path, .permissions = permissions };

    return (int)bide__file_explain("make directory", path, bide__file_call(&call.base, make_by_thread));
}
