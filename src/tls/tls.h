/* tls/tls.h - TLS inside: contexts, and what stands between a stream and the channel below. */
#ifndef BIDE_TLS_TLS_H
#define BIDE_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>
#include <stdatomic.h>

#include <openssl/ssl.h>

#include <bide/sync.h>
#include <bide/task.h>
#include <bide/tls.h>
#include <bide/transport.h>

enum {
    BIDE__TLS_PLAIN_MAX = BIDE_BLOCK_BYTES - 256, /* plaintext of one record, so that it fits into a block */
    BIDE__TLS_REASON = 400,                       /* bytes that hold the text of a refusal */
    BIDE__TLS_PIN = 32                            /* bytes of a fingerprint */
};

/* ---- contexts ---- */

/* A certificate with those above it, and its key. */
struct bide__tls_identity {
    X509 *certificate;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
};

/* What was made from options. Connections go on with theirs when the context is made anew. */
struct bide__tls_setup {
    atomic_uint references;
    SSL_CTX *openssl;
    struct bide__tls_identity *identities;
    size_t identity_count;
    unsigned char (*pins)[BIDE__TLS_PIN];
    size_t pin_count;
    unsigned char *alpn; /* as it is sent: each with its length before it */
    size_t alpn_size;
    bide_tls_verify verify;
    bool no_host_name_check, no_sessions, allow_truncation;
    bool trusts_system; /* whose authorities have not been loaded yet: only clients need them */
    bide_tls_context *(*select)(const char *server_name, void *argument);
    void *argument;
};

/* A session that may be resumed. */
struct bide__tls_session {
    struct bide__tls_session *next;
    SSL_SESSION *session;
    char peer[];
};

struct bide_tls_context {
    atomic_uint references; /* the owner's, and one for each connection */
    pthread_mutex_t lock;   /* of all that follows: the loops of several threads may share a context */
    struct bide__tls_setup *setup;
    struct bide__tls_session *sessions; /* newest first */
    size_t session_count, sessions_max;
};

/* ---- connections ---- */

/* Bytes [start, end) of a block; no block while it is empty. */
struct bide__tls_bytes {
    char *block;
    uint32_t start, end;
};

/* One connection: the state of the channel. */
struct bide__tls {
    bide_channel below;
    SSL *openssl;
    bide_tls_context *context;
    struct bide__tls_setup *setup;
    struct bide__tls_setup *chosen;       /* by the context's `select`; NULL: setup */
    struct bide__tls_bytes input, output; /* both encrypted: not yet with OpenSSL; not yet sent */
    bide_lock sending;                    /* who holds it sends what is in `output` */
    bide_task *flusher;                   /* sends the rest of the output; NULL: there is none */
    bool flushing;                        /* the flusher runs, or is about to */
    bool handshaking;                     /* a task is in the handshake */
    bool established;                     /* it has succeeded */
    bool below_ended;                     /* the channel below has no more input */
    bool output_ended;                    /* we have said goodbye */
    bool closing, aborting;               /* the stream is gone: the flusher closes */
    bool likely_more;                     /* the last receive filled its block */
    bool asked_for_certificate;           /* by the server */
    bool accept_any;                      /* certificates are looked at by their pins only */
    int output_failure;                   /* of the channel below, 0: none */
    int failure;                          /* for good, 0: none */
    char *reason;                         /* its message; before that, what verifying has found */
    char *host;                           /* whom the peer must be; NULL: nobody */
    char *peer;                           /* what stands for it in messages */
    char *alpn;                           /* the protocol agreed upon; NULL: none */
    char *session_peer;                   /* under which name sessions are remembered; NULL: they are not */
};

/* ---- identity.c ---- */

/* Loads what the options say. 0 or an error with a message. */
int bide__tls_identity_load(struct bide__tls_identity *identity, const bide_tls_identity *options);
void bide__tls_identity_free(struct bide__tls_identity *identity);

/* OpenSSL's callback before a certificate is needed: chooses one by the name that the client asks for. */
int bide__tls_identity_choose(SSL *openssl, void *tls);

