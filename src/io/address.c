/*
 * Addresses and names. getaddrinfo blocks, so it runs in threads of its own (never those of files or of
 * bide_to_thread: a dead name server must not stop them), at most RESOLVERS at once; numeric addresses are parsed in
 * place. A lookup owns copies of all it needs, so a waiter that is cancelled leaves at once and the answer is dropped
 * when it comes.
 */
#include "io/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/thread_pool.h"
#include "task/wait.h"

enum { RESOLVERS = 8 };

void bide__address_text(const union bide__address *address, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN];

    if (address->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof host);
        snprintf(text, size, "[%s]:%d", host, ntohs(address->v6.sin6_port));
    } else if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof host);
        snprintf(text, size, "%s:%d", host, ntohs(address->v4.sin_port));
    } else {
        snprintf(text, size, "?");
    }
}

int bide__address_port(const union bide__address *address)
{
    return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

struct lookup {
    struct bide__job job;
    struct bide__waiter *waiter; /* NULL: given up */
    struct bide__addresses *addresses;
    int port;
    int passive;
    int error; /* EAI_..., 0 */
    int system_error;
    char host[];
};

struct lookup_waiter {
    struct bide__waiter waiter;
    struct lookup *lookup;
};

static void set_port(union bide__address *address, int port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons((uint16_t)port);
    else
        address->v4.sin_port = htons((uint16_t)port);
}

/* In a resolver thread. */
static void work(struct bide__job *job)
{
    struct lookup *lookup = (struct lookup *)job;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                                    .ai_flags = lookup->passive ? AI_PASSIVE : AI_ADDRCONFIG };
    struct addrinfo *list = NULL;
    size_t count = 0;

    lookup->error = getaddrinfo(lookup->host, NULL, &hints, &list);
    lookup->system_error = errno;
    if (lookup->error)
        return;
    for (struct addrinfo *item = list; item; item = item->ai_next)
        count++;
    lookup->addresses = calloc(1, sizeof *lookup->addresses + count * sizeof lookup->addresses->list[0]);
    for (struct addrinfo *item = list; item && lookup->addresses; item = item->ai_next) {
        if ((item->ai_family != AF_INET && item->ai_family != AF_INET6) ||
            item->ai_addrlen > sizeof(union bide__address))
            continue;
        union bide__address *address = &lookup->addresses->list[lookup->addresses->count++];
        memcpy(address, item->ai_addr, item->ai_addrlen);
        set_port(address, lookup->port);
    }
    freeaddrinfo(list);
}

static void drop(struct lookup *lookup)
{
    free(lookup->addresses);
    free(lookup);
}

static void finished(struct bide__job *job)
{
    struct lookup *lookup = (struct lookup *)job;

    if (lookup->waiter)
        bide__wake(lookup->waiter, 0);
    else
        drop(lookup);
}

static void withdraw(struct bide__waiter *waiter)
{
    struct lookup *lookup = ((struct lookup_waiter *)waiter)->lookup;

    lookup->waiter = NULL;
    if (bide__thread_pool_cancel(lookup->job.pool, &lookup->job))
        drop(lookup);
    bide__wake(waiter, -ECANCELED);
}

static int parse_numeric(const char *host, int port, int passive, union bide__address *address)
{
    memset(address, 0, sizeof *address);
    if (!host && passive) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_addr = in6addr_any;
    } else if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
    } else if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
    } else {
        return 0;
    }
    set_port(address, port);
    return 1;
}

static int resolve_by_name(struct bide__record *task, const char *host, int port, int passive,
                           struct bide__addresses **ret_addresses)
{
    struct bide_loop *loop = task->loop;
    struct lookup *lookup = calloc(1, sizeof *lookup + strlen(host) + 1);

    if (!loop->resolvers)
        loop->resolvers = bide__thread_pool_open(loop, RESOLVERS, "bide-resolver");
    if (!lookup || !loop->resolvers) {
        free(lookup);
        return bide_fail(-ENOMEM, "resolve '%s': no memory", host);
    }
    struct lookup_waiter waiter = { .waiter = { .task = task, .withdraw = withdraw, .what = "the resolver" },
                                    .lookup = lookup };
    lookup->job = (struct bide__job){ .work = work, .finished = finished };
    lookup->waiter = &waiter.waiter;
    lookup->port = port;
    lookup->passive = passive;
    memcpy(lookup->host, host, strlen(host) + 1);
    int err = bide__thread_pool_submit(loop->resolvers, &lookup->job);
    if (err < 0) {
        drop(lookup);
        return bide_fail(err, "resolve '%s': no thread can be started", host);
    }
    err = bide__wait(&waiter.waiter);
    if (err < 0)
        return err;
    if (lookup->addresses && lookup->addresses->count) {
        *ret_addresses = lookup->addresses;
        lookup->addresses = NULL;
    } else if (lookup->error) {
        err = bide_fail(BIDE_ERESOLVE, "resolve '%s': %s", host,
                        lookup->error == EAI_SYSTEM ? strerror(lookup->system_error) : gai_strerror(lookup->error));
    } else {
        err = lookup->addresses ? bide_fail(BIDE_ERESOLVE, "resolve '%s': no address", host)
                                : bide_fail(-ENOMEM, "resolve '%s': no memory", host);
    }
    drop(lookup);
    return err;
}

int bide__resolve(const char *host, int port, int passive, struct bide__addresses **ret_addresses)
{
    struct bide__record *task;
    union bide__address address;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (port < (passive ? 0 : 1) || port > 65535)
        return bide_fail(-EINVAL, "port %d is out of range %d..65535", port, passive ? 0 : 1);
    if (!parse_numeric(host, port, passive, &address))
        return resolve_by_name(task, host, port, passive, ret_addresses);
    struct bide__addresses *addresses = malloc(sizeof *addresses + sizeof address);
    if (!addresses)
        return bide_fail(-ENOMEM, "resolve '%s': no memory", host ? host : "*");
    addresses->count = 1;
    addresses->list[0] = address;
    *ret_addresses = addresses;
    return 0;
}
