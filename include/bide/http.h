/*
 * bide/http.h - HTTP/1.1: a client with a connection pool, and a server
 *
 * Link with libbide-http. All calls belong to the thread of the loop, and all but the accessors may wait. There are
 * no timeout parameters: `bide_timeout(5, err) { err = bide_http_get(client, url, &response); }`. Wherever a task is
 * cancelled, nothing leaks and no connection in an unknown state is used again.
 *
 * A client:
 *
 *     bide_auto(http_client) *client = NULL;
 *     bide_auto(http_response) *response = NULL;
 *     char *text;
 *     size_t size;
 *
 *     bide(bide_http_client_open(NULL, &client));
 *     bide(bide_http_get(client, "http://127.0.0.1:8080/", &response));
 *     bide(bide_http_read_all(response, &text, &size));
 *     printf("%d, %zu bytes\n", bide_http_response_status(response), size);
 *     free(text);
 *
 * A server:
 *
 *     static int hello(bide_http_exchange *exchange, void *argument)
 *     {
 *         (void)argument;
 *         return bide_http_reply(exchange, 200, "text/plain", "hello\n", 6);
 *     }
 *     int main(void) { return bide_http_serve(hello, NULL, "127.0.0.1", 8080, NULL); }
 *
 * Not yet: redirects, cookies, compression, proxies, HTTP/2, WebSocket. A response with status 301 or 404 is a
 * response, not an error.
 */
#ifndef BIDE_HTTP_H
#define BIDE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <bide/export.h>
#include <bide/stream.h>

/*
 * One header line. Lists of headers that are given to this library end with a name of NULL:
 *
 *     (const bide_http_header[]){ { "Accept", "text/plain" }, { "X-Request-Id", id }, { NULL, NULL } }
 *
 * Names and values are checked when they are sent: a name that is no token, or a value with a line end or another
 * control character but the tab, is -EINVAL. So a value that came from a user cannot smuggle in a second header.
 */
typedef struct bide_http_header {
    const char *name;
    const char *value;
} bide_http_header;

/* ---- Client: open, close ------------------------------------------------------------ */

/*
 * A client: default headers, limits, and a pool of connections that are kept open between requests. One client serves
 * any number of tasks; make one for the program, not one for each request. Follows aiohttp.ClientSession.
 */
typedef struct bide_http_client bide_http_client;

/* The answer to a request: its head, and its body as a stream. Follows aiohttp.ClientResponse. */
typedef struct bide_http_response bide_http_response;

/* How a client works. Zeroed means the defaults; times are seconds (INFINITY: no limit), sizes are bytes (SIZE_MAX:
 * no limit). */
typedef struct bide_http_client_options {
    size_t connections_max; /* open at once to all hosts; 0: 100. Beyond it requests wait, first in first out */
    size_t connections_per_host_max; /* the same for one scheme, host and port; 0: no limit */
    double keep_alive;       /* how long an unused connection is kept; 0: 15 s; negative: connections are used once */
    double connect_timeout;  /* for the connection alone, its name resolution included; 0: 30 s. Failing: -ETIMEDOUT */
    size_t line_max;         /* a status line or header line of an answer; 0: 8190 */
    size_t header_count_max; /* header lines of an answer; 0: 128; at most 65536 */
    size_t head_max;         /* the whole head of an answer; 0: 65536; at most 16 MiB */
    size_t body_max;         /* what bide_http_read_all reads; 0: 16 MiB. bide_http_read has no limit */
    const char *user_agent;  /* NULL: "bide/" and the version; "": no such header. Copied */
    /* Sent with every request that has not a header of the same name; NULL: none. Copied. */
    const bide_http_header *headers;
    /*
     * Connects to hosts of https URLs: bide_tls_connect of libbide-tls, with a bide_tls_context (which outlives the
     * client) or NULL as its argument. NULL: https URLs are refused.
     */
    int (*secure)(const char *host, int port, void *argument, bide_stream **ret_stream);
    void *secure_argument;
} bide_http_client_options;

/*
 * bide_http_client_open - makes a client. Opens no connection and does not wait. options: NULL or the defaults.
 * ret_client: the caller closes it, in the same bide_run. Errors: -EINVAL for an option that makes no sense or a
 * header that may not be sent, -ENOMEM, -EPERM outside of a loop.
 */
