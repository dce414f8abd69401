/* Who is believed, who is refused, and why: the zoo of bad certificates, names, pins, and clients that must show one. */
#include "support_tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Servers with a certificate that is not right, and what the client says. */
static const struct {
    size_t beast; /* where it stands in the zoo */
    const char *server_name;
    int result;
    const char *message;
} refusals[] = {
    { offsetof(struct zoo, good), "example.test", 0, "" },
    { offsetof(struct zoo, good), "localhost", 0, "" },
    { offsetof(struct zoo, good), "EXAMPLE.test.", 0, "" },
    { offsetof(struct zoo, good), "a.wild.test", 0, "" },
    { offsetof(struct zoo, good), "127.0.0.1", 0, "" },
    { offsetof(struct zoo, good), "::1", 0, "" },
    { offsetof(struct zoo, chained), "example.test", 0, "" },
    { offsetof(struct zoo, rsa), "example.test", 0, "" },
    { offsetof(struct zoo, good), "example.org", BIDE_ETLS,
      "its certificate is for other names (localhost, example.test, *.wild.test, 127.0.0.1, ::1), not for example.org" },
    { offsetof(struct zoo, good), "a.b.wild.test", BIDE_ETLS, "is for other names" },
    { offsetof(struct zoo, good), "wild.test", BIDE_ETLS, "is for other names" },
    { offsetof(struct zoo, good), "127.0.0.2", BIDE_ETLS, "is for other names" },
    { offsetof(struct zoo, nameless), "example.test", BIDE_ETLS, "is for no name at all, not for example.test" },
    { offsetof(struct zoo, expired), "example.test", BIDE_ETLS, "its certificate has expired (on " },
    { offsetof(struct zoo, early), "example.test", BIDE_ETLS, "its certificate is not valid yet (before " },
    { offsetof(struct zoo, self_signed), "example.test", BIDE_ETLS, "its certificate is self-signed" },
    { offsetof(struct zoo, unknown), "example.test", BIDE_ETLS, "unknown authority (/CN=another root)" },
    { offsetof(struct zoo, incomplete), "example.test", BIDE_ETLS,
      "unknown authority (/CN=bide test middle), or one that the peer should have sent" },
    { offsetof(struct zoo, for_clients), "example.test", BIDE_ETLS, "is not meant for servers" },
    { offsetof(struct zoo, good), "", -EINVAL, "is no name of a host" },
    { offsetof(struct zoo, good), ".test", -EINVAL, "is no name of a host" },
    { offsetof(struct zoo, good), "b\303\274cher.test", -EINVAL, "is no name of a host" },
    { offsetof(struct zoo, good), "two words", -EINVAL, "is no name of a host" },
};

bide_test_each(refusals_are_explained, refusals, .time_limit = 30)
{
    const struct beast *beast = (const struct beast *)(const void *)((const char *)zoo() + it->beast);
    struct ends ends = open_ends(0);
    bide_tls_context *server = server_context(beast);
    char text[512] = "", peer[100];
    bide_task *acceptor = bide_create_task(NULL, bide_co(bide_tls_accept, ends.server, server));
    int err = bide_start_tls(ends.client, zoo()->trusting, it->server_name);

    snprintf(text, sizeof text, "%s", bide_strerror(err));
    check_eq(err, it->result);
    if (!strstr(text, it->message))
        check_str(text, it->message);
    if (err == BIDE_ETLS) {
        char byte;

        snprintf(peer, sizeof peer, "TLS with %s (the other end of a pair): ", it->server_name);
        check_eq(strncmp(text, peer, strlen(peer)), 0);
        check_error(bide_read(ends.client, &byte, 1), BIDE_ETLS, it->message); /* it is said again */
        check_error(bide_write(ends.client, "x", 1), BIDE_ETLS, it->message);
        check_error(bide_start_tls(ends.client, zoo()->trusting, it->server_name), BIDE_ETLS, it->message);
        check_error(bide_join(acceptor), BIDE_ETLS, "the peer has refused: ");
    }
    if (err == 0)
        check_eq(bide_join(acceptor), 0);
    bide_close(ends.client);
    if (err == -EINVAL) /* nothing was sent */
        check_error(bide_join(acceptor), BIDE_EOF, "in the middle of the handshake");
    bide_close(ends.server);
    bide_tls_context_close(server);
    return 0;
}

