/* Opening endpoints for datagrams: which addresses, which options; groups; sockets made elsewhere. */
#include <bide/test.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_with(bide_datagram_options options, bide_datagram **ret_datagram)
{
    return bide_create_datagram_endpoint(&options, ret_datagram);
}

static bide_address parse(const char *text)
{
    bide_address address;

    check_eq(bide_address_parse(text, &address), 0);
    return address;
}

/* The same host, another port. */
static bide_address at_port(const char *host, int port)
{
    char text[BIDE_ADDRESS_TEXT];

    snprintf(text, sizeof text, "%s:%d", host, port);
    return parse(text);
}

static int port_of(const bide_datagram *datagram)
{
    return bide_address_port(bide_datagram_local_address(datagram));
}

/* Sends and receives one, and checks whom it seems to come from. */
static int pass_one(bide_datagram *from, bide_datagram *to, bide_address address, const char *expected_host)
{
    bide_address sender, expected = at_port(expected_host, port_of(from));
    char text[8];

    bide(bide_datagram_send_to(from, "x", 1, &address));
    check_eq(bide(bide_datagram_receive_from(to, text, sizeof text, &sender)), (ssize_t)1);
    check(bide_address_equal(&sender, &expected));
    return 0;
}

static bool has_six(void)
{
    bide_auto(datagram) *six = NULL;

    return open_with((bide_datagram_options){ .local_host = "::1" }, &six) == 0;
}

/* An endpoint for all addresses speaks both families, and shows plain addresses of both. */
bide_test(endpoint_for_all_addresses)
{
    bide_auto(datagram) *all = NULL;
    bide_auto(datagram) *four = NULL;
    bide_auto(datagram) *six = NULL;
    bide_datagram_message messages[2] = { { .data = "a", .size = 1 }, { .data = "b", .size = 1 } };
    char text[8];

    bide(bide_create_datagram_endpoint(NULL, &all));
    check(port_of(all) > 0);
    bide(open_with((bide_datagram_options){ .local_host = "127.0.0.1" }, &four));
    bide(pass_one(four, all, at_port("127.0.0.1", port_of(all)), "127.0.0.1"));
    bide(pass_one(all, four, *bide_datagram_local_address(four), "127.0.0.1"));
    if (!has_six())
        skip("no IPv6 here");
    bide(open_with((bide_datagram_options){ .local_host = "::1" }, &six));
    bide(pass_one(six, all, at_port("[::1]", port_of(all)), "[::1]"));
    bide(pass_one(all, six, *bide_datagram_local_address(six), "[::1]"));
    messages[0].address = *bide_datagram_local_address(four);
    messages[1].address = *bide_datagram_local_address(six);
    check_eq(bide_datagram_send_many(all, messages, 2), (ssize_t)2);
    check_eq(bide_datagram_receive(four, text, sizeof text), (ssize_t)1);
    check_eq(text[0], 'a');
    check_eq(bide_datagram_receive(six, text, sizeof text), (ssize_t)1);
    check_eq(text[0], 'b');
    messages[0] = messages[1] = (bide_datagram_message){ .data = text, .size = sizeof text };
    bide(bide_datagram_send_to(four, "x", 1, &(bide_address){ 0 }) == -EDESTADDRREQ ? 0 : -1);
    bide_address to = at_port("127.0.0.1", port_of(all));
    bide(bide_datagram_send_to(four, "x", 1, &to));
    check_eq(bide_datagram_receive_many(all, messages, 2), (ssize_t)1);
    check(bide_address_equal(&messages[0].address, bide_datagram_local_address(four)));
    return 0;
}

bide_test(endpoint_of_one_family)
{
    bide_auto(datagram) *four = NULL;
    bide_auto(datagram) *six = NULL;

    bide(open_with((bide_datagram_options){ .family = AF_INET }, &four));
    check_eq(bide_datagram_local_address(four)->u.any.sa_family, AF_INET);
    if (!has_six())
        skip("no IPv6 here");
    bide(open_with((bide_datagram_options){ .family = AF_INET6, .local_port = port_of(four) }, &six));
    check_eq(bide_datagram_local_address(six)->u.any.sa_family, AF_INET6);
    bide_address to = parse("127.0.0.1:9");
    check(bide_datagram_send_to(six, "x", 1, &to) < 0);
    return 0;
}

bide_test(endpoint_with_both_ends)
{
    bide_auto(datagram) *first = NULL;
    bide_auto(datagram) *second = NULL;
    bide_auto(datagram) *third = NULL;
    char text[8];

    bide(open_with((bide_datagram_options){ .local_host = "127.0.0.1" }, &first));
    bide(open_with((bide_datagram_options){ .local_host = "127.0.0.5", /* the second address of the name is tried too */
                                            .remote_host = "six.test",
                                            .remote_port = port_of(first) },
                   &second));
    bide_address peer = at_port("127.0.0.5", port_of(second));
    check(bide_address_equal(bide_datagram_local_address(second), &peer));
    check(bide_address_equal(bide_datagram_peer_address(second), bide_datagram_local_address(first)));
    bide(bide_datagram_send_to(first, "x", 1, &peer));
    check_eq(bide_datagram_receive(second, text, sizeof text), (ssize_t)1);
    bide(open_with((bide_datagram_options){ .local_port = bide_test_port(),
                                            .remote_host = "127.0.0.1",
                                            .remote_port = port_of(first) },
                   &third));
    bide(bide_datagram_send(third, "y", 1));
    check_eq(bide_datagram_receive_from(first, text, sizeof text, &peer), (ssize_t)1);
    check(bide_address_equal(&peer, bide_datagram_local_address(third)));
    bide(bide_datagram_send_to(first, "z", 1, &peer));
    check_eq(bide_datagram_receive(third, text, sizeof text), (ssize_t)1); /* of the one it is connected to */
    return 0;
}

