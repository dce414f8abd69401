/* The HTTP server: requests, replies, connections, and handlers that fail. */
#include "raw.h"

#define CLOSE "Connection: close\r\n"

static int hello(bide_http_exchange *exchange, void *argument)
{
    (void)argument;
    return bide_http_reply(exchange, 200, "text/plain", "hello", 5);
}

bide_test(a_reply_is_complete)
{
    int err;

    with_server(server, err, hello, NULL, .server_name = "test")
    {
        const char *answer = ask(&server, "GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n");

        check_begins(answer, "HTTP/1.1 200 OK\r\n");
        check_has(answer, "\r\nContent-Type: text/plain\r\n");
        check_has(answer, "\r\nContent-Length: 5\r\n");
        check_has(answer, "\r\nDate: ");
        check_has(answer, " GMT\r\n");
        check_has(answer, "\r\nServer: test\r\n");
        check_has(answer, "\r\nConnection: close\r\n");
        check_has(answer, "\r\n\r\nhello");
    }
    check_eq(err, 0);
    return 0;
}

static int describe(bide_http_exchange *exchange, void *argument)
{
    char text[512];
    const char *query = bide_http_exchange_query(exchange), *x = bide_http_exchange_header(exchange, "X");
    bide_http_header header;
    size_t count = 0;

    (void)argument;
    while (bide_http_exchange_header_at(exchange, count, &header))
        count++;
    snprintf(text, sizeof text, "<%s|%s|%s|%s|%s|%d|%s|%zu|%lld>", bide_http_exchange_method(exchange),
             bide_http_exchange_target(exchange), bide_http_exchange_path(exchange), query ? query : "-",
             bide_http_exchange_host(exchange), bide_http_exchange_version(exchange), x ? x : "-", count,
             (long long)bide_http_exchange_length(exchange));
    check_begins(bide_http_exchange_peer(exchange), "127.0.0.1:");
    return bide_http_reply_text(exchange, 200, text);
}

