/* Streams of TLS: the handshake, reading and writing, both ends of the stream, what was agreed upon. */
#include "support_tls.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

bide_test(bytes_go_both_ways)
{
    bide_tls_context *client = zoo()->trusting, *server = zoo()->serving;
    struct ends ends = open_ends(0);
    char text[16] = "";

    must_shake(ends, client, server);
    check_eq(bide_write(ends.client, "hello", 5), 5);
    check_eq(bide_read(ends.server, text, sizeof text), 5);
    check_str(text, "hello");
    check_eq(bide_write(ends.server, "world!", 6), 6);
    check_eq(bide_read_exactly(ends.client, text, 6), 0);
    check_str(text, "world!");
    close_ends(ends);
    return 0;
}

static const int versions[] = { BIDE_TLS_1_2, BIDE_TLS_1_3 };

static const struct {
    int version;
    bool sockets;
    size_t limit; /* of memory */
} ways[] = {
    { BIDE_TLS_1_2, false, 0 }, { BIDE_TLS_1_3, false, 0 }, { BIDE_TLS_1_2, false, 1 },
    { BIDE_TLS_1_3, false, 7 }, { BIDE_TLS_1_2, true, 0 },  { BIDE_TLS_1_3, true, 0 },
};

/* A sequence of bytes each way at the same time, over all that carries it, also one byte at a time. */
bide_test_each(sequences_both_ways_at_once, ways, .real_clock = true, .time_limit = 60, .allow = BIDE_ALLOW_TASKS)
{
    const size_t size = it->limit == 1 ? 3000 : 300000;
    bide_tls_context *client = it->version == BIDE_TLS_1_2 ? zoo()->trusting_1_2 : zoo()->trusting;
    bide_tls_context *server = zoo()->serving;
    struct ends ends = it->sockets ? open_socket_ends() : open_ends(it->limit);
    bide_tls_info info;

    must_shake(ends, client, server);
    check_eq(bide_tls_get_info(ends.server, &info), 0);
    check_str(info.version, it->version == BIDE_TLS_1_2 ? "TLSv1.2" : "TLSv1.3");
    check_eq(bide_gather(bide_co(send_sequence, ends.client, size), bide_co(receive_sequence, ends.client, size),
                         bide_co(send_sequence, ends.server, size), bide_co(receive_sequence, ends.server, size)),
             0);
    close_ends(ends);
    return 0;
}

bide_test_each(the_end_of_the_stream, versions)
{
    bide_tls_context *client = *it == BIDE_TLS_1_2 ? zoo()->trusting_1_2 : zoo()->trusting;
    bide_tls_context *server = zoo()->serving;
    struct ends ends = open_ends(0);
    char text[16] = "";

    must_shake(ends, client, server);
    check_eq(bide_write(ends.client, "last", 4), 4);
    check_eq(bide_write_eof(ends.client), 0);
    check_error(bide_write(ends.client, "more", 4), EPIPE);
    check_eq(bide_read(ends.server, text, sizeof text), 4);
    check_eq(bide_read(ends.server, text, sizeof text), 0);
    check_eq(bide_read(ends.server, text, sizeof text), 0);
    check_eq(bide_write(ends.server, "answer", 6), 6); /* the other direction goes on */
    check_eq(bide_read(ends.client, text, sizeof text), 6);
    bide_close(ends.server);
    check_eq(bide_read(ends.client, text, sizeof text), 0);
    bide_close(ends.client);
    return 0;
}

/* Lines, peeking and all else that streams have work on top. */
bide_test(lines)
{
    bide_tls_context *client = zoo()->trusting, *server = zoo()->serving;
    struct ends ends = open_ends(0);
    const struct iovec pieces[] = { { (void *)(uintptr_t) "one\n", 4 },
                                    { NULL, 0 },
                                    { (void *)(uintptr_t) "two\nthree", 9 } };
    char line[16];

    must_shake(ends, client, server);
    check_eq(bide_write_vector(ends.client, pieces, 3), 13);
    bide_close(ends.client);
    check_eq(bide_read_line(ends.server, line, sizeof line), 3);
    check_eq(bide_read_line(ends.server, line, sizeof line), 3);
    check_str(line, "two");
    check_eq(bide_read_line(ends.server, line, sizeof line), 5);
    check_error(bide_read_line(ends.server, line, sizeof line), BIDE_EOF);
    bide_close(ends.server);
    return 0;
}

