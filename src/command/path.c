/*
 * Paths of requests, and how they are opened without ever leaving the directory.
 *
 * ".." is refused in the decoded text. Symbolic links are resolved by the kernel with RESOLVE_BENEATH; where that is
 * not to be had, by asking afterwards where the opened file really lies. What must never happen: a byte from outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

#include "command/serve.h"

enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY }; /* a FIFO must not stop us */

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool has_parent_step(const char *path)
{
    for (const char *step = path; *step; step += *step == '/') {
        size_t length = strcspn(step, "/");

        if (length == 2 && step[0] == '.' && step[1] == '.')
            return true;
        step += length;
    }
    return false;
}

int path_decode(const char *encoded, char *path, size_t size)
{
    size_t length = 0;

    if (*encoded != '/')
        return 400;
    for (const char *at = encoded; *at; at++) {
        char byte = *at;

        if (byte == '%') {
            if (hex_value(at[1]) < 0 || hex_value(at[2]) < 0)
                return 400;
            byte = (char)(hex_value(at[1]) * 16 + hex_value(at[2]));
            at += 2;
        }
        if (byte == '\0')
            return 400;
        if (byte == '/' && length == 0)
            continue;
        if (length + 2 > size)
            return 404;
        path[length++] = byte;
    }
    if (length == 0)
        path[length++] = '.';
    path[length] = '\0';
    return has_parent_step(path) ? 403 : 0;
}

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

/* For kernels and sandboxes without openat2(): opens, then looks where that led. */
static int open_and_check(int directory, const char *path)
{
    char root[PATH_MAX], opened[PATH_MAX];
    int descriptor = openat(directory, path, OPEN_FLAGS);

    if (descriptor < 0)
        return -errno;
    if (real_path(directory, root) == 0 && real_path(descriptor, opened) == 0) {
        size_t length = strcmp(root, "/") ? strlen(root) : 0;

        if (!strncmp(root, opened, length) && (opened[length] == '/' || opened[length] == '\0'))
            return descriptor;
    }
    close(descriptor);
    return -EXDEV;
}

int path_open(int directory, const char *path)
{
#ifdef SYS_openat2
    const struct open_how how = { .flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    long descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);

    if (descriptor >= 0)
        return (int)descriptor;
    if (errno != ENOSYS && errno != EPERM && errno != EINVAL)
        return -errno;
#endif
    return open_and_check(directory, path);
}
