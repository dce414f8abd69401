/* What may happen on the way: bytes that trickle, stop, are cut off, are forged; peers that do not speak TLS at all. */
#include "support_tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tls/tls.h"

/* ---- somebody in between ---- */

/* What happens to the bytes of one direction. */
struct rule {
    size_t piece;     /* how many go at once; 0: as they come */
    size_t cut_at;    /* after so many the direction ends; 0: never */
    size_t forge_at;  /* the byte at this offset is changed; 0: none */
    size_t forwarded; /* so far */
};

static int forward(bide_stream *from, bide_stream *to, struct rule *rule)
{
    char data[4096];
    ssize_t count;
    int err = 0;

    while (err >= 0 && (count = bide(bide_read(from, data, rule->piece ? rule->piece : sizeof data))) > 0) {
        size_t size = (size_t)count;
        bool cut = rule->cut_at && rule->forwarded + size >= rule->cut_at;

        if (rule->forge_at && rule->forge_at >= rule->forwarded && rule->forge_at < rule->forwarded + size)
            data[rule->forge_at - rule->forwarded] ^= 0x20;
        if (cut)
            size = rule->cut_at - rule->forwarded;
        if (size)
            err = (int)bide_write(to, data, size);
        rule->forwarded += size;
        if (cut)
            break;
    }
    (void)bide_write_eof(to);
    return 0;
}
bide_async(forward, bide_stream *, bide_stream *, struct rule *);

/* The two ends, and the two between them. */
struct way {
    struct ends ends;
    bide_stream *near, *far;
};

static struct way open_way(void)
{
    struct way way;

    check_eq(bide_stream_pair(0, &way.ends.client, &way.near), 0);
    check_eq(bide_stream_pair(0, &way.far, &way.ends.server), 0);
    return way;
}

static void close_way(struct way way)
{
    close_ends(way.ends);
    bide_close(way.near);
    bide_close(way.far);
}

/* What each side has got in the end. */
struct side {
    bide_stream *stream;
    size_t sent, received;
    int result;
};

/* Sends some and reads until the end. Nothing that is read is wrong. */
static int converse(struct side *side, bool is_server)
{
    enum { SIZE = 600 };
    unsigned char data[SIZE];
    ssize_t count = is_server ? bide_tls_accept(side->stream, zoo()->serving)
                              : bide_start_tls(side->stream, zoo()->trusting, "example.test");

    if (count >= 0) {
        fill_sequence(data, sizeof data, 0);
        count = bide_write(side->stream, data, sizeof data);
    }
    if (count >= 0)
        count = bide_write_eof(side->stream);
    while (count >= 0 && (count = bide_read(side->stream, data, sizeof data)) > 0) {
        check_sequence(data, (size_t)count, side->received);
        side->received += (size_t)count;
    }
    if (count == 0)
        check_eq(side->received, (size_t)SIZE); /* an end is only believed when all has come */
    side->result = (int)count;
    if (count < 0)
        (void)bide_strerror((int)count);
    bide_close(side->stream); /* so that the other side is not left waiting */
    side->stream = NULL;
    return 0;
}
bide_async(converse, struct side *, bool);

/* A conversation through somebody in between; the results. */
static void converse_through(struct rule *to_server, struct rule *to_client, struct side sides[2])
{
    struct way way = open_way();
    int err;

    sides[0] = (struct side){ .stream = way.ends.client };
    sides[1] = (struct side){ .stream = way.ends.server };
    way.ends = (struct ends){ NULL, NULL };
    bide__tls_session_forget(zoo()->trusting); /* all are full handshakes */
    bide_task_group (group, err) {
        bide_start(group, bide_co(forward, way.near, way.far, to_server));
        bide_start(group, bide_co(forward, way.far, way.near, to_client));
        check_eq(bide_gather(bide_co(converse, &sides[0], false), bide_co(converse, &sides[1], true)), 0);
        bide_group_cancel(group);
    }
    close_way(way);
}