static int serve_one(bide_listener *listener, bide_tls_context *context)
{
    bide_auto(stream) *stream = NULL;
    char text[64];

    bide(bide_accept(listener, &stream));
    bide(bide_tls_accept(stream, context));
    for (ssize_t count; (count = bide(bide_read(stream, text, sizeof text))) > 0;)
        bide(bide_write(stream, text, (size_t)count));
    return 0;
}
bide_async(serve_one, bide_listener *, bide_tls_context *);

static const char *const hosts[] = { "127.0.0.1", "localhost" };

bide_test_each(open_connection, hosts, .real_clock = true)
{
    bide_tls_context *client = zoo()->trusting, *server = zoo()->serving;
    bide_listener *listener;
    bide_tls_info info;
    char text[16] = "";
    int err;

    bide(bide_listen("127.0.0.1", 0, &listener));
    bide_task_group (group, err) {
        bide_stream *stream;

        bide_start(group, bide_co(serve_one, listener, server));
        check_eq(bide_open_tls_connection(*it, bide_listener_port(listener), client, &stream), 0);
        check_eq(bide_tls_get_info(stream, &info), 0);
        check_str(info.version, "TLSv1.3");
        check(!info.is_server && !info.resumed && !info.alpn);
        check_str(info.server_name, **it == 'l' ? "localhost" : NULL);
        check_eq(bide_write(stream, "ping", 4), 4);
        check_eq(bide_read(stream, text, sizeof text), 4);
        check_str(text, "ping");
        bide_close(stream);
    }
    check_eq(err, 0);
    bide_listener_close(listener);
    return 0;
}

/* The stream is in use before: what it has read ahead belongs to the handshake. */
bide_test(start_tls_on_a_running_stream)
{
    bide_tls_context *client = zoo()->trusting, *server = zoo()->serving;
    struct ends ends = open_ends(0);
    char line[32];

    check_eq(bide_write(ends.client, "STARTTLS\r\n", 10), 10);
    bide_task *handshake = bide_create_task(NULL, bide_co(bide_start_tls, ends.client, client, "example.test"));
    bide_sleep(0); /* its first message is there before the server has read the line */
    check_eq(bide_read_line(ends.server, line, sizeof line), 8);
    check_str(line, "STARTTLS");
    check_eq(bide_tls_accept(ends.server, server), 0);
    check_eq(bide_join(handshake), 0);
    check_eq(bide_write(ends.server, "ok", 2), 2);
    check_eq(bide_read(ends.client, line, sizeof line), 2);
    close_ends(ends);
    return 0;
}

bide_test(tls_in_tls)
{
    bide_tls_context *client = zoo()->trusting, *server = zoo()->serving;
    struct ends ends = open_ends(0);

    must_shake(ends, client, server);
    must_shake(ends, client, server);
    check_eq(bide_gather(bide_co(send_sequence, ends.client, 100000), bide_co(receive_sequence, ends.server, 100000)),
             0);
    close_ends(ends);
    return 0;
}

bide_test(no_layer_while_a_task_reads)
{
    bide_tls_context *client = zoo()->trusting;
    struct ends ends = open_ends(0);
    bide_task *reader = bide_create_task(NULL, bide_co(receive_sequence, ends.client, 1));

    bide_sleep(0);
    check_error(bide_start_tls(ends.client, client, "example.test"), EBUSY, "another task is reading");
    check_eq(bide_write(ends.server, "", 1), 1);
    check_eq(bide_join(reader), 0);
    close_ends(ends);
    return 0;
}

bide_test(nobody_else_reads_during_the_handshake)
{
    bide_tls_context *client = zoo()->trusting, *server = zoo()->serving;
    struct ends ends = open_ends(0);
    bide_task *handshake = bide_create_task(NULL, bide_co(bide_start_tls, ends.client, client, "example.test"));
    char byte;

    bide_sleep(0);
    check_error(bide_read(ends.client, &byte, 1), EBUSY);
    check_error(bide_write(ends.client, "x", 1), EBUSY);
    check_error(bide_start_tls(ends.client, client, "example.test"), EBUSY, "another task makes the handshake");
    check_eq(bide_tls_accept(ends.server, server), 0);
    check_eq(bide_join(handshake), 0);
    close_ends(ends);
    return 0;
}

