/* Independent peers: the commands of OpenSSL, and nginx, as servers and clients of ours. */
#include "support_tls.h"

#include <bide/process.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REAL .real_clock = true, .time_limit = 60, .allow = BIDE_ALLOW_TASKS

/* The path of a program, or the test is skipped. */
static const char *need(const char *name)
{
    static char path[256];
    static const char *const folders[] = { "/usr/bin", "/usr/sbin", "/usr/local/bin" };

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0)
            return path;
    }
    snprintf(path, sizeof path, "%s is not installed", name);
    skip(path);
}

/* A file in the test's directory; its path, to be freed. */
static char *file_with(const char *name, const char *text)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", bide_test_directory(), name);
    file = fopen(path, "w");
    check(file && fputs(text, file) >= 0 && fclose(file) == 0);
    return strdup(path);
}

/* The files of a certificate, its key, the root. */
struct files {
    char *certificate, *key, *root;
};

static struct files write_files(const struct beast *beast)
{
    return (struct files){ file_with("certificate.pem", beast->certificate), file_with("key.pem", beast->key),
                           file_with("root.pem", zoo()->root) };
}

static void free_files(struct files files)
{
    free(files.certificate);
    free(files.key);
    free(files.root);
}

static bide_process *start(const char *const *arguments)
{
    const bide_process_options options = { .stdin_from = BIDE_PIPE, .stdout_to = BIDE_PIPE, .stderr_to = BIDE_DEVNULL };
    bide_process *process;

    check_eq(bide_create_subprocess_exec(arguments, &options, &process), 0);
    return process;
}

static void stop(bide_process *process)
{
    bide_process_stop(process, 1);
    bide_process_close(process);
}

/* Waits until a program listens. */
static void wait_for_port(int port)
{
    for (;;) {
        bide_stream *stream;

        if (bide_open_connection("127.0.0.1", port, &stream) == 0) {
            bide_close(stream);
            return;
        }
        check_eq(bide_sleep(0.02), 0);
    }
}

/* Sends a line, reads another. */
static void say(bide_stream *stream, const char *line, const char *answer)
{
    char text[100];

    check_eq(bide_write(stream, line, strlen(line)), (ssize_t)strlen(line));
    check_eq(bide_read_line(stream, text, sizeof text), (ssize_t)strlen(answer));
    check_str(text, answer);
}

/* ---- ours is the client ---- */

static const struct {
    const char *flag, *version;
} versions[] = { { "-tls1_2", "TLSv1.2" }, { "-tls1_3", "TLSv1.3" } };

/* s_server -rev answers each line with its reverse. */
bide_test_each(client_of_s_server, versions, REAL)
{
    struct files files = write_files(&zoo()->chained);
    char port_text[16];
    int port = bide_test_port();
    const char *openssl = need("openssl");

    snprintf(port_text, sizeof port_text, "%d", port);
    bide_process *server =
        start(bide_arguments(openssl, "s_server", "-accept", port_text, "-cert", files.certificate, "-cert_chain",
                             files.certificate, "-key", files.key, "-rev", it->flag, "-alpn", "h2"));
    wait_for_port(port);
    bide_tls_context *client = open_context(
        &(bide_tls_options){ .ca_pem = zoo()->root, .alpn = (const char *const[]){ "http/1.1", "h2", NULL } });
    for (int round = 0; round < 3; round++) {
        bide_stream *stream;
        bide_tls_info info;

        check_eq(bide_open_tls_connection("localhost", port, client, &stream), 0);
        say(stream, "hello\n", "olleh");
        say(stream, "a second line\n", "enil dnoces a");
        check_eq(bide_tls_get_info(stream, &info), 0);
        check_str(info.version, it->version);
        check_str(info.alpn, "h2");
        check_eq(info.resumed, round > 0);
        bide_close(stream);
    }
    bide_tls_context_close(client);
    stop(server);
    free_files(files);
    return 0;
}

bide_test_each(client_with_a_certificate_of_s_server, versions, REAL)
{
    struct files files = write_files(&zoo()->good);
    char port_text[16];
    int port = bide_test_port();
    const char *openssl = need("openssl");
    bide_stream *stream;

    snprintf(port_text, sizeof port_text, "%d", port);
    bide_process *server =
        start(bide_arguments(openssl, "s_server", "-accept", port_text, "-cert", files.certificate, "-key", files.key,
                             "-rev", it->flag, "-CAfile", files.root, "-Verify", "2", "-verify_return_error"));
    wait_for_port(port);
    bide_tls_context *known =
        open_context(&(bide_tls_options){ .ca_pem = zoo()->root, .identity = identity_of(&zoo()->client) });
    check_eq(bide_open_tls_connection("127.0.0.1", port, known, &stream), 0);
    say(stream, "known\n", "nwonk");
    bide_close(stream);
    int err = bide_open_tls_connection("127.0.0.1", port, zoo()->trusting, &stream);
    if (err == 0) {
        char byte;

        err = (int)bide_read(stream, &byte, 1);
        bide_close(stream);
    }
    check_eq(err, (int)BIDE_ETLS);
    check(strstr(bide_strerror(err), "client certificate") != NULL);
    bide_tls_context_close(known);
    stop(server);
    free_files(files);
    return 0;
}

