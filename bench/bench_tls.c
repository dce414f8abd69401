/*
 * What TLS costs: handshakes (full with a certificate of an elliptic curve or RSA-2048, resumed), bytes per second,
 * and memory for each idle connection, through memory pairs in one thread: so a handshake is both sides' work, and
 * nothing is the kernel's.
 *
 *     bench_tls [CONNECTIONS]     1000 by default
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <bide.h>
#include <bide/tls.h>

bide_async(bide_start_tls, bide_stream *, bide_tls_context *, const char *);
bide_async(bide_tls_accept, bide_stream *, bide_tls_context *);

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static char *text_of(BIO *bio)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    char *text = strndup(data, (size_t)size);

    BIO_free(bio);
    return text;
}

/* A certificate that vouches for itself, for the name "bench". */
static bide_tls_identity make_identity(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509V3_CTX context;
    BIO *certificate_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, "DNS:bench");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
    PEM_write_bio_X509(certificate_bio, certificate);
    PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return (bide_tls_identity){ .certificate_pem = text_of(certificate_bio), .key_pem = text_of(key_bio) };
}

struct pair {
    bide_stream *client, *server;
};

static int connect_pair(struct pair *pair, bide_tls_context *client, bide_tls_context *server)
{
    char byte;

    bide(bide_stream_pair(0, &pair->client, &pair->server));
    bide(bide_gather(bide_co(bide_start_tls, pair->client, client, "bench"),
                     bide_co(bide_tls_accept, pair->server, server)));
    bide(bide_write(pair->server, "x", 1)); /* the client reads its tickets with that */
    return (int)bide(bide_read(pair->client, &byte, 1));
}

static void close_pair(struct pair *pair)
{
    bide_close(pair->client);
    bide_close(pair->server);
}

static int handshakes(const char *what, bide_tls_context *client, bide_tls_context *server, int count)
{
    double begin = seconds();

    for (int i = 0; i < count; i++) {
        struct pair pair;

        bide(connect_pair(&pair, client, server));
        close_pair(&pair);
    }
    printf("%-36s %8.0f us, both sides\n", what, (seconds() - begin) / count * 1e6);
    return 0;
}

static size_t memory(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static int idle(bide_tls_context *client, bide_tls_context *server, int count)
{
    struct pair *pairs = calloc((size_t)count, sizeof *pairs);
    int err = 0;

    for (int i = 0; i < 4 && err >= 0; i++) { /* caches are full */
        err = connect_pair(&pairs[0], client, server);
        close_pair(&pairs[0]);
    }
    size_t before = memory();
    for (int i = 0; i < count && err >= 0; i++)
        err = connect_pair(&pairs[i], client, server);
    printf("%-36s %8.0f bytes for both sides, of that streams and pairs some 500\n", "an idle connection",
           (double)(memory() - before) / count);
    for (int i = 0; i < count; i++)
        close_pair(&pairs[i]);
    free(pairs);
    return err;
}

enum { BULK = 512 * 1024 * 1024, CHUNK = 64 * 1024 };

static int send_bulk(bide_stream *stream)
{
    static char data[CHUNK];

    for (size_t sent = 0; sent < BULK; sent += sizeof data)
        bide(bide_write(stream, data, sizeof data));
    return 0;
}
bide_async(send_bulk, bide_stream *);

static int receive_bulk(bide_stream *stream)
{
    static char data[CHUNK];

    for (size_t received = 0; received < BULK;)
        received += (size_t)bide(bide_read(stream, data, sizeof data));
    return 0;
}
bide_async(receive_bulk, bide_stream *);

static int bulk(bide_tls_context *client, bide_tls_context *server)
{
    struct pair pair;

    bide(connect_pair(&pair, client, server));
    double begin = seconds();
    int err = bide_gather(bide_co(send_bulk, pair.client), bide_co(receive_bulk, pair.server));
    printf("%-36s %8.2f GB/s, both sides in one thread\n", "bytes", BULK / (seconds() - begin) * 1e-9);
    close_pair(&pair);
    return err;
}

static int app(int connections)
{
    const bide_tls_identity curve = make_identity(EVP_EC_gen("P-256")), rsa = make_identity(EVP_RSA_gen(2048));
    bide_tls_context *client, *stranger, *server, *rsa_server, *rsa_client;

    bide(bide_tls_context_open(&(bide_tls_options){ .ca_pem = curve.certificate_pem }, &client));
    bide(bide_tls_context_open(&(bide_tls_options){ .ca_pem = curve.certificate_pem, .no_sessions = true }, &stranger));
    bide(bide_tls_context_open(&(bide_tls_options){ .ca_pem = rsa.certificate_pem, .no_sessions = true }, &rsa_client));
    bide(bide_tls_context_open(&(bide_tls_options){ .identity = curve }, &server));
    bide(bide_tls_context_open(&(bide_tls_options){ .identity = rsa }, &rsa_server));
    bide(handshakes("handshake, P-256", stranger, server, 300));
    bide(handshakes("handshake, RSA-2048", rsa_client, rsa_server, 300));
    bide(handshakes("handshake, resumed", client, server, 300));
    bide(idle(stranger, server, connections));
    bide(bulk(client, server));
    bide_tls_context_close(client);
    bide_tls_context_close(stranger);
    bide_tls_context_close(rsa_client);
    bide_tls_context_close(server);
    bide_tls_context_close(rsa_server);
    return 0;
}
bide_async(app, int);

int main(int count, char **arguments)
{
    return bide_run(bide_co(app, count > 1 ? atoi(arguments[1]) : 1000));
}
