/* Descriptors over Unix sockets: they arrive, and none is ever lost. */
#include <bide/test.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct ends {
    bide_stream *one, *other;
};

static struct ends open_ends(void)
{
    struct ends ends;

    check_eq(bide_open_socket_pair(&ends.one, &ends.other), 0);
    return ends;
}

static void close_ends(struct ends ends)
{
    bide_close(ends.one);
    bide_close(ends.other);
}

static int file_with(const char *text)
{
    int file = memfd_create("sent", MFD_CLOEXEC);

    check(file >= 0);
    check_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    return file;
}

static void check_file(int file, const char *text)
{
    char found[16] = "";

    check(pread(file, found, sizeof found - 1, 0) >= 0);
    check_str(found, text);
    check(fcntl(file, F_GETFD) & FD_CLOEXEC);
}

bide_test(descriptors_travel_with_bytes)
{
    struct ends ends = open_ends();
    int sent[2] = { file_with("first"), file_with("second") }, got[4];
    char text[8];
    size_t count;

    check_eq(bide_send_descriptors(ends.one, "two", 3, sent, 2), 3);
    close(sent[0]); /* the duplicates are on their way */
    close(sent[1]);
    check_eq(bide_receive_descriptors(ends.other, text, sizeof text, got, 4, &count), 3);
    check_mem(text, "two", 3);
    check_eq(count, (size_t)2);
    check_file(got[0], "first");
    check_file(got[1], "second");
    close(got[0]);
    close(got[1]);
    check_eq(bide_write(ends.one, "none", 4), 4);
    check_eq(bide_receive_descriptors(ends.other, text, sizeof text, got, 4, &count), 4);
    check_eq(count, (size_t)0);
    check_eq(bide_write_eof(ends.one), 0);
    check_eq(bide_receive_descriptors(ends.other, text, sizeof text, got, 4, &count), 0);
    close_ends(ends);
    return 0;
}

bide_test(descriptors_that_are_too_many_are_closed)
{
    for (size_t capacity = 0; capacity < 3; capacity++) {
        struct ends ends = open_ends();
        int sent[3] = { file_with("a"), file_with("b"), file_with("c") }, got[3];
        char text[8];
        size_t count = 77;

        check_eq(bide_send_descriptors(ends.one, "x", 1, sent, 3), 1);
        check_error(bide_receive_descriptors(ends.other, text, 8, got, capacity, &count), BIDE_ELIMIT, "were closed");
        check_eq(count, (size_t)77);
        for (int i = 0; i < 3; i++)
            close(sent[i]);
        close_ends(ends); /* the harness looks whether one is left */
    }
    return 0;
}

bide_test(descriptors_that_nobody_expects_are_closed)
{
    struct ends ends = open_ends();
    int sent = file_with("surprise");
    char text[8];

    check_eq(bide_send_descriptors(ends.one, "read", 4, &sent, 1), 4);
    check_eq(bide_read(ends.other, text, sizeof text), 4);
    check_eq(bide_send_descriptors(ends.one, "line\n", 5, &sent, 1), 5);
    check_eq(bide_read_line(ends.other, text, sizeof text), 4);
    check_eq(bide_send_descriptors(ends.one, "unread", 6, &sent, 1), 6);
    close(sent);
    close_ends(ends);
    return 0;
}

bide_test(descriptors_wait_behind_what_was_read_ahead)
{
    struct ends ends = open_ends();
    int sent, got[1];
    char text[8];
    size_t count = 77;
    const void *data;

    check_eq(bide_write(ends.one, "ahead", 5), 5);
    check_eq(bide_peek(ends.other, 1, &data), 5);
    sent = file_with("later");
    check_eq(bide_send_descriptors(ends.one, "x", 1, &sent, 1), 1);
    close(sent);
    check_eq(bide_receive_descriptors(ends.other, text, 8, got, 1, &count), 5);
    check_eq(count, (size_t)0);
    check_eq(bide_receive_descriptors(ends.other, text, 8, got, 1, &count), 1);
    check_eq(count, (size_t)1);
    check_file(got[0], "later");
    close(got[0]);
    close_ends(ends);
    return 0;
}

bide_test(descriptors_refused)
{
    struct ends ends = open_ends(), memory;
    int none = -1, many[BIDE_DESCRIPTORS_MAX + 1] = { 0 };
    char text[8];
    size_t count;

    check_error(bide_send_descriptors(ends.one, "x", 1, &none, 1), EBADF);
    check_error(bide_send_descriptors(ends.one, "", 0, &none, 1), EINVAL, "need a byte");
    check_error(bide_send_descriptors(ends.one, "x", 1, many, BIDE_DESCRIPTORS_MAX + 1), EINVAL, "254, at most 253");
    check_error(bide_receive_descriptors(ends.one, text, 0, many, 1, &count), EINVAL);
    check_eq(bide_stream_pair(0, &memory.one, &memory.other), 0);
    check_error(bide_send_descriptors(memory.one, "x", 1, many, 1), EOPNOTSUPP, "no plain socket");
    close_ends(memory);
    close_ends(ends);
    return 0;
}

static int send_file(bide_stream *stream)
{
    const int file = STDERR_FILENO;
    ssize_t result = bide_send_descriptors(stream, "y", 1, &file, 1);

    return result < 0 ? (int)result : 0;
}
bide_async(send_file, bide_stream *);

static int exchange(void)
{
    bide_auto(stream) *one = NULL;
    bide_auto(stream) *other = NULL;
    int err, got[2];
    char text[8];
    size_t count;

    bide(bide_open_socket_pair(&one, &other));
    bide_task_group (group, err) {
        bide(bide_start(group, bide_co(send_file, one)));
        bide(bide_receive_descriptors(other, text, sizeof text, got, 2, &count));
        check_eq(count, (size_t)1);
        close(got[0]);
    }
    return err;
}

bide_test_cancel_everywhere(descriptors_sent_and_received_cancelled_anywhere)
{
    return exchange();
}

bide_test_faults(descriptors_with_faults, .faults = "memory eintr eagain error")
{
    return exchange();
}
