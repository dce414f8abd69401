/*
 * bide/stream.h - byte streams: connections
 *
 * A stream is a connection that tasks read and write as if it blocked. One task may read while another writes; two
 * readers, or two writers, at once are an error (-EBUSY) for the second. A wait that is cancelled loses nothing: what
 * had arrived is read by the next call. All calls belong to the thread of the loop.
 */
#ifndef BIDE_STREAM_H
#define BIDE_STREAM_H

#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <bide/export.h>

typedef struct bide_stream bide_stream;

/*
 * bide_open_connection - connects to host:port by TCP.
 *
 * host: a name or a numeric IPv4 or IPv6 address; port: 1..65535. The addresses of the name are raced as RFC 8305
 * says: see bide_open_connection_with in bide/connect.h, which has options. ret_stream: the caller closes it. Waits;
 * bound it with bide_timeout. Errors: BIDE_ERESOLVE; the error of the last address (-ECONNREFUSED, -EHOSTUNREACH,
 * -ETIMEDOUT by the kernel, ...) with a message that names each address and its reason; -EMFILE, -ENOMEM; -ECANCELED:
 * no connection is left behind. Follows asyncio.open_connection. TCP_NODELAY is set.
 */
BIDE_EXPORT int bide_open_connection(const char *host, int port, bide_stream **ret_stream);

/*
 * bide_read - reads what is there, at most `size` bytes; waits for at least one. Returns how many, 0 at the end of
 * the stream, or an error: -ECONNRESET, -EBUSY (somebody else reads), -ECANCELED (nothing was taken). size 0: 0 at
 * once. Follows StreamReader.read(n).
 */
BIDE_EXPORT ssize_t bide_read(bide_stream *stream, void *buffer, size_t size);

/*
 * bide_read_exactly - reads `size` bytes, all or nothing: 0; BIDE_EOF when the stream ends before (what had come
 * stays readable, the message says how much); -ECANCELED and other errors: what had come stays readable. Follows
 * StreamReader.readexactly.
 */
BIDE_EXPORT int bide_read_exactly(bide_stream *stream, void *buffer, size_t size);

/*
 * bide_read_line - reads a line into buffer, ends it with '\0' instead of "\n" or "\r\n". Returns its length;
 * BIDE_EOF when the stream ends and nothing is left (a last line without a line end counts as a line); BIDE_ELIMIT
 * when no line end comes within size - 1 bytes (nothing is taken); other errors as bide_read. Follows
 * StreamReader.readline.
 */
BIDE_EXPORT ssize_t bide_read_line(bide_stream *stream, char *buffer, size_t size);

/*
 * bide_next_line - for loops over the lines of a stream, without a copy:
 *
 *     bide_for (char *line, bide_next_line(stream, &line), err)
 *         puts(line);
 *
 * *ret_line: the line without its "\n" or "\r\n", ended by '\0' (a line with a zero byte in it looks shorter). It lies
 * in the stream's buffer: valid, and the caller's to change, until the next call that reads. Returns 1; 0 at the end
 * of the stream; BIDE_ELIMIT when no line end comes within the read limit (nothing is taken); -ENOMEM; other errors
 * as bide_read. A last line without a line end counts as a line. Follows `async for line in reader`.
 */
BIDE_EXPORT int bide_next_line(bide_stream *stream, char **ret_line);

/*
 * bide_read_until - reads up to and with the first separator, any bytes but none, into buffer. Returns how many bytes
 * that are.
 *
 * BIDE_EOF: the stream ended before; BIDE_ELIMIT: more than the read limit, or more than fits into `size` bytes with
 * the separator, came without one. In both cases, and when cancelled, nothing is taken: what had come is there for the
 * next call, bide_read for example. -EINVAL: an empty separator, or one longer than the buffer; other errors as
 * bide_read. Follows StreamReader.readuntil.
 */
