/* The HTTP client and server over TLS: verified by default, connections kept, plain and secure ones apart. */
#include "support_tls.h"

#include <bide/http.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL .real_clock = true, .time_limit = 60

static int hello(bide_http_exchange *exchange, void *argument)
{
    int *count = argument;

    ++*count;
    return bide_http_reply(exchange, 200, "text/plain", "hello", 5);
}

static int serve(bide_listener *listener, int *count, bide_tls_context *context)
{
    return bide_http_serve_listener(
        listener, hello, count,
        &(bide_http_serve_options){ .wrap = context ? bide_tls_wrap : NULL, .wrap_argument = context, .quiet = true });
}
bide_async(serve, bide_listener *, int *, bide_tls_context *);

/* A server, with its URL. */
struct site {
    bide_task *task;
    int requests;
    char url[64];
};

static void open_site(struct site *site, const char *scheme, bide_tls_context *context)
{
    bide_listener *listener;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    snprintf(site->url, sizeof site->url, "%s://localhost:%d/x", scheme, bide_listener_port(listener));
    site->requests = 0;
    site->task = bide_create_task(NULL, bide_co(serve, listener, &site->requests, context));
}

static void close_site(struct site *site)
{
    bide_cancel(site->task);
    check_error(bide_join(site->task), ECANCELED);
}

static void check_hello(bide_http_client *client, const char *url)
{
    bide_http_response *response;
    char *text;

    check_eq(bide_http_get(client, url, &response), 0);
    check_eq(bide_http_response_status(response), 200);
    check_eq(bide_http_read_all(response, &text, NULL), 0);
    check_str(text, "hello");
    free(text);
    bide_http_response_close(response);
}

bide_test(https, REAL)
{
    bide_http_client *client;
    struct site site;

    open_site(&site, "https", zoo()->serving);
    check_eq(
        bide_http_client_open(
            &(bide_http_client_options){ .secure = bide_tls_connect, .secure_argument = zoo()->trusting }, &client),
        0);
    for (int i = 0; i < 5; i++)
        check_hello(client, site.url);
    check_eq(site.requests, 5);
    bide_http_client_close(client);
    close_site(&site);
    return 0;
}

bide_test(who_is_not_trusted_is_not_asked, REAL)
{
    bide_http_client *client;
    bide_http_response *response;
    struct site site;

    open_site(&site, "https", zoo()->serving);
    check_eq(bide_http_client_open(&(bide_http_client_options){ .secure = bide_tls_connect }, &client), 0);
    check_error(bide_http_get(client, site.url, &response), BIDE_ETLS, "comes from an unknown authority");
    check(strstr(bide_strerror(BIDE_ETLS), "GET https://localhost:") != NULL);
    check_eq(site.requests, 0);
    bide_http_client_close(client);
    close_site(&site);
    return 0;
}

bide_test(without_the_option_https_is_refused, REAL)
{
    bide_http_client *client;
    bide_http_response *response;

    check_eq(bide_http_client_open(NULL, &client), 0);
    check_error(bide_http_get(client, "https://localhost/", &response), BIDE_EURL, "https needs the option `secure`");
    bide_http_client_close(client);
    return 0;
}

/* A plain client at a server of https, and the other way round. */
bide_test(the_wrong_scheme, REAL)
{
    bide_http_client *client;
    bide_http_response *response;
    struct site plain, secure;

    open_site(&plain, "https", NULL);
    open_site(&secure, "http", zoo()->serving);
    check_eq(
        bide_http_client_open(
            &(bide_http_client_options){ .secure = bide_tls_connect, .secure_argument = zoo()->trusting }, &client),
        0);
    check_error(bide_http_get(client, plain.url, &response), BIDE_ETLS, "the peer does not speak TLS");
    check(bide_http_get(client, secure.url, &response) < 0);
    bide_http_client_close(client);
    close_site(&plain);
    close_site(&secure);
    return 0;
}
