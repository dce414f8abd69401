/* Pipes, terminals and the standard descriptors as streams, and what becomes of those that share them. */
#include <bide/test.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

bide_test(pipe_carries_bytes)
{
    bide_stream *input, *output;
    char text[8];

    check_eq(bide_pipe(&input, &output), 0);
    check_eq(bide_write(output, "hello", 5), 5);
    check_eq(bide_read(input, text, sizeof text), 5);
    check_error(bide_write(input, "x", 1), EBADF, "write to a pipe");
    bide_close(output);
    check_eq(bide_read(input, text, sizeof text), 0);
    bide_close(input);
    check_eq(bide_pipe(&input, &output), 0);
    bide_close(input);
    check_error(bide_write(output, "x", 1), EPIPE);
    bide_close(output);
    return 0;
}

static bool is_blocking(int descriptor)
{
    return !(fcntl(descriptor, F_GETFL) & O_NONBLOCK);
}

bide_test(given_pipes_are_waited_for_and_closed_and_others_see_no_change)
{
    bide_stream *input, *output;
    int ends[2], shared[2];
    char text[8];

    check(pipe(ends) == 0);
    shared[0] = dup(ends[0]); /* as another process would have it */
    shared[1] = dup(ends[1]);
    check_eq(bide_connect_read_pipe(ends[0], &input), 0);
    check(fcntl(ends[0], F_GETFD) < 0); /* its now */
    check_eq(bide_connect_write_pipe(ends[1], &output), 0);
    check(fcntl(ends[1], F_GETFD) < 0);
    check(is_blocking(shared[0]) && is_blocking(shared[1]));
    int err;
    bide_timeout (1, err)
        err = (int)bide_read(input, text, 1);
    check_error(err, ETIMEDOUT);
    check_eq(bide_write(output, "abc", 3), 3);
    check_eq(bide_read_exactly(input, text, 3), 0);
    bide_close(input);
    bide_close(output);
    check(is_blocking(shared[0]) && is_blocking(shared[1]));
    close(shared[0]);
    close(shared[1]);
    return 0;
}

bide_test(given_descriptors_that_are_none)
{
    bide_stream *stream;
    int closed = dup(0);

    close(closed);
    check_error(bide_connect_read_pipe(closed, &stream), EBADF, "a stream over pipe");
    check_error(bide_connect_write_pipe(-1, &stream), EBADF);
    return 0;
}

bide_test(terminal_is_read_by_lines_and_left_as_it_was)
{
    bide_stream *terminal;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char line[16];

    check(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC), shared = dup(slave);
    check(slave >= 0 && shared >= 0);
    check_eq(bide_connect_read_pipe(slave, &terminal), 0);
    check(is_blocking(shared));
    check_eq(write(master, "hi\n", 3), 3);
    check_eq(bide_read_line(terminal, line, sizeof line), 2);
    check_str(line, "hi");
    bide_close(terminal);
    check(is_blocking(shared));
    close(shared);
    close(master);
    return 0;
}

bide_test(socket_in_place_of_a_pipe_gets_its_flags_back)
{
    bide_stream *stream;
    int ends[2];
    char text[4];

    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    int shared = dup(ends[0]);
    check_eq(bide_connect_read_pipe(ends[0], &stream), 0);
    check(!is_blocking(shared)); /* it cannot be opened again */
    check_eq(write(ends[1], "abc", 3), 3);
    check_eq(bide_read(stream, text, 4), 3);
    bide_close(stream);
    check(is_blocking(shared));
    close(shared);
    close(ends[1]);
    return 0;
}

bide_test(regular_file_in_place_of_stdin)
{
    bide_stream *stream;
    char path[200], line[16];
    int before = dup(0);

    snprintf(path, sizeof path, "%s/input", bide_test_directory());
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    check_eq(write(file, "one\ntwo\n", 8), 8);
    check_eq(lseek(file, 0, SEEK_SET), 0);
    check(dup2(file, 0) == 0);
    check_eq(bide_stdin(&stream), 0);
    check_eq(bide_read_line(stream, line, sizeof line), 3);
    check_str(line, "one");
    check_str(bide_peer_name(stream), "stdin");
    check_eq(bide_read_line(stream, line, sizeof line), 3);
    check_eq(bide_read_line(stream, line, sizeof line), BIDE_EOF);
    bide_close(stream);
    check(fcntl(0, F_GETFD) >= 0); /* still open */
    check(dup2(before, 0) == 0);
    close(before);
    close(file);
    return 0;
}

bide_test(stdout_is_written_to)
{
    bide_stream *stream;
    int before = dup(1), ends[2];
    char text[8] = "";

    check(pipe(ends) == 0);
    fflush(stdout);
    check(dup2(ends[1], 1) == 1);
    int err = bide_stdout(&stream);
    ssize_t count = err < 0 ? err : bide_write(stream, "out", 3);
    bool blocking = is_blocking(1);
    bide_close(err < 0 ? NULL : stream);
    check(dup2(before, 1) == 1);
    close(before);
    check_eq(count, 3);
    check(blocking);
    close(ends[1]);
    check_eq(read(ends[0], text, sizeof text), 3);
    check_str(text, "out");
    close(ends[0]);
    return 0;
}

static int copy_through_pipe(void)
{
    bide_auto(stream) *input = NULL;
    bide_auto(stream) *output = NULL;
    int ends[2];
    char text[4];

    bide(bide_pipe(&input, &output));
    bide(bide_write(output, "abc", 3));
    bide(bide_read_exactly(input, text, 3));
    if (pipe(ends) < 0)
        return -errno;
    bide_auto(stream) *given = NULL;
    int err = bide_connect_read_pipe(ends[0], &given);
    close(ends[1]);
    if (err < 0)
        close(ends[0]);
    bide(err);
    return bide(bide_read(given, text, 1)) == 0 ? 0 : -EIO;
}

bide_test_faults(pipes_with_faults, .faults = "memory eintr eagain error")
{
    return copy_through_pipe();
}
