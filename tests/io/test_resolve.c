/* Resolving names: in threads of their own, given up at once, several at a time. */
#include "support_io.h"

#include <stdio.h>
#include <stdlib.h>

#include "io/address.h"
#include "support_resolver.h"

enum { SLOW = 40, RESOLVERS = 8, WAIT = 20 };

static int resolve(const char *host, int port, struct bide__addresses **ret_addresses)
{
    return bide__resolve(host, port, 0, ret_addresses);
}
bide_async(resolve, const char *, int, struct bide__addresses **);

static int resolve_and_drop(const char *host, int *ret_result)
{
    struct bide__addresses *addresses = NULL;

    *ret_result = bide__resolve(host, 80, 0, &addresses);
    check_eq(addresses != NULL, *ret_result == 0);
    free(addresses);
    return 0;
}
bide_async(resolve_and_drop, const char *, int *);

/* A name of its own for each number: those who ask the same share a lookup. */
static const char *slow_name(size_t number)
{
    static char names[SLOW][16];

    snprintf(names[number], sizeof names[number], "slow%zu.test", number);
    return names[number];
}

static void check_address(const struct bide__addresses *addresses, size_t index, const char *expected)
{
    char text[BIDE__ADDRESS_TEXT];

    check(index < addresses->count);
    bide__address_text(&addresses->list[index], text, sizeof text);
    check_str(text, expected);
}

bide_test(resolve_localhost)
{
    struct bide__addresses *addresses = NULL;
    char text[BIDE__ADDRESS_TEXT];
    bool found = false;

    check_eq(bide__resolve("localhost", 80, 0, &addresses), 0);
    for (size_t i = 0; i < addresses->count; i++) {
        bide__address_text(&addresses->list[i], text, sizeof text);
        found |= !strcmp(text, "127.0.0.1:80") || !strcmp(text, "[::1]:80");
    }
    check(found);
    free(addresses);
    return 0;
}

bide_test(resolve_keeps_the_order_of_the_resolver)
{
    struct bide__addresses *addresses = NULL;

    check_eq(bide__resolve("six.test", 8080, 0, &addresses), 0);
    check_eq(addresses->count, (size_t)2);
    check_address(addresses, 0, "[::1]:8080");
    check_address(addresses, 1, "127.0.0.1:8080");
    check_eq(bide__address_port(&addresses->list[0]), 8080);
    check_eq(bide__address_port(&addresses->list[1]), 8080);
    free(addresses);
    return 0;
}

bide_test(resolve_numeric_addresses_without_the_resolver)
{
    static const char *const hosts[][2] = { { "127.0.0.1", "127.0.0.1:7" },
                                            { "255.255.255.255", "255.255.255.255:7" },
                                            { "::1", "[::1]:7" },
                                            { "::ffff:1.2.3.4", "[::ffff:1.2.3.4]:7" },
                                            { "fe80::1", "[fe80::1]:7" } };
    int calls = resolver_calls();

    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct bide__addresses *addresses = NULL;

        check_eq(bide__resolve(hosts[i][0], 7, 0, &addresses), 0);
        check_eq(addresses->count, (size_t)1);
        check_address(addresses, 0, hosts[i][1]);
        free(addresses);
    }
    check_eq(resolver_calls(), calls);
    return 0;
}

bide_test(resolve_for_binding_takes_port_0_and_no_host)
{
    struct bide__addresses *addresses = NULL;

    check_eq(bide__resolve(NULL, 0, 1, &addresses), 0);
    check_eq(addresses->count, (size_t)1);
    check_address(addresses, 0, "[::]:0");
    free(addresses);
    check_error(bide__resolve(NULL, -1, 1, &addresses), EINVAL);
    check_error(bide__resolve(NULL, 65536, 1, &addresses), EINVAL);
    check_error(bide__resolve("127.0.0.1", 0, 0, &addresses), EINVAL);
    return 0;
}

bide_test(resolve_says_why_it_failed)
{
    struct bide__addresses *addresses = NULL;

    check_eq(bide__resolve("unknown.test", 80, 0, &addresses), BIDE_ERESOLVE);
    check_str(bide_strerror(BIDE_ERESOLVE), "resolve 'unknown.test': Name or service not known");
    check_eq(bide__resolve("broken.test", 80, 0, &addresses), BIDE_ERESOLVE);
    check_str(bide_strerror(BIDE_ERESOLVE), "resolve 'broken.test': Input/output error");
    check_eq(bide__resolve("empty.test", 80, 0, &addresses), BIDE_ERESOLVE);
    check_str(bide_strerror(BIDE_ERESOLVE), "resolve 'empty.test': no address");
    check_eq(bide__resolve("", 80, 0, &addresses), BIDE_ERESOLVE);
    check_message(BIDE_ERESOLVE, "resolve ''");
    check_eq((void *)addresses, NULL);
    return 0;
}

