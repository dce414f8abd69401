/* command/secure.h - TLS for the commands, if bide was built with it. */
#ifndef BIDE_COMMAND_SECURE_H
#define BIDE_COMMAND_SECURE_H

#include <bide/http.h>
#include <stdbool.h>

struct bide_tls_context;

/* What `fetch` was told about https. */
struct secure_client {
    const char *authorities; /* a file of those to trust; NULL: those of the system */
    bool insecure;           /* trust anybody */
    struct bide_tls_context *context;
};

/*
 * secure_client_open - gives the client's options what https needs; without TLS, nothing (unless a file of authorities
 * was asked for: -ENOTSUP). 0 or an error with a message. secure_client_close frees it, when the client is closed.
 */
int secure_client_open(struct secure_client *secure, bide_http_client_options *options);
void secure_client_close(struct secure_client *secure);

/* What `serve` was told about https: files, in PEM. */
struct secure_server {
    const char *certificate; /* NULL: plain http */
    const char *key;         /* NULL: it is in the certificate's file */
    struct bide_tls_context *context;
};

/* The same for a server. */
int secure_server_open(struct secure_server *secure, bide_http_serve_options *options);
void secure_server_close(struct secure_server *secure);

#endif