bide_test(a_cancelled_handshake_goes_on)
{
    bide_tls_context *client = zoo()->trusting, *server = zoo()->serving;
    struct ends ends = open_ends(0);
    char text[8];
    int err;

    bide_timeout (1, err)
        err = bide_start_tls(ends.client, client, "example.test"); /* nobody answers */
    check_eq(err, -ETIMEDOUT);
    check_error(bide_read(ends.client, text, 1), BIDE_ETLS, "has not been completed");
    bide_timeout (1, err)
        err = bide_tls_accept(ends.server, server);
    check_eq(err, -ETIMEDOUT); /* the client's last message lacks */
    must_shake(ends, client, server);
    check_eq(bide_write(ends.client, "ok", 2), 2);
    check_eq(bide_read(ends.server, text, sizeof text), 2);
    close_ends(ends);
    return 0;
}

bide_test(no_loop_no_tls)
{
    struct ends ends = open_ends(0);
    bide_tls_info info;
    bide_tls_certificate *certificate;

    check_error(bide_tls_get_info(ends.client, &info), EINVAL, "not a stream of TLS");
    check_error(bide_tls_peer_certificate(ends.client, &certificate), EINVAL, "not a stream of TLS");
    check_error(bide_tls_accept(ends.server, NULL), EINVAL, "needs a context with a certificate");
    close_ends(ends);
    return 0;
}

/* ---- servers ---- */

static int echo(bide_stream *stream, void *argument)
{
    char text[64];

    (void)argument;
    for (ssize_t count; (count = bide(bide_read(stream, text, sizeof text))) > 0;)
        bide(bide_write(stream, text, (size_t)count));
    return 0;
}

static int serve(bide_listener *listener, const bide_serve_options *options)
{
    return bide_serve_listener(listener, echo, NULL, options);
}
bide_async(serve, bide_listener *, const bide_serve_options *);

bide_test(a_server_that_wraps, .real_clock = true)
{
    const bide_serve_options options = { .wrap = bide_tls_wrap, .wrap_argument = zoo()->serving, .quiet = true };
    bide_listener *listener;
    bide_stream *stream, *stranger;
    char text[8] = "";

    bide(bide_listen("127.0.0.1", 0, &listener));
    int port = bide_listener_port(listener);
    bide_task *server = bide_create_task(NULL, bide_co(serve, listener, &options));
    check_eq(bide_open_connection("127.0.0.1", port, &stranger), 0); /* who says nothing holds up nobody */
    check_eq(bide_open_tls_connection("localhost", port, zoo()->trusting, &stream), 0);
    check_eq(bide_write(stream, "hello", 5), 5);
    check_eq(bide_read_exactly(stream, text, 5), 0);
    check_str(text, "hello");
    bide_close(stream);
    bide_close(stranger);
    bide_cancel(server);
    check_error(bide_join(server), ECANCELED);
    return 0;
}

bide_test(who_says_nothing_is_let_go)
{
    struct ends ends = open_ends(0);

    check_error(bide_tls_wrap(ends.server, zoo()->serving), ETIMEDOUT, "no handshake within 60 s");
    close_ends(ends);
    return 0;
}

/* ---- several threads ---- */

/* Handshakes with contexts that other threads use too; one of them has its server's made anew all the time. */
static int shake_often(bide_tls_context *server, bool reloads)
{
    const struct zoo *it = zoo();
    const bide_tls_options options = { .identity = identity_of(&it->good) };

    for (int i = 0; i < 20; i++) {
        struct ends ends;

        bide(bide_stream_pair(0, &ends.client, &ends.server));
        must_shake(ends, it->trusting, server);
        check_eq(bide_gather(bide_co(send_sequence, ends.server, 5000), bide_co(receive_sequence, ends.client, 5000)),
                 0);
        close_ends(ends);
        if (reloads && i % 5 == 0)
            check_eq(bide_tls_context_reload(server, &options), 0);
    }
    return 0;
}
bide_async(shake_often, bide_tls_context *, bool);

static void *run_loop(void *argument)
{
    check_eq(bide_run(bide_co(shake_often, argument, false)), 0);
    OPENSSL_thread_stop();
    return NULL;
}

unit_test(loops_of_several_threads_share_contexts, .real_clock = true, .time_limit = 60)
{
    bide_tls_context *server = server_context(&zoo()->good);
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        check_eq(pthread_create(&threads[i], NULL, run_loop, server), 0);
    check_eq(bide_run(bide_co(shake_often, server, true)), 0);
    for (int i = 0; i < 2; i++)
        check_eq(pthread_join(threads[i], NULL), 0);
    bide_tls_context_close(server);
    return 0;
}