BIDE_EXPORT int bide_http_client_open(const bide_http_client_options *options, bide_http_client **ret_client);

/*
 * bide_http_client_close - closes the unused connections and frees the client; NULL is ignored. Never waits. No
 * request may be in progress (asserted); responses that are still open keep what they need and may be read and closed
 * afterwards.
 */
BIDE_EXPORT void bide_http_client_close(bide_http_client *client);

/* bide_auto(http_client) *client = NULL; - closed when it goes out of scope. Declare it before its responses. */
static inline void bide__auto_http_client(bide_http_client **client)
{
    bide_http_client_close(*client);
}

/* ---- Client: requests ------------------------------------------------------------ */

/* What a request carries besides its method and URL. Zeroed: nothing. All of it is borrowed until the call returns. */
typedef struct bide_http_request_options {
    const bide_http_header
        *headers;             /* more headers; NULL: none. Host, Content-Length and Transfer-Encoding are set by the
                                        client; giving them is -EINVAL, but for Host */
    const char *content_type; /* the Content-Type header; NULL: none */
    const void *body;         /* the body; NULL: none, or from body_read */
    size_t body_size;         /* bytes of the body; with body_read: what it will deliver, 0: not known (sent chunked) */

    /* Delivers the body piece by piece instead: writes at most `size` bytes to `buffer` and returns how many, 0 at
     * the end, or an error, which ends the request. It may wait. Its request is never retried. */
    ssize_t (*body_read)(void *argument, void *buffer, size_t size);
    void *body_argument;
} bide_http_request_options;

/*
 * bide_http_request - sends a request and waits for the head of the answer (1xx answers are skipped).
 *
 * method: "GET", "POST", any token, in upper case as the server expects it. url: "http://host:port/path?query"; user
 * information in it is sent as an Authorization header (Basic), the fragment is not sent. options: NULL: none.
 * ret_response: the caller closes it; until then it occupies its connection, unless its body has been read to the
 * end.
 *
 * An idle connection to the host is used when there is one that is still alive. If it then turns out to be dead
 * before any byte of the answer came, and the method is idempotent (GET, HEAD, OPTIONS, PUT, DELETE, TRACE), the
 * request is sent once more on a fresh connection; no other request is ever repeated. A call that is cancelled, or
 * fails, closes its connection.
 *
 * Errors, each with a message that begins with method and URL and names the phase ("GET http://127.0.0.1:1/: connect
 * to 127.0.0.1:1: Connection refused"): BIDE_EURL (malformed, or https, and the client has no option `secure`);
 * BIDE_ERESOLVE and -ECONNREFUSED and the like (connect); -ETIMEDOUT (connect_timeout); BIDE_EOF (the connection
 * ended before the answer); -ECONNRESET; BIDE_EPROTOCOL (the answer is not valid HTTP); BIDE_ELIMIT (a limit of the
 * client's options); -EINVAL (method or header); -ENOMEM; -ECANCELED.
 */
BIDE_EXPORT int bide_http_request(bide_http_client *client, const char *method, const char *url,
                                  const bide_http_request_options *options, bide_http_response **ret_response);

/* bide_http_get - bide_http_request with GET and nothing else. Follows ClientSession.get. */
BIDE_EXPORT int bide_http_get(bide_http_client *client, const char *url, bide_http_response **ret_response);

/* bide_http_post - bide_http_request with POST and `size` bytes of body. content_type: NULL: none. */
BIDE_EXPORT int bide_http_post(bide_http_client *client, const char *url, const char *content_type, const void *body,
                               size_t size, bide_http_response **ret_response);

/* ---- Client: responses ------------------------------------------------------------ */

/* bide_http_response_status - 200, 404, ... (200..999). */
BIDE_EXPORT int bide_http_response_status(const bide_http_response *response);

/* bide_http_response_reason - the text after the status ("OK"); may be empty. Valid as long as the response. */
BIDE_EXPORT const char *bide_http_response_reason(const bide_http_response *response);

/* bide_http_response_version - 10 for HTTP/1.0, 11 for HTTP/1.1. */
BIDE_EXPORT int bide_http_response_version(const bide_http_response *response);

