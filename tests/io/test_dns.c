/* bide_getaddrinfo and bide_getnameinfo: what they say, and what giving up does. */
#include <bide/test.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_resolver.h"

static const struct addrinfo stream_hints = { .ai_socktype = SOCK_STREAM };

/* "10.0.0.1:80 [::1]:80", each with its type and protocol if it is not TCP. */
static void describe(const struct addrinfo *list, char *text, size_t size)
{
    size_t length = 0;

    text[0] = '\0';
    for (; list && length < size; list = list->ai_next) {
        char host[INET6_ADDRSTRLEN + 20], port[8];

        check_eq(getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof host, port, sizeof port,
                             NI_NUMERICHOST | NI_NUMERICSERV),
                 0);
        check_eq(list->ai_family, list->ai_addr->sa_family);
        length += (size_t)snprintf(text + length, size - length, "%s%s:%s/%d/%d", length ? " " : "", host, port,
                                   list->ai_socktype, list->ai_protocol);
    }
}

/* Looks up and describes; the error. */
static int look_up(const char *host, const char *service, const struct addrinfo *hints, char *text, size_t size)
{
    struct addrinfo *list = NULL;
    int err = bide_getaddrinfo(host, service, hints, &list);

    check_eq(err == 0, list != NULL);
    describe(list, text, size);
    bide_freeaddrinfo(list);
    return err;
}

static void wait_until(int (*count)(void), int number)
{
    while (count() < number)
        check_eq(bide_sleep(0), 0);
}

bide_test(getaddrinfo_gives_a_list_in_the_resolvers_order)
{
    struct addrinfo *list = NULL;
    char text[200];

    bide(bide_getaddrinfo("six.test", "80", &stream_hints, &list));
    describe(list, text, sizeof text);
    check_str(text, "::1:80/1/0 127.0.0.1:80/1/0");
    check_eq((void *)list->ai_canonname, NULL);
    bide_freeaddrinfo(list);
    bide_freeaddrinfo(NULL);
    return 0;
}

bide_test(getaddrinfo_gives_the_canonical_name_when_asked_for)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME };
    struct addrinfo *list = NULL;

    for (int i = 0; i < 2; i++) { /* from the resolver, from the cache */
        bide(bide_getaddrinfo("two.test", NULL, &hints, &list));
        check_str(list->ai_canonname, "made by the tests");
        check_eq((void *)list->ai_next->ai_canonname, NULL);
        bide_freeaddrinfo(list);
    }
    return 0;
}

/* What is answered in place is what the C library says, and so is what is not. */
bide_test(getaddrinfo_says_what_the_c_library_says)
{
    static const char *const hosts[] = { "127.0.0.1", "::1",   "::ffff:1.2.3.4", "fe80::1%lo", "fe80::1%1",
                                         "localhost", "1.2.3", "0x7f.1",         NULL };
    static const char *const services[] = { NULL, "0", "80", "65535", "http", "65536", "", "99999999999", "8x" };
    static const int types[] = { 0, SOCK_STREAM, SOCK_DGRAM }, protocols[] = { 0, IPPROTO_TCP, IPPROTO_UDP };
    static const int flags[] = { 0, AI_PASSIVE, AI_NUMERICHOST | AI_NUMERICSERV };
    static const int families[] = { AF_UNSPEC, AF_INET, AF_INET6 };
    unsigned compared = 0;

    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0] * sizeof services / sizeof services[0] * 81; i++) {
        const char *host = hosts[i / 81 % (sizeof hosts / sizeof hosts[0])];
        const char *service = services[i / 81 / (sizeof hosts / sizeof hosts[0])];
        struct addrinfo hints = { .ai_socktype = types[i % 3],
                                  .ai_protocol = protocols[i / 3 % 3],
                                  .ai_flags = flags[i / 9 % 3],
                                  .ai_family = families[i / 27 % 3] };
        char ours[1000] = "", theirs[1000] = "";
        struct addrinfo *list = NULL;

        /* nothing here may go as far as a name server */
        if ((!host && !service) || (host && !strcmp(host, "localhost") && hints.ai_family != AF_INET))
            continue;
        int expected = getaddrinfo(host, service, &hints, &list);
        if (expected == 0) {
            describe(list, theirs, sizeof theirs);
            freeaddrinfo(list);
        }
        int err = look_up(host, service, &hints, ours, sizeof ours);
        if ((err == 0) != (expected == 0) || strcmp(ours, theirs) != 0)
            printf("# %s %s type %d protocol %d flags %d family %d: %s\n", host ? host : "NULL",
                   service ? service : "NULL", hints.ai_socktype, hints.ai_protocol, hints.ai_flags, hints.ai_family,
                   gai_strerror(expected));
        check_eq(err, expected == 0 ? 0 : BIDE_ERESOLVE);
        check_str(ours, theirs);
        compared++;
    }
    check(compared > 1000);
    return 0;
}

