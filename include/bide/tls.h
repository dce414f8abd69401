/*
 * bide/tls.h - TLS: streams that are encrypted, and peers that prove who they are
 *
 *     bide_stream *stream;
 *     bide(bide_open_tls_connection("example.org", 443, NULL, &stream));    // verified, or it fails
 *
 * A stream of TLS is a bide_stream: read, write and close it as any other. The library is libbide-tls, on OpenSSL 3
 * (pkg-config bide-tls, CMake bide::tls). TLS 1.2 and 1.3. All calls belong to the thread of the loop.
 *
 * How a stream of TLS differs from a plain one:
 *
 * - bide_close says goodbye to the peer (close_notify). When the kernel takes no more just then, that and what was
 *   written before are sent behind your back, for at most a minute, and until bide_run ends; bide_close never waits.
 * - The end of the connection without the peer's goodbye is an error, BIDE_ETLS: somebody may have cut off what came.
 *   See allow_truncation.
 * - bide_write_eof sends the goodbye; reading goes on.
 * - A write that is cancelled says how much is on its way, as with any stream; this may be encrypted and not yet with
 *   the kernel. It is sent without further calls.
 * - A failure of TLS is for good: each later call says the same.
 *
 * Refusals are BIDE_ETLS with a message that names the peer and the reason: "TLS with example.org: its certificate has
 * expired (on Jan  1 00:00:00 2024 GMT)".
 *
 * Costs, measured with OpenSSL 3.0 on x86-64 (bench/bench_tls.c): an idle connection takes 17 KB of memory at each end,
 * half of which is OpenSSL's SSL object, and no buffer. A handshake takes both ends together 0.85 ms of the processor
 * with an elliptic curve, 1.1 ms with RSA-2048, 0.45 ms when a session is resumed; it is made in the loop's thread, in
 * steps of at most half of that. A task that makes a handshake needs up to 14 KB of stack: with less than
 * BIDE_TLS_STACK_BYTES left the call fails with -ENOBUFS before it has done anything, so stacks of 32 KiB do.
 */
#ifndef BIDE_TLS_H
#define BIDE_TLS_H

#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>

#include <bide/export.h>
#include <bide/stream.h>

/* ---- contexts ---- */

/*
 * What connections have in common: whom to trust, who we are, what is allowed. For clients and servers. Lives until it
 * was closed and its last connection has gone. The loops of several threads may use one at the same time.
 */
typedef struct bide_tls_context bide_tls_context;

/* A certificate with its key, each as a file or as text, in PEM. */
typedef struct bide_tls_identity {
    const char *certificate_file; /* the certificate, then those of the authorities between it and the root */
    const char *key_file;         /* NULL: the key is in the certificate's file */
    const char *certificate_pem;  /* the same as text */
    const char *key_pem;
    const char *password; /* of the key; NULL: it is not encrypted (nobody is asked at a terminal) */
} bide_tls_identity;

/* Which certificates the peer needs. */
typedef enum bide_tls_verify {
    BIDE_TLS_VERIFY_DEFAULT,  /* of servers: required; of clients: none */
    BIDE_TLS_VERIFY_NONE,     /* none, and one that is there is not looked at (but see pins) */
    BIDE_TLS_VERIFY_OPTIONAL, /* for servers: clients are asked for one, and what they show must be good */
    BIDE_TLS_VERIFY_REQUIRED
} bide_tls_verify;

/* Versions; 0 in the options: 1.2 at least, no upper limit. */
enum { BIDE_TLS_1_2 = 12, BIDE_TLS_1_3 = 13 };

/*
 * How to make a context. Zeroed: a client that trusts what the system trusts. Nothing is kept: all may be freed after
 * the call, but for `argument`.
 */
