/*
 * The floor of echo on io_uring: a receive is submitted, what it brought is sent by a plain call, as a send hardly ever
 * waits; everything of a round goes in with one system call.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "listen.h"

struct peer {
    int descriptor;
    char buffer[4096];
};

static struct io_uring ring;

static struct io_uring_sqe *next_entry(void)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring);

    while (!entry) {
        io_uring_submit(&ring);
        entry = io_uring_get_sqe(&ring);
    }
    return entry;
}

static void submit_accept(int listener)
{
    struct io_uring_sqe *entry = next_entry();

    io_uring_prep_accept(entry, listener, NULL, NULL, 0);
    io_uring_sqe_set_data(entry, NULL);
}

static void submit_receive(struct peer *peer)
{
    struct io_uring_sqe *entry = next_entry();

    io_uring_prep_recv(entry, peer->descriptor, peer->buffer, sizeof peer->buffer, 0);
    io_uring_sqe_set_data(entry, peer);
}

static void on_completion(int listener, struct peer *peer, int result)
{
    if (!peer) {
        if (result >= 0) {
            peer = malloc(sizeof *peer);
            peer->descriptor = result;
            set_no_delay(result);
            submit_receive(peer);
        }
        submit_accept(listener);
    } else if (result <= 0 || send(peer->descriptor, peer->buffer, (size_t)result, MSG_NOSIGNAL) < 0) {
        close(peer->descriptor);
        free(peer);
    } else {
        submit_receive(peer);
    }
}

int main(void)
{
    struct io_uring_params parameters = { .flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                                                   IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN };
    struct io_uring_cqe *entry;
    int listener = listen_on_loopback(0);

    if (io_uring_queue_init_params(4096, &ring, &parameters) < 0)
        return 1;
    io_uring_register_ring_fd(&ring);
    submit_accept(listener);
    for (;;) {
        unsigned head, count = 0;

        io_uring_submit_and_wait(&ring, 1);
        io_uring_for_each_cqe(&ring, head, entry)
        {
            on_completion(listener, io_uring_cqe_get_data(entry), entry->res);
            count++;
        }
        io_uring_cq_advance(&ring, count);
    }
}
