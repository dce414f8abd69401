/*
 * bide/descriptor.h - waiting for descriptors that somebody else owns
 *
 * A library that speaks its own protocol over its own sockets (libpq, libssh, a device) says "wait until I can read":
 * these calls are how a task does. Nothing is kept registered between two waits, so its owner may close the
 * descriptor whenever no task waits for it. Who only has to move bytes takes a stream (bide/stream.h).
 */
#ifndef BIDE_DESCRIPTOR_H
#define BIDE_DESCRIPTOR_H

#include <bide/export.h>

/*
 * bide_wait_readable - waits until `descriptor` has input, its end, or an error to be read; bide_wait_writable -
 * until it takes output, or has failed. Nothing is read or written: the call that is made then tells what it was.
 *
 *     while ((state = PQconnectPoll(connection)) != PGRES_POLLING_OK) {
 *         if (state == PGRES_POLLING_FAILED)
 *             return bide_fail(-EIO, "%s", PQerrorMessage(connection));
 *         bide(state == PGRES_POLLING_READING ? bide_wait_readable(PQsocket(connection))
 *                                             : bide_wait_writable(PQsocket(connection)));
 *     }
 *
 * descriptor: of any kind, blocking or not; it stays the caller's. What is always ready by poll(2), regular files,
 * directories, /dev/null, is ready at once, so that a program may wait for a standard input that is a file. Ready
 * means ready at that moment: somebody else may be faster, and so the descriptor had better be non-blocking. As long
 * as it is ready the next wait returns too (level-triggered). 0; -EBADF: it is not open; -EBUSY: another task waits
 * for this direction, a callback of bide_add_reader or bide_add_writer does, or a stream owns it; -ENOMEM; -EPERM:
 * outside of a task; -ECANCELED: nothing is left registered, and the number may be closed at once. One task may wait
 * for each direction. A descriptor must not be closed while a task waits for it, nobody would ever be told: cancel
 * the task and join it first. Follows trio.lowlevel.wait_readable, wait_writable; stands for asyncio's sock_recv,
 * sock_sendall, sock_accept and their kin too: wait, then make the system call.
 */
BIDE_EXPORT int bide_wait_readable(int descriptor);
BIDE_EXPORT int bide_wait_writable(int descriptor);

#endif
