/* client/client.h - the HTTP client inside: clients, their pool of connections, responses. */
#ifndef BIDE_CLIENT_CLIENT_H
#define BIDE_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bide/http.h>
#include <bide/loop.h>
#include <bide/scope.h>

#include "client/message.h"
#include "proto/http1_writer.h"
#include "proto/url.h"

enum { BIDE__HTTP_BUCKETS = 64 };

/* A connection of a client. It belongs to a request, to a response, or to the pool. */
struct bide__http_link {
    struct bide__http_client_host *host;
    bide_stream *stream;
    bool reused;                                       /* has carried a request before */
    double since;                                      /* idle: since when */
    struct bide__http_link *next_idle, *previous_idle; /* of the client, longest idle first */
    struct bide__http_link *next_here, *previous_here; /* of the host */
};

/* A host with connections, or with requests that wait for one. Freed when it has neither. */
struct bide__http_client_host {
    struct bide__http_client_host *next; /* in its bucket */
    size_t open;                         /* slots in use: connections, and permissions to make one */
    size_t waiting;
    struct bide__http_link *newest_idle;
    uint16_t port;
    bool secure; /* by TLS */
    char name[]; /* lower case */
};

/* A request that waits for a connection; lies on its stack. */
struct bide__http_turn {
    struct bide__http_client_host *host;
    struct bide__http_turn *next, *previous;
    bide_group *waiting;          /* what to cancel to wake it */
    struct bide__http_link *link; /* granted: an idle connection; NULL: the permission to make one */
    bool granted;
};

struct bide_http_client {
    bide_http_client_options options; /* with the defaults filled in; its pointers are not used */
    struct bide__http1_limits limits;
    char *defaults; /* default header lines, ready to be sent */
    size_t defaults_length;
    size_t requests;   /* in progress */
    size_t references; /* the owner's, and one for each response */
    bool closed;
    size_t open; /* slots in use by all hosts */
    struct bide__http_link *oldest_idle, *newest_idle;
    struct bide__http_turn *first_turn, *last_turn;
    bide_handle sweep;
    bool sweeping;
    bide_http_response *spare; /* responses that nobody uses just now */
    size_t spare_count;
    struct bide__http_client_host *buckets[BIDE__HTTP_BUCKETS];
};

struct bide_http_response {
    bide_http_client *client;
    bide_http_response *next_spare;
    struct bide__http_link *link; /* NULL: the body has been read, or cannot be read any more */
    bool reading;
    char *what; /* "GET http://host/path", for messages; lies in `what_inline` or on the heap */
    char what_inline[160];
    struct bide__http_message message; /* last: its headers follow */
};

/* What a request is, while it is made. */
struct bide__http_call {
    bide_http_client *client;
    const char *method;
    const bide_http_request_options *options;
    struct bide__url url;
    bide_http_response *response;
    struct bide__http_link *link;
    size_t head_length; /* of the request in the response's text */
    bool close;         /* the user wants the connection closed */
    bool answered;      /* a byte of the answer has come */
};

/* ---- pool.c ---- */

/*
 * A connection to the host: an idle one, or a new one; waits in line for a slot. `fresh`: a new one in any case. 0,
 * or an error with a message.
 */
int bide__http_pool_acquire(bide_http_client *client, const struct bide__url *url, bool fresh,
                            struct bide__http_link **ret_link);

/* Gives a connection back: to be kept if it can carry another request, else closed. */
void bide__http_pool_release(bide_http_client *client, struct bide__http_link *link, bool keep);

/* Closes all idle connections. */
void bide__http_pool_close(bide_http_client *client);

/* ---- request_head.c ---- */

/* Turns the default headers into lines. -EINVAL, -ENOMEM. */
int bide__http_make_defaults(bide_http_client *client, const bide_http_client_options *options);

/* Writes the head of the request into the response's text. 0, -EINVAL, -ENOMEM. */
int bide__http_write_request(struct bide__http_call *call);

/* "Basic ..." for "user:password" as it stands in a URL; to be freed. NULL without memory. */
char *bide__http_basic(const char *userinfo);

/* ---- client.c ---- */

/* A response for a request that begins; NULL without memory. Holds a reference to the client. */
bide_http_response *bide__http_response_take(bide_http_client *client);

/* Gives it back, and the reference. Its link was released before. */
void bide__http_response_give(bide_http_response *response);

/* ---- response.c ---- */

/* The body has been read to its end, or never will be: lets the connection go. */
void bide__http_response_detach(bide_http_response *response, bool complete);

#endif
