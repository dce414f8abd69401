/*
 * Opening without leaving a directory.
 *
 * The kernel resolves the path with RESOLVE_BENEATH; where that is not to be had (before Linux 5.6, in some
 * sandboxes), it is asked afterwards where the opened file really lies. What must never happen: a byte from outside.
 */
#include "io/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stack/sanitizer.h"

enum { RACES_MAX = 100 /* a directory that is renamed while it is walked through makes the kernel give up */ };

static int real_path(int descriptor, char path[PATH_MAX])
{
    char link[64];

    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0)
        return -errno;
    path[length] = '\0';
    return 0;
}

static int open_and_check(int directory, const char *path, int flags)
{
    char root[PATH_MAX], opened[PATH_MAX];
    int descriptor = *path == '/' ? -1 : openat(directory, path, flags);

    if (descriptor < 0)
        return *path == '/' ? -EXDEV : -errno;
    if (real_path(directory, root) == 0 && real_path(descriptor, opened) == 0) {
        size_t length = strcmp(root, "/") ? strlen(root) : 0;

        if (!strncmp(root, opened, length) && (opened[length] == '/' || opened[length] == '\0'))
            return descriptor;
    }
    close(descriptor);
    return -EXDEV;
}

int bide__open_beneath(int directory, const char *path, int flags)
{
    const struct open_how how = { .flags = (unsigned)flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    long descriptor = -1;

    if (bide__valgrind_running()) /* does not know the call */
        return open_and_check(directory, path, flags);
    for (int i = 0; i < RACES_MAX; i++) {
        descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (descriptor >= 0)
            return (int)descriptor;
        if (errno != EAGAIN && errno != EINTR)
            break;
    }
    if (errno != ENOSYS && errno != EPERM && errno != EINVAL)
        return -errno;
    return open_and_check(directory, path, flags);
}
