/*
 * TLS: a server that speaks it, and a client that verifies whom it speaks to.
 *
 *     build/examples/09-tls              fetches a page from a server of its own
 *     build/examples/09-tls example.org  fetches one from there
 */
#include <bide.h>
#include <bide/tls.h>
#include <stdio.h>
#include <string.h>

/* For "localhost" only. Whoever has this program has the key: never use it for anything else. */
static const char certificate[] = "-----BEGIN CERTIFICATE-----\n"
                                  "MIIBmzCCAUGgAwIBAgIUGWZmyROvm6ulh2NmEqU3wX4UcsgwCgYIKoZIzj0EAwIw\n"
                                  "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTE3MDE0NloYDzIxMjYxMTAx\n"
                                  "MTcwMTQ2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
                                  "PQMBBwNCAATSuViNKLwKgMRx/inMunYUqwvjqJaT4MWe4Q5vKOWuJ57S/DwcCjAx\n"
                                  "yAZk+VdUgHYp7KhJLNYSIYTA0gF3Qt72o28wbTAdBgNVHQ4EFgQUxSdl0YmhDDcr\n"
                                  "cgBJyirfzqE4b9kwHwYDVR0jBBgwFoAUxSdl0YmhDDcrcgBJyirfzqE4b9kwDwYD\n"
                                  "VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI\n"
                                  "zj0EAwIDSAAwRQIgOU4wvIQR2fq5rjkHHPAY8cvL9RFKRzaYqMKR39Ti4AECIQCs\n"
                                  "NEYjy4kBuo8cEP1uS5hl0wduMLwDPU085U//eRioog==\n"
                                  "-----END CERTIFICATE-----\n";
static const char key[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmLIECuVHRGGP4nl4\n"
                          "Io/l0gNHWWSTfjBpZ2vEHLZ0FrGhRANCAATSuViNKLwKgMRx/inMunYUqwvjqJaT\n"
                          "4MWe4Q5vKOWuJ57S/DwcCjAxyAZk+VdUgHYp7KhJLNYSIYTA0gF3Qt72\n"
                          "-----END PRIVATE KEY-----\n";

/* Answers each request with a page. */
static int answer(bide_stream *stream, void *argument)
{
    static const char page[] = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello, nobody else can read this\n";
    char line[1024];

    (void)argument;
    while (bide(bide_read_line(stream, line, sizeof line)) > 0)
        continue;
    bide(bide_write(stream, page, sizeof page - 1));
    return 0; /* the stream is closed, with a goodbye: the client knows that it has got all of the page */
}

static int serve(bide_listener *listener)
{
    const bide_tls_options options = { .identity = { .certificate_pem = certificate, .key_pem = key } };
    bide_auto(tls_context) *context = NULL;

    bide(bide_tls_context_open(&options, &context));
    return bide_serve_listener(listener, answer, NULL,
                               &(bide_serve_options){ .wrap = bide_tls_wrap, .wrap_argument = context });
}
bide_async(serve, bide_listener *);

static int fetch(const char *host, int port, bide_tls_context *context)
{
    bide_auto(stream) *stream = NULL;
    char text[4096];
    bide_tls_info info;

    bide(bide_open_tls_connection(host, port, context, &stream));
    bide(bide_tls_get_info(stream, &info));
    printf("%s is who it says it is; %s, %s\n", host, info.version, info.cipher);
    int length = snprintf(text, sizeof text, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", host);
    bide(bide_write(stream, text, (size_t)length));
    for (ssize_t count; (count = bide(bide_read(stream, text, sizeof text))) > 0;)
        fwrite(text, 1, (size_t)count, stdout);
    return 0;
}

/* The server's certificate vouches for itself: only who trusts it in particular believes it. */
static int fetch_from_ourselves(void)
{
    bide_auto(tls_context) *context = NULL;
    bide_listener *listener;
    int err;

    bide(bide_tls_context_open(&(bide_tls_options){ .ca_pem = certificate }, &context));
    bide(bide_listen("127.0.0.1", 0, &listener));
    int port = bide_listener_port(listener);
    bide_task_group (group, err) {
        bide_start(group, bide_co(serve, listener));
        bide(fetch("localhost", port, context));
        err = fetch("localhost", port, NULL); /* who trusts what the system trusts does not */
        printf("and else: %s\n", bide_strerror(err));
        bide_group_cancel(group);
    }
    return 0;
}

static int app(const char *host)
{
    return host ? fetch(host, 443, NULL) : fetch_from_ourselves();
}
bide_async(app, const char *);

int main(int count, char **arguments)
{
    return bide_run(bide_co(app, count > 1 ? arguments[1] : NULL)) < 0;
}
