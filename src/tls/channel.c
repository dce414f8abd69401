/*
 * The channel of a stream of TLS.
 *
 * Reading: give OpenSSL what has come from below until it has made something of it; wait for more outside of it.
 * Writing: make one record and send it. OpenSSL is entered only here and in handshake.c, never waits inside (bio.c),
 * and its queue of errors is cleared before and read after each call. One task may read while another writes: both
 * enter OpenSSL, but only one at a time is not waiting.
 *
 * An idle connection has no block: one is taken when input has come. Must never happen: decrypted bytes that a
 * cancelled read drops (they stay with OpenSSL); encrypted ones that are not sent (output.c); a writer that is said to
 * be cancelled although its record is on its way.
 */
#include "tls/tls.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <openssl/err.h>

#include <bide/error.h>

/* What a call of OpenSSL needs to go on. */
enum need { NEED_NOTHING, NEED_INPUT, NEED_OUTPUT };

/* What has become of a call that returned `result`; a failure is noted. */
static enum need examine(struct bide__tls *tls, int result)
{
    switch (SSL_get_error(tls->openssl, result)) {
    case SSL_ERROR_NONE:
    case SSL_ERROR_ZERO_RETURN:
        return NEED_NOTHING;
    case SSL_ERROR_WANT_READ:
        return NEED_INPUT;
    case SSL_ERROR_WANT_WRITE:
        return NEED_OUTPUT;
    default:
        bide__tls_fail_openssl(tls);
        bide__tls_flush_later(tls); /* the alert */
        return NEED_NOTHING;
    }
}

/* The channel below has ended, and the peer has not said goodbye. 0 where that is as good, or an error. */
static int truncated(struct bide__tls *tls)
{
    if (tls->setup->allow_truncation && !SSL_has_pending(tls->openssl))
        return 0;
    return bide__tls_fail(tls, BIDE_ETLS,
                          "the connection ended without a goodbye (close_notify): something may be missing");
}

void bide__tls_release_buffers(struct bide__tls *tls)
{
    if (!bide__tls_bytes_size(&tls->input))
        SSL_free_buffers(tls->openssl);
}

int bide__tls_fetch(struct bide__tls *tls)
{
    bide_channel *below = &tls->below;
    int64_t result = 0;

    bide__tls_flush_later(tls);
    if (!tls->likely_more)
        result = below->transport->wait_readable(below);
    if (result < 0)
        return (int)result;
    if (!tls->input.block)
        tls->input.block = bide_block_take(below->loop);
    if (!tls->input.block)
        return -ENOMEM;
    result = below->transport->receive(below, tls->input.block, BIDE_BLOCK_BYTES, true);
    tls->likely_more = result == BIDE_BLOCK_BYTES;
    if (result > 0) {
        tls->input.end = (uint32_t)result;
        return 0;
    }
    bide__tls_bytes_consume(tls, &tls->input, 0);
    tls->below_ended = result == 0;
    return (int)result;
}

/* Waits for what OpenSSL needs. 1: try again; 0: the end of the stream; an error. */
static int provide(struct bide__tls *tls, enum need need)
{
    int err;

    if (need == NEED_OUTPUT)
        err = bide__tls_flush(tls);
    else if (tls->below_ended)
        return truncated(tls);
    else
        err = bide__tls_fetch(tls);
    return err < 0 ? err : 1;
}

/* Whether the channel is one that can be used; else an error. */
static int ready(const struct bide__tls *tls)
{
    if (tls->failure)
        return bide__tls_fail_again(tls);
    if (tls->handshaking)
        return -EBUSY;
    return tls->established ? 0 : bide_fail(BIDE_ETLS, "TLS with %s: the handshake has not been completed", tls->peer);
}

static int ready_to_send(const struct bide__tls *tls)
{
    int err = ready(tls);

    if (err == 0)
        err = tls->output_ended ? -EPIPE : tls->output_failure;
    return err;
}

