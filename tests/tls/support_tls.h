/* support_tls.h - what the tests of TLS share: certificates of all kinds, made in the test run, and pairs of streams. */
#ifndef BIDE_TESTS_SUPPORT_TLS_H
#define BIDE_TESTS_SUPPORT_TLS_H

#include <bide/test.h>
#include <bide/tls.h>

#include <stddef.h>

/* A certificate (with those above it, where they are needed) and its key, in PEM. */
struct beast {
    char *certificate, *key;
};

/* All are by `root`, for the names below, valid, of an elliptic curve, unless their name says otherwise. */
struct zoo {
    char *root, *other_root; /* authorities, in PEM; the other one is trusted by nobody */
    struct beast good;       /* localhost, example.test, *.wild.test, 127.0.0.1, ::1 */
    struct beast second;     /* second.test */
    struct beast expired, early, self_signed, unknown, weak, for_clients, rsa, nameless;
    struct beast chained, incomplete; /* by an authority in between, which is sent along, or not */
    struct beast client;              /* of a client */
    char *encrypted_key;              /* that of `good`; the password is "secret" */

    /*
     * Contexts of the defaults, one for clients that trust the root and one for servers with `good`, and those for one
     * version. Made once: a test's own would take OpenSSL thousands of allocations, each of which the harness notes.
     */
    bide_tls_context *trusting, *trusting_1_2, *serving, *serving_rsa;
};
struct zoo *zoo(void);

/* A context with these options. The test closes it. */
bide_tls_context *open_context(const bide_tls_options *options);

/* A server with a certificate of the zoo; a client that trusts its root. */
bide_tls_context *server_context(const struct beast *beast);
bide_tls_context *client_context(void);

/* The identity of options. */
bide_tls_identity identity_of(const struct beast *beast);

/* Two streams that are each other's peer, through memory; limit: bytes of each direction, 0: as usual. */
struct ends {
    bide_stream *client, *server;
};
struct ends open_ends(size_t limit);

/* The same by TCP. */
struct ends open_socket_ends(void);

/* Makes both handshakes at once; the results. server_name: NULL: "example.test". */
struct outcome {
    int client, server;
};
struct outcome shake(struct ends ends, bide_tls_context *client, bide_tls_context *server, const char *server_name);

/* The same, which must succeed. */
void must_shake(struct ends ends, bide_tls_context *client, bide_tls_context *server);

/* Both handshakes through memory with the given contexts, which are closed; what the client's error says. */
int client_error(bide_tls_context *client, bide_tls_context *server, const char *server_name, char *text, size_t size);

void close_ends(struct ends ends);

/* The byte at an offset of a known sequence. */
static inline unsigned char sequence_at(size_t offset)
{
    return (unsigned char)(offset % 251 + (offset / 251) % 5);
}
void fill_sequence(void *data, size_t size, size_t offset);
void check_sequence(const void *data, size_t size, size_t offset);

/* As tasks: write the sequence from 0 on, read it; both fail the test when something is not right. */
int send_sequence(bide_stream *stream, size_t size);
bide_async(send_sequence, bide_stream *, size_t);
int receive_sequence(bide_stream *stream, size_t size);
bide_async(receive_sequence, bide_stream *, size_t);

/* The handshakes as tasks. */
bide_async(bide_start_tls, bide_stream *, bide_tls_context *, const char *);
bide_async(bide_tls_accept, bide_stream *, bide_tls_context *);

#endif