BIDE_EXPORT ssize_t bide_read_until(bide_stream *stream, const void *separator, size_t separator_size, void *buffer,
                                    size_t size);

/*
 * bide_read_all - reads all that comes until the end of the stream. *ret_data: to be freed with free(); a '\0' follows
 * its last byte, which is not counted. Returns how many bytes, 0 for none. BIDE_ELIMIT: more than `limit` bytes came;
 * then, and when cancelled or failing, what had come stays readable. -ENOMEM; other errors as bide_read. Follows
 * StreamReader.read(-1), but with a limit.
 */
BIDE_EXPORT ssize_t bide_read_all(bide_stream *stream, size_t limit, char **ret_data);

/*
 * bide_peek - looks at buffered input without taking it: waits until at least `minimum` bytes (>= 1) are there, or
 * the stream has ended. *ret_data points into the stream's buffer and is valid until the next call that reads.
 * Returns how many bytes are there, possibly more than minimum, less only at the end of the stream (0: nothing is
 * left). BIDE_ELIMIT when minimum is beyond bide_set_read_limit; other errors as bide_read. For parsers: peek, parse,
 * consume. While nothing is buffered a waiting stream holds no buffer.
 */
BIDE_EXPORT ssize_t bide_peek(bide_stream *stream, size_t minimum, const void **ret_data);

/*
 * bide_consume - takes the first `size` bytes of what was peeked at. Never waits. size must not be beyond what is
 * buffered (asserted).
 */
BIDE_EXPORT void bide_consume(bide_stream *stream, size_t size);

/*
 * bide_set_read_limit - how many bytes the stream will buffer at most for bide_peek, read_line, next_line and
 * read_until; 64 KiB at first. read_exactly ignores it.
 */
BIDE_EXPORT void bide_set_read_limit(bide_stream *stream, size_t bytes);

/*
 * bide_write - writes all of it; waits while the peer takes no more (backpressure). Returns size. Cancelled, or
 * failing, after some of it was handed to the kernel: how many bytes that were (less than size; the cancellation or
 * error comes with the next call), before that: -ECANCELED or the error (-EPIPE, -ECONNRESET, -EBUSY: somebody else
 * writes). SIGPIPE is never raised. Stands for StreamWriter.write and drain in one.
 */
BIDE_EXPORT ssize_t bide_write(bide_stream *stream, const void *data, size_t size);

/*
 * bide_write_vector - bide_write for several pieces in one go, in order; at most 64. Returns the sum. The array is
 * not changed. Follows writelines.
 */
BIDE_EXPORT ssize_t bide_write_vector(bide_stream *stream, const struct iovec *pieces, size_t count);

/*
 * bide_sendfile - writes `count` bytes of a regular file, from `offset` on, to the stream; SIZE_MAX: all that there are.
 * The descriptor stays the caller's, its position where it is.
 *
 * Returns how many: less than count when the file is shorter, or as bide_write when cancelled or failing after some. To
 * a plain socket the kernel sends them without a copy; to other streams (TLS, pipes) they are read and written. A disk
 * is not waited for in the loop. -EINVAL: no regular file, or a negative offset; -EBADF; -EIO; -ENOMEM; other errors as
 * bide_write. Follows loop.sendfile.
 */
BIDE_EXPORT ssize_t bide_sendfile(bide_stream *stream, int descriptor, int64_t offset, size_t count);

/*
 * bide_write_eof - half-closes: the peer reads the end, this side goes on reading. 0 or -errno. Does not wait.
 * Follows write_eof.
 */
BIDE_EXPORT int bide_write_eof(bide_stream *stream);

/*
 * bide_close - closes the stream and frees it; NULL is ignored. Never waits and always closes (R6). What was written
 * is still delivered by the kernel. No task may be waiting on the stream (asserted). Follows StreamWriter.close.
 */
BIDE_EXPORT void bide_close(bide_stream *stream);

/*
 * bide_abort - bide_close, but the connection is reset: the peer sees an error instead of an end, and nothing
 * lingers.
 */
