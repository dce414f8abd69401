/*
 * Servers with a handle: what closing, waiting, shutting down and cutting do, and in which order. The clock is virtual,
 * so all times are exact.
 */
#include <bide/test.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { HANDLERS_MAX = 8 };

struct service {
    bide_server *server;
    int port, started, ended, cancelled;
    double shielded; /* seconds of a cleanup */
};

/* Echoes until the end. */
static int echo(bide_stream *stream, void *argument)
{
    struct service *service = argument;
    char buffer[64];
    ssize_t count;

    service->started++;
    while ((count = bide_read(stream, buffer, sizeof buffer)) > 0)
        count = bide_write(stream, buffer, (size_t)count);
    if (count == -ECANCELED) {
        service->cancelled++;
        bide_shield (service->shielded)
            if (bide_read(stream, buffer, sizeof buffer) < 0)
                check_event("cleanup cut at %g", bide_time());
    }
    service->ended++;
    return (int)count;
}

static void start(struct service *service, bide_group *group, const bide_serve_options *options)
{
    bide_listener *listener;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    check_eq(bide_start_server(group, listener, echo, service, options, &service->server), 0);
    service->port = bide_server_port(service->server);
    check(service->port > 0);
}

static bide_stream *open_client(const struct service *service)
{
    bide_stream *stream;
    char text[4];

    check_eq(bide_open_connection("127.0.0.1", service->port, &stream), 0);
    check_eq(bide_write(stream, "ping", 4), 4);
    check_eq(bide_read_exactly(stream, text, 4), 0);
    return stream;
}

/* Ends it and waits. */
static void finish(bide_server *server)
{
    bide_server_shutdown(server);
    check_eq(bide_server_wait_closed(server), 0);
    bide_server_release(server);
}

static int wait_closed(bide_server *server, const char *who)
{
    int err = bide_server_wait_closed(server);

    check_event("%s: %d", who, err);
    return err;
}
bide_async(wait_closed, bide_server *, const char *);

static int wait_closing(bide_server *server)
{
    bide(bide_server_wait_closing(server));
    check_event("closing");
    return 0;
}
bide_async(wait_closing, bide_server *);

/* gh-79033: returned at once while connections were open. gh-104344: the same, after close() */
bide_test(wait_closed_waits_for_close_and_for_the_last_connection)
{
    struct service service = { 0 };
    char byte;
    int err;

    bide_task_group (group, err) {
        start(&service, group, NULL);
        bide_stream *client = open_client(&service), *late;
        bide_start(group, bide_co(wait_closed, service.server, "one"));
        bide_start(group, bide_co(wait_closed, service.server, "two"));
        bide_start(group, bide_co(wait_closing, service.server));
        bide(bide_sleep(100));
        check_no_trace();
        check(bide_server_is_serving(service.server));
        check_eq(bide_server_connections(service.server), (size_t)1);
        bide_server_close(service.server);
        bide_server_close(service.server);
        check(!bide_server_is_serving(service.server));
        bide(bide_sleep(100));
        check_trace("closing");
        check_error(bide_open_connection("127.0.0.1", service.port, &late), ECONNREFUSED);
        check_eq(bide_write(client, "x", 1), 1); /* it goes on */
        check_eq(bide_read(client, &byte, 1), 1);
        bide_close(client);
        bide(bide_sleep(1));
        check_trace("one: 0", "two: 0");
        check_eq(service.cancelled, 0);
        check_eq(bide_server_wait_closed(service.server), 0); /* gh-120866: again, after the end */
        check_eq(bide_server_port(service.server), 0);
        bide_server_release(service.server);
    }
    check_eq(err, 0);
    return 0;
}

/* gh-104344, gh-113538: 3.12.0 hung for ever when nothing had ever connected, or all had gone before */
bide_test(wait_closed_without_connections_returns_at_once)
{
    struct service service = { 0 };

    for (int clients = 0; clients < 2; clients++) {
        start(&service, NULL, NULL);
        for (int i = 0; i < clients; i++)
            bide_close(open_client(&service));
        double begin = bide_time();
        bide_server_close(service.server);
        check_eq(bide_server_wait_closed(service.server), 0);
        check(bide_time() == begin); /* NOLINT: exact */
        bide_server_release(service.server);
    }
    return 0;
}

bide_test(wait_closed_given_up_leaves_the_server_alone)
{
    struct service service = { 0 };
    int err;

    start(&service, NULL, NULL);
    bide_timeout (1, err)
        err = bide_server_wait_closed(service.server);
    check_error(err, ETIMEDOUT);
    bide_stream *client = open_client(&service);
    bide_server_close(service.server);
    bide_close(client);
    check_eq(bide_server_wait_closed(service.server), 0);
    bide_server_release(service.server);
    return 0;
}

static int wait_for_own_end(bide_stream *stream, void *argument)
{
    (void)argument;
    check_error(bide_server_wait_closed(bide_stream_server(stream)), EDEADLK, "its own end");
    return 0;
}