typedef struct bide_tls_options {
    /* Whom to trust. None given: the authorities of the system, for clients. */
    const char *ca_file;      /* certificates in PEM */
    const char *ca_directory; /* certificates named by hash, see openssl-rehash(1); read during handshakes */
    const char *ca_pem;       /* as text */
    bide_tls_verify verify;
    bool no_host_name_check; /* clients: the certificate may be for any name */

    /*
     * Fingerprints, SHA-256 of the whole certificate, in hexadecimal with or without colons; ended by NULL. The peer's
     * must be one of them, besides all else that is verified. With BIDE_TLS_VERIFY_NONE they are all that counts.
     */
    const char *const *pins;

    /* Who we are. A server needs at least one; it uses the first that is for the name that the client asks for. */
    bide_tls_identity identity;
    const bide_tls_identity *more_identities;
    size_t more_identities_count;

    /*
     * Servers: called with the name that the client asks for (NULL: none) to choose another context for this
     * connection: its identities are used. NULL: refuse the name. Must not wait.
     */
    bide_tls_context *(*select)(const char *server_name, void *argument);
    void *argument;

    int minimum_version, maximum_version; /* BIDE_TLS_1_2, BIDE_TLS_1_3 */
    const char *ciphers;                  /* of TLS 1.2, see openssl-ciphers(1); NULL: OpenSSL's at security level 2 */
    const char *cipher_suites;            /* of TLS 1.3 */

    /*
     * Application protocols ("h2", "http/1.1"), the best first; ended by NULL. A server refuses a client that offers
     * some, but none of these.
     */
    const char *const *alpn;

    bool no_sessions;      /* do not resume earlier sessions, and do not let clients resume */
    size_t sessions_max;   /* clients: how many are remembered; 0: 256 */
    bool allow_truncation; /* the end of the connection counts as the end of the stream, between two records */
} bide_tls_options;

/*
 * bide_tls_context_open - makes a context. options: NULL for the defaults.
 *
 * 0; BIDE_ETLS: a file, key, certificate, cipher is not right, with a message that says which and why; -ENOENT,
 * -EACCES, ...: a file cannot be read; -EINVAL: options that contradict each other; -ENOMEM. Reads files, so it may
 * block the thread for a moment: make contexts before there is much to do. Follows ssl.create_default_context,
 * SSLContext.load_cert_chain, load_verify_locations.
 */
BIDE_EXPORT int bide_tls_context_open(const bide_tls_options *options, bide_tls_context **ret_context);

/*
 * bide_tls_context_reload - makes the context anew from options, for the connections to come: new certificates, while
 * the server runs. Those that are there go on as they are. Fails as bide_tls_context_open, and then nothing has
 * changed. Remembered sessions are forgotten.
 */
BIDE_EXPORT int bide_tls_context_reload(bide_tls_context *context, const bide_tls_options *options);

/* bide_tls_context_close - lets go of a context; connections may go on. NULL is ignored. Does not wait. */
BIDE_EXPORT void bide_tls_context_close(bide_tls_context *context);
static inline void bide__auto_tls_context(bide_tls_context **context)
{
    bide_tls_context_close(*context);
}

/* ---- connections ---- */

/*
 * bide_open_tls_connection - connects to host:port by TCP, then makes a TLS handshake as a client.
 *
 * The peer must prove to be `host`, a name or a numeric address, unless the context says otherwise. context: NULL for
 * the defaults, which are made anew each time: keep one for many connections, also because it remembers sessions.
 * Waits; bound it with bide_timeout. Errors: those of bide_open_connection and bide_start_tls; no connection is left
 * behind. Follows asyncio.open_connection(ssl=...).
 */
BIDE_EXPORT int bide_open_tls_connection(const char *host, int port, bide_tls_context *context,
                                         bide_stream **ret_stream);

/*
 * bide_tls_connect - bide_open_tls_connection as the option `secure` of an HTTP client (bide/http.h), which has https
 * by that. context: a bide_tls_context, or NULL for the defaults.
 *
 *     const bide_http_client_options options = { .secure = bide_tls_connect, .secure_argument = context };
 */
