/* What the tests of TLS share. Whatever goes wrong here fails the test at once. */
#include "support_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tls/tls.h"

enum { DAY = 24 * 60 * 60 };

/* How a certificate is made. */
struct plan {
    const char *name, *names; /* its subject, its alternative names */
    const char *usage;        /* extended key usage; NULL: none is said */
    long from, until;         /* days from now */
    bool authority;
    EVP_PKEY *key;
    X509 *issuer; /* NULL: itself */
    EVP_PKEY *issuer_key;
};

static EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    check(key != NULL);
    return key;
}

static void extend(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    check(extension != NULL);
    check(X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509 *make_certificate(const struct plan *plan)
{
    static long serial = 1000;
    X509 *certificate = X509_new(), *issuer = plan->issuer ? plan->issuer : certificate;
    X509_NAME *name = X509_get_subject_name(certificate);

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), plan->from * DAY);
    X509_gmtime_adj(X509_getm_notAfter(certificate), plan->until * DAY);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)plan->name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    X509_set_pubkey(certificate, plan->key);
    extend(certificate, issuer, NID_basic_constraints, plan->authority ? "critical,CA:TRUE" : "CA:FALSE");
    extend(certificate, issuer, NID_subject_key_identifier, "hash");
    extend(certificate, issuer, NID_authority_key_identifier, "keyid");
    if (plan->names)
        extend(certificate, issuer, NID_subject_alt_name, plan->names);
    if (plan->usage)
        extend(certificate, issuer, NID_ext_key_usage, plan->usage);
    check(X509_sign(certificate, plan->issuer_key ? plan->issuer_key : plan->key, EVP_sha256()) > 0);
    return certificate;
}

static char *take_text(BIO *bio)
{
    char *data, *text;
    long size = BIO_get_mem_data(bio, &data);

    text = malloc((size_t)size + 1);
    check(text != NULL);
    memcpy(text, data, (size_t)size);
    text[size] = '\0';
    BIO_free(bio);
    return text;
}

static char *certificate_text(X509 *certificate, X509 *above)
{
    BIO *bio = BIO_new(BIO_s_mem());

    check(PEM_write_bio_X509(bio, certificate) == 1);
    if (above)
        check(PEM_write_bio_X509(bio, above) == 1);
    return take_text(bio);
}

static char *key_text(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    check(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    return take_text(bio);
}

/* Makes a certificate by the plan, and its texts; `above` is sent along. */
static struct beast make_beast(struct plan plan, X509 *above)
{
    bool own_key = !plan.key;

    if (own_key)
        plan.key = make_key();
    X509 *certificate = make_certificate(&plan);
    struct beast beast = { certificate_text(certificate, above), key_text(plan.key) };
    X509_free(certificate);
    if (own_key)
        EVP_PKEY_free(plan.key);
    return beast;
}

#define NAMES "DNS:localhost,DNS:example.test,DNS:*.wild.test,IP:127.0.0.1,IP:::1"

static char *encrypt_key(const char *text)
{
    BIO *in = BIO_new_mem_buf(text, -1), *out = BIO_new(BIO_s_mem());
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);

    check(PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL) == 1);
    EVP_PKEY_free(key);
    BIO_free(in);
    return take_text(out);
}

static void make_leaves(struct zoo *it, X509 *root, EVP_PKEY *root_key)
{
    const struct plan usual = { "example.test", NAMES, NULL, -1, 365, false, NULL, root, root_key };
    struct plan plan = usual;

    it->good = make_beast(usual, NULL);
    it->encrypted_key = encrypt_key(it->good.key);
    plan.names = "DNS:second.test";
    it->second = make_beast(plan, NULL);
    plan.names = NULL;
    it->nameless = make_beast(plan, NULL);
    plan = usual;
    plan.from = -100, plan.until = -10;
    it->expired = make_beast(plan, NULL);
    plan.from = 10, plan.until = 100;
    it->early = make_beast(plan, NULL);
    plan = usual;
    plan.issuer = NULL, plan.issuer_key = NULL;
    it->self_signed = make_beast(plan, NULL);
    plan = usual;
    plan.usage = "clientAuth";
    it->for_clients = make_beast(plan, NULL);
    plan.name = "a client", plan.names = NULL;
    it->client = make_beast(plan, NULL);
    plan = usual;
    plan.key = EVP_RSA_gen(1024);
    it->weak = make_beast(plan, NULL);
    EVP_PKEY_free(plan.key);
    plan.key = EVP_RSA_gen(2048);
    it->rsa = make_beast(plan, NULL);
    EVP_PKEY_free(plan.key);
}