bide_test(weak_keys_are_not_even_loaded)
{
    bide_tls_context *context;

    check_error(bide_tls_context_open(&(bide_tls_options){ .identity = identity_of(&zoo()->weak) }, &context),
                BIDE_ETLS, "key too small");
    return 0;
}

bide_test(without_verification_all_is_fine)
{
    bide_tls_context *client = open_context(&(bide_tls_options){ .verify = BIDE_TLS_VERIFY_NONE });
    bide_tls_context *server = server_context(&zoo()->expired);
    bide_tls_certificate *certificate;
    struct ends ends = open_ends(0);

    check_eq(shake(ends, client, server, "whatever.test").client, 0);
    check_eq(bide_tls_peer_certificate(ends.client, &certificate), 0);
    check_str(certificate->subject, "CN=example.test");
    check_str(certificate->issuer, "CN=bide test root");
    check_str(certificate->names[1], "example.test");
    check_str(certificate->names[4], "::1");
    check(certificate->names[5] == NULL);
    check_eq(strlen(certificate->fingerprint), 64u);
    check_str(certificate->pem, zoo()->expired.certificate);
    bide_tls_certificate_free(certificate);
    check_error(bide_tls_peer_certificate(ends.server, &certificate), ENOENT);
    close_ends(ends);
    bide_tls_context_close(client);
    bide_tls_context_close(server);
    return 0;
}

/* The fingerprint of `good`. */
static void find_fingerprint(char *text)
{
    bide_tls_certificate *certificate;
    struct ends ends = open_ends(0);

    must_shake(ends, zoo()->trusting, zoo()->serving);
    check_eq(bide_tls_peer_certificate(ends.client, &certificate), 0);
    memcpy(text, certificate->fingerprint, 65);
    bide_tls_certificate_free(certificate);
    close_ends(ends);
}

bide_test(pins, .time_limit = 60)
{
    static const char other[] = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
                                "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff";
    char fingerprint[65], text[512];
    bide_tls_context *context;

    find_fingerprint(fingerprint);
    const char *const right[] = { other, fingerprint, NULL }, *const wrong[] = { other, NULL };
    const bide_tls_options pinned = { .ca_pem = zoo()->root, .pins = right },
                           strict = { .ca_pem = zoo()->root, .pins = wrong },
                           only_pins = { .verify = BIDE_TLS_VERIFY_NONE, .pins = right },
                           only_wrong = { .verify = BIDE_TLS_VERIFY_NONE, .pins = wrong };
    check_eq(client_error(open_context(&pinned), server_context(&zoo()->good), "example.test", text, sizeof text), 0);
    check_eq(client_error(open_context(&pinned), server_context(&zoo()->good), "other.test", text, sizeof text),
             (int)BIDE_ETLS); /* besides all else */
    check_eq(client_error(open_context(&strict), server_context(&zoo()->good), "example.test", text, sizeof text),
             (int)BIDE_ETLS);
    check(strstr(text, "is none of those pinned") && strstr(text, fingerprint));
    check_eq(client_error(open_context(&only_pins), server_context(&zoo()->good), "other.test", text, sizeof text), 0);
    check_eq(client_error(open_context(&only_wrong), server_context(&zoo()->good), "other.test", text, sizeof text),
             (int)BIDE_ETLS);
    check_error(bide_tls_context_open(&(bide_tls_options){ .pins = (const char *const[]){ "12:34", NULL } }, &context),
                EINVAL, "is no fingerprint");
    return 0;
}

