/*
 * support_loop.h - what the tests of the loop share: a loop without tasks, operations that count their ends, pairs of
 * descriptors.
 */
#ifndef BIDE_TESTS_SUPPORT_LOOP_H
#define BIDE_TESTS_SUPPORT_LOOP_H

#include "check.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"

/* Opens a loop on the backend that BIDE_BACKEND names; the test is skipped when this machine refuses it. */
void open_loop(struct bide_loop *loop);

/* Runs the loop until stop_loop() is called by a callback; the test fails after some seconds without that. */
void run_loop(struct bide_loop *loop);
void stop_loop(struct bide_loop *loop);

/* The same as a callback; the argument is the loop. */
void stop_loop_callback(void *loop);

/* Runs what is ready now, and asks the backend once for what is finished, without waiting. */
void poll_loop(struct bide_loop *loop);

/* An operation with the callback that its end queues. */
struct trial {
    struct bide__op op;
    struct bide__callback due;
    int ended; /* how often: must never be more than 1 */
    bool awaited;
};

/* Submits `op` through `trial`, which is overwritten and must stay until the operation ended. True: done at once. */
bool begin(struct bide_loop *loop, struct trial *trial, struct bide__op op);

/* Waits for its end (if it was not done at once): the result. Gives the place in the ready queue back. */
int64_t end(struct bide_loop *loop, struct trial *trial);

/* begin and end. */
int64_t run_op(struct bide_loop *loop, struct bide__op op);

/* Fails the test unless the operation is still in progress after the backend was asked twice. */
void check_pending(struct bide_loop *loop, const struct trial *trial);

/* Asks to cancel it and waits for the end: the result. */
int64_t cancel_and_end(struct bide_loop *loop, struct trial *trial);

/* Operations. The memory stays the caller's. */
struct bide__op receive_op(int descriptor, void *buffer, size_t size);
struct bide__op send_op(int descriptor, const void *data, size_t size);
struct bide__op read_op(int descriptor, void *buffer, size_t size);
struct bide__op write_op(int descriptor, const void *data, size_t size);
struct bide__op plain_op(enum bide__op_kind kind, int descriptor);

/* A connected pair of stream sockets, or the two ends of a pipe (0 reads, 1 writes); non-blocking. */
void open_pair(int pair[2]);
void open_pipe(int pair[2]);

/* Tells the backend and closes. */
void close_descriptor(struct bide_loop *loop, int descriptor);
void close_both(struct bide_loop *loop, const int pair[2]);

/* Writes a string without waiting; it must fit. */
void put(int descriptor, const char *text);

/* Writes until nothing fits any more: how many bytes. Reads until nothing is there: how many. */
size_t fill(int descriptor);
size_t drain(int descriptor);

/* Reads that many bytes, which must be there. (A kernel may send more while we are still reading.) */
void drain_exactly(int descriptor, size_t size);

#endif
