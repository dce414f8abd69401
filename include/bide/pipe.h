/*
 * bide/pipe.h - pipes and terminals as streams (bide/stream.h)
 *
 * One end of a pipe goes one way: reading from one that is for writing is -EBADF. A pipe whose reader has gone is -EPIPE
 * for its writer, and no signal. Descriptors are opened once more where that is possible, so that what other programs
 * share with this one (a shell's terminal) is not made non-blocking; else that is taken back at the end.
 */
#ifndef BIDE_PIPE_H
#define BIDE_PIPE_H

#pragma GCC system_header

#include <bide/export.h>
#include <bide/stream.h>

/*
 * bide_pipe - a new pipe: what is written to *ret_output is read from *ret_input. The caller closes both. 0; -EMFILE,
 * -ENFILE, -ENOMEM; -EPERM outside of a loop. Does not wait. For two tasks of one loop bide_stream_pair is cheaper.
 */
BIDE_EXPORT int bide_pipe(bide_stream **ret_input, bide_stream **ret_output);

/*
 * bide_connect_read_pipe, bide_connect_write_pipe - a stream over a descriptor: an end of a pipe, a terminal, another
 * character device, a socket, or a regular file (at its position; its reads are made in place). It belongs to the
 * stream when they succeed. 0; -EBADF, -EMFILE, -ENOMEM, -EPERM outside of a loop, with a message: it is still the
 * caller's. Do not wait. Follow loop.connect_read_pipe, connect_write_pipe.
 */
BIDE_EXPORT int bide_connect_read_pipe(int descriptor, bide_stream **ret_stream);
BIDE_EXPORT int bide_connect_write_pipe(int descriptor, bide_stream **ret_stream);

/*
 * bide_stdin, bide_stdout, bide_stderr - streams over the standard descriptors, which stay open when they are closed. A
 * stream over stdout does not know of stdio's buffer: fflush first what printf has left there. Errors as above.
 */
BIDE_EXPORT int bide_stdin(bide_stream **ret_stream);
BIDE_EXPORT int bide_stdout(bide_stream **ret_stream);
BIDE_EXPORT int bide_stderr(bide_stream **ret_stream);

#endif