bide_test(wait_closed_in_a_handler_is_refused)
{
    bide_listener *listener;
    bide_server *server;
    bide_stream *client;
    char byte;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    check_eq(bide_start_server(NULL, listener, wait_for_own_end, NULL, NULL, &server), 0);
    check_eq(bide_open_connection("127.0.0.1", bide_server_port(server), &client), 0);
    check(bide_stream_server(client) == NULL);
    check_eq(bide_read(client, &byte, 1), 0);
    bide_close(client);
    finish(server);
    return 0;
}

bide_test(close_clients_cancels_those_that_run_and_accepts_on)
{
    struct service service = { 0 };
    char byte;

    start(&service, NULL, NULL);
    bide_stream *first = open_client(&service), *second = open_client(&service);
    bide_server_close_clients(service.server);
    check_eq(bide_read(first, &byte, 1), 0);
    check_eq(bide_read(second, &byte, 1), 0);
    check_eq(service.cancelled, 2);
    bide_stream *third = open_client(&service);
    bide_close(first);
    bide_close(second);
    bide_close(third);
    finish(service.server);
    return 0;
}

bide_test(abort_clients_resets_also_what_a_shield_protects)
{
    struct service service = { .shielded = 1000 };
    char byte;

    start(&service, NULL, NULL);
    bide_stream *client = open_client(&service);
    bide_server_close_clients(service.server);
    bide(bide_sleep(1));
    check_eq(service.cancelled, 1); /* it sits in its cleanup */
    check_eq(service.ended, 0);
    bide_server_abort_clients(service.server);
    ssize_t count = bide_read(client, &byte, 1);
    check(count == 0 || count == -ECONNRESET);
    bide(bide_sleep(0.5));
    check_eq(service.ended, 1);
    bide_close(client);
    finish(service.server);
    return 0;
}

/* The whole end: grace, cancellation, cut. */
bide_test(shutdown_gives_grace_then_cancels_then_cuts)
{
    struct service service = { .shielded = 1000 };
    char byte;

    start(&service, NULL, &(bide_serve_options){ .grace = 10, .abort_after = 5 });
    bide_stream *client = open_client(&service);
    double begin = bide_time();
    bide_server_shutdown(service.server);
    bide(bide_sleep(9));
    check_eq(bide_write(client, "x", 1), 1); /* in the grace it works on */
    check_eq(bide_read(client, &byte, 1), 1);
    check_eq(service.cancelled, 0);
    bide(bide_sleep(2));
    check_eq(service.cancelled, 1);
    check_eq(service.ended, 0);
    bide(bide_sleep(3));
    check_eq(service.ended, 0);
    check_eq(bide_server_wait_closed(service.server), 0);
    check_near(bide_time() - begin, 15, 0.01);
    check_eq(service.ended, 1);
    bide_close(client);
    bide_server_release(service.server);
    return 0;
}

bide_test(shutdown_ends_at_once_when_the_handlers_do)
{
    struct service service = { 0 };

    start(&service, NULL, &(bide_serve_options){ .grace = 10, .abort_after = 5 });
    bide_stream *client = open_client(&service);
    double begin = bide_time();
    bide_server_shutdown(service.server);
    bide(bide_sleep(3));
    bide_close(client);
    check_eq(bide_server_wait_closed(service.server), 0);
    check_near(bide_time() - begin, 3, 0.01);
    check_eq(service.cancelled, 0);
    bide_server_release(service.server);
    return 0;
}

static int forever(struct service *service)
{
    return bide_server_serve_forever(service->server);
}
bide_async(forever, struct service *);

/* T21: also with a client that hangs */
bide_test(serve_forever_cancelled_closes_the_server)
{
    struct service service = { 0 };
    bide_stream *late;
    char byte;

    start(&service, NULL, NULL);
    bide_task *task = bide_create_task(NULL, bide_co(forever, &service));
    bide_stream *client = open_client(&service);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_eq(service.ended, 1);
    check_eq(bide_read(client, &byte, 1), 0);
    check_error(bide_open_connection("127.0.0.1", service.port, &late), ECONNREFUSED);
    bide_close(client);
    bide_server_release(service.server);
    return 0;
}

bide_test(server_of_a_cancelled_group_ends_with_it)
{
    struct service service = { 0 };
    bide_stream *client = NULL;
    char byte;
    int err;

    bide_task_group (group, err) {
        start(&service, group, NULL);
        client = open_client(&service);
        bide_group_cancel(group);
    }
    check_eq(err, 0);
    check_eq(service.cancelled, 1);
    check_eq(bide_server_wait_closed(service.server), 0);
    check_eq(bide_read(client, &byte, 1), 0);
    bide_close(client);
    bide_server_release(service.server);
    return 0;
}

bide_test(server_released_before_its_first_step)
{
    struct service service = { 0 };
    int err;

    bide_task_group (group, err) {
        start(&service, group, NULL);
        bide_server_release(service.server);
    }
    check_eq(err, 0);
    return 0;
}

static int greet_then_echo(bide_stream *stream, void *argument)
{
    const struct service *service = argument;

    check_event("wrap");
    if (service->shielded > 0)
        return bide_fail(-EPROTO, "no greeting");
    bide(bide_sleep(5));
    return bide(bide_write(stream, "hello", 5)) == 5 ? 0 : -EIO;
}