bide_test(getaddrinfo_of_numbers_needs_no_resolver)
{
    char text[200];
    int before = resolver_calls();

    bide(look_up("127.0.0.1", "80", &stream_hints, text, sizeof text));
    check_str(text, "127.0.0.1:80/1/6");
    bide(look_up("::1", NULL, &(struct addrinfo){ .ai_socktype = SOCK_DGRAM }, text, sizeof text));
    check_str(text, "::1:0/2/17");
    check_eq(resolver_calls(), before + 2); /* those of describe() */
    return 0;
}

bide_test(getaddrinfo_says_why_it_failed)
{
    struct addrinfo *list = NULL;
    char name[2000];

    check_error(bide_getaddrinfo("unknown.test", NULL, NULL, &list), BIDE_ERESOLVE,
                "resolve 'unknown.test': Name or service not known");
    check_error(bide_getaddrinfo("broken.test", "80", NULL, &list), BIDE_ERESOLVE,
                "resolve 'broken.test', service '80': Input/output error");
    check_error(bide_getaddrinfo("empty.test", NULL, NULL, &list), BIDE_ERESOLVE, "resolve 'empty.test': no address");
    check_error(bide_getaddrinfo(NULL, "no such service", NULL, &list), BIDE_ERESOLVE, "resolve 'no such service': ");
    check_error(bide_getaddrinfo("127.0.0.1", "80", &(struct addrinfo){ .ai_family = AF_UNIX }, &list), BIDE_ERESOLVE,
                "ai_family not supported");
    check_error(bide_getaddrinfo(NULL, NULL, NULL, &list), EINVAL, "neither a host nor a service");
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    check_error(bide_getaddrinfo(name, NULL, NULL, &list), EINVAL, "more than 1024 bytes");
    check_error(bide_getaddrinfo("a", name, NULL, &list), EINVAL, "more than 1024 bytes");
    check_eq((void *)list, NULL);
    return 0;
}

static int outside(void)
{
    struct addrinfo *list;

    check_error(bide_getaddrinfo("127.0.0.1", NULL, NULL, &list), EPERM);
    check_error(bide_set_dns_options(NULL), EPERM);
    bide_clear_dns_cache(NULL);
    return 0;
}
bide_async(outside);

bide_test(dns_outside_of_a_task_is_refused)
{
    return bide_to_thread(bide_co(outside));
}

static int ask(const char *host)
{
    struct addrinfo *list;

    bide(bide_getaddrinfo(host, NULL, NULL, &list));
    bide_freeaddrinfo(list);
    return 0;
}
bide_async(ask, const char *);

/* ---- names of addresses ---- */

static struct sockaddr_in v4(const char *host, int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

    check_eq(inet_pton(AF_INET, host, &address.sin_addr), 1);
    return address;
}

static int name_of(const char *address, char *host, size_t host_size, char *service, size_t service_size, int flags)
{
    struct sockaddr_in of = v4(address, 80);

    return bide_getnameinfo((struct sockaddr *)&of, sizeof of, host, host_size, service, service_size, flags);
}

static int drop_name_of(const char *address)
{
    char host[NI_MAXHOST];

    return name_of(address, host, sizeof host, NULL, 0, 0);
}
bide_async(drop_name_of, const char *);

