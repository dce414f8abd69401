/* sendfile: to sockets, to other streams, slow peers, cancelled, files that are shorter. */
#include <bide/test.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 3 * 1000 * 1000 };

static char byte_at(size_t offset)
{
    return (char)(offset % 251);
}

/* A file of the known sequence. */
bide_fixture(int, sequence_file)
{
    char path[200], *data = malloc(SIZE);

    snprintf(path, sizeof path, "%s/sequence", bide_test_directory());
    check(data != NULL);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = byte_at(i);
    *it = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    check(*it >= 0);
    check_eq(write(*it, data, SIZE), SIZE);
    free(data);
    return 0;
}

static int close_file(int file)
{
    close(file);
    return 0;
}
bide_async(close_file, int);

static int file_of_test(void)
{
    int file = *sequence_file();

    bide_test_cleanup(bide_co(close_file, file));
    return file;
}

struct ends {
    bide_stream *near, *far;
};

/* "socket", "pipe", "memory". */
static int open_ends(const char *kind, struct ends *ret_ends)
{
    if (!strcmp(kind, "socket"))
        return bide_open_socket_pair(&ret_ends->near, &ret_ends->far);
    if (!strcmp(kind, "pipe"))
        return bide_pipe(&ret_ends->far, &ret_ends->near);
    return bide_stream_pair(0, &ret_ends->near, &ret_ends->far);
}

static int send_then_end(bide_stream *stream, int file, int64_t offset, size_t count, ssize_t *ret_sent)
{
    *ret_sent = bide_sendfile(stream, file, offset, count);
    bide(*ret_sent);
    return bide_write_eof(stream);
}
bide_async(send_then_end, bide_stream *, int, int64_t, size_t, ssize_t *);

/* Sends and receives a part; checks every byte. How many were sent. */
static int transfer(const char *kind, int file, int64_t offset, size_t count, size_t expected)
{
    struct ends ends = { NULL, NULL };
    char piece[10000];
    size_t got = 0;
    ssize_t sent = 0, here = 0;
    int err;

    bide(open_ends(kind, &ends));
    bide_task_group (group, err) {
        err = bide_start(group, bide_co(send_then_end, ends.near, file, offset, count, &sent));
        while (err == 0 && (here = bide_read(ends.far, piece, sizeof piece)) > 0)
            for (ssize_t i = 0; i < here; i++, got++)
                if (piece[i] != byte_at((size_t)offset + got))
                    check_eq(piece[i], byte_at((size_t)offset + got));
        if (here < 0)
            err = (int)here;
    }
    bide_close(ends.near);
    bide_close(ends.far);
    if (err == 0 && bide_cancelled())
        return -ECANCELED; /* the sender was cut */
    if (err == 0) {
        check_eq(got, expected);
        check_eq((size_t)sent, expected);
    }
    return err;
}

static const char *const kinds[] = { "socket", "pipe", "memory" };

bide_test_each(sendfile_sends_all_and_parts, kinds, .time_limit = 60)
{
    int file = file_of_test();

    check_eq(transfer(*it, file, 0, SIZE_MAX, SIZE), 0);
    check_eq(transfer(*it, file, 12345, 700000, 700000), 0);
    check_eq(transfer(*it, file, SIZE - 10, 100, 10), 0); /* the file is shorter */
    check_eq(transfer(*it, file, SIZE + 10, 100, 0), 0);
    check_eq(transfer(*it, file, 0, 0, 0), 0);
    check_eq(lseek(file, 0, SEEK_CUR), SIZE); /* its position is left alone */
    return 0;
}

bide_test(sendfile_refusals)
{
    int file = file_of_test(), ends[2];
    struct ends streams;

    check(pipe(ends) == 0);
    check_eq(open_ends("socket", &streams), 0);
    check_error(bide_sendfile(streams.near, ends[0], 0, 10), EINVAL, "it is no regular file");
    check_error(bide_sendfile(streams.near, file, -1, 10), EINVAL, "a negative offset");
    check_error(bide_sendfile(streams.near, -1, 0, 10), EBADF);
    bide_close(streams.far);
    check_error(bide_sendfile(streams.near, file, 0, 10), EPIPE, "send a file to");
    bide_close(streams.near);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

bide_test(sendfile_waits_for_a_peer_that_does_not_read_and_can_be_given_up)
{
    int file = file_of_test(), err;
    struct ends ends;
    size_t got = 0;
    char piece[10000];
    ssize_t sent = 0, here;

    check_eq(open_ends("socket", &ends), 0);
    bide_timeout (5, err)
        sent = bide_sendfile(ends.near, file, 0, SIZE_MAX);
    check(sent > 0 && sent < SIZE); /* R2: these went out */
    check_eq(bide_write_eof(ends.near), 0);
    while ((here = bide_read(ends.far, piece, sizeof piece)) > 0)
        got += (size_t)here;
    check_eq(got, (size_t)sent);
    bide_close(ends.near);
    bide_close(ends.far);
    return 0;
}

bide_test(sendfile_to_a_stream_that_is_written_to_is_refused)
{
    int file = file_of_test(), err;
    struct ends ends;
    ssize_t sent;

    check_eq(open_ends("socket", &ends), 0);
    bide_task_group (group, err) {
        bide_start(group, bide_co(send_then_end, ends.near, file, 0, SIZE_MAX, &sent));
        bide(bide_sleep(1));
        check_error(bide_write(ends.near, "x", 1), EBUSY);
        check_error(bide_sendfile(ends.near, file, 0, 10), EBUSY);
        bide_group_cancel(group);
    }
    bide_close(ends.near);
    bide_close(ends.far);
    return 0;
}

static int tick(int *count)
{
    for (;; ++*count)
        bide(bide_sleep(0));
}
bide_async(tick, int *);

bide_test(sendfile_lets_others_run)
{
    int file = file_of_test(), turns = 0, err;
    struct ends ends;

    check_eq(bide_stream_pair(100 * 1000 * 1000, &ends.near, &ends.far), 0); /* it never has to wait */
    bide_task_group (group, err) {
        bide_start(group, bide_co(tick, &turns));
        for (int i = 0; i < 5; i++)
            check_eq(bide_sendfile(ends.near, file, 0, SIZE_MAX), SIZE);
        check(turns >= 5);
        bide_group_cancel(group);
    }
    bide_close(ends.near);
    bide_close(ends.far);
    return 0;
}

bide_test_cancel_everywhere(sendfile_cancelled_anywhere, .points_max = 60, .may_swallow = true)
{
    return transfer("socket", file_of_test(), 0, 1000 * 1000, 1000 * 1000);
}

bide_test_faults(sendfile_with_faults, .faults = "memory eintr eagain short", .points_max = 40, .time_limit = 60)
{
    return transfer("socket", file_of_test(), 0, 20000, 20000);
}

bide_test_faults(sendfile_by_copy_with_faults, .faults = "memory eintr eagain short", .points_max = 40,
                 .time_limit = 60)
{
    return transfer("pipe", file_of_test(), 0, 20000, 20000);
}