BIDE_EXPORT int bide_tls_connect(const char *host, int port, void *context, bide_stream **ret_stream);

/*
 * bide_start_tls - makes a TLS handshake as a client on a stream that is in use; from then on it is encrypted.
 *
 * What the stream has buffered already is the beginning of the peer's handshake. server_name: whom the peer must prove
 * to be, and the name it is told (not for numeric addresses); NULL: nobody, only possible with no_host_name_check or
 * without verification. context: NULL for the defaults. The stream may be anything, also TLS. Waits; bound it with
 * bide_timeout.
 *
 * 0; BIDE_ETLS: refused, by us or by the peer; BIDE_EOF: the peer closed the connection; -ECONNRESET and other errors
 * of the stream; -EBUSY: a task reads or writes the stream; -EINVAL: server_name; -ENOBUFS: too little stack; -ENOMEM;
 * all with a message that names the peer. After an error the stream can only be closed. -ECANCELED: no byte is lost:
 * the same call goes on with the handshake. Follows StreamWriter.start_tls.
 */
BIDE_EXPORT int bide_start_tls(bide_stream *stream, bide_tls_context *context, const char *server_name);

/*
 * bide_tls_accept - the same as a server: waits for the client's handshake. context: with an identity; not NULL. Bound
 * it with bide_timeout: a client that says nothing must not keep a task. Follows start_tls(server_side=True).
 */
BIDE_EXPORT int bide_tls_accept(bide_stream *stream, bide_tls_context *context);

/*
 * bide_tls_wrap - bide_tls_accept for servers, as their option `wrap` (bide/server.h): clients get 60 s.
 *
 *     const bide_serve_options options = { .wrap = bide_tls_wrap, .wrap_argument = context };
 *
 * context: a bide_tls_context. 0, -ETIMEDOUT, or an error of bide_tls_accept. Follows ssl_handshake_timeout of
 * asyncio.start_server.
 */
BIDE_EXPORT int bide_tls_wrap(bide_stream *stream, void *context);

/* ---- what was agreed upon ---- */

/* The texts are valid as long as the stream. */
typedef struct bide_tls_info {
    const char *version;     /* "TLSv1.3" */
    const char *cipher;      /* "TLS_AES_256_GCM_SHA384" */
    const char *alpn;        /* "h2"; NULL: none */
    const char *server_name; /* what the client asked for; NULL: nothing */
    bool resumed;            /* an earlier session was resumed */
    bool is_server;
} bide_tls_info;

/* bide_tls_get_info - what a stream's handshake has agreed upon. 0; -EINVAL: it is not a stream of TLS. */
BIDE_EXPORT int bide_tls_get_info(bide_stream *stream, bide_tls_info *ret_info);

/* A certificate as text; bide_tls_certificate_free frees it. */
typedef struct bide_tls_certificate {
    const char *subject, *issuer;       /* "CN=example.org,O=Example" */
    const char *const *names;           /* those it is for: "example.org", "127.0.0.1"; ended by NULL */
    const char *fingerprint;            /* SHA-256, 64 hexadecimal digits, as in the option pins */
    const char *serial;                 /* hexadecimal */
    const char *not_before, *not_after; /* "Jan  1 00:00:00 2024 GMT" */
    const char *pem;
} bide_tls_certificate;

/*
 * bide_tls_peer_certificate - what the peer has shown; the caller frees it. 0; -ENOENT: nothing; -EINVAL: not a stream
 * of TLS; -ENOMEM. With BIDE_TLS_VERIFY_NONE nobody has looked whether any of it is true. Follows getpeercert.
 */
BIDE_EXPORT int bide_tls_peer_certificate(bide_stream *stream, bide_tls_certificate **ret_certificate);

/* bide_tls_certificate_free - NULL is ignored. */
BIDE_EXPORT void bide_tls_certificate_free(bide_tls_certificate *certificate);

/* The stack that must be left for a handshake. */
enum { BIDE_TLS_STACK_BYTES = 20 * 1024 };

#endif