bide_test(getnameinfo_says_what_the_c_library_says)
{
    char host[NI_MAXHOST], service[NI_MAXSERV], their_host[NI_MAXHOST], their_service[NI_MAXSERV];
    struct sockaddr_in of = v4("127.0.0.1", 80);
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(53), .sin6_addr = IN6ADDR_LOOPBACK_INIT };

    for (int flags = 0; flags < 32; flags++) {
        int expected = getnameinfo((struct sockaddr *)&of, sizeof of, their_host, sizeof their_host, their_service,
                                   sizeof their_service, flags);

        check_eq(name_of("127.0.0.1", host, sizeof host, service, sizeof service, flags),
                 expected == 0 ? 0 : BIDE_ERESOLVE);
        if (expected == 0) {
            check_str(host, their_host);
            check_str(service, their_service);
        }
    }
    bide(bide_getnameinfo((struct sockaddr *)&six, sizeof six, host, sizeof host, service, sizeof service,
                          NI_NUMERICHOST | NI_NUMERICSERV));
    check_str(host, "::1");
    check_str(service, "53");
    return 0;
}

bide_test(getnameinfo_waits_for_a_slow_name_server)
{
    char host[NI_MAXHOST], service[NI_MAXSERV];
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(drop_name_of, "127.9.0.1"));
        wait_until(resolver_waiting, 1);
        resolver_release();
    }
    check_eq(err, 0);
    bide(name_of("127.9.0.1", host, sizeof host, service, sizeof service, 0));
    check_str(host, "slow.test");
    check_str(service, "80");
    strcpy(host, "untouched");
    check_error(name_of("127.9.0.1", host, 9, NULL, 0, 0), ENOSPC, "'slow.test'");
    check_error(name_of("127.9.0.1", host, sizeof host, service, 2, 0), ENOSPC);
    check_str(host, "untouched");
    return name_of("127.9.0.1", host, 10, service, 3, 0);
}

bide_test(getnameinfo_says_why_it_failed)
{
    struct sockaddr_in of = v4("127.0.0.1", 80);
    char host[10];

    check_error(drop_name_of("127.9.0.2"), BIDE_ERESOLVE, "name of 127.9.0.2:80: Name or service not known");
    check_error(drop_name_of("127.9.0.3"), BIDE_ERESOLVE, "name of 127.9.0.3:80: Input/output error");
    check_error(bide_getnameinfo((struct sockaddr *)&of, 1, host, 10, NULL, 0, 0), EINVAL);
    check_error(bide_getnameinfo((struct sockaddr *)&of, 8, host, 10, NULL, 0, 0), EINVAL);
    check_error(bide_getnameinfo(NULL, 0, host, 10, NULL, 0, 0), EINVAL, "not an IPv4 or IPv6 address");
    of.sin_family = AF_UNIX;
    check_error(bide_getnameinfo((struct sockaddr *)&of, sizeof of, host, 10, NULL, 0, 0), EINVAL);
    return 0;
}

bide_test(getnameinfo_can_be_given_up)
{
    bide_task *task = bide_create_task(NULL, bide_co(drop_name_of, "127.9.0.1"));

    wait_until(resolver_waiting, 1);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    resolver_release();
    return 0;
}

/* ---- everything that can go wrong ---- */

static int look_around(void)
{
    char host[NI_MAXHOST];
    int err;

    bide(bide_set_dns_options(&(bide_dns_options){ .cache_max = 2, .threads_max = 2 }));
    bide_task_group (group, err) {
        for (int i = 0; i < 3; i++)
            bide_start(group, bide_co(ask, "six.test"));
        bide_start(group, bide_co(ask, "1count.test"));
        bide_start(group, bide_co(ask, "2count.test"));
        bide_start(group, bide_co(ask, "127.0.0.1"));
        bide_start(group, bide_co(drop_name_of, "127.9.0.4")); /* the C library itself aborts without memory */
        err = name_of("127.0.0.1", host, sizeof host, NULL, 0, NI_NUMERICHOST | NI_NUMERICSERV);
    }
    return err;
}

bide_test_cancel_everywhere(dns_cancelled_everywhere)
{
    return look_around();
}

bide_test_timeout_everywhere(dns_timed_out_everywhere)
{
    return look_around();
}

bide_test_faults(dns_with_faults, .points_max = 300)
{
    return look_around();
}
