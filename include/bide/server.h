/*
 * bide/server.h - listeners, and servers: a task for each connection
 *
 *     static int echo(bide_stream *peer) { ... }
 *     int main(void) { return bide_serve(echo, "127.0.0.1", 8888); }
 */
#ifndef BIDE_SERVER_H
#define BIDE_SERVER_H

#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <bide/export.h>
#include <bide/stream.h>

/* What listens: one socket, or several. */
typedef struct bide_listener bide_listener;

/* Where and how to listen, beyond host and port. Zeroed means the defaults. All of it is borrowed. */
typedef struct bide_listen_options {
    int backlog;              /* connections that may wait to be accepted; 0: 4096. The kernel caps it */
    bool reuse_port;          /* others may listen on the same port (SO_REUSEPORT) */
    mode_t mode;              /* permissions of the files of Unix sockets; 0: as the umask leaves them */
    const char *const *hosts; /* more hosts, on the same port; ends with NULL. NULL: none */
    const char *const *paths; /* Unix sockets: paths, or abstract names ("@name"); ends with NULL. NULL: none */
    const int *descriptors;   /* sockets that are bound and listen already */
    size_t descriptor_count;
    bool activated;              /* if a service manager has passed sockets (LISTEN_FDS): those, and nothing else */
    const char *activation_name; /* only those of this name (LISTEN_FDNAMES); NULL: all */
} bide_listen_options;

/*
 * bide_listen - listens on host:port by TCP. host: numeric address or name; NULL: all addresses, IPv6 and IPv4. port
 * 0: a free one, see bide_listener_port. The caller closes it. SO_REUSEADDR is set, the backlog is 4096 (the kernel
 * caps it). Errors: -EADDRINUSE, -EACCES, BIDE_ERESOLVE, ... with a message. May wait (for the resolver).
 */
BIDE_EXPORT int bide_listen(const char *host, int port, bide_listener **ret_listener);

/*
 * bide_listen_with - listens on every address of host, and on what the options name, each with a socket of its own.
 *
 * host: as bide_listen, but all addresses of a name that this machine has; NULL: all addresses by one socket (for IPv4
 * and IPv6), unless options->hosts is given. port: 0: a free one, the same for all; -1: no TCP but for what the options
 * name. options: NULL or the defaults. Descriptors given by the caller belong to the listener when it succeeds; they
 * are made non-blocking and close-on-exec. The file of a Unix socket that nobody listens on any more is replaced; it is
 * removed when the listener closes, unless another has taken its place. Errors as bide_listen, all or nothing; -EINVAL:
 * a path that is empty or too long, a descriptor that does not listen, or nothing to listen on. May wait (for the
 * resolver). Follows loop.create_server.
 */
BIDE_EXPORT int bide_listen_with(const char *host, int port, const bide_listen_options *options,
                                 bide_listener **ret_listener);

/*
 * bide_listen_unix - bide_listen_with on one path or abstract name ("@name"). options: backlog, mode; NULL: the
 * defaults. Follows start_unix_server's binding.
 */
BIDE_EXPORT int bide_listen_unix(const char *path, const bide_listen_options *options, bide_listener **ret_listener);

/* bide_listener_port - the port its first TCP socket listens on; 0 without one. */
BIDE_EXPORT int bide_listener_port(const bide_listener *listener);

/*
 * bide_listener_name - what socket number `index`, from 0, is bound to: "127.0.0.1:80", "[::]:80", "unix:/run/x",
 * "unix:@name" (cut at 63 bytes); NULL beyond the last. Valid as long as the listener. bide_listener_descriptor - its
 * descriptor, -1 beyond the last or when it was stopped; it stays the listener's.
 */
BIDE_EXPORT const char *bide_listener_name(const bide_listener *listener, size_t index);
BIDE_EXPORT int bide_listener_descriptor(const bide_listener *listener, size_t index);

/*
 * bide_accept - waits for the next connection. 0; -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS (the connection stays queued:
 * wait a little, then try again; when it is the stream that there is no memory for, the connection is closed);
 * -ECANCELED. A connection that was given up before we took it is skipped. -EBUSY: another task accepts; -EINVAL: the
 * listener has several sockets, and bide_serve_listener is for those.
 */
BIDE_EXPORT int bide_accept(bide_listener *listener, bide_stream **ret_stream);

/*
 * bide_listener_close - stops listening; NULL is ignored. Never waits. No task may be waiting in bide_accept
 * (asserted).
 */
BIDE_EXPORT void bide_listener_close(bide_listener *listener);
static inline void bide__auto_listener(bide_listener **listener)
{
    bide_listener_close(*listener);
}

/*
 * bide_serve - accepts connections on host:port and runs handler(stream) for each in a task of its own, until
 * cancelled (Ctrl-C, when called outside of a loop: then it is a bide_run of its own).
 *
 * The stream is closed when the handler returns; the handler must not close it. A handler that fails is reported on
 * stderr and concerns nobody else. Cancelled: it stops accepting, cancels the handlers and waits for them; -ECANCELED
 * (or -EINTR). Errors as bide_listen. When descriptors run out it says so and tries again after a second. Follows
 * asyncio.start_server + serve_forever.
 */
BIDE_EXPORT int bide_serve(int (*handler)(bide_stream *stream), const char *host, int port);

/* How bide_serve_listener serves. Zeroed means the defaults. */
typedef struct bide_serve_options {
    size_t connections_max; /* handled at once; more wait in the kernel's queue; 0: no limit */
    double grace; /* seconds that running handlers get to end by themselves when the server is cancelled; 0: none */
    bool quiet;   /* do not report failing handlers */
} bide_serve_options;

/*
 * bide_serve_listener - bide_serve on a listener, with an argument for the handler; inside a task. options: NULL or
 * the defaults. When cancelled with a grace, it closes the listener first, gives the handlers that time, then cancels
 * them. The listener is closed at the end.
 */
BIDE_EXPORT int bide_serve_listener(bide_listener *listener, int (*handler)(bide_stream *stream, void *argument),
                                    void *argument, const bide_serve_options *options);

#endif
