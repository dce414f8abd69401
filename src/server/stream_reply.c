/*
 * Replies that are written piece by piece: start, write, end.
 *
 * The head waits for the first piece and goes out with it; a chunk is its size line, the data where it lies, and a
 * line end, in one system call. A piece that went out only in part breaks the connection, as nobody can know where
 * the next one would begin. Must never happen: a chunked reply that looks complete though its handler failed.
 */
#include <errno.h>
#include <string.h>

#include <bide/error.h>

#include "proto/http1_writer.h"
#include "server/server.h"

int bide_http_reply_start(bide_http_exchange *exchange, int status, const char *content_type, int64_t length)
{
    if (length < BIDE_HTTP_LENGTH_UNKNOWN)
        return bide_fail(-EINVAL, "reply: length %lld", (long long)length);
    return bide__http_make_head(exchange, status, content_type, length);
}

/* Sends the pieces behind the head, if that is still here. */
static int send_behind_head(bide_http_exchange *exchange, struct iovec pieces[4], size_t count)
{
    pieces[0] = (struct iovec){ exchange->output, exchange->output_length };
    if (exchange->output_length + count == 0)
        return 0;
    int err = bide__http_send(exchange, exchange->output_length ? pieces : pieces + 1,
                              count + (exchange->output_length ? 1 : 0));
    if (err == 0 || exchange->broken)
        exchange->output_length = 0;
    return err;
}

int bide_http_reply_write(bide_http_exchange *exchange, const void *data, size_t size)
{
    char chunk_head[BIDE__HTTP1_CHUNK_HEAD_SIZE];
    struct iovec pieces[4];
    size_t count = 0;

    if (!exchange->started || exchange->ended)
        return bide_fail(-EINVAL, "reply: a piece of a body without a reply that was started");
    if (exchange->broken)
        return bide_fail(-EPIPE, "reply to %s: the connection is broken", bide_http_exchange_peer(exchange));
    if (exchange->length >= 0 && size > (uint64_t)exchange->length - exchange->written)
        return bide_fail(-EINVAL, "reply: more than the %lld bytes that were announced", (long long)exchange->length);
    if (size && !exchange->no_body) {
        if (exchange->chunked)
            pieces[++count] = (struct iovec){ chunk_head, bide__http1_write_chunk_head(size, chunk_head) };
        pieces[++count] = (struct iovec){ (void *)(uintptr_t)data, size };
        if (exchange->chunked)
            pieces[++count] = (struct iovec){ (void *)(uintptr_t)BIDE__HTTP1_CHUNK_END, 2 };
    }
    int err = exchange->no_body && size ? 0 : send_behind_head(exchange, pieces, count);
    if (err == 0)
        exchange->written += size;
    return err;
}

int bide_http_reply_end(bide_http_exchange *exchange)
{
    struct iovec pieces[4];
    size_t count = 0;

    if (!exchange->started)
        return bide_fail(-EINVAL, "reply: the end of a reply that was not started");
    if (exchange->ended)
        return 0;
    if (exchange->broken)
        return bide_fail(-EPIPE, "reply to %s: the connection is broken", bide_http_exchange_peer(exchange));
    if (exchange->length >= 0 && !exchange->no_body && exchange->written < (uint64_t)exchange->length) {
        int err = bide_fail(-EINVAL, "reply: %llu bytes were written of the %lld that were announced",
                            (unsigned long long)exchange->written, (long long)exchange->length);

        exchange->close = true;
        return err;
    }
    if (exchange->chunked && !exchange->no_body)
        pieces[++count] =
            (struct iovec){ (void *)(uintptr_t)BIDE__HTTP1_LAST_CHUNK, sizeof BIDE__HTTP1_LAST_CHUNK - 1 };
    int err = send_behind_head(exchange, pieces, count);
    exchange->ended = err == 0;
    return err;
}
