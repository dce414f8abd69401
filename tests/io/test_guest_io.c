/* Guests that move bytes: everything they wait for wakes the host's own poll(). */
#include "support_io.h"
#include "support_process.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include <bide/guest.h>

static int sleep_for(bide_guest *guest)
{
    struct pollfd poller = { .fd = bide_guest_descriptor(guest), .events = POLLIN };
    double seconds = bide_guest_timeout(guest);

    return poll(&poller, 1, seconds < 1e6 ? (int)ceil(seconds * 1000) : -1);
}

/* Drives a guest to its end, as a host would that has nothing else to do. Its result. */
static int drive(bide_coroutine main, double budget)
{
    bide_guest *guest;

    check_eq(bide_guest_open(main, NULL, &guest), 0);
    while (bide_guest_run(guest, budget))
        sleep_for(guest);
    return bide_guest_close(guest);
}

enum { SIZE = 1 << 20 };

static int send_all(bide_stream *stream)
{
    char *data = malloc(SIZE);

    check(data != NULL);
    fill_sequence(data, SIZE, 0);
    check_eq(bide_write(stream, data, SIZE), SIZE);
    free(data);
    return bide_write_eof(stream);
}
bide_async(send_all, bide_stream *);

static int receive_all(bide_stream *stream)
{
    char data[5000];
    size_t got = 0;
    ssize_t count;

    while ((count = bide(bide_read(stream, data, sizeof data))) > 0) {
        check_sequence(data, (size_t)count, got);
        got += (size_t)count;
    }
    check_eq(got, (size_t)SIZE);
    return 0;
}
bide_async(receive_all, bide_stream *);

static int transfer(void)
{
    struct both_ends ends = open_both_ends();
    int err = bide_gather(bide_co(send_all, ends.near), bide_co(receive_all, ends.far));

    bide_close(ends.near);
    bide_close(ends.far);
    return err;
}
bide_async(transfer);

unit_test(streams_in_a_guest)
{
    check_eq(drive(bide_co(transfer), 0), 0);
    check_eq(drive(bide_co(transfer), 0.002), 0);
    return 0;
}

static int use_a_process(void)
{
    const bide_process_options options = { .stdin_from = BIDE_PIPE, .stdout_to = BIDE_PIPE };
    bide_auto(process) *process = start_script("cat; exit 3", &options);
    bide_auto(process_output) output = { 0 };

    bide(bide_process_communicate(process, "text", 4, &output));
    check_str(output.text, "text");
    return bide_process_returncode(process);
}
bide_async(use_a_process);

unit_test(processes_in_a_guest)
{
    for (int i = 0; i < 5; i++)
        check_eq(drive(bide_co(use_a_process), 0.001), 3);
    check_eq(count_children(), 0);
    return 0;
}

static int read_one_by_one(int port, int *got)
{
    bide_auto(stream) *stream = NULL;
    char byte;

    bide(bide_open_connection("127.0.0.1", port, &stream));
    while (bide(bide_read(stream, &byte, 1)) == 1)
        ++*got;
    return 0;
}
bide_async(read_one_by_one, int, int *);

/* The host itself is the peer: it sends, and only its poll() tells that the guest has something to do. */
unit_test(each_arrival_wakes_the_host)
{
    bide_guest *guest;
    int port, got = 0, listener = plain_listener(1, &port);

    check_eq(bide_guest_open(bide_co(read_one_by_one, port, &got), NULL, &guest), 0);
    check(bide_guest_run(guest, 0));
    int peer = accept(listener, NULL, NULL);
    check(peer >= 0);
    for (int i = 1; i <= 20; i++) {
        struct pollfd poller = { .fd = bide_guest_descriptor(guest), .events = POLLIN };

        do { /* until it sleeps for good */
            check(bide_guest_run(guest, 0));
        } while (poll(&poller, 1, 20) == 1);
        check_eq(got, i - 1);
        put_text(peer, "x");
        do {
            check_eq(poll(&poller, 1, -1), 1);
            check(bide_guest_run(guest, 0));
        } while (got < i);
    }
    close(peer);
    while (bide_guest_run(guest, 0))
        sleep_for(guest);
    check_eq(bide_guest_close(guest), 0);
    close(listener);
    return 0;
}

static void take_count(void *argument)
{
    uint64_t count;
    int *state = argument;

    check_eq(read(state[0], &count, sizeof count), (ssize_t)sizeof count);
    state[1] += (int)count;
}

static int wait_for_ever(void)
{
    return bide_sleep(INFINITY);
}
bide_async(wait_for_ever);

/* An eventfd of somebody else's, for which kernels and rings have ways of their own. */
unit_test(watched_descriptors_wake_the_host)
{
    bide_guest *guest;
    int state[2] = { eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 0 };
    const uint64_t one = 1;

    check(state[0] >= 0);
    check_eq(bide_guest_open(bide_co(wait_for_ever), NULL, &guest), 0);
    check(bide_guest_run(guest, 0));
    check_eq(bide_add_reader(bide_guest_get_loop(guest), state[0], take_count, state), 0);
    for (int i = 1; i <= 20; i++) {
        check_eq(write(state[0], &one, sizeof one), (ssize_t)sizeof one);
        while (state[1] < i) {
            check_eq(sleep_for(guest) >= 0, 1);
            check(bide_guest_run(guest, 0));
        }
    }
    while (poll(&(struct pollfd){ .fd = bide_guest_descriptor(guest), .events = POLLIN }, 1, 0) == 1)
        check(bide_guest_run(guest, 0));
    check(bide_remove_reader(bide_guest_get_loop(guest), state[0]));
    check_eq(sleep_for(guest), 1); /* what must be told to the kernel is told now */
    check(bide_guest_run(guest, 0));
    check_eq(bide_guest_close(guest), -ECANCELED);
    close(state[0]);
    return 0;
}