/* Opens a file of PEM, or the text; NULL with *ret_error, and a message. */
BIO *bide__tls_open_pem(const char *what, const char *file, const char *text, int *ret_error);

/* ---- setup.c ---- */

/* Makes a setup from options (NULL: the defaults). 0 or an error with a message. */
int bide__tls_setup_make(const bide_tls_options *options, struct bide__tls_setup **ret_setup);

/* Loads the authorities of the system, if they are those to trust. 0 or an error with a message. Locked. */
int bide__tls_setup_trust_system(struct bide__tls_setup *setup);

void bide__tls_setup_release(struct bide__tls_setup *setup);

/* ---- context.c ---- */

/* Its setup, with a reference, to be released. */
struct bide__tls_setup *bide__tls_context_setup(bide_tls_context *context);

/* Lets go of one reference. */
void bide__tls_context_release(bide_tls_context *context);

/* ---- session.c ---- */

/* Lets OpenSSL tell of new sessions. */
void bide__tls_session_watch(SSL_CTX *openssl);

/* Has the connection resume the newest session with its peer, if there is one. */
void bide__tls_session_resume(struct bide__tls *tls);

/* Forgets all. */
void bide__tls_session_forget(bide_tls_context *context);

/* ---- verify.c ---- */

/* Tells OpenSSL whom to verify, and how. server_name: NULL: nobody. 0 or an error with a message. */
int bide__tls_verify_begin(struct bide__tls *tls, bool is_server, const char *server_name);

/* Whether the peer's certificate is one of those pinned; else sets the reason. True without pins. */
bool bide__tls_verify_pins(struct bide__tls *tls);

/* ---- reason.c ---- */

/* "TLS with <peer>: <text>" becomes the connection's failure for good. Returns the code. */
int bide__tls_fail(struct bide__tls *tls, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same from what OpenSSL has reported in this thread's queue, which is empty afterwards. */
int bide__tls_fail_openssl(struct bide__tls *tls);

/* Sets the message of the failure that there was, again. Returns its code. */
int bide__tls_fail_again(const struct bide__tls *tls);

/* The first entry of OpenSSL's queue as text; the queue is empty afterwards. Returns BIDE_ETLS or -ENOMEM. */
int bide__tls_openssl_reason(char *text, size_t size);

/* ---- certificate.c ---- */

/* The names a certificate is for, "a, b", cut with "..." if there is no room. */
void bide__tls_names_text(X509 *certificate, char *text, size_t size);

/* ---- bio.c ---- */

/* Makes what all connections of the process share. 0 or -ENOMEM. */
int bide__tls_bio_prepare(void);

/* OpenSSL's side of `input` and `output`. NULL without memory. */
BIO *bide__tls_bio_new(struct bide__tls *tls);

/* Makes room in the output for a record. 0 or -ENOMEM. */
int bide__tls_reserve(struct bide__tls *tls);

/* Takes bytes off the front; without any left the block goes back. */
void bide__tls_bytes_consume(struct bide__tls *tls, struct bide__tls_bytes *bytes, size_t count);

static inline size_t bide__tls_bytes_size(const struct bide__tls_bytes *bytes)
{
    return bytes->end - bytes->start;
}

/* ---- output.c ---- */

/* Sends all output; waits. 0 or an error of the channel below. Begins with a checkpoint. */
int bide__tls_flush(struct bide__tls *tls);

/* Sends what goes at once; the rest is sent by a task of its own. */
void bide__tls_flush_later(struct bide__tls *tls);

/* Frees all, and closes the channel below; leaves that to the task that sends the rest, if there is one. */
void bide__tls_destroy(struct bide__tls *tls, bool abort);

/* ---- channel.c ---- */

extern const bide_transport bide__transport_tls;

/* Has OpenSSL give its buffers back when there is nothing in them: SSL_MODE_RELEASE_BUFFERS alone leaves one. */
void bide__tls_release_buffers(struct bide__tls *tls);

/* Waits for input from below. 0 (also at its end), or an error. */
int bide__tls_fetch(struct bide__tls *tls);

/* ---- handshake.c ---- */

/* The connection of a stream; NULL: it is none of TLS. */
struct bide__tls *bide__tls_of(bide_stream *stream);

#endif
