/* The HTTP client against peers that behave, trickle, lie and leave. */
#include "peer.h"

/* GETs the URL and reads the body; what the calls came to. */
static int fetch(bide_http_client *client, const char *url, int *ret_status, char **ret_text)
{
    bide_auto(http_response) *response = NULL;

    bide(bide_http_get(client, url, &response));
    *ret_status = bide_http_response_status(response);
    bide(bide_http_read_all(response, ret_text, NULL));
    return 0;
}

static void check_fetch(bide_http_client *client, const char *url, int expected_status, const char *expected)
{
    int status = 0;
    char *text = NULL;

    check_eq(fetch(client, url, &status, &text), 0);
    check_eq(status, expected_status);
    check_str(text, expected);
    free(text);
}

/* The message has all of these in it, in this order. */
static void check_message(int err, const char *const *parts, size_t count)
{
    const char *at = bide_strerror(err);

    for (size_t i = 0; i < count; i++) {
        const char *found = strstr(at, parts[i]);

        if (!found)
            printf("# no '%s' in '%s'\n", parts[i], bide_strerror(err));
        check(found != NULL);
        at = found + strlen(parts[i]);
    }
}
#define check_says(err, ...)                                                                                           \
    check_message(err, (const char *const[]){ __VA_ARGS__ },                                                           \
                  sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

bide_test(get_reads_status_headers_and_body)
{
    int err;

    with_peer(peer, err,
              { .text = "HTTP/1.1 404 Not  here\r\nX-One: 1\r\nContent-Length: 5\r\nx-one:  two \r\n\r\nhello" })
    {
        bide_auto(http_client) *client = NULL;
        bide_auto(http_response) *response = NULL;
        bide_http_header header;
        char buffer[16];

        check_eq(bide_http_client_open(NULL, &client), 0);
        check_eq(bide_http_get(client, peer.url, &response), 0);
        check_eq(bide_http_response_status(response), 404);
        check_str(bide_http_response_reason(response), "Not  here");
        check_eq(bide_http_response_version(response), 11);
        check_eq(bide_http_response_length(response), 5);
        check_str(bide_http_response_header(response, "x-ONE"), "1");
        check_str(bide_http_response_header(response, "absent"), NULL);
        check(bide_http_response_header_at(response, 2, &header));
        check_str(header.name, "x-one");
        check_str(header.value, "two");
        check(!bide_http_response_header_at(response, 3, &header));
        check_eq(bide_http_read(response, buffer, 2), 2);
        check_mem(buffer, "he", 2);
        check_eq(bide_http_read(response, buffer, sizeof buffer), 3);
        check_mem(buffer, "llo", 3);
        check_eq(bide_http_read(response, buffer, sizeof buffer), 0);
        check_eq(bide_http_read(response, buffer, sizeof buffer), 0);
        check(strstr(peer.request, "GET / HTTP/1.1\r\nHost: 127.0.0.1:") == peer.request);
        check(strstr(peer.request, "\r\nUser-Agent: bide/") != NULL);
        check(strstr(peer.request, "\r\nAccept: */*\r\n") != NULL);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(a_body_may_come_in_any_pieces)
{
    int err;

    with_peer(
        peer, err, { .text = HELLO, .byte_by_byte = true },
        { .text =
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=\"y\"\r\nlo\r\n0\r\nX-T: v\r\n\r\n",
          .byte_by_byte = true },
        { .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n" },
        { .text = "HTTP/1.1 200 OK\r\n\r\nhello", .ending = PEER_CLOSES },
        { .text = "HTTP/1.0 200 OK\r\n\r\nhello", .byte_by_byte = true, .ending = PEER_CLOSES })
    {
        bide_auto(http_client) *client = NULL;

        check_eq(bide_http_client_open(NULL, &client), 0);
        for (int i = 0; i < 5; i++)
            check_fetch(client, peer.url, 200, "hello");
        check_eq(peer.connections, 2); /* the first four answers could share one */
    }
    check_eq(err, 0);
    return 0;
}

bide_test(answers_without_a_body)
{
    int err;

    with_peer(peer, err, { .text = "HTTP/1.1 204 No Content\r\n\r\n" },
              { .text = "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n" },
              { .text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" },
              { .text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" HELLO })
    {
        bide_auto(http_client) *client = NULL;
        bide_auto(http_response) *response = NULL;

        check_eq(bide_http_client_open(NULL, &client), 0);
        check_fetch(client, peer.url, 204, "");
        check_fetch(client, peer.url, 304, "");
        check_eq(bide_http_request(client, "HEAD", peer.url, NULL, &response), 0);
        check_eq(bide_http_response_length(response), 0);
        check_str(bide_http_response_header(response, "content-length"), "9");
        check_fetch(client, peer.url, 200, "hello");
        check_eq(peer.connections, 1);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(a_truncated_body_is_an_error)
{
    int err;

    with_peer(peer, err, { .text = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789", .ending = PEER_CLOSES },
              { .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", .ending = PEER_CLOSES })
    {
        bide_auto(http_client) *client = NULL;
        bide_http_response *response = NULL;
        char buffer[64], *text = NULL;

        check_eq(bide_http_client_open(NULL, &client), 0);
        check_eq(bide_http_get(client, peer.url, &response), 0);
        check_eq(bide_http_read(response, buffer, sizeof buffer), 10);
        check_eq(bide_http_read(response, buffer, sizeof buffer), BIDE_EOF);
        check_says(BIDE_EOF, "GET http://127.0.0.1:", "read the body", "got 10 of 20 bytes");
        check_eq(bide_http_read(response, buffer, sizeof buffer), BIDE_EOF);
        bide_http_response_close(response);
        check_eq(bide_http_get(client, peer.url, &response), 0);
        check_eq(bide_http_read_all(response, &text, NULL), BIDE_EOF);
        check_says(BIDE_EOF, "got 3 bytes and no last chunk");
        check(text == NULL);
        bide_http_response_close(response);
    }
    check_eq(err, 0);
    return 0;
}

static void check_refused(const char *answer, int code, const char *why)
{
    int err;

    with_peer(peer, err, { .text = answer, .ending = PEER_CLOSES })
    {
        bide_auto(http_client) *client = NULL;
        char *text = NULL;
        int status;

        check_eq(bide_http_client_open(
                     &(bide_http_client_options){ .line_max = 100, .header_count_max = 4, .head_max = 300 }, &client),
                 0);
        check_eq(fetch(client, peer.url, &status, &text), code);
        check_says(code, "GET http://127.0.0.1:", why);
        free(text);
    }
    check_eq(err, 0);
}

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

bide_test(malformed_answers_are_refused)
{
    check_refused("", BIDE_EOF, "read the answer's head: the connection ended after 0 bytes");
    check_refused("HTTP/1.1 200", BIDE_EOF, "ended after 12 bytes");
    check_refused("SSH-2.0-OpenSSH\r\n\r\n", BIDE_EPROTOCOL, "protocol version");
    check_refused("HTTP/1.1 200 OK\nContent-Length: 0\n\n", BIDE_EPROTOCOL, "LF alone");
    check_refused("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", BIDE_EPROTOCOL,
                  "more than one Content-Length");
    check_refused("HTTP/1.1 200 OK\r\nX: " HUNDRED "\r\n\r\n", BIDE_ELIMIT, "header line is longer");
    check_refused("HTTP/1.1 200 " HUNDRED "\r\n\r\n", BIDE_ELIMIT, "status line is longer");
    check_refused("HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\ne: 5\r\n\r\n", BIDE_ELIMIT, "more header lines");
    check_refused("HTTP/1.1 200 OK\r\na: " TEN TEN TEN TEN TEN TEN TEN TEN TEN
                  "\r\nb: " TEN TEN TEN TEN TEN TEN TEN TEN TEN "\r\nc: " TEN TEN TEN TEN TEN TEN TEN TEN TEN
                  "\r\n\r\n",
                  BIDE_ELIMIT, "head is larger");
    check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", BIDE_EPROTOCOL,
                  "read the body: a chunk size");
    check_refused("HTTP/1.1 101 Switching Protocols\r\n\r\n", BIDE_EPROTOCOL, "switches protocols");
    return 0;
}

bide_test(endless_informational_answers_are_refused)
{
    char many[40 * 32 + 1] = "";

    for (int i = 0; i < 40; i++)
        strcat(many, "HTTP/1.1 102 Processing\r\n\r\n");
    check_refused(many, BIDE_EPROTOCOL, "1xx");
    return 0;
}

bide_test(read_all_has_a_limit)
{
    int err;

    with_peer(peer, err, { .text = HELLO },
              { .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" })
    {
        bide_auto(http_client) *client = NULL;
        bide_auto(http_client) *enough = NULL;
        char *text = NULL;
        int status;

        check_eq(bide_http_client_open(&(bide_http_client_options){ .body_max = 4 }, &client), 0);
        check_eq(bide_http_client_open(&(bide_http_client_options){ .body_max = 5 }, &enough), 0);
        check_eq(fetch(client, peer.url, &status, &text), BIDE_ELIMIT);
        check_says(BIDE_ELIMIT, "GET http://127.0.0.1:", "read the body", "limit of 4 bytes");
        check_eq(fetch(client, peer.url, &status, &text), BIDE_ELIMIT);
        check_fetch(enough, peer.url, 200, "hello");
    }
    check_eq(err, 0);
    return 0;
}

bide_test(errors_name_the_phase)
{
    bide_auto(http_client) *client = NULL;
    bide_http_response *response = NULL;

    check_eq(bide_http_client_open(NULL, &client), 0);
    check_error(bide_http_get(client, "http://127.0.0.1:1/", &response), ECONNREFUSED);
    check_says(-ECONNREFUSED, "GET http://127.0.0.1:1/: connect to 127.0.0.1:1", "Connection refused");
    check_eq(bide_http_get(client, "https://example.org/", &response), BIDE_EURL);
    check_says(BIDE_EURL, "GET https://example.org/: https needs the option `secure` of the client");
    check_eq(bide_http_get(client, "ftp://example.org/", &response), BIDE_EURL);
    check_eq(bide_http_get(client, "http://u:secret@127.0.0.1:99999/", &response), BIDE_EURL);
    check(strstr(bide_strerror(BIDE_EURL), "secret") == NULL);
    check_error(bide_http_get(client, "http://u:secret@127.0.0.1:1/", &response), ECONNREFUSED);
    check(strstr(bide_strerror(-ECONNREFUSED), "secret") == NULL);
    check(response == NULL);
    return 0;
}

bide_test(what_may_not_be_sent_is_refused)
{
    int err;

    with_peer(peer, err, { .text = HELLO })
    {
        bide_auto(http_client) *client = NULL;
        bide_http_response *response = NULL;
        const bide_http_header bad[][2] = { { { "X", "a\r\nEvil: 1" }, { 0 } },
                                            { { "X Y", "a" }, { 0 } },
                                            { { "Content-Length", "3" }, { 0 } },
                                            { { "transfer-encoding", "chunked" }, { 0 } },
                                            { { "", "a" }, { 0 } } };

        check_eq(bide_http_client_open(NULL, &client), 0);
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            check_error(bide_http_request(client, "GET", peer.url, &(bide_http_request_options){ .headers = bad[i] },
                                          &response),
                        EINVAL);
            check_error(bide_http_client_open(&(bide_http_client_options){ .headers = bad[i] }, &client), EINVAL);
        }
        check_error(bide_http_request(client, "GE T", peer.url, NULL, &response), EINVAL);
        check_error(bide_http_request(client, "CONNECT", peer.url, NULL, &response), EINVAL);
        check_error(bide_http_client_open(&(bide_http_client_options){ .user_agent = "a\nb" }, &client), EINVAL);
        check_eq(peer.connections, 0);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(headers_defaults_and_authorization)
{
    int err;

    with_peer(peer, err, { .text = HELLO })
    {
        bide_auto(http_client) *client = NULL;
        bide_auto(http_response) *response = NULL;
        const bide_http_client_options options = {
            .user_agent = "", .headers = (const bide_http_header[]){ { "X-A", "default" }, { "X-B", "kept" }, { 0 } }
        };
        char url[128];

        check_eq(bide_http_client_open(&options, &client), 0);
        snprintf(url, sizeof url, "http://Aladdin:open%%20sesame@%s?q=a b#fragment", peer.url + 7);
        check_eq(bide_http_request(
                     client, "DELETE", url,
                     &(bide_http_request_options){ .headers = (const bide_http_header[]){ { "x-a", "mine" }, { 0 } } },
                     &response),
                 0);
        check(strstr(peer.request, "DELETE /?q=a%20b HTTP/1.1\r\n") == peer.request);
        check(strstr(peer.request, "X-A: default") == NULL);
        check(strstr(peer.request, "x-a: mine\r\n") != NULL);
        check(strstr(peer.request, "X-B: kept\r\n") != NULL);
        check(strstr(peer.request, "User-Agent") == NULL);
        check(strstr(peer.request, "Content-Length") == NULL);
        check(strstr(peer.request, "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n") != NULL);
    }
    check_eq(err, 0);
    return 0;
}

struct pieces {
    size_t count, at;
    int error;
};

static ssize_t next_piece(void *argument, void *buffer, size_t size)
{
    struct pieces *pieces = argument;

    check(size >= 4);
    bide(turn());
    if (pieces->at == pieces->count)
        return pieces->error;
    pieces->at++;
    memcpy(buffer, "abcd", 4);
    return 4;
}

/* Echoes the request's body. */
static int echo(bide_http_exchange *exchange, void *argument)
{
    char *text;
    size_t size;

    (void)argument;
    bide(bide_http_exchange_read_all(exchange, &text, &size));
    int err = bide_http_reply(exchange, 200, bide_http_exchange_header(exchange, "content-type"), text, size);
    free(text);
    return err;
}

static int serve(bide_listener *listener, bide_http_handler handler, void *argument)
{
    return bide_http_serve_listener(listener, handler, argument, NULL);
}
bide_async(serve, bide_listener *, bide_http_handler, void *);

bide_test(request_bodies)
{
    bide_listener *listener;
    char url[64], *text, *big = malloc(300000);
    size_t size;
    int err;

    memset(big, 'x', 300000);
    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", bide_listener_port(listener));
    bide_task_group (group, err) {
        bide_auto(http_client) *client = NULL;
        bide_http_response *response;
        struct pieces pieces = { .count = 3 };

        check(bide_start(group, bide_co(serve, listener, echo, NULL)) == 0);
        check_eq(bide_http_client_open(NULL, &client), 0);

        check_eq(bide_http_post(client, url, "text/x", "hello", 5, &response), 0);
        check_str(bide_http_response_header(response, "content-type"), "text/x");
        check_eq(bide_http_read_all(response, &text, &size), 0);
        check_str(text, "hello");
        free(text);
        bide_http_response_close(response);

        check_eq(bide_http_post(client, url, NULL, big, 300000, &response), 0);
        check_eq(bide_http_read_all(response, &text, &size), 0);
        check_eq(size, 300000);
        check_mem(text, big, size);
        free(text);
        bide_http_response_close(response);

        check_eq(bide_http_request(client, "POST", url,
                                   &(bide_http_request_options){ .body_read = next_piece, .body_argument = &pieces },
                                   &response),
                 0);
        check_eq(bide_http_read_all(response, &text, &size), 0);
        check_str(text, "abcdabcdabcd");
        free(text);
        bide_http_response_close(response);

        pieces.at = 0;
        check_eq(bide_http_request(
                     client, "PUT", url,
                     &(bide_http_request_options){ .body_read = next_piece, .body_argument = &pieces, .body_size = 12 },
                     &response),
                 0);
        check_eq(bide_http_read_all(response, &text, &size), 0);
        check_str(text, "abcdabcdabcd");
        free(text);
        bide_http_response_close(response);

        pieces = (struct pieces){ .count = 2, .error = -EIO };
        check_error(bide_http_request(client, "POST", url,
                                      &(bide_http_request_options){ .body_read = next_piece, .body_argument = &pieces },
                                      &response),
                    EIO);
        pieces = (struct pieces){ .count = 2 };
        check_error(bide_http_request(client, "POST", url,
                                      &(bide_http_request_options){
                                          .body_read = next_piece, .body_argument = &pieces, .body_size = 12 },
                                      &response),
                    EINVAL);
        bide_group_cancel(group);
    }
    check_eq(err, 0);
    free(big);
    return 0;
}

bide_test(a_timeout_around_a_request_closes_its_connection)
{
    int err;

    with_peer(peer, err, { .text = NULL })
    {
        bide_auto(http_client) *client = NULL;
        bide_http_response *response = NULL;
        int timed_out;

        check_eq(bide_http_client_open(NULL, &client), 0);
        for (int i = 0; i < 2; i++) {
            bide_timeout (0.05, timed_out) {
                timed_out = bide_http_get(client, peer.url, &response);
            }
            check_error(timed_out, ETIMEDOUT);
            check(response == NULL);
        }
        while (peer.open)
            check_eq(turn(), 0);
        check(peer.connections <= 2); /* on a slow machine the time may be over before the peer has seen anything */
    }
    check_eq(err, 0);
    return 0;
}

bide_test(a_response_may_outlive_its_client)
{
    int err;

    with_peer(peer, err, { .text = HELLO })
    {
        bide_http_client *client = NULL;
        bide_http_response *response = NULL;
        char *text;

        check_eq(bide_http_client_open(NULL, &client), 0);
        check_eq(bide_http_get(client, peer.url, &response), 0);
        bide_http_client_close(client);
        check_eq(bide_http_read_all(response, &text, NULL), 0);
        check_str(text, "hello");
        free(text);
        bide_http_response_close(response);
    }
    check_eq(err, 0);
    return 0;
}

struct nginx {
    char folder[64], url[64];
    int port;
};

/* A port that is free now. */
static int free_port(void)
{
    bide_listener *listener = NULL;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    int port = bide_listener_port(listener);
    bide_listener_close(listener);
    return port;
}

static int run_command(const char *command, int *ret_status)
{
    *ret_status = system(command); /* NOLINT: commands of this file */
    return 0;
}
bide_async(run_command, const char *, int *);

static int command(const char *format, const char *argument)
{
    char text[512];
    int status = -1;

    snprintf(text, sizeof text, format, argument);
    check_eq(bide_to_thread(bide_co(run_command, text, &status)), 0);
    return status;
}

static void start_nginx(struct nginx *nginx)
{
    char name[96];

    strcpy(nginx->folder, "/tmp/bide-nginx-XXXXXX");
    check(mkdtemp(nginx->folder) != NULL);
    nginx->port = free_port();
    snprintf(nginx->url, sizeof nginx->url, "http://127.0.0.1:%d/", nginx->port);
    snprintf(name, sizeof name, "%s/nginx.conf", nginx->folder);
    FILE *file = fopen(name, "w");
    check(file != NULL);
    fprintf(
        file,
        "worker_processes 1; daemon on; pid pid; error_log error.log;\n"
        "events { worker_connections 64; }\n"
        "http { access_log off; root .; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n"
        "  keepalive_requests 3;\n"
        "  server { listen 127.0.0.1:%d;\n"
        "    location = / { return 200 hello; }\n"
        "    location = /away { return 302 /; }\n"
        "    location = /big { try_files /big =404; }\n"
        "  } }\n",
        nginx->port);
    fclose(file);
    snprintf(name, sizeof name, "%s/big", nginx->folder);
    file = fopen(name, "w");
    check(file != NULL);
    for (int i = 0; i < 100000; i++)
        fprintf(file, "%09d\n", i);
    fclose(file);
    check_eq(command("chmod 755 %s", nginx->folder), 0);
    check_eq(command("cd %s && /usr/sbin/nginx -p . -c nginx.conf >start.log 2>&1", nginx->folder), 0);
}

static void stop_nginx(struct nginx *nginx)
{
    command("cd %s && /usr/sbin/nginx -p . -c nginx.conf -s stop 2>/dev/null", nginx->folder);
    command("rm -rf %s", nginx->folder);
}

bide_test(nginx_understands_the_client)
{
    struct nginx nginx;
    bide_auto(http_client) *client = NULL;
    bide_http_response *response;
    char url[128], *text;
    size_t size;

    if (command("%s", "test -x /usr/sbin/nginx") != 0)
        skip("nginx is not installed");
    start_nginx(&nginx);
    check_eq(bide_http_client_open(NULL, &client), 0);
    for (int i = 0; i < 10; i++) /* nginx closes after every third request */
        check_fetch(client, nginx.url, 200, "hello");
    snprintf(url, sizeof url, "%saway", nginx.url);
    check_eq(bide_http_get(client, url, &response), 0);
    check_eq(bide_http_response_status(response), 302);
    check_str(bide_http_response_reason(response), "Moved Temporarily");
    check(bide_http_response_header(response, "location") != NULL);
    bide_http_response_close(response);
    snprintf(url, sizeof url, "%sbig", nginx.url);
    check_eq(bide_http_get(client, url, &response), 0);
    check_eq(bide_http_response_length(response), 1000000);
    check_eq(bide_http_read_all(response, &text, &size), 0);
    check_eq(size, 1000000);
    check_mem(text + 999990, "000099999\n", 10);
    free(text);
    bide_http_response_close(response);
    check_eq(bide_http_request(client, "HEAD", url, NULL, &response), 0);
    check_str(bide_http_response_header(response, "Content-Length"), "1000000");
    bide_http_response_close(response);
    stop_nginx(&nginx);
    return 0;
}
