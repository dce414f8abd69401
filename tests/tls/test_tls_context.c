/* Contexts: what they are made of, what they refuse, how they are replaced; names, protocols and sessions. */
#include "support_tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls.h"

/* Writes a file into the test's directory; its path. */
static const char *file_with(const char *name, const char *text)
{
    static char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", bide_test_directory(), name);
    file = fopen(path, "w");
    check(file != NULL);
    check(fputs(text, file) >= 0);
    check_eq(fclose(file), 0);
    return path;
}

static int opening(const bide_tls_options *options)
{
    bide_tls_context *context = NULL;
    int err = bide_tls_context_open(options, &context);

    bide_tls_context_close(context);
    return err;
}

bide_test(what_is_wrong_is_said, .time_limit = 60)
{
    const struct zoo *it = zoo();
    const bide_tls_identity no_certificate = { .key_pem = it->good.key },
                            both_ways = { .certificate_pem = "", .certificate_file = "x" },
                            no_key = { .certificate_pem = it->good.certificate },
                            mixed = { .certificate_pem = it->good.certificate, .key_pem = it->second.key },
                            absent = { .certificate_file = "/nonexistent/file.pem" },
                            garbage = { .certificate_pem =
                                            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };

    check_error(opening(&(bide_tls_options){ .identity = no_certificate }), EINVAL,
                "there is a key, but no certificate");
    check_error(opening(&(bide_tls_options){ .identity = both_ways }), EINVAL, "given as a file and as text");
    check_error(opening(&(bide_tls_options){ .identity = no_key }), BIDE_ETLS, "key: there is none in it");
    check_error(opening(&(bide_tls_options){ .identity = mixed }), BIDE_ETLS,
                "the key is not that of this certificate");
    check_error(opening(&(bide_tls_options){ .identity = absent }), ENOENT,
                "certificate file /nonexistent/file.pem: No such file");
    check_error(opening(&(bide_tls_options){ .identity = garbage }), BIDE_ETLS, "certificate: ");
    check_error(opening(&(bide_tls_options){ .ca_file = "/nonexistent/ca.pem" }), ENOENT,
                "authorities file /nonexistent/ca.pem");
    check_error(opening(&(bide_tls_options){ .ca_pem = "nothing" }), BIDE_ETLS, "there is no certificate in it");
    check_error(opening(&(bide_tls_options){ .ciphers = "NONSENSE" }), BIDE_ETLS, "ciphers NONSENSE");
    check_error(opening(&(bide_tls_options){ .cipher_suites = "NONSENSE" }), BIDE_ETLS, "cipher suites NONSENSE");
    check_error(opening(&(bide_tls_options){ .minimum_version = 11 }), EINVAL, "versions 11");
    check_error(opening(&(bide_tls_options){ .minimum_version = BIDE_TLS_1_3, .maximum_version = BIDE_TLS_1_2 }),
                EINVAL, "versions 13 to 12");
    check_error(opening(&(bide_tls_options){ .alpn = (const char *const[]){ "", NULL } }), EINVAL,
                "application protocol");
    check_eq(opening(NULL), 0);
    return 0;
}

bide_test(files_and_passwords, .time_limit = 60)
{
    const struct zoo *it = zoo();
    char path[4096], combined[16384];
    bide_tls_identity identity;

    snprintf(combined, sizeof combined, "%s%s%s", it->chained.certificate, it->root, it->chained.key);
    snprintf(path, sizeof path, "%s", file_with("combined.pem", combined));
    identity = (bide_tls_identity){ .certificate_file = path };
    check_eq(opening(&(bide_tls_options){ .identity = identity, .ca_file = path }), 0);
    identity = (bide_tls_identity){ .certificate_pem = it->good.certificate, .key_pem = it->encrypted_key };
    check_error(opening(&(bide_tls_options){ .identity = identity }), BIDE_ETLS,
                "it is encrypted and needs a password");
    identity.password = "wrong";
    check_error(opening(&(bide_tls_options){ .identity = identity }), BIDE_ETLS, "the password is wrong");
    identity.password = "secret";
    check_eq(opening(&(bide_tls_options){ .identity = identity }), 0);
    return 0;
}

