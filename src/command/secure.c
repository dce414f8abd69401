/* TLS for the commands. The program can be built without it; then https is refused with a reason. */
#include "command/secure.h"

#include <errno.h>

#include <bide/error.h>

#ifdef BIDE__COMMAND_TLS

#include <bide/tls.h>

int secure_client_open(struct secure_client *secure, bide_http_client_options *options)
{
    const bide_tls_options tls = { .ca_file = secure->authorities,
                                   .verify = secure->insecure ? BIDE_TLS_VERIFY_NONE : BIDE_TLS_VERIFY_DEFAULT };
    int err = bide_tls_context_open(&tls, &secure->context);

    options->secure = bide_tls_connect;
    options->secure_argument = secure->context;
    return err;
}

void secure_client_close(struct secure_client *secure)
{
    bide_tls_context_close(secure->context);
}

int secure_server_open(struct secure_server *secure, bide_http_serve_options *options)
{
    const bide_tls_options tls = { .identity = { .certificate_file = secure->certificate, .key_file = secure->key },
                                   .alpn = (const char *const[]){ "http/1.1", NULL } };

    if (!secure->certificate)
        return 0;
    int err = bide_tls_context_open(&tls, &secure->context);
    options->wrap = bide_tls_wrap;
    options->wrap_argument = secure->context;
    return err;
}

void secure_server_close(struct secure_server *secure)
{
    bide_tls_context_close(secure->context);
}

#else

int secure_client_open(struct secure_client *secure, bide_http_client_options *options)
{
    (void)options;
    if (!secure->authorities && !secure->insecure)
        return 0;
    return bide_fail(-ENOTSUP, "this bide was built without TLS");
}

void secure_client_close(struct secure_client *secure)
{
    (void)secure;
}

int secure_server_open(struct secure_server *secure, bide_http_serve_options *options)
{
    (void)options;
    return secure->certificate ? bide_fail(-ENOTSUP, "this bide was built without TLS") : 0;
}

void secure_server_close(struct secure_server *secure)
{
    (void)secure;
}

#endif
