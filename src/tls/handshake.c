/*
 * Beginning TLS on a stream: the layer takes the place of the stream's channel, then the handshake is made.
 *
 * The layer is there from the beginning, so that nobody else reads or writes meanwhile, and stays when the task is
 * cancelled: the next call goes on where this one stopped. What the stream had buffered is the beginning of the peer's
 * handshake and goes to OpenSSL first.
 *
 * The handshake is the one thing that needs a deep stack (13 KB for a server's RSA signature): with too little of it
 * left the call says so instead of running into the guard.
 */
#include "tls/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include <bide/error.h>
#include <bide/loop.h>
#include <bide/scope.h>

enum { HANDSHAKE_SECONDS = 60 /* that a server's client gets */ };

struct bide__tls *bide__tls_of(bide_stream *stream)
{
    const bide_channel *channel = bide_stream_channel(stream);

    return channel->transport == &bide__transport_tls ? channel->state : NULL;
}

/* Stacks lie at multiples of their size. */
static size_t stack_left(const bide_loop *loop)
{
    enum { GUARD = 4096 };
    bide_loop_facts facts;

    bide_loop_information(loop, &facts);
    size_t left = (uintptr_t)__builtin_frame_address(0) & (facts.stack_size - 1);
    return left > GUARD ? left - GUARD : 0;
}

/* ---- making the layer ---- */

static int make_texts(struct bide__tls *tls, bide_stream *stream, const char *server_name, const char *session_peer)
{
    const char *address = bide_peer_name(stream);
    size_t size = strlen(address) + (server_name ? strlen(server_name) : 0) + 8;

    tls->peer = malloc(size);
    if (!tls->peer)
        return bide_fail(-ENOMEM, "TLS with %s: no memory", address);
    if (server_name)
        snprintf(tls->peer, size, "%s (%s)", server_name, address);
    else
        snprintf(tls->peer, size, "%s", address);
    if (tls->setup->no_sessions || SSL_is_server(tls->openssl) || !server_name)
        return 0;
    tls->session_peer = strdup(session_peer ? session_peer : tls->peer);
    return tls->session_peer ? 0 : bide_fail(-ENOMEM, "TLS with %s: no memory", address);
}

static int make_openssl(struct bide__tls *tls, bide_stream *stream, bool is_server)
{
    ERR_clear_error();
    tls->openssl = SSL_new(tls->setup->openssl);
    BIO *bio = tls->openssl ? bide__tls_bio_new(tls) : NULL;
    ERR_clear_error();
    if (!bio)
        return bide_fail(-ENOMEM, "TLS with %s: no memory", bide_peer_name(stream));
    SSL_set_bio(tls->openssl, bio, bio);
    SSL_set_app_data(tls->openssl, tls);
    SSL_set_cert_cb(tls->openssl, bide__tls_identity_choose, tls);
    if (is_server)
        SSL_set_accept_state(tls->openssl);
    else
        SSL_set_connect_state(tls->openssl);
    return 0;
}

static void discard(struct bide__tls *tls)
{
    SSL_free(tls->openssl);
    bide__tls_setup_release(tls->setup);
    bide__tls_context_release(tls->context);
    free(tls->host);
    free(tls->peer);
    free(tls->session_peer);
    free(tls);
}

/* The authorities of the system are loaded with the first client. */
static int trust_system(bide_tls_context *context, struct bide__tls_setup *setup)
{
    pthread_mutex_lock(&context->lock);
    int err = bide__tls_setup_trust_system(setup);
    pthread_mutex_unlock(&context->lock);
    return err;
}

/* Whether a server can be made of it: it has a certificate, or leaves that to others. */
static bool serves(bide_tls_context *context)
{
    struct bide__tls_setup *setup = bide__tls_context_setup(context);
    bool does = setup->identity_count || setup->select;

    bide__tls_setup_release(setup);
    return does;
}