/* Which certificate a server shows for a name; *ret_names: its first name. */
static void ask_for(bide_tls_context *server, const char *name, char *first_name, size_t size)
{
    bide_tls_context *client = open_context(&(bide_tls_options){ .ca_pem = zoo()->root, .no_host_name_check = true });
    struct ends ends = open_ends(0);
    bide_tls_certificate *certificate;
    struct outcome outcome = shake(ends, client, server, name);
    bide_tls_info info;

    check_eq(outcome.client, 0);
    check_eq(outcome.server, 0);
    check_eq(bide_tls_get_info(ends.server, &info), 0);
    check_str(info.server_name, name);
    check(info.is_server);
    check_eq(bide_tls_peer_certificate(ends.client, &certificate), 0);
    snprintf(first_name, size, "%s", certificate->names[0]);
    bide_tls_certificate_free(certificate);
    close_ends(ends);
    bide_tls_context_close(client);
}

bide_test(certificates_by_name, .time_limit = 60)
{
    const bide_tls_identity more[] = { identity_of(&zoo()->second) };
    bide_tls_context *server = open_context(&(bide_tls_options){
        .identity = identity_of(&zoo()->good), .more_identities = more, .more_identities_count = 1 });
    char name[64];

    ask_for(server, "second.test", name, sizeof name);
    check_str(name, "second.test");
    ask_for(server, "example.test", name, sizeof name);
    check_str(name, "localhost");
    ask_for(server, "unknown.test", name, sizeof name); /* the first */
    check_str(name, "localhost");
    bide_tls_context_close(server);
    return 0;
}

static bide_tls_context *select_context(const char *name, void *argument)
{
    bide_tls_context **contexts = argument;

    return !name                              ? contexts[0]
           : strcmp(name, "second.test") == 0 ? contexts[1]
           : strcmp(name, "forbidden.test")   ? contexts[0]
                                              : NULL;
}

bide_test(contexts_by_name, .time_limit = 60)
{
    bide_tls_context *both[] = { server_context(&zoo()->good), server_context(&zoo()->second) };
    bide_tls_context *server = open_context(&(bide_tls_options){ .select = select_context, .argument = both });
    struct ends ends = open_ends(0);
    char name[64];

    ask_for(server, "second.test", name, sizeof name);
    check_str(name, "second.test");
    ask_for(server, "example.test", name, sizeof name);
    check_str(name, "localhost");
    struct outcome outcome = shake(ends, zoo()->trusting, server, "forbidden.test");
    check_eq(outcome.client, (int)BIDE_ETLS);
    check_eq(outcome.server, (int)BIDE_ETLS);
    close_ends(ends);
    bide_tls_context_close(both[0]);
    bide_tls_context_close(both[1]);
    bide_tls_context_close(server);
    return 0;
}

static const struct {
    const char *client[3], *server[3];
    const char *agreed; /* "-": refused */
} protocols[] = {
    { { "h2", "http/1.1" }, { "http/1.1", "h2" }, "http/1.1" },
    { { "http/1.1" }, { "h2", "http/1.1" }, "http/1.1" },
    { { "h2" }, { NULL }, NULL },
    { { NULL }, { "h2" }, NULL },
    { { "h2" }, { "http/1.1" }, "-" },
};

bide_test_each(application_protocols, protocols, .time_limit = 30)
{
    bide_tls_context *client = open_context(&(bide_tls_options){ .ca_pem = zoo()->root, .alpn = it->client });
    bide_tls_context *server =
        open_context(&(bide_tls_options){ .identity = identity_of(&zoo()->good), .alpn = it->server });
    struct ends ends = open_ends(0);
    struct outcome outcome = shake(ends, client, server, NULL);
    bide_tls_info info;

    if (it->agreed && *it->agreed == '-') {
        check_eq(outcome.client, (int)BIDE_ETLS);
        check_eq(outcome.server, (int)BIDE_ETLS);
    } else {
        check_eq(bide_tls_get_info(ends.client, &info), 0);
        check_str(info.alpn, it->agreed);
        check_eq(bide_tls_get_info(ends.server, &info), 0);
        check_str(info.alpn, it->agreed);
    }
    close_ends(ends);
    bide_tls_context_close(client);
    bide_tls_context_close(server);
    return 0;
}

