/*
 * The pipes between us and a program: our ends are streams, the child's ends ordinary descriptors.
 *
 * Our end does not block and the child's does, as every program expects: the two ends of a pipe are two open files, so
 * the one flag does not touch the other. No end of ours has the number of a standard stream, which the child would
 * take for its own; all are close-on-exec, so no other child holds them open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "io/process.h"
#include "io/process_start.h"
#include "io/stream.h"

static int close_both(const int ends[2], int error)
{
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    return -error;
}

int bide__process_open_pipe(struct bide_process *process, int number)
{
    static const char *const names[] = { "stdin", "stdout", "stderr" };
    const int ours = number == STDIN_FILENO; /* which end: the second is written to */
    char peer[BIDE__ADDRESS_TEXT];
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        ends[i] = bide__above_standard(ends[i]);
        if (ends[i] < 0)
            return close_both(ends, errno);
    }
    if (fcntl(ends[ours], F_SETFL, O_NONBLOCK | (ours ? O_WRONLY : O_RDONLY)) < 0)
        return close_both(ends, errno);
    snprintf(peer, sizeof peer, "%s of '%s'", names[number], process->name);
    process->standard[number] = bide__stream_of_pipe(process->loop, ends[ours], peer);
    return process->standard[number] ? ends[!ours] : close_both(ends, ENOMEM);
}

void bide__process_close_pipes(struct bide_process *process)
{
    for (int i = 0; i < 3; i++) {
        bide_close(process->standard[i]);
        process->standard[i] = NULL;
    }
}

bide_stream *bide_process_stdin(const bide_process *process)
{
    return process->standard[STDIN_FILENO];
}

bide_stream *bide_process_stdout(const bide_process *process)
{
    return process->standard[STDOUT_FILENO];
}

bide_stream *bide_process_stderr(const bide_process *process)
{
    return process->standard[STDERR_FILENO];
}
