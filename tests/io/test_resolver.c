/* The resolver of a loop: who shares a lookup, what is kept and for how long, limits, giving up. */
#include <bide/test.h>

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>

#include "support_resolver.h"

enum { THREADS = 8, MANY = 50 };

static const struct addrinfo stream_hints = { .ai_socktype = SOCK_STREAM };

static int ask(const char *host)
{
    struct addrinfo *list;

    bide(bide_getaddrinfo(host, NULL, NULL, &list));
    bide_freeaddrinfo(list);
    return 0;
}
bide_async(ask, const char *);

/* Looks a host up and notes the first address. */
static int note(const char *host)
{
    struct addrinfo *list;
    char text[INET_ADDRSTRLEN];

    bide(bide_getaddrinfo(host, "80", &stream_hints, &list));
    check(inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)list->ai_addr)->sin_addr, text, sizeof text) != NULL);
    check_event("%s", text);
    bide_freeaddrinfo(list);
    return 0;
}

static int note_result(const char *host)
{
    int err = note(host);

    if (err < 0)
        check_event("%s", bide_error_name(err));
    return 0;
}
bide_async(note_result, const char *);

static void wait_until(int (*count)(void), int number)
{
    while (count() < number)
        check_eq(bide_sleep(0), 0);
}

/* ---- the cache ---- */

bide_test(answers_are_kept_for_ten_seconds)
{
    bide(note("count.test"));
    bide(bide_sleep(9.99));
    bide(note("count.test"));
    bide(note("COUNT.test")); /* the same name */
    check_trace("10.0.0.1", "10.0.0.1", "10.0.0.1");
    bide(bide_sleep(0.01));
    int before = resolver_calls();
    bide(note("count.test"));
    check_eq(resolver_calls(), before + 1);
    return 0;
}

bide_test(other_questions_have_other_answers)
{
    static const struct addrinfo hints[] = { { .ai_socktype = SOCK_STREAM },
                                             { .ai_socktype = SOCK_DGRAM },
                                             { .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP },
                                             { .ai_socktype = SOCK_STREAM, .ai_family = AF_INET },
                                             { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG } };
    struct addrinfo *list;
    int before = resolver_calls();

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 5; i++) {
            bide(bide_getaddrinfo("two.test", "80", &hints[i], &list));
            bide_freeaddrinfo(list);
        }
        bide(bide_getaddrinfo("two.test", NULL, &hints[0], &list));
        bide_freeaddrinfo(list);
        bide(bide_getaddrinfo("six.test", "80", &hints[0], &list));
        bide_freeaddrinfo(list);
        check_eq(resolver_calls(), before + 7);
    }
    return 0;
}

bide_test(time_to_live_is_an_option)
{
    struct addrinfo *list;

    bide(bide_set_dns_options(&(bide_dns_options){ .time_to_live = 2 }));
    for (int i = 0; i < 4; i++) {
        bide(bide_getaddrinfo("two.test", NULL, NULL, &list));
        bide_freeaddrinfo(list);
        bide(bide_sleep(1));
    }
    check_eq(resolver_calls(), 2);
    bide(bide_set_dns_options(&(bide_dns_options){ .time_to_live = INFINITY }));
    bide_clear_dns_cache(NULL);
    for (int i = 0; i < 3; i++) {
        bide(bide_getaddrinfo("two.test", NULL, NULL, &list));
        bide_freeaddrinfo(list);
        bide(bide_sleep(1e6));
    }
    check_eq(resolver_calls(), 3);
    bide(bide_set_dns_options(&(bide_dns_options){ .time_to_live = -1 }));
    for (int i = 0; i < 3; i++) {
        bide(bide_getaddrinfo("two.test", NULL, NULL, &list));
        bide_freeaddrinfo(list);
    }
    check_eq(resolver_calls(), 6);
    return 0;
}

