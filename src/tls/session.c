/*
 * Sessions that clients remember, so that the next handshake with the same peer needs no certificates.
 *
 * Newest first in a list with a limit; looked for from the front. A session of TLS 1.3 is used once (so nobody on the
 * way can tell that two connections are of the same client), one of TLS 1.2 again and again.
 */
#include "tls/tls.h"

#include <stdlib.h>
#include <string.h>

static void drop(bide_tls_context *context, struct bide__tls_session **place)
{
    struct bide__tls_session *session = *place;

    *place = session->next;
    context->session_count--;
    SSL_SESSION_free(session->session);
    free(session);
}

static void drop_oldest(bide_tls_context *context)
{
    struct bide__tls_session **place = &context->sessions;

    while ((*place)->next)
        place = &(*place)->next;
    drop(context, place);
}

/* Puts a session in front. */
static bool put(bide_tls_context *context, const struct bide__tls *tls, struct bide__tls_session *session)
{
    bool current;

    pthread_mutex_lock(&context->lock);
    current = tls->setup == context->setup;
    if (current) {
        session->next = context->sessions;
        context->sessions = session;
        if (++context->session_count > context->sessions_max)
            drop_oldest(context);
    }
    pthread_mutex_unlock(&context->lock);
    return current;
}

/* OpenSSL has a new session: 1 when it is kept. */
static int remember(SSL *openssl, SSL_SESSION *openssl_session)
{
    struct bide__tls *tls = SSL_get_app_data(openssl);

    if (!tls->session_peer)
        return 0;
    size_t size = strlen(tls->session_peer) + 1;
    struct bide__tls_session *session = malloc(sizeof *session + size);
    if (!session)
        return 0;
    session->session = openssl_session;
    memcpy(session->peer, tls->session_peer, size);
    if (put(tls->context, tls, session))
        return 1;
    free(session); /* the context has been made anew meanwhile */
    return 0;
}

void bide__tls_session_watch(SSL_CTX *openssl)
{
    SSL_CTX_sess_set_new_cb(openssl, remember);
}

static void resume(bide_tls_context *context, struct bide__tls *tls)
{
    struct bide__tls_session **place = &context->sessions;

    while (*place && strcmp((*place)->peer, tls->session_peer) != 0)
        place = &(*place)->next;
    if (!*place || tls->setup != context->setup)
        return;
    SSL_SESSION *session = (*place)->session;
    SSL_set_session(tls->openssl, session); /* fails for one that is of no use: then there is a full handshake */
    if (SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION || !SSL_SESSION_is_resumable(session))
        drop(context, place);
}

void bide__tls_session_resume(struct bide__tls *tls)
{
    pthread_mutex_lock(&tls->context->lock);
    resume(tls->context, tls);
    pthread_mutex_unlock(&tls->context->lock);
}

void bide__tls_session_forget(bide_tls_context *context)
{
    pthread_mutex_lock(&context->lock);
    while (context->sessions)
        drop(context, &context->sessions);
    pthread_mutex_unlock(&context->lock);
}