bide_test(one_byte_at_a_time, .time_limit = 60)
{
    struct rule there = { .piece = 1 }, back = { .piece = 1 };
    struct side sides[2];

    converse_through(&there, &back, sides);
    check_eq(sides[0].result, 0);
    check_eq(sides[1].result, 0);
    return 0;
}

/* How many bytes a conversation has in each direction. */
static void measure(size_t *ret_there, size_t *ret_back)
{
    struct rule there = { 0 }, back = { 0 };
    struct side sides[2];

    converse_through(&there, &back, sides);
    check_eq(sides[0].result, 0);
    check_eq(sides[1].result, 0);
    *ret_there = there.forwarded;
    *ret_back = back.forwarded;
}

/* Signatures differ in length by a few bytes: the last ones are left alone. */
enum { ENDING = 16 };

static const int directions[] = { 0, 1 };

/* Cut anywhere: who did not get all of it has an error, and never an end. */
bide_test_each(cut_off_anywhere, directions, .time_limit = 120)
{
    size_t total[2];

    measure(&total[0], &total[1]);
    for (size_t at = 1; at + ENDING < total[*it]; at += at < 20 ? 1 : 97) {
        struct rule rules[2] = { { 0 }, { 0 } };
        struct side sides[2];

        rules[*it].cut_at = at;
        converse_through(&rules[0], &rules[1], sides);
        const struct side *cut = &sides[1 - *it];
        check(cut->result == BIDE_ETLS || cut->result == BIDE_EOF || cut->result == -EPIPE ||
              cut->result == -ECONNRESET);
    }
    return 0;
}

/* A byte changed anywhere: what is read is right, or there is an error. */
bide_test_each(forged_anywhere, directions, .time_limit = 120)
{
    size_t total[2];

    measure(&total[0], &total[1]);
    for (size_t at = 1; at + ENDING < total[*it]; at += at < 20 ? 3 : 101) {
        struct rule rules[2] = { { 0 }, { 0 } };
        struct side sides[2];
        int err = 0;

        rules[*it].forge_at = at;
        bide_timeout (5, err) /* a length may say that more will come */
            converse_through(&rules[0], &rules[1], sides);
        check(err == -ETIMEDOUT || sides[0].result < 0 || sides[1].result < 0);
    }
    return 0;
}

/* ---- the end, believed or not ---- */

static const bool tolerances[] = { false, true };

bide_test_each(an_end_without_a_goodbye, tolerances, .time_limit = 30)
{
    bide_tls_context *client = open_context(&(bide_tls_options){ .ca_pem = zoo()->root, .allow_truncation = *it });
    struct ends ends = open_ends(0);
    struct bide__tls *server;
    char text[8];

    must_shake(ends, client, zoo()->serving);
    check_eq(bide_write(ends.server, "hello", 5), 5);
    server = bide_stream_channel(ends.server)->state;
    check_eq(server->below.transport->end_output(&server->below), 0);
    check_eq(bide_read(ends.client, text, sizeof text), 5);
    if (*it)
        check_eq(bide_read(ends.client, text, sizeof text), 0);
    else
        check_error(bide_read(ends.client, text, sizeof text), BIDE_ETLS, "without a goodbye");
    close_ends(ends);
    bide_tls_context_close(client);
    return 0;
}

/* Tolerated or not, half a record is no end. */
bide_test(an_end_within_a_record, .time_limit = 30)
{
    bide_tls_context *client = open_context(&(bide_tls_options){ .ca_pem = zoo()->root, .allow_truncation = true });
    struct ends ends = open_ends(0);
    char text[8];

    must_shake(ends, client, zoo()->serving);
    struct bide__tls *server = bide_stream_channel(ends.server)->state;
    check_eq(server->below.transport->send(&server->below, "\27\3\3\0\100half", 9), 9);
    check_eq(server->below.transport->end_output(&server->below), 0);
    check_error(bide_read(ends.client, text, sizeof text), BIDE_ETLS, "without a goodbye");
    close_ends(ends);
    bide_tls_context_close(client);
    return 0;
}