bide_test(the_cache_keeps_those_used_last)
{
    bide(bide_set_dns_options(&(bide_dns_options){ .cache_max = 2 }));
    bide(ask("1count.test"));
    bide(ask("2count.test"));
    bide(ask("1count.test"));
    bide(ask("3count.test")); /* 2 goes */
    check_eq(resolver_calls(), 3);
    bide(ask("1count.test"));
    check_eq(resolver_calls(), 3);
    bide(ask("2count.test")); /* 3 goes */
    check_eq(resolver_calls(), 4);
    bide(bide_set_dns_options(&(bide_dns_options){ .cache_max = 1 })); /* 1 goes */
    bide(ask("2count.test"));
    check_eq(resolver_calls(), 4);
    bide(ask("1count.test"));
    check_eq(resolver_calls(), 5);
    return 0;
}

bide_test(thousands_of_names)
{
    char name[32];

    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "%dcount.test", i);
        bide(ask(name));
    }
    for (int i = 2000; i < 3000; i++) { /* the last thousand is there, the others are not */
        snprintf(name, sizeof name, "%dcount.test", i);
        bide(ask(name));
    }
    check_eq(resolver_calls(), 3000);
    bide(ask("0count.test"));
    check_eq(resolver_calls(), 3001);
    return 0;
}

bide_test(failures_are_not_kept)
{
    for (int i = 0; i < 3; i++) {
        check_error(ask("unknown.test"), BIDE_ERESOLVE, "Name or service not known");
        check_error(ask("empty.test"), BIDE_ERESOLVE, "no address");
    }
    check_eq(resolver_calls(), 6);
    return 0;
}

bide_test(the_cache_can_be_cleared)
{
    bide_task *slow;

    bide_clear_dns_cache(NULL); /* of a loop that has looked nothing up */
    bide(ask("1count.test"));
    bide(ask("2count.test"));
    bide_clear_dns_cache("2COUNT.test");
    bide(ask("1count.test"));
    check_eq(resolver_calls(), 2);
    bide(ask("2count.test"));
    check_eq(resolver_calls(), 3);
    bide_clear_dns_cache(NULL);
    bide(ask("1count.test"));
    check_eq(resolver_calls(), 4);
    slow = bide_create_task(NULL, bide_co(ask, "slow.test"));
    wait_until(resolver_waiting, 1);
    bide_clear_dns_cache("slow.test"); /* its answer is for those who wait for it already */
    resolver_release();
    bide(bide_join(slow));
    check_eq(resolver_calls(), 5);
    bide(ask("slow.test"));
    bide(ask("slow.test"));
    check_eq(resolver_calls(), 6);
    return 0;
}

/* ---- shared lookups ---- */

bide_test(those_who_ask_the_same_share_a_lookup, .seeds = 5)
{
    int err;

    bide_task_group (group, err) {
        for (int i = 0; i < MANY; i++)
            bide_start(group, bide_co(ask, "slow.test"));
        wait_until(resolver_waiting, 1);
        resolver_release();
    }
    check_eq(err, 0);
    check_eq(resolver_calls(), 1);
    return 0;
}

bide_test(those_who_share_a_failure_all_hear_of_it)
{
    int err;

    bide_task_group (group, err)
        for (int i = 0; i < 3; i++)
            bide_start(group, bide_co(note_result, "unknown.test"));
    check_eq(err, 0);
    check_trace("BIDE_ERESOLVE", "BIDE_ERESOLVE", "BIDE_ERESOLVE");
    check_eq(resolver_calls(), 1);
    return 0;
}

/* Whoever leaves takes nothing with it, the first one neither. */
bide_test(a_waiter_that_is_cancelled_harms_nobody, .seeds = 5)
{
    for (unsigned leaving = 0; leaving < 1U << 4; leaving++) {
        bide_task *tasks[4];
        char name[32];

        snprintf(name, sizeof name, "slow%u.test", leaving);
        for (unsigned i = 0; i < 4; i++)
            tasks[i] = bide_create_task(NULL, bide_co(ask, name));
        if (leaving == 0)
            wait_until(resolver_waiting, 1);
        else
            bide(bide_sleep(0));
        for (unsigned i = 0; i < 4; i++)
            if (leaving >> i & 1)
                bide_cancel(tasks[i]);
        for (unsigned i = 0; i < 4; i++)
            if (leaving >> i & 1)
                check_error(bide_join(tasks[i]), ECANCELED);
        resolver_release();
        for (unsigned i = 0; i < 4; i++)
            if (!(leaving >> i & 1))
                check_eq(bide_join(tasks[i]), 0);
    }
    return 0;
}

