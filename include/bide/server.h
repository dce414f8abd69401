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
#include <bide/scope.h>
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
 * cancelled (Ctrl-C or SIGTERM, when called outside of a loop: then it is a bide_run of its own).
 *
 * The stream is closed when the handler returns; the handler must not close it. A handler that fails is reported on
 * stderr and concerns nobody else. Cancelled: it stops accepting, cancels the handlers and waits for them; -ECANCELED
 * (or -EINTR). Errors as bide_listen. When descriptors run out it says so and tries again after a second. Follows
 * asyncio.start_server + serve_forever.
 */
BIDE_EXPORT int bide_serve(int (*handler)(bide_stream *stream), const char *host, int port);

/* How to serve. Zeroed means the defaults; times are seconds. */
typedef struct bide_serve_options {
    size_t connections_max; /* handled at once, by each worker; more wait in the kernel's queue; 0: no limit */
    double grace;           /* that running handlers get to end by themselves when the server is cancelled; 0: none */
    double
        abort_after; /* after the grace, for handlers that were cancelled: then their connections are cut; 0: never */
    bool quiet;      /* do not report failing handlers */

    /*
     * Called in the task of each connection before the handler, which is not called when this fails: for what takes
     * time and must not hold up accepting, such as a TLS handshake. NULL: nothing.
     */
    int (*wrap)(bide_stream *stream, void *argument);
    void *wrap_argument;

    const bide_listen_options *listen; /* bide_serve_with: where and how to listen, besides host and port */
    unsigned workers;                  /* bide_serve_with: loops that serve, each in its thread; 0 and 1: this one */
} bide_serve_options;

/*
 * bide_serve_with - bide_serve with an argument for the handler, and options (NULL: the defaults). host, port: as
 * bide_listen_with.
 *
 * The end, when it is cancelled: the listener is closed first, and who waits in bide_server_wait_closing is told; the
 * handlers have the grace; then they are cancelled; after abort_after their connections are cut. workers: handlers run
 * in so many threads at once, so what they share needs locks; all end together, see bide_serve_workers.
 */
BIDE_EXPORT int bide_serve_with(int (*handler)(bide_stream *stream, void *argument), void *argument, const char *host,
                                int port, const bide_serve_options *options);

/*
 * bide_serve_listener - bide_serve_with on a listener, inside a task, in this loop. The listener is closed at the end.
 */
BIDE_EXPORT int bide_serve_listener(bide_listener *listener, int (*handler)(bide_stream *stream, void *argument),
                                    void *argument, const bide_serve_options *options);

/*
 * bide_serve_workers - calls serve(listener, argument) here and in count - 1 other threads, each with a loop and a
 * listener of its own on the same addresses; waits until all have returned.
 *
 * For servers that are more than bide_serve_with: serve runs as the main task of its loop and ends with the server, by
 * bide_serve_listener for example; it closes the listener it is given. A listener with reuse_port is bound once more
 * for each thread, so the kernel deals the connections out; otherwise they share its sockets. The loops have the
 * options of the caller's, but signals stay with the caller. When one returns, or cannot be started, or the caller is
 * cancelled, the others are cancelled. Returns the first error (the further ones are printed), or what serve returned
 * here. count: at most 1024; 0 and 1: a plain call. -EINVAL, -EAGAIN (no thread), -ENOMEM, -EMFILE.
 */
BIDE_EXPORT int bide_serve_workers(unsigned count, bide_listener *listener,
                                   int (*serve)(bide_listener *listener, void *argument), void *argument);

/* ---- Servers with a handle ---- */

/* A server that runs in tasks of its own. */
typedef struct bide_server bide_server;

/*
 * bide_start_server - serves on a listener, in tasks that `group` owns (NULL: run()'s), until it is closed or the group
 * is cancelled; returns at once. The listener belongs to the server, also after an error.
 *
 *     bide_listener *listener;
 *     bide_auto(server) *server = NULL;
 *     bide(bide_listen("127.0.0.1", 0, &listener));
 *     bide(bide_start_server(NULL, listener, handler, argument, NULL, &server));
 *     printf("port %d\n", bide_server_port(server));
 *     return bide_server_serve_forever(server);
 *
 * options: NULL or the defaults; listen and workers are not looked at. ret_server: given back with bide_server_release.
 * An error while it accepts is the error of its task, and so of the group. 0, -ENOMEM, -EAGAIN. Follows
 * asyncio.start_server.
 */
BIDE_EXPORT int bide_start_server(bide_group *group, bide_listener *listener,
                                  int (*handler)(bide_stream *stream, void *argument), void *argument,
                                  const bide_serve_options *options, bide_server **ret_server);

/*
 * bide_server_release - gives the handle back; NULL is ignored. A server that still runs is shut down, without waiting:
 * the group that owns it waits. No task may be waiting for it.
 */
BIDE_EXPORT void bide_server_release(bide_server *server);
static inline void bide__auto_server(bide_server **server)
{
    bide_server_release(*server);
}

/* bide_server_port, bide_server_name - as bide_listener_port, bide_listener_name; 0 and NULL when it has ended. */
BIDE_EXPORT int bide_server_port(const bide_server *server);
BIDE_EXPORT const char *bide_server_name(const bide_server *server, size_t index);

/* bide_server_connections - how many are being handled. */
BIDE_EXPORT size_t bide_server_connections(const bide_server *server);

/* bide_server_is_serving - false as soon as it was closed. Follows Server.is_serving. */
BIDE_EXPORT bool bide_server_is_serving(const bide_server *server);

/*
 * bide_server_close - accepts nothing any more; what is being handled goes on without a limit of time. Does not wait;
 * once more is nothing. bide_server_shutdown - the same, and then as for a server that is cancelled: the grace, then
 * the handlers are cancelled, then cut. Follows Server.close.
 */
BIDE_EXPORT void bide_server_close(bide_server *server);
BIDE_EXPORT void bide_server_shutdown(bide_server *server);

/*
 * bide_server_close_clients - cancels the handlers that run; their streams are closed when they end.
 * bide_server_abort_clients - cuts their connections as well: the peers see a reset, and waits that a shield protects
 * fail. Neither waits, nor closes the server. Follow Server.close_clients, abort_clients.
 */
BIDE_EXPORT void bide_server_close_clients(bide_server *server);
BIDE_EXPORT void bide_server_abort_clients(bide_server *server);

/*
 * bide_server_wait_closed - waits until the server was closed and its last handler has ended; at once if that is so
 * already. 0; -ECANCELED (nothing happens to the server); -EDEADLK: a handler of this server calls. Follows
 * Server.wait_closed of Python 3.12.1 and later.
 */
BIDE_EXPORT int bide_server_wait_closed(bide_server *server);

/*
 * bide_server_serve_forever - bide_server_wait_closed; cancelled, it shuts the server down and waits for its end before
 * it returns -ECANCELED. Follows Server.serve_forever.
 */
BIDE_EXPORT int bide_server_serve_forever(bide_server *server);

/*
 * bide_stream_server - for handlers: the server that has accepted the stream; NULL for other streams.
 * bide_server_wait_closing - waits until it begins to close: 0, or -ECANCELED. A handler that wants to say good-bye
 * has a task of its own wait for that, or looks at bide_server_is_serving between two requests.
 */
BIDE_EXPORT bide_server *bide_stream_server(const bide_stream *stream);
BIDE_EXPORT int bide_server_wait_closing(bide_server *server);

#endif