bide_test(no_version_in_common, .time_limit = 30)
{
    bide_tls_context *server =
        open_context(&(bide_tls_options){ .identity = identity_of(&zoo()->good), .minimum_version = BIDE_TLS_1_3 });
    struct ends ends = open_ends(0);
    bide_task *acceptor = bide_create_task(NULL, bide_co(bide_tls_accept, ends.server, server));

    check_error(bide_start_tls(ends.client, zoo()->trusting_1_2, "example.test"), BIDE_ETLS,
                "no common protocol version (alert of the peer)");
    check_error(bide_join(acceptor), BIDE_ETLS, "no common protocol version");
    close_ends(ends);
    bide_tls_context_close(server);
    return 0;
}

/* ---- sessions ---- */

/* One connection with an exchange, in which the client gets its tickets; whether it was resumed. */
static bool connect_once(bide_tls_context *client, bide_tls_context *server)
{
    struct ends ends = open_ends(0);
    bide_tls_info near, far;
    char text[8];

    must_shake(ends, client, server);
    check_eq(bide_write(ends.server, "hello", 5), 5);
    check_eq(bide_read(ends.client, text, sizeof text), 5);
    check_eq(bide_tls_get_info(ends.client, &near), 0);
    check_eq(bide_tls_get_info(ends.server, &far), 0);
    check_eq(near.resumed, far.resumed);
    bide_tls_certificate *certificate;
    check_eq(bide_tls_peer_certificate(ends.client, &certificate), 0); /* also of a resumed one */
    bide_tls_certificate_free(certificate);
    close_ends(ends);
    return near.resumed;
}

static const int versions[] = { BIDE_TLS_1_2, BIDE_TLS_1_3 };

bide_test_each(sessions_are_resumed, versions)
{
    bide_tls_context *client = *it == BIDE_TLS_1_2 ? zoo()->trusting_1_2 : zoo()->trusting;

    check(!connect_once(client, zoo()->serving));
    check(connect_once(client, zoo()->serving));
    check(connect_once(client, zoo()->serving));
    check(client->session_count >= 1);
    check(!connect_once(client, zoo()->serving_rsa)); /* which does not know it */
    return 0;
}

bide_test(sessions_have_a_limit, .time_limit = 60)
{
    bide_tls_context *client = open_context(&(bide_tls_options){ .ca_pem = zoo()->root, .sessions_max = 1 });

    for (int i = 0; i < 3; i++)
        connect_once(client, zoo()->serving);
    check_eq(client->session_count, 1u);
    bide_tls_context_close(client);
    return 0;
}

bide_test(no_sessions, .time_limit = 60)
{
    bide_tls_context *client = open_context(&(bide_tls_options){ .ca_pem = zoo()->root, .no_sessions = true });
    bide_tls_context *server =
        open_context(&(bide_tls_options){ .identity = identity_of(&zoo()->good), .no_sessions = true });

    connect_once(client, zoo()->serving);
    check(!connect_once(client, zoo()->serving));
    check_eq(client->session_count, 0u);
    connect_once(zoo()->trusting, server);
    check(!connect_once(zoo()->trusting, server));
    bide_tls_context_close(client);
    bide_tls_context_close(server);
    return 0;
}

/* ---- replacing ---- */

bide_test(reload, .time_limit = 60)
{
    bide_tls_context *server = server_context(&zoo()->good);
    const bide_tls_identity mixed = { .certificate_pem = zoo()->good.certificate, .key_pem = zoo()->second.key };
    struct ends old = open_ends(0);
    char name[64], text[8];

    must_shake(old, zoo()->trusting, server);
    check_error(bide_tls_context_reload(server, &(bide_tls_options){ .identity = mixed }), BIDE_ETLS,
                "the key is not that of this certificate");
    ask_for(server, "example.test", name, sizeof name);
    check_str(name, "localhost");
    check_eq(bide_tls_context_reload(server, &(bide_tls_options){ .identity = identity_of(&zoo()->second) }), 0);
    ask_for(server, "example.test", name, sizeof name);
    check_str(name, "second.test");
    check_eq(bide_write(old.server, "still", 5), 5);
    check_eq(bide_read(old.client, text, sizeof text), 5);
    bide_tls_context_close(server); /* the old connection keeps what it needs */
    check_eq(bide_write(old.client, "there", 5), 5);
    check_eq(bide_read(old.server, text, sizeof text), 5);
    close_ends(old);
    return 0;
}
