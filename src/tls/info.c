/* What a handshake has agreed upon. */
#include "tls/tls.h"

#include <errno.h>

#include <openssl/err.h>

#include <bide/error.h>

int bide_tls_get_info(bide_stream *stream, bide_tls_info *ret_info)
{
    struct bide__tls *tls = bide__tls_of(stream);

    if (!tls || !tls->established)
        return bide_fail(-EINVAL, "TLS information of %s: %s", bide_peer_name(stream),
                         tls ? "the handshake has not been completed" : "not a stream of TLS");
    *ret_info = (bide_tls_info){ .version = SSL_get_version(tls->openssl),
                                 .cipher = SSL_get_cipher_name(tls->openssl),
                                 .alpn = tls->alpn,
                                 .server_name = SSL_get_servername(tls->openssl, TLSEXT_NAMETYPE_host_name),
                                 .resumed = SSL_session_reused(tls->openssl),
                                 .is_server = SSL_is_server(tls->openssl) };
    return 0;
}
