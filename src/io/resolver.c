/*
 * The resolver of a loop: getaddrinfo in a few threads, one lookup for all who ask the same, answers kept for a while.
 *
 * A lookup stands in a table by what it asks. While it is under way its waiters stand in its list, each to be given
 * up alone: the one that leaves takes nothing with it, and only a lookup that no thread has begun and nobody waits for
 * is taken back. When the answer is there all get a reference to it; a good one stays in the table until it is too old
 * or too many are younger. Failures are not kept: who asks again asks the name server.
 *
 * Costs: a hit is a hash and a comparison; a lookup a block of memory and a trip to a thread. Memory: cache_max
 * answers of some hundred bytes. Must never happen: a thread that writes into what belongs to a task (it works on the
 * lookup's own copies); an answer that a cancelled waiter keeps from the others.
 */
#include "io/resolver.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bide/dns.h>
#include <bide/error.h>

#include "task/wait.h"

enum { BUCKETS = 256, THREADS = 8, THREADS_MAX = 1000, CACHE_MAX = 1000 };
static const double TIME_TO_LIVE = 10;

struct lookup {
    struct bide__job job; /* first */
    struct bide__resolver *resolver;
    struct lookup *next;            /* in its bucket */
    struct lookup *newer, *older;   /* of those with an answer, by their last use */
    struct bide__wait_list waiters; /* while there is no answer */
    struct bide__answer *result;    /* the thread's, until it comes home */
    struct bide__answer *answer;    /* NULL: under way */
    int64_t expires;                /* on the loop's clock */
    bool listed;                    /* stands in its bucket, so others find it */
    struct bide__query query;       /* its texts are below */
    char text[];
};

struct lookup_waiter {
    struct bide__waiter waiter;
    struct lookup *lookup;
    struct bide__answer *answer;
};

struct bide__resolver {
    struct bide__companion companion;
    struct bide_loop *loop;
    struct bide__thread_pool *pool; /* NULL: nothing was looked up yet */
    bide_dns_options options;
    size_t under_way; /* lookups without an answer */
    size_t kept;      /* with one */
    struct lookup *newest, *oldest;
    struct lookup *buckets[BUCKETS];
};

/* ---- the table ---- */

static struct lookup **bucket_of(struct bide__resolver *resolver, const struct bide__query *query)
{
    uint32_t hash = (uint32_t)query->type * 31 + (uint32_t)query->flags;

    for (const char *at = query->host ? query->host : ""; *at; at++)
        hash = (hash ^ (uint32_t)tolower((unsigned char)*at)) * 16777619;
    return &resolver->buckets[(hash ^ hash >> 16) % BUCKETS];
}

static bool same_text(const char *left, const char *right)
{
    return left && right ? strcasecmp(left, right) == 0 : left == right;
}

static bool same_query(const struct bide__query *left, const struct bide__query *right)
{
    return left->family == right->family && left->type == right->type && left->protocol == right->protocol &&
           left->flags == right->flags && same_text(left->host, right->host) &&
           same_text(left->service, right->service);
}

static void unlist(struct lookup *lookup)
{
    struct lookup **link = bucket_of(lookup->resolver, &lookup->query);

    if (!lookup->listed)
        return;
    while (*link != lookup)
        link = &(*link)->next;
    *link = lookup->next;
    lookup->listed = false;
}

static void use_link(struct lookup *lookup)
{
    struct bide__resolver *resolver = lookup->resolver;

    lookup->newer = NULL;
    lookup->older = resolver->newest;
    *(lookup->older ? &lookup->older->newer : &resolver->oldest) = lookup;
    resolver->newest = lookup;
}

static void use_unlink(struct lookup *lookup)
{
    struct bide__resolver *resolver = lookup->resolver;

    *(lookup->newer ? &lookup->newer->older : &resolver->newest) = lookup->older;
    *(lookup->older ? &lookup->older->newer : &resolver->oldest) = lookup->newer;
}

/* Forgets a lookup that has its answer. */
static void forget(struct lookup *lookup)
{
    unlist(lookup);
    use_unlink(lookup);
    lookup->resolver->kept--;
    bide__answer_release(lookup->answer);
    free(lookup);
}

/* The lookup that asks the same, unless its answer is too old. */
static struct lookup *find(struct bide__resolver *resolver, const struct bide__query *query)
{
    struct lookup *lookup = *bucket_of(resolver, query);

    while (lookup && !same_query(&lookup->query, query))
        lookup = lookup->next;
    if (lookup && lookup->answer && bide__loop_now(resolver->loop) >= lookup->expires) {
        forget(lookup);
        lookup = NULL;
    }
    return lookup;
}

/* ---- the resolver ---- */

static void close_resolver(struct bide__companion *companion)
{
    struct bide__resolver *resolver = (struct bide__resolver *)companion;

    bide__thread_pool_close(resolver->pool);
    bide__remote_drain(resolver->loop); /* what the threads had still done comes home */
    while (resolver->newest)
        forget(resolver->newest);
    assert(!resolver->under_way);
    free(resolver);
}

