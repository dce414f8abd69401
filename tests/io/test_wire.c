/*
 * Streams and servers over a bad network: every byte arrives although packets are late and lost, and when nothing passes
 * any more, whoever waits gets out. Time is real here.
 */
#include <bide/test.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_wire.h"

enum { BYTES = 150 * 1000, CLIENTS = 20 };

static int cut(struct wire *wire)
{
    wire_close(wire);
    return 0;
}
bide_async(cut, struct wire *);

static struct wire *lay_wire(void)
{
    const char *reason;
    struct wire *wire = wire_open(12345, &reason);

    if (!wire)
        skip(reason);
    bide_test_cleanup(bide_co(cut, wire));
    return wire;
}

static int echo(bide_stream *stream, void *argument)
{
    char buffer[4096];
    ssize_t count;

    (void)argument;
    while ((count = bide_read(stream, buffer, sizeof buffer)) > 0)
        bide(bide_write(stream, buffer, (size_t)count));
    return (int)count;
}

static bide_server *start_server(const bide_serve_options *options)
{
    bide_listener *listener;
    bide_server *server;

    check_eq(bide_listen(WIRE_HERE, 0, &listener), 0);
    check_eq(bide_start_server(NULL, listener, echo, NULL, options, &server), 0);
    return server;
}

static void stop_server(bide_server *server)
{
    bide_server_shutdown(server);
    check_eq(bide_server_wait_closed(server), 0);
    bide_server_release(server);
}

static char byte_at(size_t offset, int number)
{
    return (char)((offset * 7 + (size_t)number) % 251);
}

static int send_all(bide_stream *stream, int number)
{
    char *data = malloc(BYTES);
    int err = 0;

    for (size_t i = 0; i < BYTES; i++)
        data[i] = byte_at(i, number);
    for (size_t sent = 0; sent < BYTES && err == 0;) {
        ssize_t count = bide_write(stream, data + sent, BYTES - sent);

        if (count < 0)
            err = (int)count;
        else
            sent += (size_t)count;
    }
    free(data);
    return err ? err : bide_write_eof(stream);
}
bide_async(send_all, bide_stream *, int);

static int exchange(int port, int number)
{
    bide_auto(stream) *stream = NULL;
    char buffer[4096];
    size_t got = 0;
    ssize_t count = 0;
    int err;

    bide(bide_open_connection(WIRE_PEER, port, &stream));
    bide_task_group (group, err) {
        bide(bide_start(group, bide_co(send_all, stream, number)));
        while ((count = bide(bide_read(stream, buffer, sizeof buffer))) > 0)
            for (ssize_t i = 0; i < count; i++, got++)
                if (buffer[i] != byte_at(got, number))
                    check_eq(buffer[i], byte_at(got, number));
    }
    check_eq(got, (size_t)BYTES);
    return err;
}
bide_async(exchange, int, int);

bide_test(every_byte_arrives_over_loss_and_delay, .real_clock = true, .time_limit = 60)
{
    struct wire *wire = lay_wire();
    bide_server *server = start_server(NULL);

    wire_set(wire, 3, 0.005, 0.005); /* the jitter also changes the order */
    check_eq(exchange(bide_server_port(server), 1), 0);
    check(wire_lost(wire) > 0);
    check(wire_passed(wire) > 2 * BYTES / 1500);
    stop_server(server);
    return 0;
}

static int short_exchange(int port)
{
    bide_auto(stream) *stream = NULL;
    char text[4];

    bide(bide_open_connection(WIRE_PEER, port, &stream));
    for (int i = 0; i < 5; i++) {
        bide(bide_write(stream, "ping", 4));
        bide(bide_read_exactly(stream, text, 4));
    }
    return 0;
}
bide_async(short_exchange, int);

bide_test(many_connections_over_loss, .real_clock = true, .time_limit = 60)
{
    struct wire *wire = lay_wire();
    bide_server *server = start_server(NULL);
    int err;

    wire_set(wire, 5, 0.001, 0.002);
    bide_task_group (group, err)
        for (int i = 0; i < CLIENTS; i++)
            bide(bide_start(group, bide_co(short_exchange, bide_server_port(server))));
    check_eq(err, 0);
    stop_server(server);
    return 0;
}

bide_test(what_waits_on_a_dead_wire_gets_out, .real_clock = true, .time_limit = 60)
{
    struct wire *wire = lay_wire();
    bide_server *server = start_server(NULL);
    int port = bide_server_port(server), err;
    bide_stream *stream, *late = NULL;
    char byte;

    check_eq(bide_open_connection(WIRE_PEER, port, &stream), 0);
    check_eq(bide_write(stream, "x", 1), 1);
    check_eq(bide_read(stream, &byte, 1), 1);
    wire_set(wire, 100, 0, 0);
    bide_timeout (0.2, err)
        err = (int)bide_read(stream, &byte, 1);
    check_error(err, ETIMEDOUT);
    bide_timeout (0.2, err)
        err = bide_open_connection(WIRE_PEER, port, &late);
    check_error(err, ETIMEDOUT);
    check(late == NULL);
    check_eq(bide_set_keep_alive(stream, 1, 1, 1), 0); /* and without a timeout: */
    check_error(bide_read(stream, &byte, 1), ETIMEDOUT, "read from " WIRE_PEER);
    bide_close(stream);
    stop_server(server);
    return 0;
}

bide_test(server_ends_although_its_clients_cannot_be_reached, .real_clock = true, .time_limit = 60)
{
    struct wire *wire = lay_wire();
    bide_server *server = start_server(&(bide_serve_options){ .grace = 0.2, .abort_after = 0.2 });
    bide_stream *stream;
    char byte;

    check_eq(bide_open_connection(WIRE_PEER, bide_server_port(server), &stream), 0);
    check_eq(bide_write(stream, "x", 1), 1);
    check_eq(bide_read(stream, &byte, 1), 1);
    wire_set(wire, 100, 0, 0);
    double begin = bide_time();
    stop_server(server);
    check(bide_time() - begin < 1 * bide_test_slowness() + 1);
    bide_abort(stream);
    return 0;
}