/* One handshake without waiting, all in memory; resumes the session, and returns the next one. */
static SSL_SESSION *try_handshake(struct bide_tls_context *client_context, struct bide_tls_context *server_context,
                                  SSL_SESSION *session)
{
    BIO *one, *other;
    SSL *client = SSL_new(client_context->setup->openssl), *server = SSL_new(server_context->setup->openssl);
    struct bide__tls nobody = { .context = client_context, .setup = server_context->setup };
    char byte;

    check(BIO_new_bio_pair(&one, 0, &other, 0) == 1);
    SSL_set_bio(client, one, one);
    SSL_set_bio(server, other, other);
    SSL_set_app_data(client, &nobody);
    SSL_set_app_data(server, &nobody);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    SSL_set_verify(client, SSL_VERIFY_PEER, NULL);
    if (session)
        SSL_set_session(client, session);
    while (!SSL_is_init_finished(client) || !SSL_is_init_finished(server)) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    SSL_read(client, &byte, 1);
    check_eq(SSL_session_reused(client), session != NULL);
    SSL_SESSION *next = SSL_get1_session(client);
    SSL_shutdown(client);
    SSL_free(client);
    SSL_free(server);
    ERR_clear_error();
    SSL_SESSION_free(session);
    return next;
}

static void try_twice(struct bide_tls_context *client, struct bide_tls_context *server)
{
    SSL_SESSION_free(try_handshake(client, server, try_handshake(client, server, NULL)));
}

/* OpenSSL keeps things for the whole process: they are made here, so that no test seems to have lost them. */
static void warm_up(struct zoo *it)
{
    const bide_tls_options trusting = { .ca_pem = it->root },
                           old = { .ca_pem = it->root, .maximum_version = BIDE_TLS_1_2 };

    bide_tls_context *usual = open_context(NULL);
    check_eq(bide__tls_setup_trust_system(usual->setup), 0);
    bide_tls_context_close(usual);
    const bide_tls_identity encrypted = { .certificate_pem = it->good.certificate,
                                          .key_pem = it->encrypted_key,
                                          .password = "secret" };
    bide_tls_context_close(open_context(&(bide_tls_options){ .identity = encrypted }));
    it->trusting = open_context(&trusting);
    it->trusting_1_2 = open_context(&old);
    it->serving = server_context(&it->good);
    it->serving_rsa = server_context(&it->rsa);
    try_twice(it->trusting, it->serving);
    try_twice(it->trusting, it->serving_rsa);
    try_twice(it->trusting_1_2, it->serving);
    try_twice(it->trusting_1_2, it->serving_rsa);
}

bide_program_fixture(struct zoo, made_zoo)
{
    EVP_PKEY *root_key = make_key(), *other_key = make_key(), *middle_key = make_key();
    X509 *root = make_certificate(&(struct plan){ "bide test root", NULL, NULL, -1, 3650, true, root_key, NULL, NULL });
    X509 *other = make_certificate(&(struct plan){ "another root", NULL, NULL, -1, 3650, true, other_key, NULL, NULL });
    X509 *middle =
        make_certificate(&(struct plan){ "bide test middle", NULL, NULL, -1, 3650, true, middle_key, root, root_key });
    const struct plan unknown = { "example.test", NAMES, NULL, -1, 365, false, NULL, other, other_key };
    const struct plan chained = { "example.test", NAMES, NULL, -1, 365, false, NULL, middle, middle_key };

    it->root = certificate_text(root, NULL);
    it->other_root = certificate_text(other, NULL);
    make_leaves(it, root, root_key);
    it->unknown = make_beast(unknown, other);
    it->chained = make_beast(chained, middle);
    it->incomplete = make_beast(chained, NULL);
    X509_free(root);
    X509_free(other);
    X509_free(middle);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(other_key);
    EVP_PKEY_free(middle_key);
    warm_up(it);
    return 0;
}

