/*
 * `bide fetch`: a pool of workers that take URLs from one source until it is empty.
 *
 *     task group "watch"       ends when the work is done
 *       show_progress          redraws a line
 *       task group "workers"   N tasks: next URL, download, one line of output
 *
 * A list of a million URLs needs N tasks, not a million. Ctrl-C cancels main, so every worker leaves its wait and
 * gives back what it holds; the summary is printed after the loop has ended. A URL that fails concerns nobody else;
 * only a list that cannot be read or an output that cannot be written ends everything.
 */
#include "command/fetch.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/arguments.h"
#include "command/command.h"

enum { SPARE_DESCRIPTORS = 32, CONCURRENCY_MAX = 1000000, RETRIES_MAX = 1000 };

#define REDRAW_SECONDS 0.1
#define PLAIN_SECONDS 5.0

static const char help_text[] = "usage: bide fetch [OPTION...] URL...\n"
                                "       bide fetch [OPTION...] -i FILE\n"
                                "\n"
                                "Fetches many URLs concurrently. For each answer a line goes to standard output:\n"
                                "status, bytes of the body, seconds, URL. Failures, progress and a summary go to\n"
                                "standard error. Redirects are not followed.\n"
                                "\n"
                                "  -c, --concurrency N   at most N at once (100)\n"
                                "  -t, --timeout SECONDS for each attempt, from connecting to the last byte (30)\n"
                                "  -r, --retries N       further attempts after a connection error, a timeout,\n"
                                "                        status 429 or 5xx (0); the pauses grow from half a second\n"
                                "                        to half a minute. Retry-After is heeded; if it asks for\n"
                                "                        more than the timeout, there is no further attempt\n"
                                "  -i, --input FILE      take the URLs from FILE, one a line ('-': standard input);\n"
                                "                        blank lines and lines that begin with '#' are skipped\n"
                                "  -o, --output DIR      store bodies of status 2xx in DIR, named after the URLs\n"
                                "                        (a second page.html becomes page-2.html); no file is\n"
                                "                        replaced, and none is ever seen half written\n"
                                "  -j, --json            one JSON object a line for each URL, also failed ones: url,\n"
                                "                        status, bytes, seconds, error, attempts\n"
                                "      --head            send HEAD instead of GET\n"
                                "  -H, --header 'NAME: VALUE'  send this header too; may be repeated\n"
                                "      --ca FILE         https: trust the authorities in FILE (PEM) instead of the\n"
                                "                        system's\n"
                                "      --insecure        https: trust anybody; what comes may come from anybody\n"
                                "      --max-size BYTES  a larger body is an error (1G; K, M and G are understood)\n"
                                "  -q, --quiet           no progress and no summary\n"
                                "  -h, --help            this text\n"
                                "\n"
                                "Exit status: 0 if every URL was answered with a status below 400, 1 if not, 2 for\n"
                                "wrong usage, 130 after Ctrl-C. The first Ctrl-C cleans up, the second ends at once.\n";

/*
 * ---- The run ------------------------------------------------------------------------------------------------------
 */

/* The line (or nothing) that standard output gets for a URL. */
static int format_result(const struct fetch *fetch, const char *url, const struct outcome *outcome, struct text *line)
{
    int err = 0;

    if (fetch->options.json) {
        err |= text_add(line, "{\"url\": ", 8) | text_add_json(line, url);
        if (outcome->status)
            err |= text_add_format(line, ", \"status\": %d", outcome->status);
        else
            err |= text_add(line, ", \"status\": null", 16);
        err |= text_add_format(line,
                               ", \"bytes\": %llu, \"seconds\": %.6f, \"error\": ", (unsigned long long)outcome->bytes,
                               outcome->seconds);
        err |= outcome->err < 0 ? text_add_json(line, outcome->message) : text_add(line, "null", 4);
        err |= text_add_format(line, ", \"attempts\": %zu}\n", outcome->attempts);
    } else if (!fetch->options.directory && outcome->err == 0) {
        err |= text_add_format(line, "%d %9llu %8.3fs  ", outcome->status, (unsigned long long)outcome->bytes,
                               outcome->seconds);
        err |= text_add_clean(line, url) | text_add(line, "\n", 1);
    }
    return err < 0 ? bide_fail(-ENOMEM, "no memory for the output") : 0;
}

static int report_result(struct fetch *fetch, const char *url, const struct outcome *outcome)
{
    struct text line = { 0 };
    int err = format_result(fetch, url, outcome, &line);

    if (outcome->err < 0) {
        report_failure(&fetch->report, url, outcome->err, outcome->message);
    } else {
        report_answer(&fetch->report, outcome->status, outcome->seconds);
        if (outcome->message[0])
            report_message(&fetch->report, url, outcome->message);
    }
    fetch->report.retried += outcome->attempts - 1;
    if (err == 0 && line.size > 0) {
        report_hide(&fetch->report);
        err = output_add(&fetch->output, line.data, line.size);
    }
    text_free(&line);
    return err;
}