/* What a server wants of clients, what the client has, and what comes of it. */
static const struct {
    int version;
    bide_tls_verify verify;
    bool has_certificate, of_unknown;
    int server;
    const char *server_message, *client_message;
} clients[] = {
    { BIDE_TLS_1_2, BIDE_TLS_VERIFY_REQUIRED, true, false, 0, "", "" },
    { BIDE_TLS_1_3, BIDE_TLS_VERIFY_REQUIRED, true, false, 0, "", "" },
    { BIDE_TLS_1_2, BIDE_TLS_VERIFY_OPTIONAL, false, false, 0, "", "" },
    { BIDE_TLS_1_3, BIDE_TLS_VERIFY_OPTIONAL, false, false, 0, "", "" },
    { BIDE_TLS_1_2, BIDE_TLS_VERIFY_REQUIRED, false, false, BIDE_ETLS, "the client has shown no certificate",
      "it had asked for a client certificate, and none is set" },
    { BIDE_TLS_1_3, BIDE_TLS_VERIFY_REQUIRED, false, false, BIDE_ETLS, "the client has shown no certificate",
      "the peer requires a client certificate" },
    { BIDE_TLS_1_3, BIDE_TLS_VERIFY_OPTIONAL, true, true, BIDE_ETLS, "self-signed",
      "the peer has refused: unknown CA" },
    { BIDE_TLS_1_2, BIDE_TLS_VERIFY_REQUIRED, true, true, BIDE_ETLS, "self-signed",
      "the peer has refused: unknown CA" },
};

static int accept_and_greet(bide_stream *stream, bide_tls_context *context)
{
    int err = bide_tls_accept(stream, context);

    return err < 0 ? err : (int)bide_write(stream, "hello", 5);
}
bide_async(accept_and_greet, bide_stream *, bide_tls_context *);

bide_test_each(client_certificates, clients, .time_limit = 30)
{
    const struct beast *beast = it->of_unknown ? &zoo()->self_signed : &zoo()->client;
    bide_tls_options options = { .ca_pem = zoo()->root, .maximum_version = it->version };
    if (it->has_certificate)
        options.identity = identity_of(beast);
    bide_tls_context *client = open_context(&options);
    bide_tls_context *server = open_context(
        &(bide_tls_options){ .ca_pem = zoo()->root, .verify = it->verify, .identity = identity_of(&zoo()->good) });
    struct ends ends = open_ends(0);
    char text[16];

    bide_task *acceptor = bide_create_task(NULL, bide_co(accept_and_greet, ends.server, server));
    int err = bide_start_tls(ends.client, client, "example.test");
    if (err == 0) /* in TLS 1.3 the client learns it only then */
        err = (int)bide_read(ends.client, text, sizeof text);
    check_eq(err, it->server ? (int)BIDE_ETLS : 5);
    if (err < 0 && !strstr(bide_strerror(err), it->client_message))
        check_str(bide_strerror(err), it->client_message);
    if (it->server)
        check_error(bide_join(acceptor), BIDE_ETLS, it->server_message);
    else
        check_eq(bide_join(acceptor), 5);
    if (it->server == 0) {
        bide_tls_certificate *certificate;
        int shown = bide_tls_peer_certificate(ends.server, &certificate);

        check_eq(shown, it->has_certificate ? 0 : -ENOENT);
        if (shown == 0) {
            check_str(certificate->subject, "CN=a client");
            bide_tls_certificate_free(certificate);
        }
    }
    close_ends(ends);
    bide_tls_context_close(client);
    bide_tls_context_close(server);
    return 0;
}

bide_test(a_name_must_be_given)
{
    struct ends ends = open_ends(0);
    bide_tls_context *careless = open_context(&(bide_tls_options){ .ca_pem = zoo()->root, .no_host_name_check = true });
    int results[2];

    check_error(bide_start_tls(ends.client, zoo()->trusting, NULL), EINVAL, "no name is given that the peer must have");
    const bide_coroutine both[] = { bide_co(bide_start_tls, ends.client, careless, NULL),
                                    bide_co(bide_tls_accept, ends.server, zoo()->serving) };
    bide_gather_settled(both, 2, results);
    check_eq(results[0], 0);
    check_eq(results[1], 0);
    close_ends(ends);
    bide_tls_context_close(careless);
    return 0;
}
