/*
 * `bide serve`: a web server for a directory, or one that is slow on purpose.
 *
 * Each connection is a task of the server; the handler below is plain sequential code. Ctrl-C and SIGTERM end it:
 * nothing new is accepted, running requests get GRACE_SECONDS. What must never happen: a request that waits and holds
 * up another one.
 */
#include <bide.h>
#include <bide/http.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command/arguments.h"
#include "command/command.h"
#include "command/secure.h"
#include "command/serve.h"

enum { SPARE_DESCRIPTORS = 32, PORT_DEFAULT = 8080, CONNECTIONS_LEAST = 8 };

#define GRACE_SECONDS 5.0

static const char help_text[] = "usage: bide serve [OPTION...] DIR\n"
                                "       bide serve [OPTION...] --delay SECONDS\n"
                                "\n"
                                "Serves the files of DIR by HTTP (GET and HEAD; directories by their index.html, or\n"
                                "a list), or answers every request with a text after a delay.\n"
                                "\n"
                                "  -d, --delay SECONDS   wait before each answer\n"
                                "  -b, --body TEXT       the answer, without DIR (hello)\n"
                                "  -p, --port PORT       0: a free one, which is printed (8080)\n"
                                "      --cert FILE       serve https with the certificate in FILE (PEM, those of the\n"
                                "                        authorities behind it)\n"
                                "      --key FILE        its key, if that is in another file\n"
                                "      --host HOST       the address to listen on (127.0.0.1)\n"
                                "  -q, --quiet           no line on standard error for each request\n"
                                "  -h, --help            this text\n"
                                "\n"
                                "Symbolic links that lead out of DIR are not followed. Ctrl-C and SIGTERM end it:\n"
                                "requests that are being answered get five seconds to end. Exit status: 0 then, 1 if\n"
                                "it could not serve, 2 for wrong usage.\n";

/* What the command line said, and what the handlers need. */
struct serve {
    const char *directory_path; /* NULL: answer with `body` */
    const char *host;
    const char *body;
    size_t port;
    double delay;
    bool quiet;
    int directory;
    size_t connections_max;
    bide_task *main;
    bool terminated;
    struct secure_server secure;
};

/* "127.0.0.1:54321 "GET /a.txt" 200 1234 0.002s" */
static void log_answer(bide_http_exchange *exchange, const struct answer *answer, double seconds)
{
    struct text line = { 0 };
    int err = text_add_format(&line, "%s \"", bide_http_exchange_peer(exchange));

    if (err == 0)
        err = text_add_clean(&line, bide_http_exchange_method(exchange));
    if (err == 0)
        err = text_add(&line, " ", 1);
    if (err == 0)
        err = text_add_clean(&line, bide_http_exchange_target(exchange));
    if (err == 0)
        fprintf(stderr, "%.*s\" %d %llu %.3fs\n", (int)line.size, line.data, answer->status,
                (unsigned long long)answer->bytes, seconds);
    text_free(&line);
}

static int answer_request(bide_http_exchange *exchange, void *argument)
{
    const struct serve *serve = argument;
    struct answer answer = { 200, strlen(serve->body) };
    double started = bide_time();
    int err;

    if (serve->delay > 0)
        bide(bide_sleep(serve->delay));
    if (serve->directory_path)
        err = serve_file(exchange, serve->directory, &answer);
    else
        err = bide_http_reply(exchange, 200, "text/plain; charset=utf-8", serve->body, strlen(serve->body));
    if (!serve->quiet && err == 0)
        log_answer(exchange, &answer, bide_time() - started);
    return err;
}

static void on_terminate(void *argument)
{
    struct serve *serve = argument;

    if (serve->terminated) {
        bide_remove_signal_handler(bide_get_running_loop(), SIGTERM);
        raise(SIGTERM);
        return;
    }
    serve->terminated = true;
    bide_cancel(serve->main);
}

static void announce(const struct serve *serve, int port)
{
    const char *open = strchr(serve->host, ':') ? "[" : "", *close = *open ? "]" : "";

    if (serve->directory_path)
        printf("serving %s", serve->directory_path);
    else
        printf("serving \"%s\"", serve->body);
    if (serve->delay > 0)
        printf(" after %g s", serve->delay);
    printf(" on %s://%s%s%s:%d/ (Ctrl-C ends it)\n", serve->secure.certificate ? "https" : "http", open, serve->host,
           close, port);
    fflush(stdout);
}