bide_test(what_cannot_be_opened_is_refused)
{
    bide_auto(datagram) *first = NULL;
    bide_datagram *none = NULL;

    bide(open_with((bide_datagram_options){ .local_host = "127.0.0.1" }, &first));
    check_error(open_with((bide_datagram_options){ .local_host = "127.0.0.1", .local_port = port_of(first) }, &none),
                EADDRINUSE, "datagram endpoint at 127.0.0.1:");
    check_error(open_with((bide_datagram_options){ .local_host = "192.0.2.1" }, &none), EADDRNOTAVAIL);
    check_error(open_with((bide_datagram_options){ .local_host = "unknown.test" }, &none), BIDE_ERESOLVE);
    check_error(open_with((bide_datagram_options){ .remote_host = "unknown.test", .remote_port = 1 }, &none),
                BIDE_ERESOLVE);
    check_error(open_with((bide_datagram_options){ .remote_host = "127.0.0.1" }, &none), EINVAL, "port 0");
    check_error(open_with((bide_datagram_options){ .local_port = 65536 }, &none), EINVAL, "local_port 65536");
    check_error(open_with((bide_datagram_options){ .family = AF_UNIX }, &none), EINVAL, "family 1");
    check_error(
        open_with((bide_datagram_options){ .local_host = "::1", .remote_host = "127.0.0.1", .remote_port = 1 }, &none),
        EAFNOSUPPORT);
    check_error(open_with((bide_datagram_options){ .local_host = "127.0.0.1", .family = AF_INET6 }, &none),
                EAFNOSUPPORT);
    check_error(open_with((bide_datagram_options){ .local_path = "/x", .local_host = "127.0.0.1" }, &none), EINVAL,
                "exclude each other");
    check_error(open_with((bide_datagram_options){ .local_path = "" }, &none), EINVAL, "the path is empty");
    check_error(open_with((bide_datagram_options){ .local_path = "/nowhere/at/all" }, &none), ENOENT);
    check_error(open_with((bide_datagram_options){ .remote_path = "/nowhere/at/all" }, &none), ENOENT,
                "datagram endpoint unix:/nowhere/at/all");
    check_eq((void *)none, NULL);
    return 0;
}

bide_test(options_reach_the_socket)
{
    bide_auto(datagram) *first = NULL;
    bide_auto(datagram) *second = NULL;
    int value = 0;
    socklen_t size = sizeof value;
    bide_datagram_options options = { .local_host = "127.0.0.1",
                                      .reuse_port = true,
                                      .allow_broadcast = true,
                                      .receive_buffer = 10000,
                                      .send_buffer = 20000 };

    bide(open_with(options, &first));
    options.local_port = port_of(first);
    bide(open_with(options, &second)); /* on the same port */
    check_eq(getsockopt(bide_datagram_descriptor(first), SOL_SOCKET, SO_RCVBUF, &value, &size), 0);
    check_eq(value, 20000); /* the kernel doubles it, for its own use */
    check_eq(getsockopt(bide_datagram_descriptor(first), SOL_SOCKET, SO_SNDBUF, &value, &size), 0);
    check_eq(value, 40000);
    check_eq(getsockopt(bide_datagram_descriptor(first), SOL_SOCKET, SO_BROADCAST, &value, &size), 0);
    check_eq(value, 1);
    check_eq(fcntl(bide_datagram_descriptor(first), F_GETFD), FD_CLOEXEC);
    bide_address broadcast = at_port("127.255.255.255", port_of(first));
    check_eq(bide_datagram_send_to(first, "x", 1, &broadcast), (ssize_t)1);
    return 0;
}

/* ---- groups ---- */

static int send_to_group(bide_datagram *from, const char *host, int port)
{
    bide_address group = at_port(host, port);

    return (int)bide_datagram_send_to(from, "x", 1, &group);
}

static int option_of(const bide_datagram *datagram, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;

    check_eq(getsockopt(bide_datagram_descriptor(datagram), level, option, &value, &size), 0);
    return value;
}

static int receive_within(bide_datagram *datagram, double seconds)
{
    char text[8];
    int err;

    bide_timeout (seconds, err)
        err = (int)bide_datagram_receive(datagram, text, sizeof text);
    return err;
}

static const char *const hosts[] = { "239.1.2.3", "[ff05::4242]" };

