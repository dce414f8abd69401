/*
 * From options to OpenSSL's context: trust, identities, versions, ciphers, application protocols.
 *
 * All is checked here, so that a handshake fails only for what the peer does. A default context of OpenSSL takes some
 * tenths of a millisecond to make, the authorities of the system are read when they are needed.
 */
#include "tls/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <bide/error.h>

enum { SECURITY_LEVEL = 2, ALPN_MAX = 255 };

/* An error of OpenSSL's while `what` is set up. */
static int explain(const char *what, const char *value)
{
    char text[BIDE__TLS_REASON];
    int err = bide__tls_openssl_reason(text, sizeof text);

    return bide_fail(err, "TLS context: %s%s%s: %s", what, value ? " " : "", value ? value : "", text);
}

/* ---- trust ---- */

static int trust_pem(SSL_CTX *openssl, const char *file, const char *text)
{
    X509_STORE *store = SSL_CTX_get_cert_store(openssl);
    int err = 0, count = 0;
    BIO *bio = bide__tls_open_pem("authorities", file, text, &err);

    if (!bio)
        return err;
    for (X509 *certificate; (certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL));) {
        err = X509_STORE_add_cert(store, certificate) ? 0 : explain("authorities", file);
        if (err == 0 && !SSL_CTX_add_client_CA(openssl, certificate))
            err = explain("authorities", file);
        X509_free(certificate);
        if (err < 0)
            break;
        count++;
    }
    BIO_free(bio);
    if (err == 0 && count == 0)
        err = bide_fail(BIDE_ETLS, "TLS context: authorities%s%s: there is no certificate in it", file ? " file " : "",
                        file ? file : "");
    else if (err == 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        err = explain("authorities", file);
    ERR_clear_error();
    return err;
}

static int set_trust(struct bide__tls_setup *setup, const bide_tls_options *options)
{
    int err = 0;

    setup->trusts_system = !options->ca_file && !options->ca_directory && !options->ca_pem;
    if (options->ca_file)
        err = trust_pem(setup->openssl, options->ca_file, NULL);
    if (err == 0 && options->ca_pem)
        err = trust_pem(setup->openssl, NULL, options->ca_pem);
    if (err == 0 && options->ca_directory && !SSL_CTX_load_verify_dir(setup->openssl, options->ca_directory))
        err = explain("directory of authorities", options->ca_directory);
    return err;
}

int bide__tls_setup_trust_system(struct bide__tls_setup *setup)
{
    if (!setup->trusts_system || setup->verify == BIDE_TLS_VERIFY_NONE)
        return 0;
    ERR_clear_error();
    if (!SSL_CTX_set_default_verify_paths(setup->openssl))
        return explain("the authorities of the system", NULL);
    setup->trusts_system = false;
    return 0;
}

/* ---- pins ---- */