static int run_server(struct serve *serve, const bide_http_serve_options *options)
{
    bide_listener *listener;

    serve->main = bide_current_task();
    bide(bide_add_signal_handler(bide_get_running_loop(), SIGTERM, on_terminate, serve));
    bide(bide_listen(serve->host, (int)serve->port, &listener));
    announce(serve, bide_listener_port(listener));
    return bide_http_serve_listener(listener, answer_request, serve, options);
}

static int run(struct serve *serve)
{
    bide_http_serve_options options = { .connections_max = serve->connections_max,
                                        .grace = GRACE_SECONDS,
                                        .quiet = serve->quiet };
    int err = secure_server_open(&serve->secure, &options);

    if (err == 0)
        err = run_server(serve, &options);
    secure_server_close(&serve->secure);
    return err;
}
bide_async(run, struct serve *);

/*
 * ---- The command line ---------------------------------------------------------------------------------------------
 */

enum { OPTION_HOST = 256, OPTION_CERTIFICATE, OPTION_KEY };

static const struct option long_options[] = {
    { "delay", required_argument, NULL, 'd' },
    { "body", required_argument, NULL, 'b' },
    { "port", required_argument, NULL, 'p' },
    { "host", required_argument, NULL, OPTION_HOST },
    { "cert", required_argument, NULL, OPTION_CERTIFICATE },
    { "key", required_argument, NULL, OPTION_KEY },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static int parse_option(struct serve *serve, int option, const char *value, const char *text)
{
    switch (option) {
    case 'd':
        return parse_seconds("serve", "--delay", value, 0, &serve->delay);
    case 'b':
        serve->body = value;
        return 0;
    case 'p':
        return parse_count("serve", "--port", value, 0, 65535, &serve->port);
    case OPTION_HOST:
        serve->host = value;
        return 0;
    case OPTION_CERTIFICATE:
        serve->secure.certificate = value;
        return 0;
    case OPTION_KEY:
        serve->secure.key = value;
        return 0;
    case 'q':
        serve->quiet = true;
        return 0;
    default:
        return option_error("serve", option, text, optopt);
    }
}

/* 0, or the exit status; *ret_help if only help was wanted. */
static int parse_arguments(int argc, char **argv, struct serve *serve, bool *ret_help)
{
    int option, status = 0;

    *serve = (struct serve){ .host = "127.0.0.1", .port = PORT_DEFAULT, .delay = -1, .directory = -1 };
    *ret_help = false;
    opterr = 0;
    while (status == 0 && (option = getopt_long(argc, argv, ":d:b:p:qh", long_options, NULL)) != -1) {
        if (option == 'h') {
            *ret_help = true;
            return 0;
        }
        status = parse_option(serve, option, optarg, argv[optind - 1]);
    }
    if (status)
        return status;
    if (optind < argc)
        serve->directory_path = argv[optind++];
    if (optind < argc)
        return usage_error("serve", "one directory only, '%s' is too much", argv[optind]);
    if (serve->directory_path && serve->body)
        return usage_error("serve", "DIR and --body exclude each other");
    if (!serve->directory_path && serve->delay < 0 && !serve->body)
        return usage_error("serve", "neither a directory nor --delay nor --body");
    if (serve->secure.key && !serve->secure.certificate)
        return usage_error("serve", "--key without --cert");
    if (!serve->body)
        serve->body = "hello";
    return 0;
}

/* 0, or the exit status. */
static int open_directory(struct serve *serve)
{
    if (!serve->directory_path)
        return 0;
    serve->directory = open(serve->directory_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (serve->directory < 0)
        fprintf(stderr, "bide serve: %s: %s\n", serve->directory_path, strerror(errno));
    return serve->directory < 0 ? EXIT_USAGE : 0;
}

int command_serve(int argc, char **argv)
{
    static const bide_run_options quiet = { .quiet = true };
    struct serve serve;
    bool help;
    int status = parse_arguments(argc, argv, &serve, &help);

    if (help)
        fputs(help_text, stdout);
    if (status || help || (status = open_directory(&serve)))
        return status;
    /* a connection needs a socket, and a file while it is answered with one */
    size_t limit = raise_descriptor_limit(), each = serve.directory_path ? 2 : 1;
    serve.connections_max =
        limit > SPARE_DESCRIPTORS + CONNECTIONS_LEAST * each ? (limit - SPARE_DESCRIPTORS) / each : CONNECTIONS_LEAST;
    int err = bide_run_with(bide_co(run, &serve), &quiet);
    if (serve.directory >= 0)
        close(serve.directory);
    if (err == -EINTR || serve.terminated)
        return 0;
    fprintf(stderr, "bide serve: %s\n", bide_strerror(err));
    return 1;
}
