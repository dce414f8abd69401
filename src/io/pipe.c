/*
 * Pipes and terminals as streams: new ones, given ones, and the standard ones.
 *
 * To be waited for, a descriptor has to be non-blocking; but that is a property of the open file, which other
 * descriptors, and other processes, share: a shell that has lent its terminal would find it changed. So a pipe or
 * terminal is opened once more, through /proc, which gives an open file of our own. Where that cannot be (a socket, a
 * terminal of somebody else), the property is set and given back at the end. A regular file needs neither.
 *
 * Must never happen: a terminal left non-blocking when a stream was closed.
 */
#include <bide/pipe.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/stream.h"

/* A descriptor that can be waited for. 0 or -errno; the given one is left alone. *ret_channel: without a loop. */
static int open_own(int descriptor, int access, bide_channel *ret_channel)
{
    struct stat status;
    char path[32];
    int flags = fcntl(descriptor, F_GETFL), own = -1;

    if (flags < 0 || fstat(descriptor, &status) < 0)
        return -errno;
    *ret_channel = (bide_channel){ .transport = &bide__transport_pipe };
    if (S_ISREG(status.st_mode) || flags & O_NONBLOCK) {
        own = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    } else if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
        own = open(path, access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    }
    if (own < 0) {
        own = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
        if (own >= 0 && fcntl(own, F_SETFL, flags | O_NONBLOCK) == 0)
            ret_channel->state = (void *)(intptr_t)(flags + 1);
    }
    ret_channel->descriptor = own;
    return own < 0 ? -errno : 0;
}

static int open_stream(int descriptor, int access, const char *name, bide_stream **ret_stream)
{
    bide_channel channel;

    if (!bide__loop)
        return bide_fail(-EPERM, "a stream over %s: no loop runs in this thread", name);
    int err = open_own(descriptor, access, &channel);
    if (err < 0)
        return bide_fail(err, "a stream over %s: %s", name, strerror(-err));
    channel.loop = bide__loop;
    bide_stream *stream = bide__stream_over(&channel, name);
    if (!stream) {
        channel.transport->close(&channel, false);
        return bide_fail(-ENOMEM, "a stream over %s: no memory", name);
    }
    *ret_stream = stream;
    return 0;
}

static int connect_pipe(int descriptor, int access, bide_stream **ret_stream)
{
    char name[32];

    snprintf(name, sizeof name, "pipe %d", descriptor);
    int err = open_stream(descriptor, access, name, ret_stream);
    if (err == 0)
        close(descriptor); /* a descriptor of its own stands for it */
    return err;
}

int bide_connect_read_pipe(int descriptor, bide_stream **ret_stream)
{
    return connect_pipe(descriptor, O_RDONLY, ret_stream);
}

int bide_connect_write_pipe(int descriptor, bide_stream **ret_stream)
{
    return connect_pipe(descriptor, O_WRONLY, ret_stream);
}

int bide_stdin(bide_stream **ret_stream)
{
    return open_stream(STDIN_FILENO, O_RDONLY, "stdin", ret_stream);
}

int bide_stdout(bide_stream **ret_stream)
{
    return open_stream(STDOUT_FILENO, O_WRONLY, "stdout", ret_stream);
}

int bide_stderr(bide_stream **ret_stream)
{
    return open_stream(STDERR_FILENO, O_WRONLY, "stderr", ret_stream);
}

int bide_pipe(bide_stream **ret_input, bide_stream **ret_output)
{
    int ends[2];

    if (!bide__loop)
        return bide_fail(-EPERM, "bide_pipe: no loop runs in this thread");
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return bide_fail(-errno, "bide_pipe: %s", strerror(errno));
    bide_stream *input = bide__stream_of_pipe(bide__loop, ends[0], "a pipe");
    bide_stream *output = input ? bide__stream_of_pipe(bide__loop, ends[1], "a pipe") : NULL;
    if (!output) {
        bide_close(input);
        if (!input)
            close(ends[0]);
        close(ends[1]);
        return bide_fail(-ENOMEM, "bide_pipe: no memory");
    }
    *ret_input = input;
    *ret_output = output;
    return 0;
}
