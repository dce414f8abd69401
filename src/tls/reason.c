/*
 * What went wrong, in words: OpenSSL's queue of errors as one sentence that names the peer.
 *
 * The queue belongs to the thread, so it is emptied before each call into OpenSSL and read right after it: between the
 * two no other task runs. The first entry is the cause; those behind it say where it came through.
 */
#include "tls/tls.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include <bide/error.h>

/* Reasons for which there are better words than OpenSSL's. */
static const struct {
    int reason;
    const char *text;
} own_words[] = {
    { SSL_R_UNSUPPORTED_PROTOCOL, "no common protocol version" },
    { SSL_R_NO_PROTOCOLS_AVAILABLE, "no common protocol version" },
    { SSL_R_VERSION_TOO_LOW, "no common protocol version" },
    { SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "no common protocol version (alert of the peer)" },
    { SSL_R_NO_SHARED_CIPHER, "no common cipher" },
    { SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "no common signature algorithm" },
    { SSL_R_NO_CIPHERS_AVAILABLE, "no cipher is allowed" },
    { SSL_R_WRONG_VERSION_NUMBER, "the peer does not speak TLS" },
    { SSL_R_HTTP_REQUEST, "the peer speaks plain HTTP" },
    { SSL_R_HTTPS_PROXY_REQUEST, "the peer speaks to a proxy" },
    { SSL_R_UNEXPECTED_MESSAGE, "the peer sent what is not expected here" },
    { SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the client has shown no certificate" },
    { SSL_R_NO_CERTIFICATE_SET, "there is no certificate for a server" },
    { SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a record is damaged or forged" },
    { SSL_R_NO_APPLICATION_PROTOCOL, "no common application protocol" },
    { SSL_R_CALLBACK_FAILED, "the name asked for is not served here" },
    { SSL_R_NO_RENEGOTIATION, "the peer wants to negotiate anew, which is not done here" },
    { SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "the peer requires a client certificate" },
};

static const char *find_words(unsigned long code)
{
    for (size_t i = 0; ERR_GET_LIB(code) == ERR_LIB_SSL && i < sizeof own_words / sizeof own_words[0]; i++)
        if (own_words[i].reason == ERR_GET_REASON(code))
            return own_words[i].text;
    return NULL;
}

int bide__tls_openssl_reason(char *text, size_t size)
{
    unsigned long code = ERR_peek_error(), last = ERR_peek_last_error();
    int reason = ERR_GET_REASON(code), alert = reason - SSL_AD_REASON_OFFSET;
    const char *words = find_words(code), *openssl = ERR_reason_error_string(code);

    ERR_clear_error();
    if (reason == ERR_R_MALLOC_FAILURE || ERR_GET_REASON(last) == ERR_R_MALLOC_FAILURE) {
        snprintf(text, size, "no memory");
        return -ENOMEM;
    }
    if (words)
        snprintf(text, size, "%s", words);
    else if (ERR_GET_LIB(code) == ERR_LIB_SSL && alert > 0 && alert < 256)
        snprintf(text, size, "the peer has refused: %s (alert %d)", SSL_alert_desc_string_long(alert), alert);
    else if (openssl)
        snprintf(text, size, "%s", openssl);
    else
        snprintf(text, size, "error %lX of OpenSSL", code);
    return BIDE_ETLS;
}

static int fail(struct bide__tls *tls, int code, const char *text)
{
    size_t size = strlen(text) + 1;

    free(tls->reason);
    tls->reason = malloc(size);
    if (tls->reason)
        memcpy(tls->reason, text, size);
    tls->failure = code;
    return bide__tls_fail_again(tls);
}

int bide__tls_fail(struct bide__tls *tls, int code, const char *format, ...)
{
    char text[BIDE__TLS_REASON];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fail(tls, code, text);
}

int bide__tls_fail_openssl(struct bide__tls *tls)
{
    char text[BIDE__TLS_REASON];
    unsigned long code = ERR_peek_error();
    bool is_alert = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET;
    int err = bide__tls_openssl_reason(text, sizeof text);

    if (err == BIDE_ETLS && tls->reason && !tls->established) { /* what verifying has found */
        snprintf(text, sizeof text, "%s", tls->reason);
    } else if (is_alert && tls->asked_for_certificate && !tls->setup->identity_count) {
        size_t length = strlen(text);

        snprintf(text + length, sizeof text - length, "; it had asked for a client certificate, and none is set");
    }
    return fail(tls, err, text);
}

int bide__tls_fail_again(const struct bide__tls *tls)
{
    return bide_fail(tls->failure, "TLS with %s: %s", tls->peer, tls->reason ? tls->reason : "it has failed");
}