/* bide_http_response_header - the value of the first header of that name (any case), NULL without one. Valid as long
 * as the response. Repeated headers (Set-Cookie) are found by bide_http_response_header_at. */
BIDE_EXPORT const char *bide_http_response_header(const bide_http_response *response, const char *name);

/*
 * bide_http_response_header_at - header number `index`, from 0, in the order they were sent; false beyond the last.
 *
 *     for (size_t i = 0; bide_http_response_header_at(response, i, &header); i++)
 *         printf("%s: %s\n", header.name, header.value);
 */
BIDE_EXPORT bool bide_http_response_header_at(const bide_http_response *response, size_t index,
                                              bide_http_header *ret_header);

/* bide_http_response_length - bytes of the body by its Content-Length; 0 where there cannot be one (HEAD's answer
 * included, 204, 304); -1 when only its end will tell (chunked, or until the connection closes). */
BIDE_EXPORT int64_t bide_http_response_length(const bide_http_response *response);

/*
 * bide_http_read - reads what is there of the body, at most `size` bytes; waits for at least one. Returns how many, 0
 * at the end of the body. At the end the connection goes back to the pool. Trailers of a chunked body are checked and
 * dropped. Errors: BIDE_EOF: the connection ended before the body ("got 10 of 20 bytes"); BIDE_EPROTOCOL;
 * -ECONNRESET; -ECANCELED (nothing was taken: call again, or close). After an error other than -ECANCELED every call
 * returns it again. size 0: 0.
 */
BIDE_EXPORT ssize_t bide_http_read(bide_http_response *response, void *buffer, size_t size);

/*
 * bide_http_read_all - reads the rest of the body into memory. ret_text: to be freed with free(); a '\0' follows its
 * last byte, which ret_size (NULL: not wanted) does not count. 0; BIDE_ELIMIT when the body is larger than body_max
 * of the client's options; else as bide_http_read. After an error what had been read is gone, and so is the
 * response's connection.
 */
BIDE_EXPORT int bide_http_read_all(bide_http_response *response, char **ret_text, size_t *ret_size);

/*
 * bide_http_response_close - frees a response; NULL is ignored. Never waits. If its body has not been read to the end
 * its connection is closed, not pooled. No task may be reading it (asserted).
 */
BIDE_EXPORT void bide_http_response_close(bide_http_response *response);

/* bide_auto(http_response) *response = NULL; - closed when it goes out of scope. */
static inline void bide__auto_http_response(bide_http_response **response)
{
    bide_http_response_close(*response);
}

/* ---- Server ------------------------------------------------------------ */

/* A request that is being answered. Belongs to the server; valid until its handler returns. */
typedef struct bide_http_exchange bide_http_exchange;

/*
 * What answers requests: called in the task of the connection, once for each request, in their order. It reads the
 * request, replies, and returns 0. If it returns an error, or without having replied, the client gets a 500 (or, when
 * the answer was begun, a broken connection), and an error is reported on stderr; the server lives on.
 */
typedef int (*bide_http_handler)(bide_http_exchange *exchange, void *argument);

/* How a server works. Zeroed means the defaults; times are seconds (INFINITY: no limit), sizes are bytes (SIZE_MAX:
 * no limit). */