/* That of a loop; NULL without memory. */
static struct bide__resolver *resolver_of(struct bide_loop *loop)
{
    struct bide__resolver *resolver = (struct bide__resolver *)bide__companion_find(loop, close_resolver);

    if (resolver)
        return resolver;
    resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        return NULL;
    resolver->loop = loop;
    resolver->options.time_to_live = TIME_TO_LIVE;
    resolver->options.cache_max = CACHE_MAX;
    resolver->options.threads_max = THREADS;
    resolver->companion.close = close_resolver;
    bide__companion_add(loop, &resolver->companion);
    return resolver;
}

int bide__resolver_submit(struct bide_loop *loop, struct bide__job *job, const char *what)
{
    struct bide__resolver *resolver = resolver_of(loop);

    if (resolver && !resolver->pool)
        resolver->pool = bide__thread_pool_open(loop, resolver->options.threads_max, "bide-resolver");
    if (!resolver || !resolver->pool)
        return bide_fail(-ENOMEM, "resolve '%s': no memory", what);
    int err = bide__thread_pool_submit(resolver->pool, job);
    return err < 0 ? bide_fail(err, "resolve '%s': no thread can be started", what) : 0;
}

/* ---- answers ---- */

void bide__answer_release(struct bide__answer *answer)
{
    if (!answer || --answer->references)
        return;
    free(answer->canonical);
    free(answer);
}

int bide__answer_explain(const struct bide__answer *answer, const char *host, const char *service)
{
    const char *reason = answer->error == EAI_SYSTEM ? strerror(answer->system_error)
                         : answer->error             ? gai_strerror(answer->error)
                                                     : "no address";
    int code = answer->error == EAI_MEMORY ? -ENOMEM : BIDE_ERESOLVE;

    if (host && service)
        return bide_fail(code, "resolve '%s', service '%s': %s", host, service, reason);
    return bide_fail(code, "resolve '%s': %s", host ? host : service, reason);
}

/* The answer for a list of the C library, NULL without memory. */
static struct bide__answer *make_answer(const struct addrinfo *list, int flags)
{
    struct bide__answer *answer;
    size_t count = 0;

    for (const struct addrinfo *info = list; info; info = info->ai_next)
        count++;
    answer = calloc(1, sizeof *answer + count * sizeof answer->items[0]);
    if (!answer)
        return NULL;
    for (const struct addrinfo *info = list; info; info = info->ai_next) {
        struct bide__answer_item *item = &answer->items[answer->count];

        if ((info->ai_family != AF_INET && info->ai_family != AF_INET6) || info->ai_addrlen > sizeof item->address)
            continue;
        item->family = info->ai_family;
        item->type = info->ai_socktype;
        item->protocol = info->ai_protocol;
        memcpy(&item->address, info->ai_addr, info->ai_addrlen);
        answer->count++;
    }
    if (flags & AI_CANONNAME && list && list->ai_canonname && !(answer->canonical = strdup(list->ai_canonname))) {
        free(answer);
        return NULL;
    }
    return answer;
}

/* In a thread of the resolver. Without memory there will be no answer. */
static void work(struct bide__job *job)
{
    struct lookup *lookup = (struct lookup *)job;
    const struct bide__query *query = &lookup->query;
    const struct addrinfo hints = {
        .ai_family = query->family, .ai_socktype = query->type, .ai_protocol = query->protocol, .ai_flags = query->flags
    };
    struct addrinfo *list = NULL;
    int error = getaddrinfo(query->host, query->service, &hints, &list), system_error = errno;

    if (error)
        list = NULL;
    lookup->result = make_answer(list, query->flags);
    if (lookup->result) {
        lookup->result->error = error;
        lookup->result->system_error = system_error;
    }
    if (list)
        freeaddrinfo(list);
}

/* Back in the loop's thread, with an answer or without. */
static void finished(struct bide__job *job)
{
    struct lookup *lookup = (struct lookup *)job;
    struct bide__resolver *resolver = lookup->resolver;
    struct bide__answer *answer = lookup->result;
    struct bide__waiter *waiter;

    resolver->under_way--;
    if (answer)
        answer->references = 1;
    while ((waiter = bide__wait_list_take(&lookup->waiters))) {
        if (answer)
            answer->references++;
        ((struct lookup_waiter *)waiter)->answer = answer;
        bide__wake(waiter, 0);
    }
    if (!answer || answer->error || !answer->count || !lookup->listed || !(resolver->options.time_to_live > 0)) {
        unlist(lookup);
        bide__answer_release(answer);
        free(lookup);
        return;
    }
    lookup->answer = answer;
    lookup->expires = bide__deadline_after(bide__loop_now(resolver->loop), resolver->options.time_to_live);
    resolver->kept++;
    use_link(lookup);
    while (resolver->kept > resolver->options.cache_max)
        forget(resolver->oldest);
}

/* ---- asking ---- */

