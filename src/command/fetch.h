/* command/fetch.h - one run of `bide fetch`: what its parts share. */
#ifndef BIDE_COMMAND_FETCH_H
#define BIDE_COMMAND_FETCH_H

#include <bide.h>
#include <bide/http.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command/output.h"
#include "command/report.h"
#include "command/secure.h"
#include "command/source.h"
#include "command/store.h"

/* What the command line said. */
struct fetch_options {
    size_t concurrency;
    double timeout; /* seconds for each attempt, from connecting to the last byte */
    size_t retries;
    uint64_t size_max; /* of a body, in bytes */
    const char *method;
    const char *directory; /* NULL: bodies are not stored */
    const char *list;      /* NULL: the URLs are arguments */
    bool json;
    bool quiet;
    bide_http_header *headers; /* ends with a name of NULL; NULL: none. The names own their texts */
    size_t header_count;
    struct secure_client secure;
};

/* A run. Lives in main's frame as long as everything else. */
struct fetch {
    struct fetch_options options;
    struct source source;
    struct output output;
    struct store store;
    struct report report;
    bide_http_client *client;
    bide_task *main;        /* what SIGTERM cancels */
    bool terminated;        /* by SIGTERM */
    unsigned short seed[3]; /* of the jitter */
};

/* What became of a URL. */
struct outcome {
    int err;        /* 0: answered */
    int status;     /* 0: no answer */
    uint64_t bytes; /* of the body, in the last attempt */
    double seconds; /* of the last attempt */
    size_t attempts;
    double retry_after; /* what the server asked for in seconds; negative: nothing */
    char message[600];  /* for err, or for a status that is not stored */
};

/*
 * download - fetches a URL: all its attempts, the waits between them, and storing the body if that is wanted. 0 and
 * *ret_outcome, whether it failed or not; only -ECANCELED otherwise. Reports nothing but the bytes that come in.
 */
int download(struct fetch *fetch, const char *url, struct outcome *ret_outcome);

#endif