bide_test(resolve_two_names_at_once)
{
    struct bide__addresses *slow = NULL, *fast = NULL;
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(resolve, "slow.test", 1, &slow));
        while (!resolver_waiting())
            step(1);
        check_eq(bide__resolve("two.test", 2, 0, &fast), 0); /* passes the slow one */
        check_eq((void *)slow, NULL);
        resolver_release();
    }
    check_eq(err, 0);
    check_address(slow, 0, "127.0.0.1:1");
    check_address(fast, 1, "127.0.0.1:2");
    free(slow);
    free(fast);
    return 0;
}

bide_test(resolve_more_names_than_threads)
{
    static int results[SLOW];
    int err;

    bide_task_group (group, err) {
        for (size_t i = 0; i < SLOW; i++) {
            results[i] = 1;
            bide_start(group, bide_co(resolve_and_drop, slow_name(i), &results[i]));
        }
        while (resolver_waiting() < RESOLVERS)
            step(1);
        steps(50);
        check_eq(resolver_waiting(), RESOLVERS);
        resolver_release();
    }
    for (size_t i = 0; i < SLOW; i++)
        check_eq(results[i], 0);
    return err;
}

static int give_up_lookups(void)
{
    static int results[SLOW];

    for (unsigned round = 0; round < 20; round++) {
        bide_task *tasks[SLOW];

        for (size_t i = 0; i < SLOW; i++)
            tasks[i] =
                bide_create_task(NULL, bide_co(resolve_and_drop, i % 3 ? slow_name(i) : "two.test", &results[i]));
        steps(round % 6);
        for (size_t i = 0; i < SLOW; i++)
            bide_cancel(tasks[i]);
        for (size_t i = 0; i < SLOW; i++) {
            check_eq(bide_join(tasks[i]), 0);
            bide_forget(tasks[i]);
            check(results[i] == -ECANCELED || (results[i] == 0 && i % 3 == 0));
        }
    }
    resolver_release(); /* their threads are still there, and are waited for by the end of run */
    return 0;
}
bide_async(give_up_lookups);

/* The callers left at once although the name server was silent; the answers that come later find nobody. */
unit_test(lookups_given_up_leave_nothing)
{
    return bide_run(bide_co(give_up_lookups));
}

bide_test(a_lookup_times_out)
{
    struct bide__addresses *addresses = NULL;
    int err;

    bide_timeout (0.02, err)
        err = bide__resolve("slow.test", 80, 0, &addresses);
    check_eq(err, -ETIMEDOUT);
    check_eq((void *)addresses, NULL);
    resolver_release();
    return 0;
}

static int block_worker(int descriptor)
{
    char byte;

    return read(descriptor, &byte, 1) == 1 ? 0 : -EIO;
}
bide_async(block_worker, int);

static int block_worker_in_thread(int descriptor)
{
    return bide_to_thread(bide_co(block_worker, descriptor));
}
bide_async(block_worker_in_thread, int);

static int resolve_beside_blocked_workers(void)
{
    struct bide__addresses *addresses = NULL;
    int ends[2], err;

    check(pipe(ends) == 0);
    bide_task_group (group, err) {
        for (int i = 0; i < 5; i++) /* one runs, the others are queued */
            bide_start(group, bide_co(block_worker_in_thread, ends[0]));
        steps(4);
        bide_timeout (WAIT, err)
            err = bide__resolve("two.test", 80, 0, &addresses);
        check_eq(err, 0);
        check(write(ends[1], "12345", 5) == 5);
    }
    free(addresses);
    close(ends[0]);
    close(ends[1]);
    return err;
}
bide_async(resolve_beside_blocked_workers);

unit_test(resolver_threads_are_not_those_of_to_thread)
{
    return bide_run_with(bide_co(resolve_beside_blocked_workers), &(bide_run_options){ .thread_limit = 1 });
}

static int run_beside_blocked_resolvers(void)
{
    static int results[RESOLVERS];
    int ends[2], err;

    check(pipe(ends) == 0);
    check(write(ends[1], "1", 1) == 1);
    bide_task_group (group, err) {
        for (size_t i = 0; i < RESOLVERS; i++)
            bide_start(group, bide_co(resolve_and_drop, slow_name(i), &results[i]));
        while (resolver_waiting() < RESOLVERS)
            step(1);
        bide_timeout (WAIT, err)
            err = bide_to_thread(bide_co(block_worker, ends[0]));
        check_eq(err, 0);
        resolver_release();
    }
    close(ends[0]);
    close(ends[1]);
    return err;
}
bide_async(run_beside_blocked_resolvers);

unit_test(a_silent_name_server_does_not_stop_to_thread)
{
    return bide_run_with(bide_co(run_beside_blocked_resolvers), &(bide_run_options){ .thread_limit = 1 });
}

static int end_with_a_lookup_in_progress(void)
{
    static int result;

    check(bide_create_task(NULL, bide_co(resolve_and_drop, "slow.test", &result)) != NULL);
    while (!resolver_waiting())
        step(1);
    resolver_release();
    return 0; /* the lookup is cancelled by the end of main; its answer may come before or after */
}
bide_async(end_with_a_lookup_in_progress);

unit_test(run_ends_with_a_lookup_in_progress)
{
    return bide_run(bide_co(end_with_a_lookup_in_progress));
}