static int make(bide_stream *stream, bide_tls_context *context, bool is_server, const char *server_name,
                const char *session_peer, struct bide__tls **ret_tls)
{
    struct bide__tls *tls = calloc(1, sizeof *tls);

    if (!tls)
        return bide_fail(-ENOMEM, "TLS with %s: no memory", bide_peer_name(stream));
    tls->context = context;
    atomic_fetch_add(&context->references, 1);
    tls->setup = bide__tls_context_setup(context);
    int err = is_server ? 0 : trust_system(context, tls->setup);
    if (err == 0)
        err = make_openssl(tls, stream, is_server);
    if (err == 0)
        err = make_texts(tls, stream, server_name, session_peer);
    if (err == 0)
        err = bide__tls_verify_begin(tls, is_server, server_name);
    if (err < 0) {
        discard(tls);
        return err;
    }
    if (tls->session_peer)
        bide__tls_session_resume(tls);
    *ret_tls = tls;
    return 0;
}

/* What the stream had buffered, one block after the other. */
static int take_buffered(struct bide__tls *tls, bide_stream *stream)
{
    const void *data;
    size_t size = bide_buffered(stream, &data);

    if (!size || bide__tls_bytes_size(&tls->input))
        return 0;
    tls->input.block = bide_block_take(tls->below.loop);
    if (!tls->input.block)
        return -ENOMEM;
    size = size < BIDE_BLOCK_BYTES ? size : BIDE_BLOCK_BYTES;
    memcpy(tls->input.block, data, size);
    tls->input.end = (uint32_t)size;
    bide_consume(stream, size);
    return 1;
}

static int interpose(bide_stream *stream, struct bide__tls *tls)
{
    bide_loop *loop = bide_stream_channel(stream)->loop;
    const bide_channel layer = { .transport = &bide__transport_tls, .loop = loop, .descriptor = -1, .state = tls };

    return bide_stream_interpose(stream, &layer, &tls->below);
}

/* ---- the handshake ---- */

/* Waits for more from the peer. 0 or an error. */
static int more_input(struct bide__tls *tls, bide_stream *stream)
{
    int err = bide__tls_flush(tls);

    if (err < 0)
        return err;
    if (tls->below_ended)
        return bide__tls_fail(tls, BIDE_EOF, "the peer closed the connection in the middle of the handshake");
    err = take_buffered(tls, stream);
    return err ? err : bide__tls_fetch(tls);
}

static int failed(struct bide__tls *tls)
{
    int err = bide__tls_fail_openssl(tls);

    bide__tls_flush_later(tls); /* the alert */
    return err;
}

static int shake_hands(struct bide__tls *tls, bide_stream *stream)
{
    for (int err = 0; err >= 0;) {
        ERR_clear_error();
        int result = SSL_do_handshake(tls->openssl);

        if (result == 1)
            return 0;
        switch (SSL_get_error(tls->openssl, result)) {
        case SSL_ERROR_WANT_READ:
            err = more_input(tls, stream);
            break;
        case SSL_ERROR_WANT_WRITE:
            err = bide__tls_flush(tls);
            break;
        default:
            return failed(tls);
        }
        if (err < 0)
            return err;
    }
    return 0;
}

/* Keeps the application protocol as a text. */
static int keep_alpn(struct bide__tls *tls)
{
    const unsigned char *alpn;
    unsigned size;

    SSL_get0_alpn_selected(tls->openssl, &alpn, &size);
    if (!size)
        return 0;
    tls->alpn = malloc(size + 1);
    if (!tls->alpn)
        return bide__tls_fail(tls, -ENOMEM, "no memory");
    memcpy(tls->alpn, alpn, size);
    tls->alpn[size] = '\0';
    return 0;
}