bide_test(a_lookup_that_all_have_given_up_serves_the_next)
{
    bide_task *task = bide_create_task(NULL, bide_co(ask, "slow.test"));

    wait_until(resolver_waiting, 1);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    task = bide_create_task(NULL, bide_co(ask, "slow.test")); /* joins it */
    bide(bide_sleep(0));
    resolver_release();
    bide(bide_join(task));
    check_eq(resolver_calls(), 1);
    bide(ask("slow.test"));
    check_eq(resolver_calls(), 1);
    return 0;
}

/* Eight names of a silent name server hold all threads; waits until they do. */
static void hold_threads(bide_group *group, char names[THREADS][24])
{
    for (int i = 0; i < THREADS; i++) {
        snprintf(names[i], sizeof names[i], "slow%d.test", i);
        bide_start(group, bide_co(ask, names[i]));
    }
    wait_until(resolver_waiting, THREADS);
}

bide_test(a_queued_lookup_that_nobody_waits_for_is_not_made)
{
    static char names[THREADS][24];
    int err;

    bide_task_group (group, err) {
        bide_task *first, *second, *third;

        hold_threads(group, names);
        first = bide_create_task(group, bide_co(ask, "1count.test"));
        second = bide_create_task(group, bide_co(ask, "1count.test"));
        third = bide_create_task(group, bide_co(ask, "2count.test"));
        bide(bide_sleep(0));
        bide_cancel(first);
        bide_cancel(third);
        check_error(bide_join(third), ECANCELED);
        resolver_release();
        bide(bide_join(second));
    }
    check_eq(err, 0);
    check_eq(resolver_calls(), THREADS + 1);
    return 0;
}

bide_test(the_queue_has_a_limit_if_one_is_set)
{
    static char names[THREADS][24];
    int err;

    bide(bide_set_dns_options(&(bide_dns_options){ .queue_max = 2 }));
    bide_task_group (group, err) {
        hold_threads(group, names);
        bide_start(group, bide_co(ask, "1count.test"));
        bide_start(group, bide_co(ask, "2count.test"));
        bide(bide_sleep(0));
        check_error(ask("3count.test"), EAGAIN, "resolve '3count.test': 2 lookups wait already");
        bide_start(group, bide_co(ask, "1count.test")); /* shares one */
        bide(bide_sleep(0));
        resolver_release();
    }
    check_eq(err, 0);
    bide(ask("3count.test"));
    return 0;
}

bide_test(the_number_of_threads_is_an_option)
{
    int err;

    bide(bide_set_dns_options(&(bide_dns_options){ .threads_max = 2 }));
    bide_task_group (group, err) {
        bide_start(group, bide_co(ask, "slow1.test"));
        bide_start(group, bide_co(ask, "slow2.test"));
        bide_start(group, bide_co(ask, "slow3.test"));
        wait_until(resolver_waiting, 2);
        for (int i = 0; i < 100; i++)
            bide(bide_sleep(0));
        check_eq(resolver_calls(), 2);
        resolver_release();
    }
    check_eq(err, 0);
    check_error(bide_set_dns_options(NULL), EALREADY, "threads_max stays 2");
    check_error(bide_set_dns_options(&(bide_dns_options){ .threads_max = 1001 }), EINVAL, "threads_max 1001");
    check_error(bide_set_dns_options(&(bide_dns_options){ .time_to_live = NAN }), EINVAL, "not a number");
    return bide_set_dns_options(&(bide_dns_options){ .threads_max = 2 });
}