static int64_t tls_wait_readable(bide_channel *channel)
{
    struct bide__tls *tls = channel->state;
    int err = bide_checkpoint();
    char byte;

    while (err >= 0) {
        if (tls->failure)
            return 0; /* receive says so */
        err = ready(tls);
        if (err < 0)
            return err;
        ERR_clear_error();
        int result = SSL_peek(tls->openssl, &byte, 1);
        enum need need = result > 0 ? NEED_NOTHING : examine(tls, result);
        if (need == NEED_NOTHING || (need == NEED_INPUT && tls->below_ended))
            return 0;
        err = provide(tls, need);
    }
    return err;
}

/* Takes what is decrypted: bytes, 0 at the end, an error; or -EAGAIN and what OpenSSL needs first. */
static int64_t decrypt(struct bide__tls *tls, void *buffer, size_t size, enum need *ret_need)
{
    size_t count = 0;

    ERR_clear_error();
    int result = SSL_read_ex(tls->openssl, buffer, size, &count);
    if (result > 0) {
        bide__tls_release_buffers(tls);
        return (int64_t)count;
    }
    *ret_need = examine(tls, result);
    if (tls->failure)
        return bide__tls_fail_again(tls);
    return *ret_need == NEED_NOTHING ? 0 : -EAGAIN;
}

static int64_t tls_receive(bide_channel *channel, void *buffer, size_t size, bool likely_ready)
{
    struct bide__tls *tls = channel->state;
    int err = bide_checkpoint();

    (void)likely_ready;
    while (err >= 0) {
        enum need need = NEED_NOTHING;

        err = ready(tls);
        if (err < 0)
            return err;
        int64_t count = decrypt(tls, buffer, size, &need);
        if (count != -EAGAIN)
            return count;
        err = provide(tls, need);
        if (err == 0)
            return 0;
    }
    return err;
}

/* Makes one record of at most size bytes. 0 or an error. The output is empty. */
static int make_record(struct bide__tls *tls, const void *data, size_t size, size_t *ret_count)
{
    if (bide__tls_reserve(tls) < 0)
        return -ENOMEM;
    ERR_clear_error();
    int result = SSL_write_ex(tls->openssl, data, size < BIDE__TLS_PLAIN_MAX ? size : BIDE__TLS_PLAIN_MAX, ret_count);
    if (result > 0)
        return 0;
    enum need need = examine(tls, result);
    if (tls->failure)
        return bide__tls_fail_again(tls);
    return bide__tls_fail(tls, BIDE_ETLS, "nothing can be written just now (%d)", (int)need);
}

/* The same, and sends it. How much it was, or an error. */
static int64_t send_record(struct bide__tls *tls, const void *data, size_t size)
{
    size_t count = 0;
    int err = make_record(tls, data, size, &count);

    if (err < 0)
        return err;
    err = bide__tls_flush(tls);
    if (err == -ECANCELED) { /* it cannot be taken back */
        bide__tls_flush_later(tls);
        return (int64_t)count;
    }
    return err < 0 ? err : (int64_t)count;
}

/* Whether a record can be made now: what was made before has been sent. */
static int begin_send(struct bide__tls *tls)
{
    int err = ready_to_send(tls);

    return err < 0 ? err : bide__tls_flush(tls);
}

static int64_t tls_send(bide_channel *channel, const void *data, size_t size)
{
    struct bide__tls *tls = channel->state;
    int err = begin_send(tls);

    return err < 0 ? err : send_record(tls, data, size);
}

/* Several small pieces become one record. */
static int64_t tls_send_message(bide_channel *channel, const struct msghdr *message)
{
    struct bide__tls *tls = channel->state;
    const struct iovec *piece = message->msg_iov;
    size_t left = message->msg_iovlen, size = 0;
    int err = begin_send(tls);

    if (err < 0)
        return err;
    for (; piece->iov_len == 0; piece++)
        left--;
    if (left == 1 || piece->iov_len >= BIDE__TLS_PLAIN_MAX)
        return send_record(tls, piece->iov_base, piece->iov_len);
    char *block = bide_block_take(tls->below.loop);
    if (!block)
        return -ENOMEM;
    for (; left && size < BIDE__TLS_PLAIN_MAX; left--, piece++) {
        size_t room = BIDE__TLS_PLAIN_MAX - size, count = piece->iov_len < room ? piece->iov_len : room;

        if (count)
            memcpy(block + size, piece->iov_base, count);
        size += count;
    }
    int64_t result = send_record(tls, block, size);
    bide_block_give(tls->below.loop, block);
    return result;
}