bide_test(a_reset_is_a_reset)
{
    struct ends ends = open_ends(0);
    char text[8];

    must_shake(ends, zoo()->trusting, zoo()->serving);
    bide_abort(ends.server);
    check_error(bide_read(ends.client, text, sizeof text), ECONNRESET, "read from the other end of a pair");
    check_error(bide_write(ends.client, "x", 1), ECONNRESET);
    bide_close(ends.client);
    return 0;
}

/* ---- peers of other kinds ---- */

static const struct {
    const char *bytes;
    const char *client, *server; /* what each says when it gets that */
} strangers[] = {
    { "GET / HTTP/1.1\r\nHost: example.test\r\n\r\n", "does not speak TLS", "the peer speaks plain HTTP" },
    { "HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS", "does not speak TLS" },
    { "SSH-2.0-OpenSSH_9.2\r\n", "does not speak TLS", "does not speak TLS" },
    { "\25\3\3\0\2\2\50", "the peer has refused: handshake failure (alert 40)", "" },
    { "\25\3\1\0\2\2\106", "no common protocol version (alert of the peer)", "" },
    { "", "closed the connection in the middle of the handshake",
      "closed the connection in the middle of the handshake" },
};

bide_test_each(peers_that_do_not_speak_tls, strangers)
{
    for (int is_server = 0; is_server < 2; is_server++) {
        struct ends ends = open_ends(0);
        const char *wanted = is_server ? it->server : it->client;
        size_t size = it->bytes[0] == '\25' ? 7 : strlen(it->bytes);

        if (size)
            check_eq(bide_write(ends.server, it->bytes, size), (ssize_t)size);
        bide_close(ends.server);
        int err = is_server ? bide_tls_accept(ends.client, zoo()->serving)
                            : bide_start_tls(ends.client, zoo()->trusting, "example.test");
        if (err == -EPIPE && !is_server) { /* the first message has found nobody */
        } else if (it->bytes[0] == '\0')
            check_error(err, BIDE_EOF, wanted);
        else
            check_error(err, BIDE_ETLS, wanted);
        bide_close(ends.client);
    }
    return 0;
}

/* Noise of all kinds ends in an error, at once or when its sender has gone. */
bide_test(noise, .time_limit = 60)
{
    unsigned random = 12345;

    for (int round = 0; round < 300; round++) {
        struct ends ends = open_ends(0);
        unsigned char bytes[300];
        size_t size = 1 + (size_t)(round % 290);

        for (size_t i = 0; i < size; i++) {
            random = random * 1103515245u + 12345u;
            bytes[i] = (unsigned char)(random >> 16);
        }
        if (round % 2 == 0) { /* something that begins like a handshake */
            static const unsigned char head[] = { 22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3 };

            memcpy(bytes, head, size < sizeof head ? size : sizeof head);
        }
        check_eq(bide_write(ends.server, bytes, size), (ssize_t)size);
        bide_write_eof(ends.server);
        int err = round % 3 ? bide_tls_accept(ends.client, zoo()->serving)
                            : bide_start_tls(ends.client, zoo()->trusting, "example.test");
        check(err == BIDE_ETLS || err == BIDE_EOF);
        close_ends(ends);
    }
    return 0;
}

/* ---- key updates, tickets, idle connections ---- */

bide_test(key_updates_from_both_sides, .time_limit = 30)
{
    struct ends ends = open_ends(0);

    must_shake(ends, zoo()->trusting, zoo()->serving);
    for (int round = 0; round < 5; round++) {
        struct bide__tls *client = bide_stream_channel(ends.client)->state,
                         *server = bide_stream_channel(ends.server)->state;

        check_eq(SSL_key_update(client->openssl, SSL_KEY_UPDATE_REQUESTED), 1);
        if (round % 2)
            check_eq(SSL_key_update(server->openssl, SSL_KEY_UPDATE_REQUESTED), 1);
        check_eq(bide_gather(bide_co(send_sequence, ends.client, 30000), bide_co(receive_sequence, ends.client, 30000),
                             bide_co(send_sequence, ends.server, 30000), bide_co(receive_sequence, ends.server, 30000)),
                 0);
    }
    close_ends(ends);
    return 0;
}

