/* Waiting for descriptors of others: of every kind, both directions, refused, given up, closed and used again. */
#include <bide/test.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/stream.h"

struct pair {
    int near, far;
};

static struct pair open_pair(void)
{
    int ends[2];

    check_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    return (struct pair){ ends[0], ends[1] };
}

static void close_pair(struct pair pair)
{
    close(pair.near);
    close(pair.far);
}

/* Writes until no more is taken; how many bytes. */
static size_t fill(int descriptor)
{
    static const char data[4096];
    size_t size = 0;
    ssize_t count;

    while ((count = write(descriptor, data, sizeof data)) > 0)
        size += (size_t)count;
    return size;
}

static int note_readable(int descriptor)
{
    bide(bide_wait_readable(descriptor));
    check_event("readable");
    return 0;
}
bide_async(note_readable, int);

static int note_writable(int descriptor)
{
    bide(bide_wait_writable(descriptor));
    check_event("writable");
    return 0;
}
bide_async(note_writable, int);

bide_test(readable_when_something_comes)
{
    struct pair pair = open_pair();
    char byte;
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(note_readable, pair.near));
        bide(bide_sleep(1));
        check_no_trace();
        check_eq(write(pair.far, "x", 1), (ssize_t)1);
    }
    check_eq(err, 0);
    check_trace("readable");
    bide(bide_wait_readable(pair.near)); /* it is still there */
    check_eq(read(pair.near, &byte, 1), (ssize_t)1);
    bide_timeout (1, err)
        err = bide_wait_readable(pair.near);
    check_error(err, ETIMEDOUT);
    close_pair(pair);
    return 0;
}

bide_test(writable_when_there_is_room)
{
    struct pair pair = open_pair();
    static char drained[1 << 20];
    size_t size;
    int err;

    bide(bide_wait_writable(pair.near));
    size = fill(pair.near);
    bide_task_group (group, err) {
        bide_start(group, bide_co(note_writable, pair.near));
        bide(bide_sleep(1));
        check_no_trace();
        while (size)
            size -= (size_t)read(pair.far, drained, sizeof drained);
    }
    check_eq(err, 0);
    check_trace("writable");
    close_pair(pair);
    return 0;
}

bide_test(both_directions_at_once)
{
    struct pair pair = open_pair();
    static char drained[1 << 20];
    size_t size = fill(pair.near);
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(note_readable, pair.near));
        bide_start(group, bide_co(note_writable, pair.near));
        bide(bide_sleep(1));
        check_no_trace();
        check_eq(write(pair.far, "x", 1), (ssize_t)1);
        bide(bide_sleep(1));
        check_trace("readable");
        while (size)
            size -= (size_t)read(pair.far, drained, sizeof drained);
    }
    check_eq(err, 0);
    check_trace("writable");
    close_pair(pair);
    return 0;
}

bide_test(an_end_and_an_error_are_readable_and_writable)
{
    struct pair pair = open_pair();
    int ends[2], err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(note_readable, pair.near));
        bide(bide_sleep(1));
        close(pair.far);
    }
    check_eq(err, 0);
    check_trace("readable");
    bide(bide_wait_writable(pair.near)); /* what is written then says EPIPE */
    close(pair.near);
    check_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    fill(ends[1]);
    bide_task_group (group, err) {
        bide_start(group, bide_co(note_writable, ends[1]));
        bide(bide_sleep(1));
        close(ends[0]);
    }
    check_eq(err, 0);
    check_trace("writable");
    close(ends[1]);
    return 0;
}

/* What poll(2) calls always ready is ready at once, with both backends. */
bide_test(files_are_ready_at_once)
{
    static const char *const paths[] = { "/proc/self/exe", "/", "/dev/null", "/dev/zero" };

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        int descriptor = open(paths[i], O_RDONLY | O_CLOEXEC);

        check(descriptor >= 0);
        bide(bide_wait_readable(descriptor));
        bide(bide_wait_writable(descriptor));
        close(descriptor);
    }
    return 0;
}

