/* io/resolver.h - lookups: shared by those who ask the same, and remembered. */
#ifndef BIDE_IO_RESOLVER_H
#define BIDE_IO_RESOLVER_H

#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>

#include "io/address.h"
#include "loop/thread_pool.h"
#include "task/record.h"

enum { BIDE__HOST_MAX = 1024 /* bytes of a host name */ };

/* What is asked: getaddrinfo's parameters. */
struct bide__query {
    const char *host, *service; /* one may be NULL */
    int family, type, protocol, flags;
};

/* What came of a lookup. Shared and constant; ends with its last reference. All in the loop's thread. */
struct bide__answer {
    unsigned references;
    int error; /* EAI_..., 0 */
    int system_error;
    char *canonical; /* the host's name, NULL if it was not asked for */
    size_t count;
    struct bide__answer_item {
        int family, type, protocol;
        union bide__address address;
    } items[];
};

/*
 * Looks up: from the cache, together with others who ask the same, or in a thread; the task has passed a checkpoint.
 * 0: *ret_answer is to be released; the resolver may have failed, then its error says why. -ENOMEM, -EAGAIN with a
 * message; -ECANCELED at once.
 */
int bide__resolver_ask(struct bide__record *task, const struct bide__query *query, struct bide__answer **ret_answer);
void bide__answer_release(struct bide__answer *answer);

/* The message for an answer that is an error or empty. Returns its code. */
int bide__answer_explain(const struct bide__answer *answer, const char *host, const char *service);

/* Runs a job in a thread of the resolver. 0; -ENOMEM, -EAGAIN with a message that begins with "resolve 'what'". */
int bide__resolver_submit(struct bide_loop *loop, struct bide__job *job, const char *what);

#endif
