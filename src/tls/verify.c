/*
 * Who the peer is: what OpenSSL is to verify, and what it has found, in words.
 *
 * A name must stand among the certificate's alternative names; its subject is not looked at (RFC 9525). Pins are
 * compared when the handshake is complete and nothing has been said yet.
 */
#include "tls/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <bide/error.h>

enum { NAME_MAX_BYTES = 255 };

static void time_text(const ASN1_TIME *time, char *text, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int count = bio && time && ASN1_TIME_print(bio, time) ? BIO_read(bio, text, (int)size - 1) : 0;

    text[count > 0 ? count : 0] = '\0';
    BIO_free(bio);
}

static void common_name(const X509_NAME *name, char *text, size_t size)
{
    X509_NAME_oneline(name, text, (int)size);
    for (char *at = text; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

/* What is wrong with a certificate. `whose`: "its certificate" or that of an authority above. */
static void describe(const struct bide__tls *tls, X509_STORE_CTX *store, const char *whose, char *text, size_t size)
{
    X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    int code = X509_STORE_CTX_get_error(store);
    char detail[200] = "";

    switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        time_text(X509_get0_notAfter(certificate), detail, sizeof detail);
        snprintf(text, size, "%s has expired (on %s)", whose, detail);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        time_text(X509_get0_notBefore(certificate), detail, sizeof detail);
        snprintf(text, size, "%s is not valid yet (before %s)", whose, detail);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        bide__tls_names_text(certificate, detail, sizeof detail);
        snprintf(text, size, "%s is for %s%s%s, not for %s", whose, detail[0] ? "other names (" : "no name at all",
                 detail, detail[0] ? ")" : "", tls->host);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        snprintf(text, size, "%s is self-signed, and not one that is trusted", whose);
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        common_name(X509_get_subject_name(certificate), detail, sizeof detail);
        snprintf(text, size, "its certificate comes from an unknown authority (%s)", detail);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        common_name(X509_get_issuer_name(certificate), detail, sizeof detail);
        snprintf(text, size, "%s comes from an unknown authority (%s), or one that the peer should have sent", whose,
                 detail);
        break;
    case X509_V_ERR_INVALID_PURPOSE:
        snprintf(text, size, "%s is not meant for %s", whose, SSL_is_server(tls->openssl) ? "clients" : "servers");
        break;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
        snprintf(text, size, "%s has a key that is too weak", whose);
        break;
    case X509_V_ERR_CA_MD_TOO_WEAK:
        snprintf(text, size, "%s is signed with a digest that is too weak", whose);
        break;
    default:
        snprintf(text, size, "%s: %s", whose, X509_verify_cert_error_string(code));
    }
}

static int verified(int good, X509_STORE_CTX *store)
{
    SSL *openssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct bide__tls *tls = SSL_get_app_data(openssl);
    char text[BIDE__TLS_REASON], whose[120] = "its certificate";

    if (good || tls->accept_any)
        return 1;
    if (X509_STORE_CTX_get_error_depth(store) > 0) {
        char name[80] = "";

        common_name(X509_get_subject_name(X509_STORE_CTX_get_current_cert(store)), name, sizeof name);
        snprintf(whose, sizeof whose, "the certificate of its authority (%s)", name);
    }
    describe(tls, store, whose, text, sizeof text);
    if (!tls->reason)
        tls->reason = strdup(text);
    return 0;
}

static bool is_address(const char *name)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

/* The name as it is compared: without the dot at its end, an address without its zone. NULL with *ret_error. */
static char *canonical(const char *name, int *ret_error)
{
    char *copy = strdup(name), *zone = copy ? strchr(copy, '%') : NULL;
    size_t length;

    if (!copy) {
        *ret_error = bide_fail(-ENOMEM, "TLS with %s: no memory", name);
        return NULL;
    }
    if (zone && strchr(copy, ':'))
        *zone = '\0';
    length = strlen(copy);
    if (length && copy[length - 1] == '.')
        copy[--length] = '\0';
    bool good = length && length <= NAME_MAX_BYTES && copy[0] != '.';
    for (size_t i = 0; i < length; i++)
        good = good && copy[i] > ' ' && copy[i] < 127;
    if (good)
        return copy;
    *ret_error = bide_fail(-EINVAL, "TLS: \"%.80s\" is no name of a host (1 to %d printable ASCII characters)", name,
                           NAME_MAX_BYTES);
    free(copy);
    return NULL;
}

/* Which peer's certificate is wanted. */
static int expect_host(struct bide__tls *tls, bool check, const char *server_name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(tls->openssl);
    int err = 0, done = 1;

    if (!server_name)
        return check ? bide_fail(-EINVAL, "TLS with %s: no name is given that the peer must have", tls->peer) : 0;
    tls->host = canonical(server_name, &err);
    if (!tls->host)
        return err;
    if (is_address(tls->host)) {
        if (check)
            done = X509_VERIFY_PARAM_set1_ip_asc(param, tls->host);
    } else {
        done = (int)SSL_set_tlsext_host_name(tls->openssl, tls->host);
        if (check && done) {
            X509_VERIFY_PARAM_set_hostflags(param,
                                            X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
            done = X509_VERIFY_PARAM_set1_host(param, tls->host, 0);
        }
    }
    ERR_clear_error();
    return done ? 0 : bide_fail(-ENOMEM, "TLS with %s: no memory", tls->peer);
}

int bide__tls_verify_begin(struct bide__tls *tls, bool is_server, const char *server_name)
{
    const struct bide__tls_setup *setup = tls->setup;
    bide_tls_verify verify = setup->verify;
    int mode = SSL_VERIFY_NONE;

    if (verify == BIDE_TLS_VERIFY_DEFAULT)
        verify = is_server ? BIDE_TLS_VERIFY_NONE : BIDE_TLS_VERIFY_REQUIRED;
    if (verify == BIDE_TLS_VERIFY_NONE && setup->pin_count) {
        tls->accept_any = true;
        verify = BIDE_TLS_VERIFY_REQUIRED;
    }
    if (verify == BIDE_TLS_VERIFY_REQUIRED)
        mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    else if (verify == BIDE_TLS_VERIFY_OPTIONAL)
        mode = SSL_VERIFY_PEER;
    SSL_set_verify(tls->openssl, mode, verified);
    if (is_server)
        return 0;
    return expect_host(tls, mode != SSL_VERIFY_NONE && !setup->no_host_name_check && !tls->accept_any, server_name);
}

bool bide__tls_verify_pins(struct bide__tls *tls)
{
    const struct bide__tls_setup *setup = tls->setup;
    X509 *certificate = SSL_get0_peer_certificate(tls->openssl);
    unsigned char digest[BIDE__TLS_PIN];
    char text[2 * BIDE__TLS_PIN + 1] = "";
    unsigned size = sizeof digest;

    if (!setup->pin_count)
        return true;
    if (!certificate) {
        free(tls->reason);
        tls->reason = strdup("the peer has shown no certificate, and one is pinned");
        return setup->verify == BIDE_TLS_VERIFY_OPTIONAL;
    }
    if (X509_digest(certificate, EVP_sha256(), digest, &size))
        for (size_t i = 0; i < setup->pin_count; i++)
            if (memcmp(setup->pins[i], digest, sizeof digest) == 0)
                return true;
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    free(tls->reason);
    tls->reason = malloc(BIDE__TLS_REASON);
    if (tls->reason)
        snprintf(tls->reason, BIDE__TLS_REASON, "its certificate's fingerprint (%s) is none of those pinned", text);
    return false;
}
