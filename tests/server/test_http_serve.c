/* The HTTP server on more than one address, in more than one thread, behind a step of the connection's own. */
#include <bide/test.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bide/http.h>

static atomic_int answered, threads_seen, wrapped;
static _Thread_local bool seen_here;

static int hello(bide_http_exchange *exchange, void *argument)
{
    (void)argument;
    if (!seen_here)
        threads_seen++;
    seen_here = true;
    answered++;
    return bide_http_reply(exchange, 200, "text/plain", "hello", 5);
}

static int wrap(bide_stream *stream, void *argument)
{
    (void)stream;
    (void)argument;
    wrapped++;
    return bide_sleep(0.01);
}

static const char *const more_hosts[] = { "127.0.0.2", NULL };
static const bide_listen_options listen_options = { .hosts = more_hosts };

static int serve(int port)
{
    return bide_http_serve(hello, NULL, "127.0.0.1", port,
                           &(bide_http_serve_options){ .workers = 3, .wrap = wrap, .listen = &listen_options });
}
bide_async(serve, int);

/* On a connection of its own, so the kernel deals each to one of the workers. */
static int get(const char *host, int port)
{
    bide_auto(http_client) *client = NULL;
    bide_auto(http_response) *response = NULL;
    char url[64], *text;

    snprintf(url, sizeof url, "http://%s:%d/", host, port);
    bide(bide_http_client_open(NULL, &client));
    bide(bide_http_get(client, url, &response));
    check_eq(bide_http_response_status(response), 200);
    bide(bide_http_read_all(response, &text, NULL));
    check_str(text, "hello");
    free(text);
    return 0;
}
bide_async(get, const char *, int);

bide_test(http_workers_answer_on_all_addresses, .real_clock = true, .time_limit = 60)
{
    int port = bide_test_port(), err;
    bide_task *task = bide_create_task(NULL, bide_co(serve, port));

    while (get("127.0.0.1", port) < 0) /* until it listens */
        bide(bide_sleep(0.001));
    bide_task_group (group, err)
        for (int i = 0; i < 40; i++)
            bide(bide_start(group, bide_co(get, i % 2 ? "127.0.0.1" : "127.0.0.2", port)));
    check_eq(err, 0);
    check_eq(answered, 41);
    check(threads_seen > 1);
    check(wrapped >= 41);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_error(get("127.0.0.1", port), ECONNREFUSED);
    return 0;
}
