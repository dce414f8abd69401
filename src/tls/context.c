/*
 * Contexts: what connections have in common. Made from options as a whole (setup.c), and replaced as a whole.
 *
 * The loops of several threads may use one at the same time (a server with workers): references are counted
 * atomically, OpenSSL's own object takes care of itself, and a lock that is held for a few instructions guards the
 * rest. Must never happen: waiting, or a callback of the user's, under the lock.
 */
#include "tls/tls.h"

#include <errno.h>
#include <stdlib.h>

#include <bide/error.h>

enum { SESSIONS_MAX = 256 };

int bide_tls_context_open(const bide_tls_options *options, bide_tls_context **ret_context)
{
    bide_tls_context *context = calloc(1, sizeof *context);

    if (!context)
        return bide_fail(-ENOMEM, "TLS context: no memory");
    atomic_init(&context->references, 1);
    pthread_mutex_init(&context->lock, NULL);
    context->sessions_max = options && options->sessions_max ? options->sessions_max : SESSIONS_MAX;
    int err = bide__tls_setup_make(options, &context->setup);
    if (err < 0) {
        pthread_mutex_destroy(&context->lock);
        free(context);
        return err;
    }
    *ret_context = context;
    return 0;
}

int bide_tls_context_reload(bide_tls_context *context, const bide_tls_options *options)
{
    struct bide__tls_setup *setup;
    int err = bide__tls_setup_make(options, &setup);

    if (err < 0)
        return err;
    pthread_mutex_lock(&context->lock);
    struct bide__tls_setup *old = context->setup;
    context->setup = setup;
    context->sessions_max = options && options->sessions_max ? options->sessions_max : SESSIONS_MAX;
    pthread_mutex_unlock(&context->lock);
    bide__tls_session_forget(context);
    bide__tls_setup_release(old);
    return 0;
}

struct bide__tls_setup *bide__tls_context_setup(bide_tls_context *context)
{
    pthread_mutex_lock(&context->lock);
    struct bide__tls_setup *setup = context->setup;
    atomic_fetch_add(&setup->references, 1);
    pthread_mutex_unlock(&context->lock);
    return setup;
}

void bide__tls_context_release(bide_tls_context *context)
{
    if (!context || atomic_fetch_sub(&context->references, 1) > 1)
        return;
    bide__tls_session_forget(context);
    bide__tls_setup_release(context->setup);
    pthread_mutex_destroy(&context->lock);
    free(context);
}

void bide_tls_context_close(bide_tls_context *context)
{
    bide__tls_context_release(context);
}
