/*
 * getaddrinfo and getnameinfo for tasks.
 *
 * A list is one block of memory: its entries, each with its address behind it, and the canonical name at the end; so
 * the copy that each caller gets of a shared answer costs one allocation. What is numeric is answered in place, and
 * only where that is exactly what the C library would say.
 */
#include <bide/dns.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>

#include "io/resolver.h"
#include "task/wait.h"

struct entry {
    struct addrinfo info; /* first */
    union bide__address address;
};

/* A list of `count` entries, each to be set by set_entry. NULL without memory. */
static struct entry *make_list(size_t count, const char *canonical)
{
    size_t size = canonical ? strlen(canonical) + 1 : 0;
    struct entry *entries = calloc(1, count * sizeof *entries + size);

    if (entries && canonical) {
        memcpy(entries + count, canonical, size);
        entries[0].info.ai_canonname = (char *)(entries + count);
    }
    return entries;
}

static void set_entry(struct entry *entry, const struct bide__answer_item *item, struct entry *next)
{
    entry->address = item->address;
    entry->info.ai_family = item->family;
    entry->info.ai_socktype = item->type;
    entry->info.ai_protocol = item->protocol;
    entry->info.ai_addr = &entry->address.any;
    entry->info.ai_addrlen = bide__address_size(&entry->address);
    entry->info.ai_next = next ? &next->info : NULL;
}

void bide_freeaddrinfo(struct addrinfo *list)
{
    free(list); /* its first entry begins the block */
}

/* The protocol of a socket type of the internet. */
static int protocol_of(int type)
{
    return type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
}

/* A port number as text: 0..65535, -1 if it is none. NULL: 0. */
static int parse_port(const char *text)
{
    int port = 0;

    if (!text)
        return 0;
    if (!*text)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || port > 6553)
            return -1;
        port = port * 10 + (*text - '0');
    }
    return port <= 65535 ? port : -1;
}

/* What is numeric all through, and asks for one kind of socket, needs no resolver. True: *ret_item is the answer. */
static bool answer_in_place(const struct bide__query *query, struct bide__answer_item *ret_item)
{
    const int plain = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
    int port = parse_port(query->service);

    if (!query->host || port < 0 || query->flags & ~plain || (query->type != SOCK_STREAM && query->type != SOCK_DGRAM))
        return false;
    *ret_item = (struct bide__answer_item){ .type = query->type, .protocol = protocol_of(query->type) };
    if ((query->protocol && query->protocol != ret_item->protocol) ||
        !bide__address_parse(query->host, &ret_item->address))
        return false;
    ret_item->family = ret_item->address.any.sa_family;
    bide__address_set_port(&ret_item->address, port);
    return !query->family || query->family == ret_item->family;
}

static int give_list(const struct bide__answer_item *items, size_t count, const char *canonical, const char *what,
                     struct addrinfo **ret_list)
{
    struct entry *entries = make_list(count, canonical);

    if (!entries)
        return bide_fail(-ENOMEM, "resolve '%s': no memory", what);
    for (size_t i = 0; i < count; i++)
        set_entry(&entries[i], &items[i], i + 1 < count ? &entries[i + 1] : NULL);
    *ret_list = &entries[0].info;
    return 0;
}

int bide_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret_list)
{
    struct bide__query query = { .host = host, .service = service };
    const char *what = host ? host : service;
    struct bide__answer_item item;
    struct bide__answer *answer;
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (!what)
        return bide_fail(-EINVAL, "bide_getaddrinfo: neither a host nor a service");
    if (strlen(what) > BIDE__HOST_MAX || (service && strlen(service) > BIDE__HOST_MAX))
        return bide_fail(-EINVAL, "bide_getaddrinfo: a name of more than %d bytes", BIDE__HOST_MAX);
    if (hints) {
        query.family = hints->ai_family;
        query.type = hints->ai_socktype;
        query.protocol = hints->ai_protocol;
        query.flags = hints->ai_flags;
    }
    if (answer_in_place(&query, &item))
        return give_list(&item, 1, NULL, what, ret_list);
    err = bide__resolver_ask(task, &query, &answer);
    if (err < 0)
        return err;
    err = answer->count ? give_list(answer->items, answer->count, answer->canonical, what, ret_list)
                        : bide__answer_explain(answer, host, service);
    bide__answer_release(answer);
    return err;
}

/* ---- getnameinfo ---- */