/* ---- ours is the server ---- */

/* Answers each line with itself, until the client says goodbye; counts the resumed. */
static int echo_lines(bide_listener *listener, bide_tls_context *context, int connections, int *ret_resumed)
{
    for (int i = 0; i < connections; i++) {
        bide_stream *stream;
        bide_tls_info info;
        char data[1000];
        ssize_t count;

        bide(bide_accept(listener, &stream));
        check_eq(bide_tls_accept(stream, context), 0);
        check_eq(bide_tls_get_info(stream, &info), 0);
        *ret_resumed += info.resumed;
        while ((count = bide_read(stream, data, sizeof data)) > 0)
            check_eq(bide_write(stream, data, (size_t)count), count);
        check_eq(count, 0); /* s_client has said goodbye */
        bide_close(stream);
    }
    return 0;
}
bide_async(echo_lines, bide_listener *, bide_tls_context *, int, int *);

/* Runs s_client with a line, until its end: its return code. */
static int run_s_client(const char *const *arguments)
{
    bide_process *client = start(arguments);
    char line[2000];
    int returncode;

    check_eq(bide_write(bide_process_stdin(client), "over the wire\n", 14), 14);
    do /* what s_client itself has to say comes first */
        check(bide_read_line(bide_process_stdout(client), line, sizeof line) >= 0);
    while (!strstr(line, "over the wire")); /* possibly behind half a line of its own */
    check_eq(bide_write(bide_process_stdin(client), "Q\n", 2), 2);
    check_eq(bide_process_wait(client, &returncode), 0);
    bide_process_close(client);
    return returncode;
}

bide_test_each(server_of_s_client, versions, REAL)
{
    struct files files = write_files(&zoo()->client);
    char connect[40], session[4096];
    const char *openssl = need("openssl");
    bide_tls_context *server = open_context(&(bide_tls_options){
        .ca_pem = zoo()->root, .verify = BIDE_TLS_VERIFY_REQUIRED, .identity = identity_of(&zoo()->chained) });
    bide_listener *listener;
    int resumed = 0;

    bide(bide_listen("127.0.0.1", 0, &listener));
    snprintf(connect, sizeof connect, "127.0.0.1:%d", bide_listener_port(listener));
    snprintf(session, sizeof session, "%s/session", bide_test_directory());
    bide_task *echo = bide_create_task(NULL, bide_co(echo_lines, listener, server, 2, &resumed));
    check_eq(run_s_client(bide_arguments(openssl, "s_client", "-connect", connect, "-CAfile", files.root,
                                         "-verify_return_error", "-verify_hostname", "example.test", "-servername",
                                         "example.test", "-cert", files.certificate, "-key", files.key, it->flag,
                                         "-sess_out", session)),
             0);
    check_eq(resumed, 0);
    check_eq(run_s_client(bide_arguments(openssl, "s_client", "-connect", connect, "-CAfile", files.root,
                                         "-verify_return_error", "-verify_hostname", "example.test", "-servername",
                                         "example.test", "-cert", files.certificate, "-key", files.key, it->flag,
                                         "-sess_in", session)),
             0);
    check_eq(bide_join(echo), 0);
    check_eq(resumed, 1);
    bide_listener_close(listener);
    bide_tls_context_close(server);
    free_files(files);
    return 0;
}

/* ---- nginx ---- */

static const char nginx_configuration[] = "daemon off; master_process off; pid nginx.pid; error_log error.log;\n"
                                          "events { worker_connections 16; }\n"
                                          "http { access_log off; client_body_temp_path t1; proxy_temp_path t2;\n"
                                          "fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n"
                                          "server { listen 127.0.0.1:%d ssl; ssl_certificate certificate.pem;\n"
                                          "ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3;\n"
                                          "location / { root .; } } }\n";

bide_test(client_of_nginx, REAL)
{
    enum { SIZE = 300000 };
    static char body[SIZE + 1], head[4096];
    static const char request[] = "GET /body.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    struct files files = write_files(&zoo()->rsa);
    int port = bide_test_port();
    char text[1000], *configuration, *content;
    const char *nginx = need("nginx");
    bide_stream *stream;

    for (int i = 0; i < SIZE; i++)
        body[i] = (char)('a' + i % 23);
    content = file_with("body.txt", body);
    snprintf(text, sizeof text, nginx_configuration, port);
    configuration = file_with("nginx.conf", text);
    bide_process *server = start(bide_arguments(nginx, "-p", bide_test_directory(), "-c", configuration));
    wait_for_port(port);
    check_eq(bide_open_tls_connection("localhost", port, zoo()->trusting, &stream), 0);
    check_eq(bide_write(stream, request, sizeof request - 1), (ssize_t)sizeof request - 1);
    do
        check(bide_read_line(stream, head, sizeof head) >= 0);
    while (head[0]);
    char *received = malloc(SIZE);
    check_eq(bide_read_exactly(stream, received, SIZE), 0);
    check(memcmp(received, body, SIZE) == 0);
    check_eq(bide_read(stream, received, 1), 0); /* with a goodbye */
    free(received);
    bide_close(stream);
    stop(server);
    free(content);
    free(configuration);
    free_files(files);
    return 0;
}
