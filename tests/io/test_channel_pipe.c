/* Streams over pipes and terminals: what differs from sockets. */
#include "support_io.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/stream.h"

struct piped {
    bide_stream *input, *output;
};

static struct piped open_pipe(void)
{
    struct piped piped;
    int ends[2];

    check(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    piped.input = bide__stream_of_pipe(bide_get_running_loop(), ends[0], "the reading end");
    piped.output = bide__stream_of_pipe(bide_get_running_loop(), ends[1], "the writing end");
    check(piped.input && piped.output);
    return piped;
}

static int send_all(bide_stream *stream, const char *data, size_t size)
{
    check_eq(bide_write(stream, data, size), (ssize_t)size);
    return bide_write_eof(stream);
}
bide_async(send_all, bide_stream *, const char *, size_t);

bide_test(bytes_pass_beyond_what_the_pipe_holds)
{
    enum { SIZE = 1000 * 1000 };
    struct piped piped = open_pipe();
    char *data = malloc(SIZE), piece[7000];
    size_t got = 0;
    int err;

    check(data != NULL);
    fill_sequence(data, SIZE, 0);
    bide_task_group (group, err) {
        bide_start(group, bide_co(send_all, piped.output, data, SIZE));
        for (ssize_t count; (count = bide_read(piped.input, piece, sizeof piece)) > 0; got += (size_t)count)
            check_sequence(piece, (size_t)count, got);
    }
    check_eq(err, 0);
    check_eq(got, SIZE);
    bide_close(piped.input);
    bide_close(piped.output);
    free(data);
    return 0;
}

bide_test(lines_and_pieces_pass)
{
    const struct iovec pieces[] = { { "", 0 }, { "one\ntw", 6 }, { "o\nthree", 7 } };
    struct piped piped = open_pipe();
    char line[20];

    check_eq(bide_write_vector(piped.output, pieces, 3), 13);
    check_eq(bide_write_eof(piped.output), 0);
    check_eq(bide_read_line(piped.input, line, sizeof line), 3);
    check_str(line, "one");
    check_eq(bide_read_line(piped.input, line, sizeof line), 3);
    check_str(line, "two");
    check_eq(bide_read_line(piped.input, line, sizeof line), 5);
    check_str(line, "three");
    check_eq(bide_read_line(piped.input, line, sizeof line), BIDE_EOF);
    check_message(BIDE_EOF, "read from the reading end: the stream has ended");
    bide_close(piped.input);
    bide_close(piped.output);
    return 0;
}

bide_test(a_pipe_without_a_reader_is_an_error_and_no_signal)
{
    struct piped piped = open_pipe();
    sigset_t pending;

    bide_close(piped.input);
    signal(SIGPIPE, SIG_DFL);
    check_eq(bide_write(piped.output, "x", 1), -EPIPE);
    check_message(-EPIPE, "write to the writing end: Broken pipe");
    check(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE));
    bide_close(piped.output);
    return 0;
}

static int read_forever(bide_stream *stream)
{
    char byte;

    return (int)bide_read(stream, &byte, 1);
}
bide_async(read_forever, bide_stream *);

bide_test(a_cancelled_read_takes_nothing)
{
    struct piped piped = open_pipe();
    char text[8];

    for (unsigned count = 0; count < 4; count++) {
        bide_task *task = bide_create_task(NULL, bide_co(read_forever, piped.input));

        steps(count);
        bide_cancel(task);
        check_eq(bide_write(piped.output, "abc", 3), 3);
        check_eq(bide_join(task), -ECANCELED);
        bide_forget(task);
        check_eq(bide_read_exactly(piped.input, text, 3), 0);
    }
    bide_close(piped.input);
    bide_close(piped.output);
    return 0;
}

bide_test(a_regular_file_is_always_ready)
{
    const void *data;
    char name[] = "/tmp/bide-pipe-XXXXXX";
    int file = mkstemp(name);

    check(file >= 0);
    check_eq(write(file, "12345", 5), 5);
    check_eq(lseek(file, 0, SEEK_SET), 0);
    unlink(name);
    bide_stream *stream = bide__stream_of_pipe(bide_get_running_loop(), file, "a file");
    check(stream != NULL);
    check_eq(bide_peek(stream, 5, &data), 5);
    check_mem(data, "12345", 5);
    bide_consume(stream, 5);
    check_eq(bide_peek(stream, 1, &data), 0);
    bide_close(stream);
    return 0;
}