/* Owns copies of all it needs: its waiter may leave at any time. */
struct name_lookup {
    struct bide__job job;        /* first */
    struct bide__waiter *waiter; /* NULL: given up */
    union bide__address address;
    socklen_t size;
    int flags;
    bool wants_host, wants_service;
    int error, system_error;
    char host[NI_MAXHOST], service[NI_MAXSERV];
};

struct name_waiter {
    struct bide__waiter waiter;
    struct name_lookup *lookup;
};

/* In a thread, or, for numbers, in place. */
static void look_name_up(struct bide__job *job)
{
    struct name_lookup *lookup = (struct name_lookup *)job;

    lookup->error =
        getnameinfo(&lookup->address.any, lookup->size, lookup->wants_host ? lookup->host : NULL,
                    lookup->wants_host ? sizeof lookup->host : 0, lookup->wants_service ? lookup->service : NULL,
                    lookup->wants_service ? sizeof lookup->service : 0, lookup->flags);
    lookup->system_error = errno;
}

static void name_found(struct bide__job *job)
{
    struct name_lookup *lookup = (struct name_lookup *)job;

    if (lookup->waiter)
        bide__wake(lookup->waiter, 0);
    else
        free(lookup);
}

static void withdraw_name(struct bide__waiter *waiter)
{
    struct name_lookup *lookup = ((struct name_waiter *)waiter)->lookup;

    lookup->waiter = NULL;
    if (bide__thread_pool_cancel(lookup->job.pool, &lookup->job))
        free(lookup);
    bide__wake(waiter, -ECANCELED);
}

/* Waits for a lookup in a thread. 0: it is the caller's again; an error: it is not. */
static int wait_for_name(struct bide__record *task, struct name_lookup *lookup, const char *what)
{
    struct name_waiter waiter = { .waiter = { .task = task, .withdraw = withdraw_name, .what = "the resolver" },
                                  .lookup = lookup };

    lookup->waiter = &waiter.waiter;
    lookup->job = (struct bide__job){ .work = look_name_up, .finished = name_found };
    int err = bide__resolver_submit(task->loop, &lookup->job, what);
    if (err < 0) {
        free(lookup);
        return err;
    }
    return bide__wait(&waiter.waiter);
}

/* Hands the names over, if they fit. */
static int give_names(const struct name_lookup *lookup, const char *what, char *host, size_t host_size, char *service,
                      size_t service_size)
{
    size_t host_length = strlen(lookup->host), service_length = strlen(lookup->service);

    if (lookup->error)
        return bide_fail(lookup->error == EAI_MEMORY ? -ENOMEM : BIDE_ERESOLVE, "name of %s: %s", what,
                         lookup->error == EAI_SYSTEM ? strerror(lookup->system_error) : gai_strerror(lookup->error));
    if ((host && host_length >= host_size) || (service && service_length >= service_size))
        return bide_fail(-ENOSPC, "name of %s: '%s' and service '%s' do not fit", what, lookup->host, lookup->service);
    if (host)
        memcpy(host, lookup->host, host_length + 1);
    if (service)
        memcpy(service, lookup->service, service_length + 1);
    return 0;
}

static bool is_internet_address(const struct sockaddr *address, socklen_t size)
{
    if (size < (socklen_t)sizeof address->sa_family)
        return false;
    return (address->sa_family == AF_INET && size >= (socklen_t)sizeof(struct sockaddr_in)) ||
           (address->sa_family == AF_INET6 && size >= (socklen_t)sizeof(struct sockaddr_in6));
}

int bide_getnameinfo(const struct sockaddr *address, socklen_t address_size, char *host, size_t host_size,
                     char *service, size_t service_size, int flags)
{
    const int numeric = NI_NUMERICHOST | NI_NUMERICSERV;
    char what[BIDE__ADDRESS_TEXT];
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (!address || !is_internet_address(address, address_size))
        return bide_fail(-EINVAL, "bide_getnameinfo: not an IPv4 or IPv6 address");
    struct name_lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return bide_fail(-ENOMEM, "bide_getnameinfo: no memory");
    lookup->size = address->sa_family == AF_INET6 ? sizeof lookup->address.v6 : sizeof lookup->address.v4;
    memcpy(&lookup->address, address, lookup->size);
    lookup->flags = flags;
    lookup->wants_host = host != NULL;
    lookup->wants_service = service != NULL;
    bide__address_text(&lookup->address, what, sizeof what);
    if ((flags & numeric) == numeric || (!host && flags & NI_NUMERICSERV)) {
        look_name_up(&lookup->job);
    } else {
        err = wait_for_name(task, lookup, what);
        if (err < 0)
            return err;
    }
    err = give_names(lookup, what, host, host_size, service, service_size);
    free(lookup);
    return err;
}
