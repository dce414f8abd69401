/*
 * The server: options, the listening loop, the orderly end.
 *
 *     group "guard"             a task that only waits: when the server is cancelled it is the first to know, and
 *       bide_serve_listener     closes what is idle, while the requests that run have the grace of this call
 *
 * Accepting, the limit of connections and the grace belong to bide_serve_listener. What all replies share, the Date
 * and Server lines, is made once a second. Must never happen: a connection that outlives this frame, on which its
 * server lies.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>
#include <bide/task.h>
#include <bide/version.h>

#include "proto/http1_writer.h"
#include "server/server.h"

static double seconds_or(double given, double otherwise)
{
    return given == 0 ? otherwise : given; /* NOLINT: exactly zero means "not given" */
}

static size_t size_or(size_t given, size_t otherwise)
{
    return given ? given : otherwise;
}

static void fill_in(bide_http_serve_options *options)
{
    options->head_timeout = seconds_or(options->head_timeout, 10);
    options->keep_alive = seconds_or(options->keep_alive, 75);
    options->body_timeout = seconds_or(options->body_timeout, 30);
    options->send_timeout = seconds_or(options->send_timeout, 30);
    options->linger = seconds_or(options->linger, 2);
    options->body_max = size_or(options->body_max, 1024 * 1024);
    options->drain_max = size_or(options->drain_max, 64 * 1024);
    if (!options->server_name)
        options->server_name = "bide/" BIDE_VERSION;
}

static int check(const bide_http_serve_options *options)
{
    if (isnan(options->keep_alive) || !(options->grace >= 0))
        return bide_fail(-EINVAL, "HTTP server: keep_alive or grace is not a time");
    if (!(options->head_timeout > 0 && options->body_timeout > 0 && options->send_timeout > 0 && options->linger > 0))
        return bide_fail(-EINVAL, "HTTP server: a timeout is negative");
    if (!bide__http1_is_field_value(options->server_name, strlen(options->server_name)))
        return bide_fail(-EINVAL, "HTTP server: server_name has a character that a header cannot carry");
    return 0;
}

/* Date and Server lines; the date itself is filled in when the first reply needs it. */
static int make_common(struct bide__http_server *server)
{
    const char *name = server->options.server_name;
    size_t date = sizeof "Date: \r\n" - 1 + BIDE__HTTP1_DATE_SIZE - 1;

    server->common = malloc(date + sizeof "Server: \r\n" + strlen(name));
    if (!server->common)
        return bide_fail(-ENOMEM, "HTTP server: no memory");
    server->date_length = date;
    server->common_length = date;
    server->date_until = -INFINITY;
    if (*name) {
        char *end = stpcpy(server->common + date, "Server: ");

        end = stpcpy(end, name);
        end = stpcpy(end, "\r\n");
        server->common_length = (size_t)(end - server->common);
    }
    return 0;
}

static int open_server(struct bide__http_server *server, bide_http_handler handler, void *argument,
                       const bide_http_serve_options *options)
{
    *server = (struct bide__http_server){ .handler = handler, .argument = argument };
    if (options)
        server->options = *options;
    fill_in(&server->options);
    int err = check(&server->options);
    if (err == 0)
        err = bide__http_limits(server->options.line_max, server->options.header_count_max, server->options.head_max,
                                &server->limits);
    if (err < 0)
        return err;
    server->sweep_at = INFINITY;
    server->fresh.limit = server->options.head_timeout;
    server->kept_alive.limit = server->options.keep_alive;
    return make_common(server);
}

static void close_server(struct bide__http_server *server)
{
    bide_handle_cancel(server->sweep);
    bide__http_free_spares(server);
    free(server->common);
}

static int await_stop(struct bide__http_server *server)
{
    int err = bide_sleep(INFINITY);

    bide__http_server_stop(server);
    return err;
}
bide_async(await_stop, struct bide__http_server *);

int bide_http_serve_listener(bide_listener *listener, bide_http_handler handler, void *argument,
                             const bide_http_serve_options *options)
{
    struct bide__http_server server;
    int err = open_server(&server, handler, argument, options), result = -ENOMEM;

    if (err < 0) {
        bide_listener_close(listener);
        return err;
    }
    const bide_serve_options plain = { .connections_max = server.options.connections_max,
                                       .grace = server.options.grace,
                                       .abort_after = server.options.abort_after,
                                       .wrap = server.options.wrap,
                                       .wrap_argument = server.options.wrap_argument,
                                       .quiet = true };
    bide_task_group (guard, err) {
        if (bide_start(guard, bide_co(await_stop, &server)) == 0)
            result = bide_serve_listener(listener, bide__http_serve_connection, &server, &plain);
        else
            bide_listener_close(listener);
        bide_group_cancel(guard);
    }
    close_server(&server);
    return result;
}

/* What one call serves. */
struct service {
    bide_http_handler handler;
    void *argument;
    const char *host;
    int port;
    const bide_http_serve_options *options;
};

static int serve_on(bide_listener *listener, void *argument)
{
    const struct service *service = argument;

    return bide_http_serve_listener(listener, service->handler, service->argument, service->options);
}

static int serve_here(struct service *service)
{
    const bide_http_serve_options *options = service->options;
    bide_listen_options listen = options && options->listen ? *options->listen : (bide_listen_options){ 0 };
    unsigned workers = options ? options->workers : 0;
    bide_listener *listener;

    if (workers > 1)
        listen.reuse_port = true;
    bide(bide_listen_with(service->host, service->port, &listen, &listener));
    return bide_serve_workers(workers, listener, serve_on, service);
}
bide_async(serve_here, struct service *);

int bide_http_serve(bide_http_handler handler, void *argument, const char *host, int port,
                    const bide_http_serve_options *options)
{
    struct service service = { handler, argument, host, port, options };

    if (bide_get_running_loop())
        return serve_here(&service);
    return bide_run_with(bide_co(serve_here, &service), &(bide_run_options){ .terminate_like_interrupt = true });
}
