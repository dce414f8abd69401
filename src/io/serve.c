/*
 * Serving in one call: on a listener, on host and port, in this loop or in several.
 *
 * Here a server lies on the stack of the task that calls, and lives as long as the call. Outside of a loop the call is
 * a run of its own, which Ctrl-C and SIGTERM end.
 */
#include <bide/server.h>

#include <errno.h>

#include <bide/error.h>
#include <bide/task.h>

#include "io/server.h"
#include "task/record.h"

int bide_serve_listener(bide_listener *listener, int (*handler)(bide_stream *stream, void *argument), void *argument,
                        const bide_serve_options *options)
{
    struct bide_server server = { .listener = listener, .handler = handler, .argument = argument };

    if (options)
        server.options = *options;
    return bide__server_run(&server);
}

/* What one call serves. */
struct service {
    int (*handler)(bide_stream *stream, void *argument);
    void *argument;
    const char *host;
    int port;
    const bide_serve_options *options;
};

static int serve_on(bide_listener *listener, void *argument)
{
    const struct service *service = argument;

    return bide_serve_listener(listener, service->handler, service->argument, service->options);
}

static int serve_here(struct service *service)
{
    static const bide_serve_options defaults;
    const bide_serve_options *options = service->options ? service->options : &defaults;
    bide_listen_options listen = options->listen ? *options->listen : (bide_listen_options){ 0 };
    bide_listener *listener;

    if (options->workers > 1)
        listen.reuse_port = true;
    bide(bide_listen_with(service->host, service->port, &listen, &listener));
    return bide_serve_workers(options->workers, listener, serve_on, service);
}
bide_async(serve_here, struct service *);

int bide_serve_with(int (*handler)(bide_stream *stream, void *argument), void *argument, const char *host, int port,
                    const bide_serve_options *options)
{
    struct service service = { handler, argument, host, port, options };

    if (bide__current())
        return serve_here(&service);
    return bide_run_with(bide_co(serve_here, &service), &(bide_run_options){ .terminate_like_interrupt = true });
}

struct plain_server {
    int (*handler)(bide_stream *stream);
};

static int handle_plain(bide_stream *stream, void *argument)
{
    return ((struct plain_server *)argument)->handler(stream);
}

static int serve_plain(int (*handler)(bide_stream *stream), const char *host, int port)
{
    struct plain_server plain = { handler };
    bide_listener *listener;

    bide(bide_listen(host, port, &listener));
    return bide_serve_listener(listener, handle_plain, &plain, NULL);
}
bide_async(serve_plain, int (*)(bide_stream *), const char *, int);

int bide_serve(int (*handler)(bide_stream *stream), const char *host, int port)
{
    if (bide__current())
        return serve_plain(handler, host, port);
    return bide_run_with(bide_co(serve_plain, handler, host, port),
                         &(bide_run_options){ .terminate_like_interrupt = true });
}