static int work(struct fetch *fetch)
{
    struct outcome outcome;
    char *url;
    int err = 0;

    while (err == 0 && (err = source_next(&fetch->source, &url)) > 0) {
        err = download(fetch, url, &outcome);
        if (err == 0)
            err = report_result(fetch, url, &outcome);
        free(url);
    }
    return err;
}
bide_async(work, struct fetch *);

static int run_workers(struct fetch *fetch)
{
    size_t count = fetch->options.concurrency;
    int err;

    if (fetch->report.total_known && count > fetch->report.total)
        count = fetch->report.total;
    bide_task_group (workers, err) {
        for (size_t i = 0; i < count; i++)
            bide(bide_start(workers, bide_co(work, fetch)));
    }
    return err;
}

static int show_progress(struct fetch *fetch)
{
    for (;;) {
        bide(bide_sleep(fetch->report.is_terminal ? REDRAW_SECONDS : PLAIN_SECONDS));
        report_progress(&fetch->report);
    }
}
bide_async(show_progress, struct fetch *);

static int fetch_all(struct fetch *fetch)
{
    int err, failure = 0;

    bide_task_group (watch, err) {
        if (!fetch->report.quiet)
            bide(bide_start(watch, bide_co(show_progress, fetch)));
        failure = run_workers(fetch);
        bide_group_cancel(watch);
    }
    return failure < 0 ? failure : err;
}

/* SIGTERM is treated like Ctrl-C: the first cleans up, a second one ends the process. */
static void on_terminate(void *argument)
{
    struct fetch *fetch = argument;

    if (fetch->terminated) {
        bide_remove_signal_handler(bide_get_running_loop(), SIGTERM);
        raise(SIGTERM);
        return;
    }
    fetch->terminated = true;
    bide_cancel(fetch->main);
}

static int run_client(struct fetch *fetch, const bide_http_client_options *options)
{
    bide_auto(http_client) *client = NULL;

    bide(bide_http_client_open(options, &client)); /* a header that may not be sent is found out here */
    report_start(&fetch->report, fetch->options.quiet);
    fetch->client = client;
    fetch->main = bide_current_task();
    bide(bide_add_signal_handler(bide_get_running_loop(), SIGTERM, on_terminate, fetch));
    int err = source_count(&fetch->source, &fetch->report.total);
    if (err >= 0) {
        fetch->report.total_known = err > 0;
        err = fetch_all(fetch);
    }
    fetch->report.ended = bide_time();
    return err;
}

static int run(struct fetch *fetch)
{
    struct secure_client *secure = &fetch->options.secure;
    bide_http_client_options options = { .connections_max = fetch->options.concurrency,
                                         .connect_timeout = INFINITY, /* the timeout covers it */
                                         .headers = fetch->options.headers };
    int err = secure_client_open(secure, &options);

    if (err == 0)
        err = run_client(fetch, &options);
    secure_client_close(secure);
    return err;
}
bide_async(run, struct fetch *);

/*
 * ---- The command line ---------------------------------------------------------------------------------------------
 */

enum { OPTION_HEAD = 256, OPTION_SIZE, OPTION_AUTHORITIES, OPTION_INSECURE };