bide_test(wrap_runs_in_the_task_of_the_connection)
{
    struct service service = { 0 };
    const bide_serve_options options = { .wrap = greet_then_echo, .wrap_argument = &service, .quiet = true };
    char text[8];

    start(&service, NULL, &options);
    bide_stream *slow, *second;
    check_eq(bide_open_connection("127.0.0.1", service.port, &slow), 0);
    check_eq(bide_open_connection("127.0.0.1", service.port, &second), 0);
    bide(bide_sleep(1));
    check_trace("wrap", "wrap"); /* both at once: accepting was not held up */
    check_eq(service.started, 0);
    check_eq(bide_read_exactly(slow, text, 5), 0);
    check_eq(bide_read_exactly(second, text, 5), 0);
    bide(bide_sleep(1));
    check_eq(service.started, 2);
    service.shielded = 1; /* now it fails */
    bide_stream *refused;
    check_eq(bide_open_connection("127.0.0.1", service.port, &refused), 0);
    check_eq(bide_read(refused, text, 1), 0);
    check_eq(service.started, 2);
    check_trace("wrap");
    bide_close(refused);
    bide_close(second);
    bide_close(slow);
    finish(service.server);
    return 0;
}

bide_test(serve_on_several_addresses_and_a_path)
{
    const char *const hosts[] = { "127.0.0.2", NULL }, *const paths[] = { "@bide-serve-several", NULL };
    const bide_listen_options options = { .hosts = hosts, .paths = paths };
    struct service service = { 0 };
    bide_listener *listener;
    bide_stream *stream;
    char text[4];

    check_eq(bide_listen_with("127.0.0.1", 0, &options, &listener), 0);
    check_eq(bide_start_server(NULL, listener, echo, &service, NULL, &service.server), 0);
    service.port = bide_server_port(service.server);
    bide_close(open_client(&service));
    check_eq(bide_open_connection("127.0.0.2", service.port, &stream), 0);
    check_eq(bide_write(stream, "two!", 4), 4);
    check_eq(bide_read_exactly(stream, text, 4), 0);
    bide_close(stream);
    check_eq(bide_open_unix_connection("@bide-serve-several", &stream), 0);
    check_eq(bide_write(stream, "unix", 4), 4);
    check_eq(bide_read_exactly(stream, text, 4), 0);
    bide_close(stream);
    check_str(bide_server_name(service.server, 2), "unix:@bide-serve-several");
    bide_server_close(service.server);
    check_eq(bide_server_wait_closed(service.server), 0);
    check_eq(service.started, 3);
    check_eq(service.ended, 3);
    bide_server_release(service.server);
    return 0;
}

bide_test(connections_max_holds_over_all_addresses)
{
    const char *const hosts[] = { "127.0.0.2", NULL };
    struct service service = { 0 };
    bide_listener *listener;
    bide_stream *first, *second;
    char byte;
    int err;

    check_eq(bide_listen_with("127.0.0.1", 0, &(bide_listen_options){ .hosts = hosts }, &listener), 0);
    check_eq(bide_start_server(NULL, listener, echo, &service, &(bide_serve_options){ .connections_max = 1 },
                               &service.server),
             0);
    service.port = bide_server_port(service.server);
    bide(bide_sleep(1)); /* both sockets are waited on */
    check_eq(bide_open_connection("127.0.0.1", service.port, &first), 0);
    check_eq(bide_open_connection("127.0.0.2", service.port, &second), 0);
    check_eq(bide_write(first, "1", 1), 1);
    check_eq(bide_read(first, &byte, 1), 1);
    check_eq(bide_write(second, "2", 1), 1);
    bide_timeout (5, err)
        err = (int)bide_read(second, &byte, 1);
    check_error(err, ETIMEDOUT);
    check_eq(service.started, 1);
    bide_close(first);
    check_eq(bide_read(second, &byte, 1), 1);
    check_eq(service.started, 2);
    bide_close(second);
    finish(service.server);
    return 0;
}

static int round_trip(void)
{
    bide_auto(server) *server = NULL;
    bide_auto(stream) *client = NULL;
    struct service service = { 0 };
    bide_listener *listener;
    char text[4];
    int err;

    bide_task_group (group, err) {
        bide(bide_listen("127.0.0.1", 0, &listener));
        bide(bide_start_server(group, listener, echo, &service, &(bide_serve_options){ .quiet = true }, &server));
        bide(bide_open_connection("127.0.0.1", bide_server_port(server), &client));
        bide(bide_write(client, "ping", 4));
        bide(bide_read_exactly(client, text, 4));
        bide_close(client);
        client = NULL;
        bide_server_close(server);
        bide(bide_server_wait_closed(server));
    }
    return err;
}

bide_test_cancel_everywhere(server_cancelled_anywhere)
{
    int err = round_trip();

    return err < 0 && bide_cancelled() ? -ECANCELED
                                       : err; /* the server was cancelled too, and may have refused first */
}

bide_test_faults(server_with_faults, .faults = "memory eintr eagain short")
{
    return round_trip();
}
