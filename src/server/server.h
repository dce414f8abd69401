/* server/server.h - the HTTP server inside: a server, its connections, and the exchanges on them. */
#ifndef BIDE_SERVER_SERVER_H
#define BIDE_SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bide/http.h>
#include <bide/loop.h>
#include <bide/scope.h>

#include "client/message.h"

/* Connections that wait for a request, longest first; all have the same limit, so the first is the first to expire. */
struct bide__http_idle {
    struct bide__http_connection *first, *last;
    double limit; /* seconds */
};

/* A connection; lies on the stack of its task, which is all that an idle one needs. */
struct bide__http_connection {
    struct bide__http_server *server;
    bide_stream *stream;
    bide_group *waiting; /* what to cancel to end its wait; NULL: it is not idle */
    struct bide__http_connection *next, *previous;
    double since; /* when it became idle */
    bool expired;
    bool served; /* has had a request */
};

/* A server; lies on the stack of its task. */
struct bide__http_server {
    bide_http_handler handler;
    void *argument;
    bide_http_serve_options options; /* with the defaults filled in */
    struct bide__http1_limits limits;
    struct bide__http_idle fresh;      /* connections that have not sent anything yet */
    struct bide__http_idle kept_alive; /* those between two requests */
    bide_handle sweep;
    double sweep_at;           /* when it runs; infinity: it is not armed */
    bool stopping;             /* no request is begun any more */
    bide_http_exchange *spare; /* exchanges that nobody uses just now */
    size_t spare_count;
    char *common;         /* the Date and Server lines of every reply */
    size_t date_length;   /* of the Date line, which comes first */
    size_t common_length; /* of both */
    double date_until;    /* when the Date line grows old */
};

/* One request and its reply. Taken from the server's spare ones when a request begins: idle connections have none. */
struct bide_http_exchange {
    struct bide__http_connection *connection;
    bide_http_exchange *next_spare;
    bide_group *watching; /* cancel_on_disconnect: who to cancel, and who owns the watcher */
    char *output;         /* the head of the reply, until it is sent */
    size_t output_capacity, output_length;
    char *extra; /* header lines of the handler's own */
    size_t extra_capacity, extra_length;
    int64_t length;                  /* of the reply's body, or BIDE_HTTP_LENGTH_UNKNOWN */
    uint64_t written;                /* of it */
    const char *path, *query, *host; /* once they were asked for */
    int failure_status;              /* what reading the body came to: 408, 413, ...; 0: nothing wrong */
    bool continue_due;               /* the client waits for "100 Continue" */
    bool started, ended;             /* the reply */
    bool chunked;
    bool no_body; /* nothing may follow the head */
    bool close;   /* the connection ends with this reply */
    bool broken;  /* it cannot even carry the rest of the reply */
    bool has_date, has_server;
    bool watcher_due;                  /* the watcher starts when the request's body has been read */
    struct bide__http_message request; /* last: its headers follow */
};

/* ---- idle.c ---- */

/* The connection waits for the first byte of a request. Bytes that are there; 0: it is to be closed; or an error. */
ssize_t bide__http_wait_for_request(struct bide__http_connection *connection, const void **ret_data);

/* Begins the end: idle connections are closed, the others get no further request. */
void bide__http_server_stop(struct bide__http_server *server);

/* ---- connection.c ---- */

/* Starts the task that cancels the handler when the client has gone. 0, -ENOMEM, -EAGAIN. */
int bide__http_start_watcher(bide_http_exchange *exchange);

/* Serves one connection to its end. */
int bide__http_serve_connection(bide_stream *stream, void *server);

/* Frees the spare exchanges. */
void bide__http_free_spares(struct bide__http_server *server);

/* ---- request.c ---- */

/* Reads what the handler left of the body, up to the limit. True if the next request can follow. */
bool bide__http_drain(bide_http_exchange *exchange);

/* True when the request's body has been read. */
bool bide__http_body_done(const bide_http_exchange *exchange);

/* ---- reply.c, stream_reply.c ---- */

/* Makes the head of the reply in `output`. -EINVAL, -EALREADY, -ENOMEM. */
int bide__http_make_head(bide_http_exchange *exchange, int status, const char *content_type, int64_t length);

/* Sends pieces, all of it; the array is used up. 0 or an error; then the connection is broken. */
int bide__http_send(bide_http_exchange *exchange, struct iovec *pieces, size_t count);

#endif