static const struct option long_options[] = {
    { "concurrency", required_argument, NULL, 'c' },
    { "timeout", required_argument, NULL, 't' },
    { "retries", required_argument, NULL, 'r' },
    { "input", required_argument, NULL, 'i' },
    { "output", required_argument, NULL, 'o' },
    { "json", no_argument, NULL, 'j' },
    { "head", no_argument, NULL, OPTION_HEAD },
    { "header", required_argument, NULL, 'H' },
    { "ca", required_argument, NULL, OPTION_AUTHORITIES },
    { "insecure", no_argument, NULL, OPTION_INSECURE },
    { "max-size", required_argument, NULL, OPTION_SIZE },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* "Name: value" becomes a header; the list keeps its end. */
static int add_header(struct fetch_options *options, const char *text)
{
    const char *colon = strchr(text, ':');

    if (!colon || colon == text)
        return usage_error("fetch", "--header '%s' is not of the form 'NAME: VALUE'", text);
    bide_http_header *headers = realloc(options->headers, (options->header_count + 2) * sizeof *headers);
    char *copy = strdup(text);
    if (headers)
        options->headers = headers;
    if (!headers || !copy) {
        free(copy);
        return usage_error("fetch", "no memory for the headers");
    }
    copy[colon - text] = '\0';
    char *value = copy + (colon - text) + 1;
    headers[options->header_count++] = (bide_http_header){ copy, value + strspn(value, " \t") };
    headers[options->header_count] = (bide_http_header){ NULL, NULL };
    return 0;
}

static int parse_option(struct fetch_options *options, int option, const char *value, const char *text)
{
    switch (option) {
    case 'c':
        return parse_count("fetch", "-c", value, 1, CONCURRENCY_MAX, &options->concurrency);
    case 't':
        return parse_seconds("fetch", "-t", value, 1, &options->timeout);
    case 'r':
        return parse_count("fetch", "--retries", value, 0, RETRIES_MAX, &options->retries);
    case 'i':
        options->list = value;
        return 0;
    case 'o':
        options->directory = value;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case 'H':
        return add_header(options, value);
    case OPTION_HEAD:
        options->method = "HEAD";
        return 0;
    case OPTION_AUTHORITIES:
        options->secure.authorities = value;
        return 0;
    case OPTION_INSECURE:
        options->secure.insecure = true;
        return 0;
    case OPTION_SIZE:
        return parse_bytes("fetch", "--max-size", value, &options->size_max);
    default:
        return option_error("fetch", option, text, optopt);
    }
}

/* 0, or the exit status; *ret_help if only help was wanted. */
static int parse_arguments(int argc, char **argv, struct fetch_options *options, bool *ret_help)
{
    int option, status = 0;

    *options =
        (struct fetch_options){ .concurrency = 100, .timeout = 30, .size_max = (uint64_t)1 << 30, .method = "GET" };
    *ret_help = false;
    opterr = 0;
    while (status == 0 && (option = getopt_long(argc, argv, ":c:t:r:i:o:jH:qh", long_options, NULL)) != -1) {
        if (option == 'h') {
            *ret_help = true;
            return 0;
        }
        status = parse_option(options, option, optarg, argv[optind - 1]);
    }
    if (status)
        return status;
    if (options->list && optind < argc)
        return usage_error("fetch", "URLs come from the command line or from -i, not from both");
    if (!options->list && optind == argc)
        return usage_error("fetch", "no URL");
    if (options->directory && options->json)
        return usage_error("fetch", "-o and --json exclude each other");
    if (options->directory && !strcmp(options->method, "HEAD"))
        return usage_error("fetch", "-o and --head exclude each other");
    return 0;
}

static void free_options(struct fetch_options *options)
{
    for (size_t i = 0; i < options->header_count; i++)
        free((char *)(uintptr_t)options->headers[i].name);
    free(options->headers);
}

/*
 * Each URL needs a socket, and a file if it is stored. What does not fit is said and left out: the work is done all
 * the same.
 */
static void fit_descriptors(struct fetch_options *options)
{
    size_t limit = raise_descriptor_limit();
    size_t each = options->directory ? 2 : 1;
    size_t fitting = limit > SPARE_DESCRIPTORS + each ? (limit - SPARE_DESCRIPTORS) / each : 1;

    if (options->concurrency <= fitting)
        return;
    fprintf(stderr, "bide fetch: -c %zu does not fit into the limit of %zu open files (ulimit -n); using -c %zu\n",
            options->concurrency, limit, fitting);
    options->concurrency = fitting;
}

static int open_files(struct fetch *fetch, char **urls, int url_count)
{
    int err = 0;

    if (fetch->options.list)
        err = source_open(&fetch->source, fetch->options.list);
    else
        fetch->source = (struct source){ .urls = urls, .url_count = (size_t)url_count };
    if (err == 0 && fetch->options.directory)
        err = store_open(&fetch->store, fetch->options.directory);
    return err;
}

/* What run() returned, as an exit status. Prints what went wrong, and the summary. */
static int conclude(struct fetch *fetch, int err)
{
    bool interrupted = err == -EINTR || fetch->terminated;

    report_hide(&fetch->report);
    if (err < 0 && !interrupted)
        fprintf(stderr, "bide fetch: %s\n", bide_strerror(err));
    int written = output_finish(&fetch->output);
    if (written < 0 && err >= 0) {
        fprintf(stderr, "bide fetch: %s\n", bide_strerror(written));
        err = written;
    }
    if (fetch->report.started > 0)
        report_summary(&fetch->report);
    if (interrupted)
        return fetch->terminated ? EXIT_TERMINATED : EXIT_INTERRUPTED;
    if (err == -EINVAL)
        return EXIT_USAGE;
    return err < 0 || fetch->report.failed || fetch->report.bad_answers;
}

int command_fetch(int argc, char **argv)
{
    static const bide_run_options quiet = { .quiet = true };
    struct fetch fetch = { .output = { .descriptor = STDOUT_FILENO } };
    bool help;
    int status = parse_arguments(argc, argv, &fetch.options, &help);

    if (help)
        fputs(help_text, stdout);
    if (status == 0 && !help) {
        fit_descriptors(&fetch.options);
        fetch.seed[0] = (unsigned short)getpid();
        fetch.seed[1] = (unsigned short)time(NULL);
        int err = open_files(&fetch, argv + optind, argc - optind);
        if (err < 0) {
            fprintf(stderr, "bide fetch: %s\n", bide_strerror(err));
            status = EXIT_USAGE;
        } else {
            status = conclude(&fetch, bide_run_with(bide_co(run, &fetch), &quiet));
        }
        source_close(&fetch.source);
        store_close(&fetch.store);
    }
    free_options(&fetch.options);
    return status;
}