/* A peer that asks for new keys all the time and reads nothing does not make us hoard answers. */
bide_test(a_flood_of_key_updates, .time_limit = 60, .allow = BIDE_ALLOW_TASKS)
{
    struct ends ends = open_ends(20000);
    char byte;
    int err;

    must_shake(ends, zoo()->trusting, zoo()->serving);
    struct bide__tls *client = bide_stream_channel(ends.client)->state,
                     *server = bide_stream_channel(ends.server)->state;
    for (int round = 0; round < 4000; round++) {
        check_eq(SSL_key_update(client->openssl, SSL_KEY_UPDATE_REQUESTED), 1);
        bide_timeout (0.001, err)
            err = (int)bide_write(ends.client, "x", 1);
        if (err == -ETIMEDOUT)
            break;
        bide_timeout (0.001, err)
            err = (int)bide_read(ends.server, &byte, 1);
        check(bide__tls_bytes_size(&server->output) <= BIDE_BLOCK_BYTES);
    }
    bide_abort(ends.client);
    bide_abort(ends.server);
    return 0;
}

bide_test(idle_connections_are_alive_until_the_goodbye)
{
    struct ends ends = open_ends(0);

    check(bide_stream_is_alive(ends.client));
    must_shake(ends, zoo()->trusting, zoo()->serving);
    check(bide_stream_is_alive(ends.client)); /* its tickets are no data */
    check(bide_stream_is_alive(ends.server));
    check_eq(bide_write(ends.client, "x", 1), 1);
    check(!bide_stream_is_alive(ends.server)); /* nobody asked for that */
    bide_close(ends.server);
    check(!bide_stream_is_alive(ends.client));
    bide_close(ends.client);
    return 0;
}

/* ---- memory and stacks ---- */

bide_test(an_idle_connection_has_no_buffers)
{
    struct ends ends = open_ends(0);

    must_shake(ends, zoo()->trusting, zoo()->serving);
    check_eq(bide_gather(bide_co(send_sequence, ends.client, 100000), bide_co(receive_sequence, ends.server, 100000)),
             0);
    struct bide__tls *client = bide_stream_channel(ends.client)->state,
                     *server = bide_stream_channel(ends.server)->state;
    check(!client->output.block && !server->output.block && !server->input.block);
    check(bide_stream_is_alive(ends.client));
    check(!client->input.block);
    close_ends(ends);
    return 0;
}

bide_test(too_little_stack_is_said, .run = { .stack_size = 16 * 1024 })
{
    struct ends ends = open_ends(0);

    check_error(bide_start_tls(ends.client, zoo()->trusting, "example.test"), ENOBUFS,
                "a handshake needs 20480 bytes of stack");
    check_error(bide_tls_accept(ends.server, zoo()->serving), ENOBUFS, "bytes of stack, and this task has");
    close_ends(ends);
    return 0;
}

/* A server's RSA signature needs the most. */
static int exchange_with_rsa(void)
{
    bide_tls_context *const clients[] = { zoo()->trusting, zoo()->trusting_1_2 };

    for (int i = 0; i < 2; i++) {
        struct ends ends = open_ends(0);

        must_shake(ends, clients[i], zoo()->serving_rsa);
        check_eq(bide_gather(bide_co(send_sequence, ends.client, 30000), bide_co(receive_sequence, ends.server, 30000)),
                 0);
        close_ends(ends);
    }
    return 0;
}

bide_test(the_smallest_stack_that_does, .run = { .stack_size = 32 * 1024 })
{
    return exchange_with_rsa();
}

bide_test(the_usual_stack)
{
    return exchange_with_rsa();
}