typedef struct bide_http_serve_options {
    size_t connections_max; /* handled at once; more wait in the kernel's queue; 0: no limit */
    double grace;           /* when the server is cancelled: for running requests to end; 0: none, they are cancelled */
    double head_timeout;    /* from the first byte of a request to the end of its head, then 408; also for a new
                             * connection to send anything; 0: 10 s */
    double keep_alive;   /* how long a connection may be idle between requests; 0: 75 s; negative: one request each */
    double body_timeout; /* between two pieces of a request's body, then the read fails and 408; 0: 30 s */
    double send_timeout; /* for the client to take anything of the answer; 0: 30 s */
    size_t line_max;     /* a request line (414) or header line (431); 0: 8190 */
    size_t header_count_max; /* header lines (431); 0: 128; at most 65536 */
    size_t head_max;         /* the whole head (431); 0: 65536; at most 16 MiB */
    size_t body_max;         /* what bide_http_exchange_read_all reads (413); 0: 1 MiB */
    size_t drain_max;        /* of a body that the handler left unread; larger ones cost the connection; 0: 64 KiB */
    double linger;           /* when a connection is closed on a request that was not read to its end: how long the
                              * rest is read and thrown away, so that the answer is not lost with it; 0: 2 s */
    const char *server_name; /* the Server header; NULL: "bide/" and the version; "": none. Not copied */
    /* Cancel a handler when its client closes the connection; otherwise it sees that only as an error of its next read
     * or write. A client that half-closes counts as gone. */
    bool cancel_on_disconnect;
    bool quiet; /* do not report failing handlers */

    /* As in bide_serve_options (bide/server.h). */
    double abort_after;
    int (*wrap)(bide_stream *stream, void *argument); /* of each connection before its first request: TLS */
    void *wrap_argument;
    const bide_listen_options *listen; /* bide_http_serve: more addresses, and how to listen */
    unsigned workers; /* bide_http_serve: loops that serve, each in its thread: handlers run in all of them */
} bide_http_serve_options;

/*
 * bide_http_serve - listens on host:port and answers requests until cancelled (Ctrl-C or SIGTERM, when called outside
 * of a loop: then it is a bide_run of its own). argument: handed to the handler. options: NULL or the defaults; read throughout.
 *
 * Keep-alive, pipelining (answered in order, one at a time), HTTP/1.0, HEAD, chunked bodies. Malformed requests are
 * answered with 400, 413, 414, 431, 501 or 505 and cost their connection. "Expect: 100-continue" is answered when the
 * handler first reads the body. Cancelled: nothing is accepted any more, idle connections are closed at once, running
 * requests get `grace` seconds and are then cancelled; -ECANCELED (or -EINTR). Errors as bide_listen; -EINVAL for
 * options that make no sense.
 */
BIDE_EXPORT int bide_http_serve(bide_http_handler handler, void *argument, const char *host, int port,
                                const bide_http_serve_options *options);

/* bide_http_serve_listener - the same on a listener, inside a task. The listener is closed at the end, also after an
 * error. */
BIDE_EXPORT int bide_http_serve_listener(bide_listener *listener, bide_http_handler handler, void *argument,
                                         const bide_http_serve_options *options);

/* ---- Server: the request ------------------------------------------------------------ */

/* bide_http_exchange_method - "GET". All texts of a request are valid until its handler returns. */
BIDE_EXPORT const char *bide_http_exchange_method(const bide_http_exchange *exchange);

/* bide_http_exchange_target - the request target as sent: "/path?query", "http://host/path", "*", "host:port". */
BIDE_EXPORT const char *bide_http_exchange_target(const bide_http_exchange *exchange);

/* bide_http_exchange_path - the path of the target without its query, still percent-encoded: "/path"; "*" and
 * "host:port" as they are. */
BIDE_EXPORT const char *bide_http_exchange_path(bide_http_exchange *exchange);

/* bide_http_exchange_query - what follows the '?' of the target, still percent-encoded; NULL without a '?'. */
BIDE_EXPORT const char *bide_http_exchange_query(bide_http_exchange *exchange);

/* bide_http_exchange_host - "example.org:8080": the target's authority if it has one, or the Host header, or "". */
BIDE_EXPORT const char *bide_http_exchange_host(bide_http_exchange *exchange);

/* bide_http_exchange_version - 10 for HTTP/1.0, 11 for HTTP/1.1. */
BIDE_EXPORT int bide_http_exchange_version(const bide_http_exchange *exchange);

/* bide_http_exchange_peer - "127.0.0.1:54321": the client's address. */
BIDE_EXPORT const char *bide_http_exchange_peer(bide_http_exchange *exchange);

/* bide_http_exchange_header - the value of the first header of that name (any case), NULL without one. */
BIDE_EXPORT const char *bide_http_exchange_header(const bide_http_exchange *exchange, const char *name);

/* bide_http_exchange_header_at - header number `index`, from 0, in the order they were sent; false beyond the last. */
BIDE_EXPORT bool bide_http_exchange_header_at(const bide_http_exchange *exchange, size_t index,
                                              bide_http_header *ret_header);

