/* Contexts: what connections have in common. Made from options as a whole (setup.c), and replaced as a whole. */
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
    context->references = 1;
    context->sessions_max = options && options->sessions_max ? options->sessions_max : SESSIONS_MAX;
    int err = bide__tls_setup_make(options, &context->setup);
    if (err < 0) {
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
    bide__tls_session_forget(context);
    bide__tls_setup_release(context->setup);
    context->setup = setup;
    context->sessions_max = options && options->sessions_max ? options->sessions_max : SESSIONS_MAX;
    return 0;
}

void bide__tls_context_release(bide_tls_context *context)
{
    if (!context || --context->references)
        return;
    bide__tls_session_forget(context);
    bide__tls_setup_release(context->setup);
    free(context);
}

void bide_tls_context_close(bide_tls_context *context)
{
    bide__tls_context_release(context);
}
