/* Addresses as values: their text, and what is no address. */
#include <bide/test.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const good[] = { "127.0.0.1:53",
                                    "0.0.0.0:0",
                                    "255.255.255.255:65535",
                                    "[::]:0",
                                    "[::1]:53",
                                    "[2001:db8::ff00:42:8329]:443",
                                    "[::ffff:1.2.3.4]:1",
                                    "[fe80::1%lo]:5353",
                                    "unix:/run/log",
                                    "unix:relative",
                                    "unix:@name",
                                    "unix:/a]:1:[" };

bide_test_each(text_of_an_address_reads_back, good)
{
    bide_address address, again;
    char text[BIDE_ADDRESS_TEXT];

    check_eq(bide_address_parse(*it, &address), 0);
    check_str(bide_address_format(&address, text, sizeof text), *it);
    check_eq(bide_address_parse(text, &again), 0);
    check(bide_address_equal(&address, &again));
    return 0;
}

static const struct {
    const char *text, *reason;
} bad[] = { { "", "no port" },
            { "127.0.0.1", "no port" },
            { "[::1]", "no port" },
            { "[::1", "no port" },
            { "[::1]53", "no port" },
            { "127.0.0.1:", "port must be" },
            { "127.0.0.1:x", "port must be" },
            { "127.0.0.1:65536", "port must be" },
            { "127.0.0.1:-1", "port must be" },
            { "127.0.0.1:000001", "port must be" },
            { "127.0.0.1: 1", "port must be" },
            { "::1:53", "must stand in brackets" },
            { "[127.0.0.1]:53", "only IPv6" },
            { "localhost:53", "no numeric address" },
            { ":53", "no numeric address" },
            { "[]:53", "no numeric address" },
            { "[fe80::1%nowhere]:53", "no numeric address" },
            { "[fe80::1%]:53", "no numeric address" },
            { "1.2.3:53", "no numeric address" },
            { "[::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::]:1", "too long" },
            { "unix:", "empty" },
            { "unix:@", "empty" },
            { "unix:"
              "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
              "01234567",
              "at most 107" } };

bide_test_each(what_is_no_address_is_refused_with_a_reason, bad)
{
    bide_address address;

    check_error(bide_address_parse(it->text, &address), EINVAL, it->reason);
    check(strlen(bide_strerror(-EINVAL)) < 200);
    return 0;
}

unit_test(texts_are_cut_to_their_room)
{
    bide_address address;
    char text[BIDE_ADDRESS_TEXT];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        for (size_t size = 1; size < 30; size++) {
            check_eq(bide_address_parse(good[i], &address), 0);
            memset(text, 'x', sizeof text);
            bide_address_format(&address, text, size);
            check_eq(strlen(text), strlen(good[i]) < size ? strlen(good[i]) : size - 1);
            check_mem(text, good[i], strlen(text));
            check_eq(text[size], 'x');
        }
    return 0;
}

unit_test(addresses_that_cannot_be_printed)
{
    bide_address address = { 0 };
    char text[BIDE_ADDRESS_TEXT];

    check_str(bide_address_format(&address, text, sizeof text), "?");
    address.u.any.sa_family = AF_INET; /* not all of it is there */
    address.size = 8;
    check_str(bide_address_format(&address, text, sizeof text), "?");
    address.u.any.sa_family = AF_UNIX;
    address.size = sizeof(sa_family_t);
    check_str(bide_address_format(&address, text, sizeof text), "unix:");
    memcpy(address.u.local.sun_path, "\0a\0\n\177\200z", 7);
    address.size = sizeof(sa_family_t) + 7;
    check_str(bide_address_format(&address, text, sizeof text), "unix:@a????z");
    memset(address.u.local.sun_path, 'p', sizeof address.u.local.sun_path); /* without a zero at its end */
    address.size = sizeof address.u.local;
    bide_address_format(&address, text, sizeof text);
    check_eq(strlen(text), strlen("unix:") + sizeof address.u.local.sun_path);
    address.size = 200; /* the kernel says more than there is room for */
    bide_address_format(&address, text, sizeof text);
    check_eq(strlen(text), strlen("unix:") + sizeof address.u.local.sun_path);
    address.u.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_scope_id = 77777 };
    address.size = sizeof address.u.v6;
    check_str(bide_address_format(&address, text, sizeof text), "[::%77777]:0");
    return 0;
}

static bide_address parse(const char *text)
{
    bide_address address;

    check_eq(bide_address_parse(text, &address), 0);
    return address;
}

unit_test(addresses_are_equal_or_not)
{
    static const char *const all[] = { "127.0.0.1:53", "127.0.0.1:54", "127.0.0.2:53",   "[::1]:53",
                                       "[::1]:54",     "[::2]:53",     "[fe80::1%lo]:1", "[fe80::1]:1",
                                       "unix:/a",      "unix:/ab",     "unix:@a",        "unix:@ab" };
    enum { COUNT = sizeof all / sizeof all[0] };
    bide_address left, right, none = { 0 };

    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = 0; j < COUNT; j++) {
            left = parse(all[i]);
            right = parse(all[j]);
            check_eq(bide_address_equal(&left, &right), i == j);
        }
    check(!bide_address_equal(&left, &none));
    check(bide_address_equal(&none, &none));
    left = parse("127.0.0.1:53");
    check_eq(bide_address_port(&left), 53);
    left = parse("[::1]:65535");
    check_eq(bide_address_port(&left), 65535);
    left = parse("unix:/a");
    check_eq(bide_address_port(&left), -1);
    check_eq(bide_address_port(&none), -1);
    return 0;
}

bide_test(address_of_a_name)
{
    bide_address address;
    char text[BIDE_ADDRESS_TEXT];

    bide(bide_address_resolve("six.test", 53, &address));
    check_str(bide_address_format(&address, text, sizeof text), "[::1]:53");
    bide(bide_address_resolve("127.0.0.1", 53, &address));
    check_str(bide_address_format(&address, text, sizeof text), "127.0.0.1:53");
    check_error(bide_address_resolve("unknown.test", 53, &address), BIDE_ERESOLVE);
    check_error(bide_address_resolve("two.test", 0, &address), EINVAL, "port 0");
    return 0;
}