bide_test_each(groups, hosts)
{
    bide_auto(datagram) *member = NULL;
    bide_auto(datagram) *sender = NULL;
    bide_datagram_options options = { .reuse_port = true, .family = **it == '[' ? AF_INET6 : AF_INET };
    bide_address group = at_port(*it, 0);
    /* the loopback interface has no IPv6 groups; without a hop nothing leaves this machine by another one */
    const char *interface = **it == '[' ? NULL : "lo";

    if (**it == '[' && !has_six())
        skip("no IPv6 here");
    bide(open_with(options, &member));
    options.local_port = 0;
    bide(open_with(options, &sender));
    int err = bide_datagram_join_group(member, &group, interface);
    if (err == -ENODEV || err == -EADDRNOTAVAIL)
        skip("no interface for groups here");
    check_eq(err, 0);
    bide(bide_datagram_set_multicast_interface(sender, interface));
    bide(bide_datagram_set_multicast_hops(sender, 0));
    err = send_to_group(sender, *it, port_of(member));
    if (err == -ENETUNREACH || err == -EADDRNOTAVAIL)
        skip("no way to groups here");
    check_eq(err, 1);
    check_eq(receive_within(member, 1), 1);
    check_error(bide_datagram_join_group(member, &group, interface), EADDRINUSE, "join group");
    bide(
        bide_datagram_set_multicast_loop(sender, false)); /* what goes over the loopback interface comes all the same */
    check_eq(send_to_group(sender, *it, port_of(member)), 1);
    check_eq(receive_within(member, 1), interface ? 1 : -ETIMEDOUT);
    bide(bide_datagram_set_multicast_hops(sender, 7));
    bool six = options.family == AF_INET6;
    check_eq(option_of(sender, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL), 7);
    check_eq(option_of(sender, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP), 0);
    check_eq(option_of(member, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP), 1);
    bide(bide_datagram_leave_group(member, &group, interface));
    check_error(bide_datagram_leave_group(member, &group, interface), EADDRNOTAVAIL, "leave group");
    bide(bide_datagram_set_multicast_hops(sender, 0));
    bide(bide_datagram_set_multicast_loop(sender, true));
    check_eq(send_to_group(sender, *it, port_of(member)), 1);
    check_error(receive_within(member, 1), ETIMEDOUT);
    return 0;
}

bide_test(groups_that_make_no_sense)
{
    bide_auto(datagram) *datagram = NULL;
    bide_auto(datagram) *local = NULL;
    bide_address one = parse("127.0.0.1:1"), six = parse("[::1]:1"), none = { 0 }, group = parse("239.1.2.3:0");

    bide(bide_create_datagram_endpoint(NULL, &datagram));
    check_error(bide_datagram_join_group(datagram, &one, NULL), EINVAL, "127.0.0.1:1: no multicast address");
    check_error(bide_datagram_join_group(datagram, &six, NULL), EINVAL);
    check_error(bide_datagram_join_group(datagram, &none, NULL), EINVAL);
    check_error(bide_datagram_join_group(datagram, &group, "no-such-interface"), ENODEV, "'no-such-interface'");
    check_error(bide_datagram_set_multicast_interface(datagram, "no-such-interface"), ENODEV);
    check_error(bide_datagram_set_multicast_hops(datagram, 256), EINVAL, "multicast hops 256");
    check_error(bide_datagram_set_multicast_hops(datagram, -1), EINVAL);
    bide(bide_datagram_set_multicast_interface(datagram, NULL));
    bide(open_with((bide_datagram_options){ .local_path = "@bide-test-groups" }, &local));
    check_error(bide_datagram_set_multicast_hops(local, 1), EINVAL, "only UDP");
    check_error(bide_datagram_set_multicast_loop(local, true), EINVAL);
    check_error(bide_datagram_set_multicast_interface(local, NULL), EINVAL);
    return 0;
}

/* ---- sockets made elsewhere ---- */

static int outside(int descriptor)
{
    bide_datagram *datagram;

    check_error(bide_datagram_of_descriptor(descriptor, &datagram), EPERM);
    check_error(bide_create_datagram_endpoint(NULL, &datagram), EPERM);
    return 0;
}
bide_async(outside, int);

bide_test(a_socket_made_elsewhere)
{
    bide_datagram *near = NULL, *far = NULL, *none = NULL;
    int ends[2], stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[8];

    check_error(bide_datagram_of_descriptor(stream, &none), EINVAL, "is no datagram socket");
    close(stream);
    check_error(bide_datagram_of_descriptor(stream, &none), EBADF, "Bad file descriptor");
    stream = open("/dev/null", O_RDONLY | O_CLOEXEC);
    check_error(bide_datagram_of_descriptor(stream, &none), EINVAL);
    close(stream);
    check_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    bide(bide_to_thread(bide_co(outside, ends[0])));
    bide(bide_datagram_of_descriptor(ends[0], &near));
    bide(bide_datagram_of_descriptor(ends[1], &far));
    check(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
    check_eq(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
    bide(bide_datagram_send(near, "x", 1));
    check_eq(bide_datagram_receive(far, text, sizeof text), (ssize_t)1);
    bide_datagram_close(near);
    bide_datagram_close(far);
    return 0;
}
