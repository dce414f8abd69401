/*
 * bide/unix.h - Unix sockets: connections within one machine, which also carry descriptors
 *
 * The streams are those of bide/stream.h, the servers those of bide/server.h (bide_listen_unix). A path is a file; a
 * name that begins with '@' is abstract: it is no file and goes with its socket. At most 107 bytes.
 */
#ifndef BIDE_UNIX_H
#define BIDE_UNIX_H

#pragma GCC system_header

#include <sys/types.h>

#include <bide/export.h>
#include <bide/stream.h>

/*
 * bide_open_unix_connection - connects to a path or an abstract name ("@name"). ret_stream: the caller closes it; its
 * bide_peer_name is "unix:" and the path. Errors, with a message: -ENOENT, -EACCES, -ECONNREFUSED (nobody listens, or
 * the listener's queue is full), -EINVAL (empty or too long), -EMFILE, -ENOMEM; -ECANCELED: no connection is left
 * behind. Follows asyncio.open_unix_connection.
 */
BIDE_EXPORT int bide_open_unix_connection(const char *path, bide_stream **ret_stream);

/*
 * bide_open_socket_pair - two connected streams over a Unix socket pair: for what needs descriptors at both ends (a
 * child, another library, bide_send_descriptors). In one loop bide_stream_pair needs no kernel. The caller closes both.
 * 0; -EMFILE, -ENOMEM; -EPERM outside of a loop. Does not wait. Follows socket.socketpair.
 */
BIDE_EXPORT int bide_open_socket_pair(bide_stream **ret_one, bide_stream **ret_other);

/* Who is at the other end. */
typedef struct bide_credentials {
    pid_t process; /* 0: not of this pid namespace */
    uid_t user;
    gid_t group;
} bide_credentials;

/*
 * bide_peer_credentials - process, user and group of the other end of a Unix socket, as they were when it connected (or
 * began to listen); the kernel vouches for them. 0; -EOPNOTSUPP: another kind of stream, with a message. Does not wait.
 * Follows getsockopt(SO_PEERCRED).
 */
BIDE_EXPORT int bide_peer_credentials(bide_stream *stream, bide_credentials *ret_credentials);

enum { BIDE_DESCRIPTORS_MAX = 253 /* that go with one message: the kernel's limit */ };

/*
 * bide_send_descriptors - bide_write of at least one byte to a Unix socket, with open descriptors: the other end gets
 * duplicates of them, with the first byte. The caller's stay the caller's. As bide_write: cancelled before, nothing has
 * gone, no descriptor either; if any byte has gone, so have all descriptors. -EINVAL: no byte, or more than
 * BIDE_DESCRIPTORS_MAX; -EOPNOTSUPP: no plain socket; -EBADF; -ETOOMANYREFS: too many are on their way; other errors as bide_write. Follows
 * socket.send_fds.
 */
BIDE_EXPORT ssize_t bide_send_descriptors(bide_stream *stream, const void *data, size_t size, const int *descriptors,
                                          size_t count);

/*
 * bide_receive_descriptors - bide_read from a Unix socket that also takes the descriptors that come with the bytes: at
 * most `capacity`, close-on-exec, the caller's from then on.
 *
 * *ret_count: how many came, often 0. What is read by any other call loses the descriptors that came with it (they are
 * closed), also what a line or a peek has read ahead. BIDE_ELIMIT: more came than there is room for; all are closed,
 * and the bytes are gone. Cancelled, nothing was taken. -EINVAL: no room for a byte, or a capacity of more than
 * BIDE_DESCRIPTORS_MAX; other errors as bide_read. Follows socket.recv_fds.
 */
BIDE_EXPORT ssize_t bide_receive_descriptors(bide_stream *stream, void *data, size_t size, int *ret_descriptors,
                                             size_t capacity, size_t *ret_count);

#endif
