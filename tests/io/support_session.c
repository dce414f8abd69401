/* A session: errors go up with bide(), wrong bytes fail the test at once. */
#include "support_session.h"

#include <stdio.h>

#include "support_io.h"

enum { PIECE = 50 * 1000, HANG = 20 };

static char outgoing[PIECE], incoming[PIECE], peeked_bytes[PIECE];

/* Writes all of it; after a partial write what ended it comes with the next call. */
static int write_all(bide_stream *stream, const char *data, size_t size)
{
    for (size_t sent = 0; sent < size;)
        sent += (size_t)bide(bide_write(stream, data + sent, size - sent));
    return 0;
}

static int server_side(bide_stream *stream)
{
    char line[64];
    const void *data;

    bide(bide_read_line(stream, line, sizeof line));
    check_str(line, "hello");
    bide(bide_read_line(stream, line, sizeof line));
    check_str(line, "send me the sequence");
    struct iovec pieces[3] = { { outgoing, 1000 }, { outgoing + 1000, 30000 }, { outgoing + 31000, PIECE - 31000 } };
    size_t sent = (size_t)bide(bide_write_vector(stream, pieces, 3));
    bide(write_all(stream, outgoing + sent, PIECE - sent));
    bide(bide_peek(stream, 100, &data));
    for (size_t got = 0; got < PIECE;) {
        ssize_t count = bide(bide_peek(stream, 1, &data));
        if (count == 0)
            return bide_fail(BIDE_EOF, "the session ended after %zu bytes", got);
        memcpy(peeked_bytes, data, (size_t)count);
        check_sequence(peeked_bytes, (size_t)count, got);
        bide_consume(stream, (size_t)count);
        got += (size_t)count;
    }
    return bide_write_eof(stream);
}

static int serve_one(bide_listener *listener)
{
    bide_auto(stream) *stream = NULL;

    bide(bide_accept(listener, &stream));
    return server_side(stream);
}
bide_async(serve_one, bide_listener *);

static int client_side(int port)
{
    bide_auto(stream) *stream = NULL;
    char byte;

    bide(bide_open_connection("two.test", port, &stream));
    bide(write_all(stream, "hello\r\nsend me", 14));
    bide(write_all(stream, " the sequence\n", 14));
    bide(bide_read_exactly(stream, incoming, 20000));
    for (size_t got = 20000; got < PIECE;) {
        ssize_t count = bide(bide_read(stream, incoming + got, PIECE - got));
        if (count == 0)
            return bide_fail(BIDE_EOF, "the session ended after %zu bytes", got);
        got += (size_t)count;
    }
    check_sequence(incoming, PIECE, 0);
    bide(write_all(stream, outgoing, PIECE));
    return bide(bide_read(stream, &byte, 1)) == 0 ? 0 : bide_fail(BIDE_EPROTOCOL, "more than the end");
}
bide_async(client_side, int);

static int session(void)
{
    bide_auto(listener) *listener = NULL;
    int err;

    bide(bide_listen("127.0.0.1", 0, &listener));
    bide_timeout (HANG *check_slowness(), err) {
        bide_task_group (group, err) {
            bide_start(group, bide_co(serve_one, listener));
            bide_start(group, bide_co(client_side, bide_listener_port(listener)));
        }
    }
    return err;
}
bide_async(session);

int run_session(char *message, unsigned long size)
{
    fill_sequence(outgoing, sizeof outgoing, 0);
    int err = bide_run_with(bide_co(session), &(bide_run_options){ .quiet = true });
    snprintf(message, size, "%s", bide_strerror(err));
    return err;
}