/* Says goodbye, if that is possible. */
static void say_goodbye(struct bide__tls *tls)
{
    if (!tls->established || tls->failure || tls->output_ended)
        return;
    tls->output_ended = true;
    ERR_clear_error();
    SSL_shutdown(tls->openssl);
    ERR_clear_error();
}

static int tls_end_output(bide_channel *channel)
{
    struct bide__tls *tls = channel->state;
    int err = ready(tls);

    if (err < 0)
        return err;
    say_goodbye(tls);
    bide__tls_flush_later(tls);
    return 0;
}

/* Takes what has come, without waiting. 0 (also at the end), -EAGAIN or another error. */
static int fetch_now(struct bide__tls *tls)
{
    bide_channel *below = &tls->below;

    if (!below->transport->try_receive)
        return -EAGAIN;
    if (!tls->input.block && !(tls->input.block = bide_block_take(below->loop)))
        return -ENOMEM;
    int64_t count = below->transport->try_receive(below, tls->input.block, BIDE_BLOCK_BYTES);
    tls->input.end = count > 0 ? (uint32_t)count : 0;
    if (count <= 0)
        bide__tls_bytes_consume(tls, &tls->input, 0);
    tls->below_ended = count == 0;
    return count < 0 ? (int)count : 0;
}

static int64_t tls_try_receive(bide_channel *channel, void *buffer, size_t size)
{
    struct bide__tls *tls = channel->state;
    int err = ready(tls);

    while (err >= 0) {
        enum need need = NEED_NOTHING;
        int64_t count = decrypt(tls, buffer, size, &need);

        if (count != -EAGAIN)
            return count;
        if (tls->below_ended)
            return truncated(tls);
        err = need == NEED_INPUT ? fetch_now(tls) : -EAGAIN;
    }
    return err;
}

static int64_t tls_try_send(bide_channel *channel, const void *data, size_t size)
{
    struct bide__tls *tls = channel->state;
    size_t count = 0;
    int err = ready_to_send(tls);

    if (err < 0)
        return err;
    bide__tls_flush_later(tls);
    if (bide__tls_bytes_size(&tls->output))
        return -EAGAIN;
    int64_t result = make_record(tls, data, size, &count);
    bide__tls_flush_later(tls);
    return result < 0 ? result : (int64_t)count;
}

static bool tls_is_alive(bide_channel *channel)
{
    struct bide__tls *tls = channel->state;
    int err = tls->established && !tls->failure ? 0 : -EPIPE;
    char byte;

    while (err == 0) {
        ERR_clear_error();
        int result = SSL_peek(tls->openssl, &byte, 1);
        if (result > 0 || examine(tls, result) != NEED_INPUT || tls->below_ended)
            return false;
        err = fetch_now(tls);
    }
    return err == -EAGAIN;
}

/*
 * Takes what has come and nobody will read: a socket that is closed over unread bytes (a session ticket is enough)
 * resets the connection, and the peer may lose what we have sent.
 */
static void drain(struct bide__tls *tls)
{
    enum { BLOCKS_MAX = 8 };
    bide_channel *below = &tls->below;
    void *block = below->transport->try_receive && !tls->below_ended ? bide_block_take(below->loop) : NULL;

    for (int i = 0; block && i < BLOCKS_MAX && below->transport->try_receive(below, block, BIDE_BLOCK_BYTES) > 0; i++)
        continue;
    bide_block_give(below->loop, block);
}

static void tls_close(bide_channel *channel, bool abort)
{
    struct bide__tls *tls = channel->state;

    assert(!tls->handshaking && "a stream was closed while a task makes its TLS handshake");
    if (!abort) {
        say_goodbye(tls);
        bide__tls_flush_later(tls);
        drain(tls);
    }
    bide__tls_destroy(tls, abort);
}

const bide_transport bide__transport_tls = {
    .wait_readable = tls_wait_readable,
    .receive = tls_receive,
    .send = tls_send,
    .send_message = tls_send_message,
    .try_receive = tls_try_receive,
    .try_send = tls_try_send,
    .end_output = tls_end_output,
    .is_alive = tls_is_alive,
    .close = tls_close,
};