/* The contexts live on, but what they have learned belongs to the test. */
static int forget(void)
{
    bide__tls_session_forget(made_zoo()->trusting);
    bide__tls_session_forget(made_zoo()->trusting_1_2);
    OPENSSL_thread_stop(); /* its queue of errors keeps some memory */
    return 0;
}
bide_async(forget);

struct zoo *zoo(void)
{
    static bool cleanup_is_set;

    if (!cleanup_is_set) {
        cleanup_is_set = true;
        bide_test_cleanup(bide_co(forget));
    }
    return made_zoo();
}

/* ---- contexts ---- */

bide_tls_context *open_context(const bide_tls_options *options)
{
    bide_tls_context *context;

    check_eq(bide_tls_context_open(options, &context), 0);
    return context;
}

bide_tls_identity identity_of(const struct beast *beast)
{
    return (bide_tls_identity){ .certificate_pem = beast->certificate, .key_pem = beast->key };
}

bide_tls_context *server_context(const struct beast *beast)
{
    return open_context(&(bide_tls_options){ .identity = identity_of(beast) });
}

bide_tls_context *client_context(void)
{
    return open_context(&(bide_tls_options){ .ca_pem = zoo()->root });
}

/* ---- streams ---- */

struct ends open_ends(size_t limit)
{
    struct ends ends;

    check_eq(bide_stream_pair(limit, &ends.client, &ends.server), 0);
    return ends;
}

struct ends open_socket_ends(void)
{
    struct ends ends;
    bide_listener *listener;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    check_eq(bide_open_connection("127.0.0.1", bide_listener_port(listener), &ends.client), 0);
    check_eq(bide_accept(listener, &ends.server), 0);
    bide_listener_close(listener);
    return ends;
}

void close_ends(struct ends ends)
{
    bide_close(ends.client);
    bide_close(ends.server);
}

struct outcome shake(struct ends ends, bide_tls_context *client, bide_tls_context *server, const char *server_name)
{
    int results[2] = { -ECANCELED, -ECANCELED };
    const bide_coroutine both[] = { bide_co(bide_start_tls, ends.client, client,
                                            server_name ? server_name : "example.test"),
                                    bide_co(bide_tls_accept, ends.server, server) };

    bide_gather_settled(both, 2, results);
    return (struct outcome){ results[0], results[1] };
}

void must_shake(struct ends ends, bide_tls_context *client, bide_tls_context *server)
{
    struct outcome outcome = shake(ends, client, server, NULL);

    check_eq(outcome.client, 0);
    check_eq(outcome.server, 0);
}

static int note_error(bide_stream *stream, bide_tls_context *context, const char *server_name, char *text, size_t size)
{
    int err = bide_start_tls(stream, context, server_name);

    snprintf(text, size, "%s", bide_strerror(err));
    return err;
}
bide_async(note_error, bide_stream *, bide_tls_context *, const char *, char *, size_t);

int client_error(bide_tls_context *client, bide_tls_context *server, const char *server_name, char *text, size_t size)
{
    struct ends ends = open_ends(0);
    int results[2];
    const bide_coroutine both[] = { bide_co(note_error, ends.client, client, server_name, text, size),
                                    bide_co(bide_tls_accept, ends.server, server) };

    bide_gather_settled(both, 2, results);
    close_ends(ends);
    bide_tls_context_close(client);
    bide_tls_context_close(server);
    return results[0];
}

/* ---- bytes ---- */

void fill_sequence(void *data, size_t size, size_t offset)
{
    unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        bytes[i] = sequence_at(offset + i);
}

void check_sequence(const void *data, size_t size, size_t offset)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != sequence_at(offset + i))
            check_eq(offset + i, (size_t)-1);
}

int send_sequence(bide_stream *stream, size_t size)
{
    char data[5000];

    for (size_t sent = 0; sent < size;) {
        size_t count = size - sent < sizeof data ? size - sent : sizeof data;

        fill_sequence(data, count, sent);
        sent += (size_t)bide(bide_write(stream, data, count));
    }
    return 0;
}

int receive_sequence(bide_stream *stream, size_t size)
{
    char data[3001];

    for (size_t received = 0; received < size;) {
        size_t count = size - received < sizeof data ? size - received : sizeof data;
        ssize_t got = bide(bide_read(stream, data, count));

        check(got > 0);
        check_sequence(data, (size_t)got, received);
        received += (size_t)got;
    }
    return 0;
}