bide_test(blocking_descriptors_stay_so)
{
    int ends[2], err;

    check_eq(pipe2(ends, O_CLOEXEC), 0);
    bide(bide_wait_writable(ends[1]));
    bide_task_group (group, err) {
        bide_start(group, bide_co(note_readable, ends[0]));
        bide(bide_sleep(1));
        check_eq(write(ends[1], "x", 1), (ssize_t)1);
    }
    check_eq(err, 0);
    check_trace("readable");
    check_eq(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

bide_test(what_is_not_open_is_refused)
{
    struct pair pair = open_pair();

    close_pair(pair);
    check_error(bide_wait_readable(pair.near), EBADF, "is readable: Bad file descriptor");
    check_error(bide_wait_writable(pair.near), EBADF, "is writable: Bad file descriptor");
    check_error(bide_wait_readable(-1), EBADF, "descriptor -1 is readable");
    check_error(bide_wait_writable(INT32_MIN), EBADF);
    return 0;
}

bide_test(one_task_for_each_direction)
{
    struct pair pair = open_pair();
    int err;

    fill(pair.near);
    bide_task_group (group, err) {
        bide_start(group, bide_co(note_readable, pair.near));
        bide_start(group, bide_co(note_writable, pair.near));
        bide(bide_sleep(1));
        check_error(bide_wait_readable(pair.near), EBUSY, "another task waits for that");
        check_error(bide_wait_writable(pair.near), EBUSY, "is writable: another task");
        bide_group_cancel(group);
    }
    check_eq(err, 0);
    check_no_trace();
    close_pair(pair);
    return 0;
}

static void note_call(void *descriptor)
{
    char byte;

    check_event("called");
    check_eq(read(*(int *)descriptor, &byte, 1), (ssize_t)1);
}

bide_test(callbacks_and_streams_keep_their_place)
{
    bide_loop *loop = bide_get_running_loop();
    struct pair pair = open_pair();
    bide_auto(listener) *listener = NULL;
    bide_auto(stream) *stream = NULL;
    int err;

    bide(bide_add_reader(loop, pair.near, note_call, &pair.near));
    for (int i = 0; i < 3; i++) { /* before, between and after its calls */
        check_error(bide_wait_readable(pair.near), EBUSY, "a callback waits for that");
        bide(bide_wait_writable(pair.near)); /* the other direction is free */
        check_eq(write(pair.far, "x", 1), (ssize_t)1);
        bide(bide_sleep(1));
    }
    check_trace("called", "called", "called");
    check(bide_remove_reader(loop, pair.near));
    check_eq(write(pair.far, "x", 1), (ssize_t)1);
    bide(bide_wait_readable(pair.near));
    close_pair(pair);

    bide(bide_listen("127.0.0.1", 0, &listener));
    bide(bide_open_connection("127.0.0.1", bide_listener_port(listener), &stream));
    bide_timeout (1, err) { /* now it is registered as the stream's */
        char byte;

        err = (int)bide_read(stream, &byte, 1);
    }
    check_error(err, ETIMEDOUT);
    check_error(bide_wait_readable(stream->channel.descriptor), EBUSY, "a stream owns it");
    return 0;
}

static int refuse_reader(int descriptor)
{
    check_error(bide_add_reader(bide_get_running_loop(), descriptor, note_call, NULL), EBUSY);
    return 0;
}

bide_test(a_callback_does_not_take_the_place_of_a_task)
{
    struct pair pair = open_pair();
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(note_readable, pair.near));
        bide(bide_sleep(1));
        bide(refuse_reader(pair.near));
        check_eq(write(pair.far, "x", 1), (ssize_t)1);
    }
    check_trace("readable");
    close_pair(pair);
    return err;
}

/* Given up, nothing clings to the number: its owner closes it at once, and the next one is a stranger. */
bide_test(the_number_of_a_wait_given_up_can_be_used_again)
{
    for (int round = 0; round < 50; round++) {
        struct pair pair = open_pair();
        bide_task *task = bide_create_task(NULL, bide_co(note_readable, pair.near));
        struct pair next;

        bide(bide_sleep(round % 3 ? 1e-9 : 0));
        bide_cancel(task);
        check_error(bide_join(task), ECANCELED);
        bide_forget(task);
        close_pair(pair);
        next = open_pair();
        check_eq(next.near, pair.near);
        if (round % 2)
            bide(bide_wait_writable(next.near));
        check_eq(write(next.far, "x", 1), (ssize_t)1);
        bide(bide_wait_readable(next.near));
        close_pair(next);
    }
    check_no_trace();
    return 0;
}

static int count_turns(int *turns)
{
    for (;; ++*turns)
        bide(bide_sleep(0));
}
bide_async(count_turns, int *);

bide_test(what_is_always_ready_starves_nobody)
{
    struct pair pair = open_pair();
    int turns = 0, err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(count_turns, &turns));
        for (int i = 0; i < 1000; i++)
            bide(bide_wait_writable(pair.near));
        bide_group_cancel(group);
    }
    check_eq(err, 0);
    check(turns >= 1000 / 100);
    close_pair(pair);
    return 0;
}

static int outside(int descriptor)
{
    check_error(bide_wait_readable(descriptor), EPERM);
    return 0;
}
bide_async(outside, int);

bide_test(outside_of_a_task_is_refused)
{
    return bide_to_thread(bide_co(outside, 0));
}

/* A conversation by hand, as a library with its own sockets has it. */
static int take_all(int descriptor, size_t size)
{
    char data[64];

    while (size) {
        ssize_t count = read(descriptor, data, sizeof data);

        if (count < 0 && errno == EAGAIN)
            bide(bide_wait_readable(descriptor));
        else if (count < 0 && errno != EINTR)
            return -errno;
        else if (count > 0)
            size -= (size_t)count;
    }
    return 0;
}

static int put_all(int descriptor, size_t size)
{
    static const char data[100];

    while (size) {
        ssize_t count = write(descriptor, data, size < sizeof data ? size : sizeof data);

        if (count < 0 && errno == EAGAIN)
            bide(bide_wait_writable(descriptor));
        else if (count < 0 && errno != EINTR)
            return -errno;
        else if (count > 0)
            size -= (size_t)count;
    }
    return 0;
}
bide_async(put_all, int, size_t);

enum { PIECE = 20000 };

static int talk(int bytes)
{
    struct pair pair = open_pair();
    int small = 4096, err;

    check_eq(setsockopt(pair.far, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    bide_task_group (group, err) {
        bide_start(group, bide_co(put_all, pair.far, (size_t)bytes));
        err = take_all(pair.near, (size_t)bytes);
    }
    close_pair(pair);
    return err;
}

bide_test(a_conversation_by_hand)
{
    return talk(50 * PIECE);
}

bide_test_cancel_everywhere(a_conversation_by_hand_cancelled_everywhere)
{
    return talk(PIECE);
}

bide_test_timeout_everywhere(a_conversation_by_hand_timed_out_everywhere)
{
    return talk(PIECE);
}

bide_test_faults(a_conversation_by_hand_with_faults, .points_max = 200)
{
    return talk(PIECE);
}
