/* The HTTP server's limits: sizes, times, and what is no request at all. */
#include "raw.h"

#define CLOSE "Connection: close\r\n"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static int hello(bide_http_exchange *exchange, void *argument)
{
    (void)argument;
    return bide_http_reply(exchange, 200, "text/plain", "hello", 5);
}

bide_test(malformed_requests_are_answered_and_cost_their_connection)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        { "nonsense\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n\r\n", 400 },
        { "GET / HTTP/1.1\nHost: a\n\n", 400 },
        { "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400 },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", 400 },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nx", 413 },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\nx", 501 },
        { "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505 },
        { "GET /" HUNDRED " HTTP/1.1\r\nHost: a\r\n\r\n", 414 },
        { "GET / HTTP/1.1\r\nHost: a\r\nX: " HUNDRED "\r\n\r\n", 431 },
        { "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", 431 },
        { "GET / HTTP/1.1\r\nHost: a\r\nA: " TEN TEN TEN TEN TEN TEN TEN "\r\nB: " TEN TEN TEN TEN TEN TEN TEN
          "\r\nC: " TEN TEN TEN TEN TEN "\r\n\r\n",
          431 },
    };
    int err;

    with_server(server, err, hello, NULL, .line_max = 80, .header_count_max = 4, .head_max = 220)
    {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            char expected[32], request[1024];

            /* a second request behind it must not be looked at */
            snprintf(request, sizeof request, "%sGET / HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].request);
            snprintf(expected, sizeof expected, "HTTP/1.1 %d ", cases[i].status);
            const char *answer = ask(&server, request);
            check_begins(answer, expected);
            check_has(answer, "\r\nConnection: close\r\n");
            check_eq(count_of(answer, "HTTP/1.1 200"), 0);
        }
        check_has(ask(&server, "GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n"), "hello");
    }
    check_eq(err, 0);
    return 0;
}

static int read_all(bide_http_exchange *exchange, void *argument)
{
    char *text;
    size_t size;

    (void)argument;
    bide(bide_http_exchange_read_all(exchange, &text, &size));
    int err = bide_http_reply(exchange, 200, NULL, text, size);
    free(text);
    return err;
}

bide_test(a_body_beyond_the_limit_is_413)
{
    int err;

    with_server(server, err, read_all, NULL, .body_max = 4)
    {
        check_has(ask(&server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n" CLOSE "\r\nabcd"), "\r\n\r\nabcd");
        check_begins(ask(&server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde"), "HTTP/1.1 413 ");
        check_has(ask(&server, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" CLOSE
                               "\r\n4\r\nabcd\r\n0\r\n\r\n"),
                  "\r\n\r\nabcd");
        check_begins(ask(&server, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" CLOSE
                                  "\r\n5\r\nabcde\r\n0\r\n\r\n"),
                     "HTTP/1.1 413 ");
        check_begins(ask(&server, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n"),
                     "HTTP/1.1 400 ");
    }
    check_eq(err, 0);
    return 0;
}

bide_test(an_answer_is_not_lost_when_a_large_request_is_refused)
{
    char *body = malloc(1 << 20);
    int err;

    memset(body, 'x', 1 << 20);
    with_server(server, err, read_all, NULL, .body_max = 4)
    {
        bide_stream *stream = dial(&server);

        send_text(stream, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
        check_eq(bide_write(stream, body, 1 << 20), 1 << 20);
        check_begins(receive(stream, NULL), "HTTP/1.1 413 ");
        bide_close(stream);
    }
    check_eq(err, 0);
    free(body);
    return 0;
}

bide_test(an_unread_body_is_drained_up_to_a_limit)
{
    int err;

    with_server(server, err, hello, NULL, .drain_max = 4)
    {
        check_eq(
            count_of(
                ask(&server,
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcdGET / HTTP/1.1\r\nHost: a\r\n" CLOSE
                    "\r\n"),
                "hello"),
            2);
        check_eq(
            count_of(
                ask(&server,
                    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n" CLOSE
                    "\r\n"),
                "hello"),
            2);
        check_eq(
            count_of(
                ask(&server,
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcdeGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                "hello"),
            1);
        check_eq(
            count_of(
                ask(&server,
                    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                "hello"),
            1);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(times_that_run_out)
{
    int err;

    with_server(server, err, read_all, NULL, .head_timeout = 0.03, .keep_alive = 0.05, .body_timeout = 0.03,
                .quiet = true)
    {
        double start = bide_time();

        check_str(ask(&server, ""), "");                         /* nothing at all */
        check_begins(ask(&server, "GET / HT"), "HTTP/1.1 408 "); /* half a head */
        check_begins(ask(&server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"),
                     "HTTP/1.1 408 ");                                          /* half a body */
        const char *answer = ask(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); /* no second request */
        check_eq(count_of(answer, "HTTP/1.1 "), 1);
        check_has(answer, "200 OK");
        check(bide_time() - start >= 0.14);
        check(bide_time() - start < 4 * check_slowness());
    }
    check_eq(err, 0);
    return 0;
}

bide_test(a_slow_loris_gets_no_more_time_for_each_byte)
{
    int err;

    with_server(server, err, hello, NULL, .head_timeout = 0.1)
    {
        bide_stream *stream = dial(&server);
        const char *byte = "GET /" HUNDRED HUNDRED HUNDRED;
        double start = bide_time();

        while (*byte && bide_write(stream, byte++, 1) == 1 && bide_time() - start < 0.3)
            check_eq(bide_sleep(0.005), 0);
        check_begins(receive(stream, NULL), "HTTP/1.1 408 ");
        bide_close(stream);
    }
    check_eq(err, 0);
    return 0;
}

static int send_much(bide_http_exchange *exchange, void *argument)
{
    static char block[1 << 16];
    int *result = argument;

    bide(bide_http_reply_start(exchange, 200, NULL, BIDE_HTTP_LENGTH_UNKNOWN));
    do {
        *result = bide_http_reply_write(exchange, block, sizeof block);
    } while (*result == 0);
    return *result;
}

bide_test(a_client_that_takes_nothing_is_given_up)
{
    int err, result = 0;

    with_server(server, err, send_much, &result, .send_timeout = 0.05)
    {
        bide_stream *stream = dial(&server);

        send_text(stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        while (result == 0)
            check_eq(turn(), 0);
        check_error(result, ETIMEDOUT);
        bide_close(stream);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(no_more_connections_than_the_limit)
{
    int err;

    with_server(server, err, hello, NULL, .connections_max = 1)
    {
        bide_stream *first = dial(&server), *second = dial(&server);

        send_text(first, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        send_text(second, "GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n");
        receive(first, "hello");
        for (int i = 0; i < 20; i++)
            check_eq(turn(), 0);
        check(bide_stream_is_alive(second)); /* nothing has come there */
        bide_close(first);
        check_has(receive(second, NULL), "hello");
        bide_close(second);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(options_that_make_no_sense)
{
    const bide_http_serve_options bad[] = { { .head_timeout = -1 },          { .grace = -1 },
                                            { .body_timeout = NAN },         { .server_name = "a\nb" },
                                            { .header_count_max = 1 << 20 }, { .head_max = 1 << 30 } };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_error(bide_http_serve(hello, NULL, "127.0.0.1", 0, &bad[i]), EINVAL);
    return 0;
}
