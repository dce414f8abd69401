/*
 * Identities: a certificate, those of the authorities above it, and the key, as PEM from files or memory; and which of
 * several a server shows.
 *
 * Loading blocks for as long as reading small files takes. Nobody is ever asked for a password at the terminal, which
 * is what OpenSSL does by itself.
 */
#include "tls/tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <bide/error.h>

BIO *bide__tls_open_pem(const char *what, const char *file, const char *text, int *ret_error)
{
    BIO *bio;

    if (file) {
        FILE *opened = fopen(file, "re");

        if (!opened) {
            *ret_error = bide_fail(-errno, "%s file %s: %s", what, file, strerror(errno));
            return NULL;
        }
        bio = BIO_new_fp(opened, BIO_CLOSE);
        if (!bio)
            fclose(opened);
    } else {
        bio = BIO_new_mem_buf(text, -1);
    }
    if (!bio)
        *ret_error = bide_fail(-ENOMEM, "%s: no memory", what);
    return bio;
}

static int give_password(char *buffer, int size, int writing, void *password)
{
    size_t length = password ? strlen(password) : 0;

    (void)writing;
    if (!password || length >= (size_t)size)
        return -1;
    memcpy(buffer, password, length + 1);
    return (int)length;
}

/* What OpenSSL says of a piece of PEM. */
static int explain(const char *what, const char *file)
{
    char text[BIDE__TLS_REASON];
    unsigned long code = ERR_peek_error();
    bool absent = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    int err = bide__tls_openssl_reason(text, sizeof text);

    return bide_fail(err, "%s%s%s: %s", what, file ? " file " : "", file ? file : "",
                     absent ? "there is none in it" : text);
}

static int read_chain(struct bide__tls_identity *identity, BIO *bio, const char *file)
{
    char nothing[] = "";

    identity->certificate = PEM_read_bio_X509_AUX(bio, NULL, give_password, nothing);
    identity->chain = sk_X509_new_null();
    if (!identity->certificate || !identity->chain)
        return explain("certificate", file);
    for (X509 *above; (above = PEM_read_bio_X509(bio, NULL, give_password, nothing));)
        if (!sk_X509_push(identity->chain, above)) {
            X509_free(above);
            return bide_fail(-ENOMEM, "certificate: no memory");
        }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return explain("certificate", file);
    ERR_clear_error();
    return 0;
}

static int explain_key(const bide_tls_identity *options, const char *file)
{
    unsigned long first = ERR_peek_error(), last = ERR_peek_last_error();
    const char *before = file ? " file " : "", *name = file ? file : "";
    const char *text = NULL;

    if (ERR_GET_REASON(first) == ERR_R_MALLOC_FAILURE || ERR_GET_REASON(last) == ERR_R_MALLOC_FAILURE)
        return explain("key", file);
    if (options->password)
        text = "the password is wrong, or it is damaged";
    else if (ERR_GET_REASON(last) == PEM_R_BAD_PASSWORD_READ || ERR_GET_REASON(first) == PEM_R_BAD_PASSWORD_READ)
        text = "it is encrypted and needs a password";
    else if (ERR_GET_LIB(first) == ERR_LIB_OSSL_DECODER)
        text = "there is none in it, or none of a kind that is known";
    if (!text)
        return explain("key", file);
    ERR_clear_error();
    return bide_fail(BIDE_ETLS, "key%s%s: %s", before, name, text);
}

static int read_key(struct bide__tls_identity *identity, const bide_tls_identity *options)
{
    const char *file = options->key_file ? options->key_file : options->key_pem ? NULL : options->certificate_file;
    const char *text = options->key_pem ? options->key_pem : options->certificate_pem;
    int err = 0;
    BIO *bio = bide__tls_open_pem("key", file, text, &err);

    if (!bio)
        return err;
    identity->key = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)(uintptr_t)options->password);
    if (!identity->key)
        err = explain_key(options, file);
    BIO_free(bio);
    return err;
}

int bide__tls_identity_load(struct bide__tls_identity *identity, const bide_tls_identity *options)
{
    int err = 0;

    if (options->certificate_file && options->certificate_pem)
        return bide_fail(-EINVAL, "certificate: given as a file and as text");
    if (!options->certificate_file && !options->certificate_pem)
        return bide_fail(-EINVAL, "certificate: there is a key, but no certificate");
    ERR_clear_error();
    BIO *bio = bide__tls_open_pem("certificate", options->certificate_file, options->certificate_pem, &err);
    if (!bio)
        return err;
    err = read_chain(identity, bio, options->certificate_file);
    BIO_free(bio);
    if (err == 0)
        err = read_key(identity, options);
    if (err == 0 && !X509_check_private_key(identity->certificate, identity->key)) {
        ERR_clear_error();
        const char *name = options->certificate_file ? options->certificate_file : "given as text";
        err = bide_fail(BIDE_ETLS, "certificate %s: the key is not that of this certificate", name);
    }
    if (err < 0)
        bide__tls_identity_free(identity);
    return err;
}

void bide__tls_identity_free(struct bide__tls_identity *identity)
{
    X509_free(identity->certificate);
    sk_X509_pop_free(identity->chain, X509_free);
    EVP_PKEY_free(identity->key);
    *identity = (struct bide__tls_identity){ 0 };
}

int bide__tls_identity_choose(SSL *openssl, void *argument)
{
    struct bide__tls *tls = argument;
    const struct bide__tls_setup *setup = tls->chosen ? tls->chosen : tls->setup;
    const char *name = SSL_get_servername(openssl, TLSEXT_NAMETYPE_host_name);
    const struct bide__tls_identity *best = setup->identities;

    if (!SSL_is_server(openssl)) {
        tls->asked_for_certificate = true; /* the identity is set already, if there is one */
        return 1;
    }
    for (size_t i = 0; name && i < setup->identity_count; i++)
        if (X509_check_host(setup->identities[i].certificate, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) ==
            1) {
            best = &setup->identities[i];
            break;
        }
    if (!best || (best == setup->identities && !tls->chosen))
        return 1; /* the first was set with the context */
    return SSL_use_cert_and_key(openssl, best->certificate, best->key, best->chain, 1);
}