BIDE_EXPORT void bide_abort(bide_stream *stream);

/*
 * bide_peer_name - "127.0.0.1:8080" or "[::1]:8080": the other end's address; "?" if it is not known. Valid as long
 * as the stream.
 */
BIDE_EXPORT const char *bide_peer_name(bide_stream *stream);

/*
 * bide_local_name - this end's address as bide_peer_name writes it, into ret_text of `size` bytes, cut to fit.
 * bide_local_address, bide_peer_address - the addresses as the kernel has them; ret_size: how much of it counts, may be
 * NULL. 0; -ENOTSOCK, -EBADF: the stream is not over a socket; -ENOTCONN: the connection was reset. Do not wait. Follow
 * get_extra_info('sockname'), ('peername').
 */
BIDE_EXPORT int bide_local_name(const bide_stream *stream, char *ret_text, size_t size);
BIDE_EXPORT int bide_local_address(const bide_stream *stream, struct sockaddr_storage *ret_address,
                                   socklen_t *ret_size);
BIDE_EXPORT int bide_peer_address(const bide_stream *stream, struct sockaddr_storage *ret_address, socklen_t *ret_size);

/*
 * bide_set_no_delay - whether small pieces are sent at once (they are, unless this says otherwise: TCP_NODELAY).
 * bide_set_keep_alive - looks after an idle connection: a probe after `idle` seconds without traffic, then every
 * `interval` seconds; after `count` without an answer the connection is broken, and reads fail with -ETIMEDOUT. idle 0:
 * off. Seconds are rounded up; 1 to 32767, count 1 to 127. 0; -EINVAL; -EOPNOTSUPP, -EBADF and the like: no TCP
 * connection; with a message. Do not wait.
 */
BIDE_EXPORT int bide_set_no_delay(bide_stream *stream, bool on);
BIDE_EXPORT int bide_set_keep_alive(bide_stream *stream, double idle, double interval, int count);

/*
 * bide_stream_descriptor - the descriptor under the stream, -1 without one. It stays the stream's: for setsockopt and
 * the like, not for reading, writing or closing. Follows get_extra_info('socket').
 */
BIDE_EXPORT int bide_stream_descriptor(const bide_stream *stream);

/*
 * bide_stream_detach - frees the stream and leaves its descriptor, non-blocking, to the caller: returns it. -EBUSY: a
 * task reads or writes, bytes were read ahead, or the stream is its server's; -EOPNOTSUPP: it is more than a descriptor
 * (TLS, memory); then nothing happens, with a message. Does not wait. Follows socket.detach.
 */
BIDE_EXPORT int bide_stream_detach(bide_stream *stream);

/*
 * bide_stream_is_alive - false when an idle connection is known to be dead: the peer has closed or reset it, or sent
 * data that nobody asked for. Costs one system call. For pools.
 */
BIDE_EXPORT bool bide_stream_is_alive(bide_stream *stream);

/*
 * bide_stream_pair - two streams that are each other's peer, through memory: for tests, and for tasks that talk to each
 * other in bytes. What one writes the other reads.
 *
 * limit: how many bytes may be on their way in one direction; a writer waits for room. 0: 64 KiB. Both behave as
 * connections do (half close, abort, -EPIPE after the other was closed) and belong to the loop that runs; the caller
 * closes both. No descriptor is used. 0; -ENOMEM; -EPERM outside of a loop. Does not wait.
 */
BIDE_EXPORT int bide_stream_pair(size_t limit, bide_stream **ret_one, bide_stream **ret_other);

/* bide_auto(stream) *s = NULL; - a variable whose stream is closed when it goes out of scope. */
#define bide_auto(type) __attribute__((cleanup(bide__auto_##type))) bide_##type
static inline void bide__auto_stream(bide_stream **stream)
{
    bide_close(*stream);
}

#include <bide/server.h> /* listeners and servers */

#endif