/* The handshake is complete: what is left to be looked at, and to be sent. */
static int finish(struct bide__tls *tls)
{
    ERR_clear_error();
    bool pinned = bide__tls_verify_pins(tls);
    ERR_clear_error();
    if (!pinned) {
        char text[BIDE__TLS_REASON];

        snprintf(text, sizeof text, "%s", tls->reason ? tls->reason : "none of those pinned");
        bide__tls_flush_later(tls);
        return bide__tls_fail(tls, BIDE_ETLS, "%s", text);
    }
    int err = keep_alpn(tls);
    if (err < 0)
        return err;
    tls->established = true;
    bide__tls_release_buffers(tls);
    bide__tls_flush_later(tls); /* tickets, or the last message: it has happened, whoever is slow to take that */
    return SSL_is_server(tls->openssl) ? 0 : tls->output_failure;
}

/* An error of the channel below gets its message. */
static int explain(struct bide__tls *tls, int err)
{
    if (err >= 0 || err == -ECANCELED || err == -EPERM || err <= BIDE_EOF)
        return err;
    return bide_fail(err, "TLS with %s: %s", tls->peer, strerror(-err));
}

static int handshake(bide_stream *stream, bide_tls_context *context, bool is_server, const char *server_name,
                     const char *session_peer)
{
    struct bide__tls *tls = bide__tls_of(stream);
    int err = bide_checkpoint();

    if (err < 0)
        return err;
    if (stack_left(bide_get_running_loop()) < BIDE_TLS_STACK_BYTES)
        return bide_fail(-ENOBUFS, "TLS with %s: a handshake needs %d bytes of stack, and this task has %zu left",
                         bide_peer_name(stream), BIDE_TLS_STACK_BYTES, stack_left(bide_get_running_loop()));
    if (tls && tls->handshaking)
        return bide_fail(-EBUSY, "TLS with %s: another task makes the handshake", tls->peer);
    if (tls && tls->failure)
        return bide__tls_fail_again(tls);
    if (!tls || tls->established) {
        err = make(stream, context, is_server, server_name, session_peer, &tls);
        if (err == 0 && (err = interpose(stream, tls)) < 0)
            discard(tls);
        if (err < 0)
            return err;
    }
    tls->handshaking = true;
    err = shake_hands(tls, stream);
    if (err == 0)
        err = finish(tls);
    tls->handshaking = false;
    return explain(tls, err);
}

/* ---- the public calls ---- */

static int start_client(bide_stream *stream, bide_tls_context *context, const char *server_name,
                        const char *session_peer)
{
    bide_tls_context *own = NULL;

    if (!context) {
        int err = bide_tls_context_open(NULL, &own);

        if (err < 0)
            return err;
    }
    int err = handshake(stream, context ? context : own, false, server_name, session_peer);
    bide_tls_context_close(own);
    return err;
}

int bide_start_tls(bide_stream *stream, bide_tls_context *context, const char *server_name)
{
    return start_client(stream, context, server_name, NULL);
}

int bide_tls_accept(bide_stream *stream, bide_tls_context *context)
{
    if (!context || !serves(context))
        return bide_fail(-EINVAL, "TLS with %s: a server needs a context with a certificate", bide_peer_name(stream));
    return handshake(stream, context, true, NULL, NULL);
}

int bide_tls_connect(const char *host, int port, void *context, bide_stream **ret_stream)
{
    return bide_open_tls_connection(host, port, context, ret_stream);
}

int bide_tls_wrap(bide_stream *stream, void *context)
{
    int err, result = -ECANCELED;

    bide_timeout (HANDSHAKE_SECONDS, err)
        err = result = bide_tls_accept(stream, context);
    if (result == -ECANCELED && err == -ETIMEDOUT)
        return bide_fail(-ETIMEDOUT, "TLS with %s: no handshake within %d s", bide_peer_name(stream),
                         HANDSHAKE_SECONDS);
    return err;
}

int bide_open_tls_connection(const char *host, int port, bide_tls_context *context, bide_stream **ret_stream)
{
    bide_stream *stream;
    char session_peer[300];
    int err = bide_open_connection(host, port, &stream);

    if (err < 0)
        return err;
    snprintf(session_peer, sizeof session_peer, "%s:%d", host, port);
    err = start_client(stream, context, host, session_peer);
    if (err < 0) {
        bide_close(stream);
        return err;
    }
    *ret_stream = stream;
    return 0;
}