static void withdraw(struct bide__waiter *waiter)
{
    struct lookup *lookup = ((struct lookup_waiter *)waiter)->lookup;

    bide__wait_list_remove(waiter);
    if (!lookup->waiters.first && bide__thread_pool_cancel(lookup->job.pool, &lookup->job)) {
        lookup->resolver->under_way--;
        unlist(lookup);
        free(lookup);
    }
    bide__wake(waiter, -ECANCELED);
}

/* Copies a text behind `at`, and says where it is now. */
static const char *keep_text(const char *text, char **at)
{
    char *copy = *at;

    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static int begin(struct bide__resolver *resolver, const struct bide__query *query, struct lookup **ret_lookup)
{
    const char *what = query->host ? query->host : query->service;
    size_t size = (query->host ? strlen(query->host) + 1 : 0) + (query->service ? strlen(query->service) + 1 : 0);
    size_t queue_max = resolver->options.queue_max;

    if (queue_max && resolver->under_way >= resolver->options.threads_max + queue_max)
        return bide_fail(-EAGAIN, "resolve '%s': %zu lookups wait already (option queue_max)", what, queue_max);
    struct lookup *lookup = calloc(1, sizeof *lookup + size);
    if (!lookup)
        return bide_fail(-ENOMEM, "resolve '%s': no memory", what);
    char *at = lookup->text;
    lookup->query = *query;
    lookup->query.host = keep_text(query->host, &at);
    lookup->query.service = keep_text(query->service, &at);
    lookup->resolver = resolver;
    lookup->job = (struct bide__job){ .work = work, .finished = finished };
    int err = bide__resolver_submit(resolver->loop, &lookup->job, what);
    if (err < 0) {
        free(lookup);
        return err;
    }
    struct lookup **bucket = bucket_of(resolver, query);
    lookup->next = *bucket;
    *bucket = lookup;
    lookup->listed = true;
    resolver->under_way++;
    *ret_lookup = lookup;
    return 0;
}

int bide__resolver_ask(struct bide__record *task, const struct bide__query *query, struct bide__answer **ret_answer)
{
    struct bide__resolver *resolver = resolver_of(task->loop);
    const char *what = query->host ? query->host : query->service;

    if (!resolver)
        return bide_fail(-ENOMEM, "resolve '%s': no memory", what);
    struct lookup *lookup = find(resolver, query);
    int err = lookup ? 0 : begin(resolver, query, &lookup);
    if (err < 0)
        return err;
    if (lookup->answer) {
        use_unlink(lookup);
        use_link(lookup);
        lookup->answer->references++;
        *ret_answer = lookup->answer;
        return 0;
    }
    struct lookup_waiter waiter = { .waiter = { .task = task, .withdraw = withdraw, .what = "the resolver" },
                                    .lookup = lookup };
    bide__wait_list_add(&lookup->waiters, &waiter.waiter);
    err = bide__wait(&waiter.waiter);
    if (err < 0)
        return err;
    if (!waiter.answer)
        return bide_fail(-ENOMEM, "resolve '%s': no memory", what);
    *ret_answer = waiter.answer;
    return 0;
}

/* ---- what users set ---- */

int bide_set_dns_options(const bide_dns_options *options)
{
    static const bide_dns_options defaults;
    bide_dns_options set = options ? *options : defaults;

    if (!bide__loop)
        return bide_fail(-EPERM, "bide_set_dns_options was called outside of a loop");
    if (isnan(set.time_to_live))
        return bide_fail(-EINVAL, "bide_set_dns_options: time_to_live is not a number");
    if (set.threads_max > THREADS_MAX)
        return bide_fail(-EINVAL, "bide_set_dns_options: threads_max %zu; must be 1..%d, or 0", set.threads_max,
                         THREADS_MAX);
    struct bide__resolver *resolver = resolver_of(bide__loop);
    if (!resolver)
        return bide_fail(-ENOMEM, "bide_set_dns_options: no memory");
    set.threads_max = set.threads_max ? set.threads_max : THREADS;
    if (resolver->pool && set.threads_max != resolver->options.threads_max)
        return bide_fail(-EALREADY,
                         "bide_set_dns_options: the resolver's threads have been started, threads_max stays %zu",
                         resolver->options.threads_max);
    set.time_to_live = set.time_to_live != 0 ? set.time_to_live : TIME_TO_LIVE;
    set.cache_max = set.cache_max ? set.cache_max : CACHE_MAX;
    resolver->options = set;
    while (resolver->kept > set.cache_max)
        forget(resolver->oldest);
    if (set.time_to_live < 0)
        bide_clear_dns_cache(NULL);
    return 0;
}

void bide_clear_dns_cache(const char *host)
{
    struct bide__resolver *resolver =
        bide__loop ? (struct bide__resolver *)bide__companion_find(bide__loop, close_resolver) : NULL;

    for (size_t i = 0; resolver && i < BUCKETS; i++)
        for (struct lookup *lookup = resolver->buckets[i], *next; lookup; lookup = next) {
            next = lookup->next;
            if (host && !same_text(lookup->query.host, host))
                continue;
            if (lookup->answer)
                forget(lookup);
            else
                unlist(lookup);
        }
}
