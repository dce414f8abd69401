/* Certificates as text: names, for messages and for who asks. Nothing in them is believed to be printable. */
#include "tls/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <bide/error.h>

enum { NAME_BYTES = 256 };

/* One of the names as text; false: of a kind that is none of a peer. */
static bool name_text(const GENERAL_NAME *name, char *text, size_t size)
{
    if (name->type == GEN_IPADD) {
        const unsigned char *bytes = ASN1_STRING_get0_data(name->d.iPAddress);
        int length = ASN1_STRING_length(name->d.iPAddress);

        return (length == 4 || length == 16) &&
               inet_ntop(length == 4 ? AF_INET : AF_INET6, bytes, text, (socklen_t)size);
    }
    if (name->type != GEN_DNS)
        return false;
    const unsigned char *bytes = ASN1_STRING_get0_data(name->d.dNSName);
    size_t length = (size_t)ASN1_STRING_length(name->d.dNSName), i;
    for (i = 0; i < length && i + 1 < size; i++)
        text[i] = (char)(bytes[i] > ' ' && bytes[i] < 127 ? bytes[i] : '?');
    text[i] = '\0';
    return true;
}

void bide__tls_names_text(X509 *certificate, char *text, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t length = 0;

    text[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        char name[NAME_BYTES];

        if (!name_text(sk_GENERAL_NAME_value(names, i), name, sizeof name))
            continue;
        if (length + strlen(name) + 8 > size) {
            snprintf(text + length, size - length, ", ...");
            break;
        }
        length += (size_t)snprintf(text + length, size - length, "%s%s", length ? ", " : "", name);
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
}

/* A text of OpenSSL's, written into a BIO, as one that is freed with free(). NULL without memory. */
static char *take_text(BIO *bio)
{
    char *data, *text = NULL;
    long size = bio ? BIO_get_mem_data(bio, &data) : -1;

    if (size >= 0 && (text = malloc((size_t)size + 1))) {
        memcpy(text, data, (size_t)size);
        text[size] = '\0';
    }
    BIO_free(bio);
    return text;
}

static char *distinguished_name(const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (bio)
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
    return take_text(bio);
}

static char *time_text(const ASN1_TIME *time)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (bio)
        ASN1_TIME_print(bio, time);
    return take_text(bio);
}

static char *pem_text(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (bio)
        PEM_write_bio_X509(bio, certificate);
    return take_text(bio);
}

static char *serial_text(const X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (bio)
        i2a_ASN1_INTEGER(bio, X509_get0_serialNumber(certificate));
    return take_text(bio);
}

static char *fingerprint_text(const X509 *certificate)
{
    unsigned char digest[BIDE__TLS_PIN];
    unsigned size = sizeof digest;
    char *text = malloc(2 * sizeof digest + 1);

    if (!text || !X509_digest(certificate, EVP_sha256(), digest, &size)) {
        free(text);
        return NULL;
    }
    for (unsigned i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

/* The list of names; NULL without memory. */
static const char **names_of(X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int count = names ? sk_GENERAL_NAME_num(names) : 0;
    const char **list = calloc((size_t)count + 1, sizeof *list);
    size_t used = 0;

    for (int i = 0; list && i < count; i++) {
        char name[NAME_BYTES];

        if (name_text(sk_GENERAL_NAME_value(names, i), name, sizeof name) && (list[used] = strdup(name)))
            used++;
    }
    GENERAL_NAMES_free(names);
    return list;
}

int bide_tls_peer_certificate(bide_stream *stream, bide_tls_certificate **ret_certificate)
{
    struct bide__tls *tls = bide__tls_of(stream);
    X509 *shown = tls ? SSL_get0_peer_certificate(tls->openssl) : NULL;

    if (!tls)
        return bide_fail(-EINVAL, "peer certificate of %s: not a stream of TLS", bide_peer_name(stream));
    if (!shown)
        return bide_fail(-ENOENT, "peer certificate of %s: it has shown none", bide_peer_name(stream));
    bide_tls_certificate *certificate = calloc(1, sizeof *certificate);
    if (!certificate)
        return bide_fail(-ENOMEM, "peer certificate of %s: no memory", bide_peer_name(stream));
    *certificate = (bide_tls_certificate){ .subject = distinguished_name(X509_get_subject_name(shown)),
                                           .issuer = distinguished_name(X509_get_issuer_name(shown)),
                                           .names = names_of(shown),
                                           .fingerprint = fingerprint_text(shown),
                                           .serial = serial_text(shown),
                                           .not_before = time_text(X509_get0_notBefore(shown)),
                                           .not_after = time_text(X509_get0_notAfter(shown)),
                                           .pem = pem_text(shown) };
    ERR_clear_error();
    if (!certificate->subject || !certificate->issuer || !certificate->names || !certificate->fingerprint ||
        !certificate->serial || !certificate->not_before || !certificate->not_after || !certificate->pem) {
        bide_tls_certificate_free(certificate);
        return bide_fail(-ENOMEM, "peer certificate of %s: no memory", bide_peer_name(stream));
    }
    *ret_certificate = certificate;
    return 0;
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

void bide_tls_certificate_free(bide_tls_certificate *certificate)
{
    if (!certificate)
        return;
    for (size_t i = 0; certificate->names && certificate->names[i]; i++)
        free_text(certificate->names[i]);
    free((void *)(uintptr_t)certificate->names);
    free_text(certificate->subject);
    free_text(certificate->issuer);
    free_text(certificate->fingerprint);
    free_text(certificate->serial);
    free_text(certificate->not_before);
    free_text(certificate->not_after);
    free_text(certificate->pem);
    free(certificate);
}