static int digit_value(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

static bool parse_pin(const char *text, unsigned char *pin)
{
    size_t digits = 0;

    for (; *text; text++) {
        int value = digit_value(*text);

        if (*text == ':' && digits % 2 == 0)
            continue;
        if (value < 0 || digits == 2 * (size_t)BIDE__TLS_PIN)
            return false;
        pin[digits / 2] = (unsigned char)(digits % 2 ? pin[digits / 2] | value : value << 4);
        digits++;
    }
    return digits == 2 * (size_t)BIDE__TLS_PIN;
}

static int set_pins(struct bide__tls_setup *setup, const char *const *pins)
{
    size_t count = 0;

    while (pins && pins[count])
        count++;
    if (!count)
        return 0;
    setup->pins = calloc(count, sizeof *setup->pins);
    if (!setup->pins)
        return bide_fail(-ENOMEM, "TLS context: no memory");
    for (; setup->pin_count < count; setup->pin_count++)
        if (!parse_pin(pins[setup->pin_count], setup->pins[setup->pin_count]))
            return bide_fail(-EINVAL, "TLS context: \"%.100s\" is no fingerprint (SHA-256: 64 hexadecimal digits)",
                             pins[setup->pin_count]);
    return 0;
}

/* ---- identities ---- */

static int set_identities(struct bide__tls_setup *setup, const bide_tls_options *options)
{
    const bide_tls_identity *first = &options->identity;
    bool has_first = first->certificate_file || first->certificate_pem || first->key_file || first->key_pem;

    if (!has_first && !options->more_identities_count)
        return 0;
    setup->identities = calloc(options->more_identities_count + 1, sizeof *setup->identities);
    if (!setup->identities)
        return bide_fail(-ENOMEM, "TLS context: no memory");
    for (size_t i = has_first ? 0 : 1; i <= options->more_identities_count; i++) {
        int err = bide__tls_identity_load(&setup->identities[setup->identity_count],
                                          i == 0 ? first : &options->more_identities[i - 1]);

        if (err < 0)
            return err;
        setup->identity_count++;
    }
    for (size_t i = setup->identity_count; i-- > 0;) { /* the first last: it stays */
        const struct bide__tls_identity *identity = &setup->identities[i];

        if (!SSL_CTX_use_cert_and_key(setup->openssl, identity->certificate, identity->key, identity->chain, 1))
            return explain("certificate", options->identity.certificate_file);
    }
    return 0;
}

/* ---- what is spoken ---- */

static int openssl_version(int version)
{
    return version == BIDE_TLS_1_2 ? TLS1_2_VERSION : version == BIDE_TLS_1_3 ? TLS1_3_VERSION : 0;
}

static int set_versions(struct bide__tls_setup *setup, const bide_tls_options *options)
{
    int low = options->minimum_version ? options->minimum_version : BIDE_TLS_1_2, high = options->maximum_version;

    if (!openssl_version(low) || (high && !openssl_version(high)) || (high && high < low))
        return bide_fail(-EINVAL, "TLS context: versions %d to %d (there are BIDE_TLS_1_2 and BIDE_TLS_1_3)", low,
                         high);
    if (!SSL_CTX_set_min_proto_version(setup->openssl, openssl_version(low)) ||
        !SSL_CTX_set_max_proto_version(setup->openssl, openssl_version(high)))
        return explain("versions", NULL);
    if (options->ciphers && !SSL_CTX_set_cipher_list(setup->openssl, options->ciphers))
        return explain("ciphers", options->ciphers);
    if (options->cipher_suites && !SSL_CTX_set_ciphersuites(setup->openssl, options->cipher_suites))
        return explain("cipher suites", options->cipher_suites);
    return 0;
}

/* Ours are the better judgement; none in common ends the handshake. */
static int choose_alpn(SSL *openssl, const unsigned char **ret_chosen, unsigned char *ret_size,
                       const unsigned char *offered, unsigned offered_size, void *argument)
{
    const struct bide__tls_setup *setup = argument;
    unsigned char *chosen;

    (void)openssl;
    if (SSL_select_next_proto(&chosen, ret_size, setup->alpn, (unsigned)setup->alpn_size, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_chosen = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int set_alpn(struct bide__tls_setup *setup, const char *const *names)
{
    size_t size = 0;

    for (size_t i = 0; names && names[i]; i++) {
        size_t length = strlen(names[i]);

        if (length == 0 || length > ALPN_MAX)
            return bide_fail(-EINVAL, "TLS context: application protocol \"%.20s\": 1 to %d bytes", names[i], ALPN_MAX);
        size += length + 1;
    }
    if (!size)
        return 0;
    setup->alpn = malloc(size);
    if (!setup->alpn)
        return bide_fail(-ENOMEM, "TLS context: no memory");
    for (size_t i = 0; names[i]; i++) {
        size_t length = strlen(names[i]);

        setup->alpn[setup->alpn_size++] = (unsigned char)length;
        memcpy(setup->alpn + setup->alpn_size, names[i], length);
        setup->alpn_size += length;
    }
    SSL_CTX_set_alpn_select_cb(setup->openssl, choose_alpn, setup);
    return SSL_CTX_set_alpn_protos(setup->openssl, setup->alpn, (unsigned)size) ? explain("application protocols", NULL)
                                                                                : 0;
}

/* ---- all of it ---- */

/* The name that a client asks for may choose another context. */
static int choose_setup(SSL *openssl, int *ret_alert, void *argument)
{
    const struct bide__tls_setup *setup = argument;
    struct bide__tls *tls = SSL_get_app_data(openssl);

    if (!setup->select || !SSL_is_server(openssl) || tls->chosen)
        return SSL_TLSEXT_ERR_OK;
    bide_tls_context *context = setup->select(SSL_get_servername(openssl, TLSEXT_NAMETYPE_host_name), setup->argument);
    if (!context) {
        *ret_alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    tls->chosen = bide__tls_context_setup(context);
    if (!SSL_set_SSL_CTX(openssl, tls->chosen->openssl))
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    SSL_set_cert_cb(openssl, bide__tls_identity_choose, tls); /* it belongs to what was exchanged */
    return SSL_TLSEXT_ERR_OK;
}

static int set_sessions(struct bide__tls_setup *setup)
{
    static const unsigned char id[] = "bide";
    SSL_CTX *openssl = setup->openssl;

    SSL_CTX_set_session_cache_mode(openssl, setup->no_sessions ? SSL_SESS_CACHE_OFF
                                                               : SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    if (setup->no_sessions) {
        SSL_CTX_set_options(openssl, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(openssl, 0);
    } else {
        bide__tls_session_watch(openssl);
    }
    return SSL_CTX_set_session_id_context(openssl, id, sizeof id - 1) ? 0 : explain("sessions", NULL);
}

static int fill(struct bide__tls_setup *setup, const bide_tls_options *options)
{
    int err;

    SSL_CTX_set_security_level(setup->openssl, SECURITY_LEVEL);
    SSL_CTX_set_mode(setup->openssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(setup->openssl,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_tlsext_servername_callback(setup->openssl, choose_setup);
    SSL_CTX_set_tlsext_servername_arg(setup->openssl, setup);
    err = set_versions(setup, options);
    if (err == 0)
        err = set_sessions(setup);
    if (err == 0)
        err = set_trust(setup, options);
    if (err == 0)
        err = set_pins(setup, options->pins);
    if (err == 0)
        err = set_identities(setup, options);
    return err < 0 ? err : set_alpn(setup, options->alpn);
}

int bide__tls_setup_make(const bide_tls_options *options, struct bide__tls_setup **ret_setup)
{
    static const bide_tls_options defaults;
    struct bide__tls_setup *setup = calloc(1, sizeof *setup);

    if (!options)
        options = &defaults;
    if (!setup)
        return bide_fail(-ENOMEM, "TLS context: no memory");
    *setup = (struct bide__tls_setup){ .verify = options->verify,
                                       .no_host_name_check = options->no_host_name_check,
                                       .no_sessions = options->no_sessions,
                                       .allow_truncation = options->allow_truncation,
                                       .select = options->select,
                                       .argument = options->argument };
    atomic_init(&setup->references, 1);
    ERR_clear_error();
    setup->openssl = bide__tls_bio_prepare() == 0 ? SSL_CTX_new(TLS_method()) : NULL;
    int err = setup->openssl ? fill(setup, options) : explain("OpenSSL", NULL);
    ERR_clear_error();
    if (err < 0) {
        bide__tls_setup_release(setup);
        return err;
    }
    *ret_setup = setup;
    return 0;
}

void bide__tls_setup_release(struct bide__tls_setup *setup)
{
    if (!setup || atomic_fetch_sub(&setup->references, 1) > 1)
        return;
    SSL_CTX_free(setup->openssl);
    for (size_t i = 0; i < setup->identity_count; i++)
        bide__tls_identity_free(&setup->identities[i]);
    free(setup->identities);
    free(setup->pins);
    free(setup->alpn);
    free(setup);
}