/* bide_http_exchange_length - bytes of the request's body; 0 without one; -1 when it is chunked. */
BIDE_EXPORT int64_t bide_http_exchange_length(const bide_http_exchange *exchange);

/*
 * bide_http_exchange_read - reads what is there of the request's body, at most `size` bytes; waits for at least one.
 * Returns how many, 0 at the end. The first call sends "100 Continue" if the client waits for it. Errors: BIDE_EOF:
 * the client ended before the body; -ETIMEDOUT: nothing came for body_timeout; BIDE_EPROTOCOL; -ECONNRESET;
 * -ECANCELED (nothing was taken). If the handler hands one of them on, the client gets the fitting answer (400, 408,
 * 413, or none).
 */
BIDE_EXPORT ssize_t bide_http_exchange_read(bide_http_exchange *exchange, void *buffer, size_t size);

/*
 * bide_http_exchange_read_all - reads the rest of the request's body into memory. ret_text: to be freed with free();
 * a '\0' follows its last byte, which ret_size (NULL: not wanted) does not count. BIDE_ELIMIT: larger than body_max
 * of the options (413, if the handler hands that on); else as bide_http_exchange_read.
 */
BIDE_EXPORT int bide_http_exchange_read_all(bide_http_exchange *exchange, char **ret_text, size_t *ret_size);

/* ---- Server: the reply ------------------------------------------------------------ */

/*
 * bide_http_reply_header - adds a header to the reply that is to come; both texts are copied. Does not wait.
 * Content-Type is given with the reply; Date and Server are added unless given here; Content-Length,
 * Transfer-Encoding and Connection belong to the server: -EINVAL, but for "Connection: close", which is heeded. Also
 * -EINVAL: a name or value that may not be sent; -ENOMEM; -EALREADY: the reply was begun.
 */
BIDE_EXPORT int bide_http_reply_header(bide_http_exchange *exchange, const char *name, const char *value);

/*
 * bide_http_reply - replies in one piece, in one system call. status: 200..599. content_type: NULL: none. data:
 * `size` bytes, borrowed until the call returns. For HEAD the head alone is sent, with the Content-Length of `size`;
 * 204 and 304 have no body. 0; -EINVAL; -EALREADY (a reply was begun); -EPIPE, -ECONNRESET: the client is gone;
 * -ETIMEDOUT (send_timeout); -ENOMEM; -ECANCELED: nothing was sent.
 */
BIDE_EXPORT int bide_http_reply(bide_http_exchange *exchange, int status, const char *content_type, const void *data,
                                size_t size);

/* bide_http_reply_text - bide_http_reply with a string as "text/plain; charset=utf-8". */
BIDE_EXPORT int bide_http_reply_text(bide_http_exchange *exchange, int status, const char *text);

/* The length of a reply that only its end tells. */
#define BIDE_HTTP_LENGTH_UNKNOWN ((int64_t)-1)

/*
 * bide_http_reply_start - begins a reply whose body is then written piece by piece; the head goes out with the first
 * piece. length: bytes of the body, or BIDE_HTTP_LENGTH_UNKNOWN: chunked, and for HTTP/1.0 until the connection
 * closes. Does not wait. 0; -EINVAL, -EALREADY, -ENOMEM. Follows aiohttp's StreamResponse.prepare.
 */
BIDE_EXPORT int bide_http_reply_start(bide_http_exchange *exchange, int status, const char *content_type,
                                      int64_t length);

/*
 * bide_http_reply_write - sends a piece of the body; waits while the client takes no more. size 0: sends the head, if
 * it is still here. For HEAD nothing is sent. 0, or an error as bide_http_reply; -EINVAL: more than the length, or
 * not started. A call that was cancelled or failed in the middle breaks the connection: -EPIPE from then on.
 */
BIDE_EXPORT int bide_http_reply_write(bide_http_exchange *exchange, const void *data, size_t size);

/*
 * bide_http_reply_end - ends a reply that was started. Returning 0 from the handler does the same. 0, or an error as
 * bide_http_reply; -EINVAL: less than the length was written (the connection is then closed, so the client sees it).
 */
BIDE_EXPORT int bide_http_reply_end(bide_http_exchange *exchange);

#endif
