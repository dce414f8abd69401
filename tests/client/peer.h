/*
 * A peer that does what its script says and nothing else: accepts connections, reads a request's head, sends an
 * answer, byte by byte if wanted, and then goes on, closes or resets. Tests look at what it counted.
 */
#ifndef BIDE_TESTS_CLIENT_PEER_H
#define BIDE_TESTS_CLIENT_PEER_H

#include <bide.h>
#include <bide/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum peer_ending { PEER_KEEPS, PEER_CLOSES, PEER_RESETS, PEER_CLOSES_AT_NEXT_REQUEST };

/* One answer. A script's last one is repeated. */
struct peer_answer {
    const char *text; /* NULL: none; the peer just keeps the connection until it is closed */
    enum peer_ending ending;
    bool byte_by_byte;
};

struct peer {
    const struct peer_answer *answers;
    size_t count;
    bide_listener *listener;
    bide_group *group;
    size_t connections; /* accepted so far */
    size_t open;        /* now */
    size_t most_open;
    size_t requests;
    char request[8192]; /* the last one: its head, and what came with it */
    char url[64];
};

static void do_nothing(void *argument)
{
    (void)argument;
}

/* One turn of the loop that also looks at what has come from the kernel, which a turn by itself need not. */
static int turn(void)
{
    int err = bide_call_soon_threadsafe(bide_get_running_loop(), do_nothing, NULL);

    return err < 0 ? err : bide_sleep(0);
}

static int peer_send(bide_stream *stream, const struct peer_answer *answer)
{
    size_t length = strlen(answer->text), step = answer->byte_by_byte ? 1 : length;

    for (size_t at = 0; at < length; at += step) {
        bide(bide_write(stream, answer->text + at, step));
        if (answer->byte_by_byte)
            bide(turn());
    }
    return 0;
}

/* Reads a head; 0: there is none any more. */
static int peer_read_head(struct peer *peer, bide_stream *stream)
{
    const void *data;
    size_t there = 0;

    for (;;) {
        ssize_t now = bide_peek(stream, there + 1, &data);

        if (now < 0 || (size_t)now <= there)
            return 0;
        there = (size_t)now;
        const char *end = memmem(data, there, "\r\n\r\n", 4);
        if (!end)
            continue;
        check(there < sizeof peer->request);
        memcpy(peer->request, data, there);
        peer->request[there] = '\0';
        bide_consume(stream, there);
        return 1;
    }
}

static int peer_talk(struct peer *peer, bide_stream *stream)
{
    while (peer_read_head(peer, stream)) {
        const struct peer_answer *answer =
            &peer->answers[peer->requests < peer->count ? peer->requests : peer->count - 1];

        peer->requests++;
        if (answer->text)
            bide(peer_send(stream, answer));
        if (answer->ending == PEER_CLOSES || answer->ending == PEER_RESETS)
            return (int)answer->ending;
        if (answer->ending == PEER_CLOSES_AT_NEXT_REQUEST) {
            peer_read_head(peer, stream);
            peer->requests++;
            return PEER_CLOSES;
        }
    }
    return 0;
}

static int peer_connection(struct peer *peer, bide_stream *stream)
{
    peer->open++;
    if (peer->open > peer->most_open)
        peer->most_open = peer->open;
    int ending = peer_talk(peer, stream);
    if (ending == PEER_RESETS)
        bide_abort(stream);
    else
        bide_close(stream);
    peer->open--;
    return 0;
}
bide_async(peer_connection, struct peer *, bide_stream *);

static int peer_accept(struct peer *peer)
{
    for (;;) {
        bide_stream *stream;

        bide(bide_accept(peer->listener, &stream));
        peer->connections++;
        check(bide_start(peer->group, bide_co(peer_connection, peer, stream)) == 0);
    }
}
bide_async(peer_accept, struct peer *);

/* Starts the peer in the group. */
__attribute__((unused)) static void peer_start(struct peer *peer, bide_group *group, const struct peer_answer *answers,
                                               size_t count)
{
    *peer = (struct peer){ .answers = answers, .count = count, .group = group };
    check_eq(bide_listen("127.0.0.1", 0, &peer->listener), 0);
    snprintf(peer->url, sizeof peer->url, "http://127.0.0.1:%d/", bide_listener_port(peer->listener));
    check(bide_start(group, bide_co(peer_accept, peer)) == 0);
}

/*
 * with_peer(name, err, answers...) { ... } - the block runs beside a peer with this name and script; err tells how it
 * ended.
 */
#define with_peer(name, err, ...)                                                                                      \
    for (struct peer name = { 0 }, *name##_once = &name; name##_once;                                                  \
         bide_listener_close(name.listener), name##_once = NULL)                                                       \
        bide_task_group (name##_group, err)                                                                            \
            for (bool name##_begun =                                                                                   \
                     (peer_start(&name, name##_group, (const struct peer_answer[]){ __VA_ARGS__ },                     \
                                 sizeof((const struct peer_answer[]){ __VA_ARGS__ }) / sizeof(struct peer_answer)),    \
                      true);                                                                                           \
                 name##_begun; bide_group_cancel(name##_group), name##_begun = false)

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

#endif