bide_test(the_parts_of_a_request)
{
    int err;

    with_server(server, err, describe, NULL, .quiet = false)
    {
        check_has(ask(&server, "GET /a%20b?c=d?e HTTP/1.1\r\nHost: h:1\r\nX:  y \r\n" CLOSE "\r\n"),
                  "<GET|/a%20b?c=d?e|/a%20b|c=d?e|h:1|11|y|3|0>");
        check_has(ask(&server, "GET http://k/p?q HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n"),
                  "<GET|http://k/p?q|/p|q|k|11|-|2|0>");
        check_has(ask(&server, "GET http://k?q HTTP/1.1\r\nHost: k\r\n" CLOSE "\r\n"),
                  "<GET|http://k?q|/|q|k|11|-|2|0>");
        check_has(ask(&server, "GET http://k HTTP/1.1\r\nHost: k\r\n" CLOSE "\r\n"), "<GET|http://k|/|-|k|11|-|2|0>");
        check_has(ask(&server, "OPTIONS * HTTP/1.1\r\nHost: k\r\n" CLOSE "\r\n"), "<OPTIONS|*|*|-|k|11|-|2|0>");
        check_has(ask(&server, "GET / HTTP/1.0\r\n\r\n"), "<GET|/|/|-||10|-|0|0>");
        check_has(ask(&server, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n" CLOSE "\r\nabc"), "|3|3>");
        check_has(ask(&server, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n" CLOSE "\r\n0\r\n\r\n"),
                  "|3|-1>");
    }
    check_eq(err, 0);
    return 0;
}

static int count_overlap(bide_http_exchange *exchange, void *argument)
{
    int *running = argument;

    check_eq(++*running, 1);
    bide(turn());
    --*running;
    return bide_http_reply_text(exchange, 200, bide_http_exchange_path(exchange));
}

bide_test(pipelined_requests_are_answered_in_order_one_at_a_time)
{
    int err, running = 0;

    with_server(server, err, count_overlap, &running, .quiet = false)
    {
        const char *answer =
            ask(&server, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                         "GET /3 HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n");
        const char *one = strstr(answer, "\r\n\r\n/1HTTP"), *two = strstr(answer, "\r\n\r\n/2HTTP"),
                   *three = strstr(answer, "\r\n\r\n/3");

        check(one && two && three && one < two && two < three);
        check_eq(count_of(answer, "HTTP/1.1 200"), 3); /* nothing after the close */
    }
    check_eq(err, 0);
    return 0;
}

bide_test(a_request_may_come_byte_by_byte)
{
    int err;

    with_server(server, err, hello, NULL, .quiet = false)
    {
        bide_stream *stream = dial(&server);
        const char request[] =
            "\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyGET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n";

        for (size_t i = 0; i < sizeof request - 1; i++) {
            check_eq(bide_write(stream, request + i, 1), 1);
            check_eq(turn(), 0);
        }
        check_eq(count_of(receive(stream, NULL), "200 OK"), 2);
        bide_close(stream);
    }
    check_eq(err, 0);
    return 0;
}

static int status_of_path(bide_http_exchange *exchange, void *argument)
{
    (void)argument;
    return bide_http_reply(exchange, atoi(bide_http_exchange_path(exchange) + 1), NULL, "body", 4);
}

bide_test(replies_without_a_body)
{
    int err;

    with_server(server, err, status_of_path, NULL, .quiet = false)
    {
        const char *answer =
            ask(&server, "HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\nGET /204 HTTP/1.1\r\nHost: a\r\n\r\n"
                         "GET /304 HTTP/1.1\r\nHost: a\r\n\r\nGET /200 HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n");

        check_eq(count_of(answer, "HTTP/1.1 "), 4);
        check_eq(count_of(answer, "Content-Length: 4"), 2);
        check_eq(count_of(answer, "body"), 1);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(http_1_0_connections)
{
    int err;

    with_server(server, err, hello, NULL, .quiet = false)
    {
        bide_stream *stream = dial(&server);

        check_has(ask(&server, "GET / HTTP/1.0\r\n\r\n"), "\r\nConnection: close\r\n");
        send_text(stream, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        check_has(receive(stream, "hello"), "\r\nConnection: keep-alive\r\n");
        send_text(stream, "GET / HTTP/1.0\r\n\r\n");
        check_has(receive(stream, NULL), "\r\nConnection: close\r\n");
        bide_close(stream);
    }
    check_eq(err, 0);
    return 0;
}

/* Echoes the body, in pieces as they come. */
static int echo(bide_http_exchange *exchange, void *argument)
{
    char buffer[64];
    ssize_t count;

    (void)argument;
    bide(bide_http_reply_header(exchange, "X-Kind", "echo"));
    bide(bide_http_reply_start(exchange, 200, "text/plain", BIDE_HTTP_LENGTH_UNKNOWN));
    while ((count = bide(bide_http_exchange_read(exchange, buffer, sizeof buffer))) > 0)
        bide(bide_http_reply_write(exchange, buffer, (size_t)count));
    return 0;
}

bide_test(bodies_are_streamed_both_ways)
{
    int err;

    with_server(server, err, echo, NULL, .quiet = false)
    {
        check_has(ask(&server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" CLOSE "\r\nhello"),
                  "\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        check_has(ask(&server, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" CLOSE
                               "\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
                  "5\r\nhello\r\n0\r\n\r\n");
        check_has(ask(&server, "POST / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n"), "\r\n\r\n0\r\n\r\n");
        const char *old = ask(&server, "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello");
        check_has(old, "\r\n\r\nhello");
        check_has(old, "\r\nConnection: close\r\n");
        check_has(old, "\r\nX-Kind: echo\r\n");
        check_lacks(old, "chunked");
        const char *head = ask(&server, "HEAD / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n");
        check_has(head, "Transfer-Encoding: chunked");
        check_lacks(head, "\r\n\r\n0");
    }
    check_eq(err, 0);
    return 0;
}

/* What the path asks for. */
static int obey(bide_http_exchange *exchange, void *argument)
{
    const char *path = bide_http_exchange_path(exchange);
    char *text;

    (void)argument;
    if (!strcmp(path, "/fixed")) {
        bide(bide_http_reply_start(exchange, 200, NULL, 6));
        bide(bide_http_reply_write(exchange, "abc", 3));
        bide(bide_http_reply_write(exchange, "", 0));
        check_error(bide_http_reply_write(exchange, "defg", 4), EINVAL);
        bide(bide_http_reply_write(exchange, "def", 3));
        check_error(bide_http_reply(exchange, 200, NULL, "x", 1), EALREADY);
        check_error(bide_http_reply_header(exchange, "A", "b"), EALREADY);
        return bide_http_reply_end(exchange);
    }
    if (!strcmp(path, "/short")) {
        bide(bide_http_reply_start(exchange, 200, NULL, 6));
        return bide_http_reply_write(exchange, "abc", 3);
    }
    if (!strcmp(path, "/dies")) {
        bide(bide_http_reply_start(exchange, 200, NULL, BIDE_HTTP_LENGTH_UNKNOWN));
        bide(bide_http_reply_write(exchange, "abc", 3));
        return bide_fail(-EIO, "the disk is on fire");
    }
    if (!strcmp(path, "/fails"))
        return bide_fail(-EIO, "the disk is on fire");
    if (!strcmp(path, "/silent"))
        return 0;
    if (!strcmp(path, "/bad")) {
        check_error(bide_http_reply(exchange, 99, NULL, "", 0), EINVAL);
        check_error(bide_http_reply(exchange, 200, "a\r\nb", "", 0), EINVAL);
        check_error(bide_http_reply_header(exchange, "A", "b\r\nC: d"), EINVAL);
        check_error(bide_http_reply_header(exchange, "A b", "c"), EINVAL);
        check_error(bide_http_reply_header(exchange, "content-length", "3"), EINVAL);
        check_error(bide_http_reply_write(exchange, "", 0), EINVAL);
        check_eq(bide_http_reply_header(exchange, "Date", "today"), 0);
        check_eq(bide_http_reply_header(exchange, "Server", "mine"), 0);
        check_eq(bide_http_reply_header(exchange, "Connection", "close"), 0);
        return bide_http_reply(exchange, 200, NULL, "", 0);
    }
    if (!strcmp(path, "/read")) {
        bide(bide_http_exchange_read_all(exchange, &text, NULL));
        int err = bide_http_reply_text(exchange, 200, text);
        free(text);
        return err;
    }
    return bide_http_reply_text(exchange, 404, "no");
}

bide_test(replies_of_known_length)
{
    int err;

    with_server(server, err, obey, NULL, .quiet = true)
    {
        const char *answer = ask(&server, "GET /fixed HTTP/1.1\r\nHost: a\r\n\r\nGET /bad HTTP/1.1\r\nHost: a\r\n\r\n");

        check_has(answer, "Content-Length: 6\r\n");
        check_has(answer, "\r\n\r\nabcdefHTTP/1.1 200");
        check_has(answer, "\r\nDate: today\r\nServer: mine\r\n");
        check_eq(count_of(answer, "Date:"), 2);
        check_eq(count_of(answer, "Server:"), 2);
        check_has(answer, "\r\nConnection: close\r\n");
    }
    check_eq(err, 0);
    return 0;
}

bide_test(a_handler_that_fails_costs_only_its_request)
{
    int err;

    with_server(server, err, obey, NULL, .quiet = true)
    {
        const char *answer = ask(
            &server,
            "GET /fails HTTP/1.1\r\nHost: a\r\n\r\nGET /silent HTTP/1.1\r\nHost: a\r\n\r\nGET /fixed HTTP/1.1\r\nHost: a\r\n" CLOSE
            "\r\n");
        check_eq(count_of(answer, "HTTP/1.1 500 Internal Server Error\r\n"), 2);
        check_lacks(answer, "fire"); /* what went wrong is nobody else's business */
        check_has(answer, "abcdef");
        answer = ask(&server, "GET /dies HTTP/1.1\r\nHost: a\r\n\r\n");
        check_has(answer, "3\r\nabc\r\n");
        check_lacks(answer, "\r\n0\r\n");
        check_has(ask(&server, "GET /short HTTP/1.1\r\nHost: a\r\n\r\n"), "\r\n\r\nabc");
        check_has(ask(&server, "GET /x HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n"), "404");
    }
    check_eq(err, 0);
    return 0;
}

bide_test(continue_is_sent_when_the_handler_reads)
{
    int err;

    with_server(server, err, obey, NULL, .quiet = false)
    {
        bide_stream *stream = dial(&server);

        send_text(stream, "POST /read HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
        check_str(receive(stream, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
        send_text(stream, "ok");
        check_begins(receive(stream, "\r\n\r\nok"), "HTTP/1.1 200");
        send_text(stream, "POST /else HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
        const char *answer = receive(stream, NULL);
        check_begins(answer, "HTTP/1.1 404");
        check_has(answer, "\r\nConnection: close\r\n"); /* nobody knows whether the body comes */
        bide_close(stream);
    }
    check_eq(err, 0);
    return 0;
}

struct seen {
    int result;
    bool waiting, ended;
    double patience;
};

/* Waits for the client to vanish: by writing until that fails, or by sleeping until cancelled. */
static int endure(bide_http_exchange *exchange, void *argument)
{
    struct seen *seen = argument;

    bide(bide_http_reply_start(exchange, 200, NULL, BIDE_HTTP_LENGTH_UNKNOWN));
    seen->waiting = true;
    if (seen->patience > 0)
        seen->result = bide_sleep(seen->patience);
    else
        do {
            seen->result = bide_http_reply_write(exchange, "x", 1);
            bide(turn());
        } while (seen->result == 0);
    seen->ended = true;
    return seen->result;
}

static void vanish(struct served *server, struct seen *seen)
{
    bide_stream *stream = dial(server);

    send_text(stream, "POST / HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!seen->waiting)
        check_eq(turn(), 0);
    bide_abort(stream);
    while (!seen->ended)
        check_eq(turn(), 0);
}

bide_test(a_client_that_vanishes)
{
    int err;
    struct seen writer = { 0 }, sleeper = { .patience = 3600 };

    with_server(server, err, endure, &writer, .quiet = false)
    {
        vanish(&server, &writer);
        check(writer.result == -ECONNRESET || writer.result == -EPIPE);
    }
    check_eq(err, 0);
    with_server(server, err, endure, &sleeper, .cancel_on_disconnect = true)
    {
        vanish(&server, &sleeper);
        check_error(sleeper.result, ECANCELED);
        sleeper.patience = 0.001;
        check_has(ask(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n"),
                  "200 OK");
    }
    check_eq(err, 0);
    return 0;
}

bide_test(a_server_that_is_cancelled_ends_in_order)
{
    int err;
    struct seen seen = { .patience = 0.02 };

    with_server(server, err, endure, &seen, .grace = 10)
    {
        bide_stream *busy = dial(&server), *idle = dial(&server), *kept = dial(&server), *late = NULL;

        send_text(kept, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        receive(kept, "\r\n\r\n");
        seen.waiting = seen.ended = false;
        seen.patience = 0.2;
        send_text(busy, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
        while (!seen.waiting)
            check_eq(turn(), 0);
        double start = bide_time();
        bide_cancel(server.task);
        check_str(receive(idle, NULL), "");
        check_str(receive(kept, NULL), "");
        check(!seen.ended); /* the idle ones were closed at once */
        check_error(bide_open_connection("127.0.0.1", server.port, &late), ECONNREFUSED);
        const char *answer = receive(busy, NULL);
        check_eq(count_of(answer, "200 OK"), 1); /* the second one is not begun */
        check_has(answer, "0\r\n\r\n");
        check_eq(bide_join(server.task), 0);
        check(bide_time() - start < 5);
        bide_close(busy);
        bide_close(idle);
        bide_close(kept);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(without_grace_running_handlers_are_cancelled)
{
    int err;
    struct seen seen = { .patience = 3600 };

    with_server(server, err, endure, &seen, .quiet = false)
    {
        bide_stream *busy = dial(&server);

        send_text(busy, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        while (!seen.waiting)
            check_eq(turn(), 0);
        bide_cancel(server.task);
        check_eq(bide_join(server.task), 0);
        check_error(seen.result, ECANCELED);
        bide_close(busy);
    }
    check_eq(err, 0);
    return 0;
}

static int run_curl(const char *url, int *ret_status)
{
    char command[512];

    snprintf(command, sizeof command,
             "curl -sf -m 20 -o /dev/null --data-binary @\"$BIDE_SOURCE_DIR/LICENSE\" %s && "
             "curl -sf -m 20 --data-binary @\"$BIDE_SOURCE_DIR/LICENSE\" %s %s | tr -d '\\n' | wc -c | grep -q '^2'",
             url, url, url);
    *ret_status = system(command); /* NOLINT: a fixed command */
    return 0;
}
bide_async(run_curl, const char *, int *);

bide_test(curl_understands_the_server)
{
    int err, status = -1;

    if (system("command -v curl >/dev/null") != 0 || !getenv("BIDE_SOURCE_DIR")) /* NOLINT */
        skip("curl is not installed, or BIDE_SOURCE_DIR not set");
    with_server(server, err, echo, NULL, .quiet = false)
    {
        check_eq(bide_to_thread(bide_co(run_curl, server.url, &status)), 0);
        check_eq(status, 0);
    }
    check_eq(err, 0);
    return 0;
}
