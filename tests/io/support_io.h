/*
 * support_io.h - what the tests of streams share: connections whose other end is a plain socket, bytes of a known
 * sequence, steps of the loop, stderr caught.
 */
#ifndef BIDE_TESTS_SUPPORT_IO_H
#define BIDE_TESTS_SUPPORT_IO_H

#include "check.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bide.h>
#include <bide/stream.h>

#include "io/stream.h"

/*
 * A connection: `stream` is what is tested, `peer` a plain blocking socket, so a test decides to the byte what the
 * stream's end sees. receive_bytes: SO_RCVBUF of the peer, 0: as usual. Inside of a task. The caller closes both.
 */
struct connection {
    bide_stream *stream;
    int peer;
};
struct connection open_connection(int receive_bytes);

/* The same with a stream at both ends. */
struct both_ends {
    bide_stream *near, *far;
};
struct both_ends open_both_ends(void);

/* A plain socket that listens on 127.0.0.1; the port it got. */
int plain_listener(int backlog, int *ret_port);

/* A plain socket connected to 127.0.0.1:port. */
int plain_connect(int port);

/* Sends all of it. The peer of a stream must have room for it. */
void put(int socket, const void *data, size_t size);
void put_text(int socket, const char *text);

/* Receives exactly so many bytes; waits without the loop, so the stream must have sent them already. */
void take(int socket, void *data, size_t size);

/* What is there now, without waiting: how many bytes, 0 at the end, -EAGAIN or another error. */
ssize_t take_some(int socket, void *data, size_t size);

/* The byte at an offset of the known sequence; 251 is prime, so no power of two hides a shift. */
static inline unsigned char sequence_at(size_t offset)
{
    return (unsigned char)(offset % 251 + (offset / 251) % 5);
}

void fill_sequence(void *data, size_t size, size_t offset);

/* Fails the test unless data is the sequence from offset on. */
void check_sequence(const void *data, size_t size, size_t offset);

/*
 * Lets the loop run one turn; odd steps also look at the kernel and the timers. Numbers count how often a task that
 * is cancelled "after k steps" could have been at another place.
 */
void step(unsigned number);
void steps(unsigned count);

/* Fails the test unless the message of err contains the text. */
void check_message(int err, const char *text);

/* How many descriptors the process has open. */
int count_descriptors(void);

/* Bytes that malloc has given out; 0 where that is not known (under a sanitizer or Valgrind). */
size_t memory_in_use(void);

/* True when the process runs under Valgrind. */
bool under_valgrind(void);

/* Sends stderr to a file until release_stderr, which stores the text (cut at size - 1). */
void catch_stderr(void);
void release_stderr(char *text, size_t size);

/* How often a text occurs in another. */
size_t count_text(const char *where, const char *what);

/*
 * bide_sleep(seconds) as a task that fails the test when it is not cancelled in time: started beside what must not
 * hang.
 */
int watchdog(double seconds);
bide_async(watchdog, double);

#endif
