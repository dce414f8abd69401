/* Datagrams: whole, cut, empty, to one and to many; errors of the network; several tasks; giving up. */
#include <bide/test.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BIG = 65507, MANY = 100 };

static bide_datagram *open_with(bide_datagram_options options)
{
    bide_datagram *datagram = NULL;

    check_eq(bide_create_datagram_endpoint(&options, &datagram), 0);
    return datagram;
}

/* Two endpoints of 127.0.0.1: the second one is connected to the first. */
struct two {
    bide_datagram *first, *second;
};

static struct two open_two(void)
{
    struct two two = { .first = open_with((bide_datagram_options){ .local_host = "127.0.0.1" }) };
    int port = bide_address_port(bide_datagram_local_address(two.first));

    two.second = open_with((bide_datagram_options){ .remote_host = "127.0.0.1", .remote_port = port });
    return two;
}

static void close_two(struct two two)
{
    bide_datagram_close(two.first);
    bide_datagram_close(two.second);
}

static void check_text(const bide_address *address, const char *expected)
{
    char text[BIDE_ADDRESS_TEXT];

    check_str(bide_address_format(address, text, sizeof text), expected);
}

static int note(bide_datagram *datagram, const char *who)
{
    char text[32] = "";

    bide(bide_datagram_receive(datagram, text, sizeof text - 1));
    check_event("%s: %s", who, text);
    return 0;
}
bide_async(note, bide_datagram *, const char *);

bide_test(datagrams_come_whole_and_with_their_sender)
{
    struct two two = open_two();
    bide_address from;
    char text[32];

    bide(bide_datagram_send(two.second, "hello", 5));
    bide(bide_datagram_send(two.second, "", 0));
    check_eq(bide_datagram_receive_from(two.first, text, sizeof text, &from), (ssize_t)5);
    check_mem(text, "hello", 5);
    check(bide_address_equal(&from, bide_datagram_local_address(two.second)));
    check_eq(bide_datagram_receive_from(two.first, text, sizeof text, &from), (ssize_t)0);
    check(bide_address_equal(&from, bide_datagram_local_address(two.second)));
    check_eq(bide_datagram_send_to(two.first, "answer", 6, &from), (ssize_t)6);
    check_eq(bide_datagram_receive(two.second, text, sizeof text), (ssize_t)6);
    check(bide_address_equal(bide_datagram_peer_address(two.second), bide_datagram_local_address(two.first)));
    check_eq(bide_datagram_peer_address(two.first)->size, 0U);
    close_two(two);
    bide_datagram_close(NULL);
    return 0;
}

bide_test(receiving_waits)
{
    struct two two = open_two();
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(note, two.first, "a"));
        bide(bide_sleep(1));
        check_no_trace();
        bide(bide_datagram_send(two.second, "x", 1));
    }
    check_eq(err, 0);
    check_trace("a: x");
    close_two(two);
    return 0;
}

bide_test(what_is_cut_says_how_long_it_was)
{
    struct two two = open_two();
    char text[4] = "...";
    static char big[BIG];

    bide(bide_datagram_send(two.second, "hello", 5));
    check_eq(bide_datagram_receive(two.first, text, 3), (ssize_t)5);
    check_str(text, "hel");
    bide(bide_datagram_send(two.second, "next", 4)); /* the rest is gone */
    check_eq(bide_datagram_receive(two.first, text, 3), (ssize_t)4);
    check_str(text, "nex");
    check_eq(bide_datagram_send(two.second, big, BIG), (ssize_t)BIG);
    check_eq(bide_datagram_receive(two.first, big, BIG), (ssize_t)BIG);
    close_two(two);
    return 0;
}

bide_test(what_cannot_be_sent_is_refused)
{
    struct two two = open_two();
    bide_address nowhere = { 0 }, six, name;
    static char big[BIG + 1];

    check_error(bide_datagram_send(two.second, big, BIG + 1), EMSGSIZE, "send to 127.0.0.1:");
    check_error(bide_datagram_send(two.first, "x", 1), EDESTADDRREQ, "send to ?: Destination address required");
    check_error(bide_datagram_send_to(two.first, "x", 1, &nowhere), EDESTADDRREQ);
    check_eq(bide_address_parse("[::1]:1", &six), 0);
    check_error(bide_datagram_send_to(two.first, "x", 1, &six), EAFNOSUPPORT, "send to [::1]:1");
    check_eq(bide_address_parse("255.255.255.255:1", &name), 0);
    check_error(bide_datagram_send_to(two.first, "x", 1, &name), EACCES); /* broadcast was not allowed */
    check_error(bide_datagram_receive_many(two.first, NULL, 0), EINVAL, "no room");
    check_eq(bide_datagram_send_many(two.first, NULL, 0), (ssize_t)0);
    close_two(two);
    return 0;
}

/* An ICMP message about what was sent before is an error of one call. */
bide_test(a_refusal_is_reported_and_not_fatal)
{
    struct two two = open_two();
    bide_datagram_options again = { .local_host = "127.0.0.1",
                                    .local_port = bide_address_port(bide_datagram_local_address(two.first)) };
    char text[8];

    bide_datagram_close(two.first);
    bide(bide_datagram_send(two.second, "x", 1));
    check_error(bide_datagram_receive(two.second, text, sizeof text), ECONNREFUSED, "nobody received what was sent");
    bide(bide_datagram_send(two.second, "x", 1));
    check_error(bide_datagram_send(two.second, "y", 1), ECONNREFUSED, "nobody received what was sent before");
    two.first = open_with(again);
    bide(bide_datagram_send(two.second, "z", 1));
    check_eq(bide_datagram_receive(two.first, text, sizeof text), (ssize_t)1);
    check_eq(text[0], 'z');
    bide(bide_datagram_send_to(two.first, "w", 1, bide_datagram_local_address(two.second)));
    check_eq(bide_datagram_receive(two.second, text, sizeof text), (ssize_t)1);
    close_two(two);
    return 0;
}

static int send_to_nobody(bide_datagram *datagram)
{
    char byte;

    check_error(bide_datagram_receive(datagram, &byte, 1), ECONNREFUSED);
    check_event("refused");
    return 0;
}
bide_async(send_to_nobody, bide_datagram *);

bide_test(a_refusal_wakes_who_waits)
{
    struct two two = open_two();
    int err;

    bide_datagram_close(two.first);
    bide_task_group (group, err) {
        bide_start(group, bide_co(send_to_nobody, two.second));
        bide(bide_sleep(1));
        bide(bide_datagram_send(two.second, "x", 1));
    }
    check_eq(err, 0);
    check_trace("refused");
    bide_datagram_close(two.second);
    return 0;
}

/* ---- many at once ---- */

bide_test(many_by_one_call)
{
    struct two two = open_two();
    static char data[MANY][12];
    bide_datagram_message out[MANY] = { { 0 } }, in[MANY] = { { 0 } };
    size_t received = 0;

    for (int i = 0; i < MANY; i++) {
        snprintf(data[i], sizeof data[i], "%d", i);
        out[i] = (bide_datagram_message){ .data = data[i], .size = strlen(data[i]) };
        if (i % 2)
            out[i].address = *bide_datagram_local_address(two.first);
        in[i] = (bide_datagram_message){ .data = malloc(12), .size = i == 42 ? 1 : 12 };
    }
    check_eq(bide_datagram_send_many(two.second, out, MANY), (ssize_t)MANY);
    while (received < MANY) {
        ssize_t count = bide(bide_datagram_receive_many(two.first, in + received, MANY - received));

        check(count > 0 && count <= BIDE_DATAGRAM_BATCH);
        received += (size_t)count;
    }
    for (int i = 0; i < MANY; i++) {
        check_eq(in[i].length, strlen(data[i])); /* also where it was cut */
        check_mem(in[i].data, data[i], i == 42 ? 1 : in[i].length);
        check(bide_address_equal(&in[i].address, bide_datagram_local_address(two.second)));
        free(in[i].data);
    }
    close_two(two);
    return 0;
}

bide_test(many_end_at_the_one_that_fails)
{
    struct two two = open_two();
    static char big[BIG + 1];
    char text[8];
    bide_datagram_message out[3] = { { .data = "a", .size = 1 },
                                     { .data = big, .size = sizeof big },
                                     { .data = "c", .size = 1 } };

    check_eq(bide_datagram_send_many(two.second, out, 3), (ssize_t)1);
    check_error(bide_datagram_send_many(two.second, out + 1, 2), EMSGSIZE);
    check_eq(bide_datagram_send_many(two.second, out + 2, 1), (ssize_t)1);
    check_eq(bide_datagram_receive(two.first, text, sizeof text), (ssize_t)1);
    check_eq(bide_datagram_receive(two.first, text, sizeof text), (ssize_t)1);
    check_eq(text[0], 'c');
    close_two(two);
    return 0;
}

/* ---- several tasks ---- */

bide_test(tasks_receive_in_the_order_in_which_they_came)
{
    struct two two = open_two();
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(note, two.first, "a"));
        bide_start(group, bide_co(note, two.first, "b"));
        bide_start(group, bide_co(note, two.first, "c"));
        bide(bide_sleep(1));
        for (int i = 0; i < 3; i++)
            bide(bide_datagram_send(two.second, (const char *[]){ "1", "2", "3" }[i], 1));
    }
    check_eq(err, 0);
    check_trace("a: 1", "b: 2", "c: 3");
    close_two(two);
    return 0;
}

bide_test(a_receiver_that_is_cancelled_loses_nothing, .seeds = 10)
{
    struct two two = open_two();

    for (unsigned turns = 0; turns < 6; turns++) {
        bide_task *task = bide_create_task(NULL, bide_co(note, two.first, "task"));
        char text[8] = "";
        int err;

        bide(bide_sleep(0));
        bide(bide_datagram_send(two.second, "x", 1));
        for (unsigned i = 0; i < turns; i++)
            bide(bide_sleep(i % 2 ? 1e-9 : 0));
        bide_cancel(task);
        err = bide_join(task);
        bide_forget(task);
        if (err == 0) {
            check_trace("task: x"); /* it had happened (R2) */
        } else {
            check_error(err, ECANCELED);
            check_eq(bide_datagram_receive(two.first, text, sizeof text), (ssize_t)1); /* it had not (R1) */
        }
    }
    close_two(two);
    return 0;
}

static int count_turns(int *turns)
{
    for (;; ++*turns)
        bide(bide_sleep(0));
}
bide_async(count_turns, int *);

bide_test(who_never_waits_starves_nobody)
{
    struct two two = open_two();
    int turns = 0, err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(count_turns, &turns));
        for (int i = 0; i < 1000; i++)
            bide(bide_datagram_send(two.second, "x", 1));
        bide_group_cancel(group);
    }
    check_eq(err, 0);
    check(turns >= 1000 / 100);
    close_two(two);
    return 0;
}

/* ---- Unix sockets ---- */

static const char *path_in_directory(const char *name)
{
    static char paths[4][100];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", bide_test_directory(), name);
    return path;
}

static const char *const kinds[] = { "path", "abstract" };

bide_test_each(unix_datagrams, kinds)
{
    bool abstract = !strcmp(*it, "abstract");
    char name[64], other[64], expected[128], text[8];
    bide_address from, to;

    snprintf(name, sizeof name, abstract ? "@bide-%d-a" : "%.0da", (int)getpid());
    snprintf(other, sizeof other, abstract ? "@bide-%d-b" : "%.0db", (int)getpid());
    const char *first_path = abstract ? name : path_in_directory("a"),
               *second_path = abstract ? other : path_in_directory("b");
    bide_datagram *first = open_with((bide_datagram_options){ .local_path = first_path, .mode = 0600 });
    bide_datagram *second = open_with((bide_datagram_options){ .local_path = second_path, .remote_path = first_path });
    bide_datagram *unnamed = open_with((bide_datagram_options){ .remote_path = first_path });

    bide(bide_datagram_send(second, "hello", 5));
    check_eq(bide_datagram_receive_from(first, text, 2, &from), (ssize_t)5);
    snprintf(expected, sizeof expected, "unix:%s", second_path);
    check_text(&from, expected);
    check_text(bide_datagram_local_address(second), expected);
    snprintf(expected, sizeof expected, "unix:%s", first_path);
    check_text(bide_datagram_peer_address(second), expected);
    bide(bide_datagram_send_to(first, "answer", 6, &from));
    check_eq(bide_datagram_receive(second, text, sizeof text), (ssize_t)6);
    bide(bide_datagram_send(unnamed, "", 0));
    check_eq(bide_datagram_receive_from(first, text, sizeof text, &from), (ssize_t)0);
    check(from.size <= sizeof(sa_family_t));
    check_eq(bide_address_parse("unix:/nowhere/at/all", &to), 0);
    check_error(bide_datagram_send_to(first, "x", 1, &to), ENOENT, "send to unix:/nowhere/at/all");
    if (!abstract) {
        struct stat status;

        check_eq(stat(first_path, &status), 0);
        check_eq(status.st_mode & 0777, 0600U);
        bide_datagram_close(first);
        check_eq(stat(first_path, &status), -1);
    } else {
        bide_datagram_close(first);
    }
    check_error(bide_datagram_send(second, "x", 1), ECONNREFUSED);
    bide_datagram_close(second);
    bide_datagram_close(unnamed);
    return 0;
}

bide_test(unix_file_that_nobody_receives_at_is_replaced)
{
    const char *path = path_in_directory("socket");
    bide_datagram *first = open_with((bide_datagram_options){ .local_path = path }), *second = NULL;
    char moved[128];

    check_error(bide_create_datagram_endpoint(&(bide_datagram_options){ .local_path = path }, &second), EADDRINUSE,
                "datagram endpoint unix:");
    snprintf(moved, sizeof moved, "%s.old", path);
    check_eq(rename(path, moved), 0); /* so that closing does not find it */
    bide_datagram_close(first);
    check_eq(rename(moved, path), 0);
    second = open_with((bide_datagram_options){ .local_path = path });
    bide_datagram_close(second);
    check_eq(access(path, F_OK), -1);
    return 0;
}

static int send_until_full(bide_datagram *datagram, const bide_address *to, int *sent)
{
    for (;; ++*sent)
        bide(bide_datagram_send_to(datagram, "x", 1, to));
}
bide_async(send_until_full, bide_datagram *, const bide_address *, int *);

/* The queue of a Unix receiver is short; who sends waits for room, connected or not, without spinning. */
static int overflow(bool connected)
{
    const char *path = path_in_directory("receiver");
    bide_datagram *receiver = open_with((bide_datagram_options){ .local_path = path });
    bide_datagram *sender = open_with((bide_datagram_options){
        .local_path = connected ? NULL : path_in_directory("sender"), .remote_path = connected ? path : NULL });
    bide_address to = *bide_datagram_local_address(receiver);
    int sent = 0, err;

    bide_task_group (group, err) {
        char byte;

        bide_start(group, bide_co(send_until_full, sender, connected ? NULL : &to, &sent));
        bide(bide_sleep(1)); /* virtual time: it passes only if nobody is busy */
        int before = sent;
        check(before > 0);
        bide(bide_sleep(1));
        check_eq(sent, before);
        for (int i = 0; i < before; i++)
            check_eq(bide_datagram_receive(receiver, &byte, 1), (ssize_t)1);
        bide(bide_sleep(1));
        check(sent > before);
        bide_group_cancel(group);
    }
    bide_datagram_close(sender);
    bide_datagram_close(receiver);
    return err;
}

bide_test(a_full_receiver_is_waited_for_when_connected)
{
    return overflow(true);
}

bide_test(a_full_receiver_is_waited_for_when_not_connected)
{
    return overflow(false);
}

/* ---- everything that can go wrong ---- */

static int receive_all(bide_datagram *datagram, int count)
{
    char text[16];
    bide_datagram_message in[4];

    for (int i = 0; i < 4; i++)
        in[i] = (bide_datagram_message){ .data = text, .size = sizeof text };
    while (count > 0)
        count -= (int)bide(bide_datagram_receive_many(datagram, in, 4));
    return 0;
}
bide_async(receive_all, bide_datagram *, int);

static int converse(void)
{
    bide_auto(datagram) *first = NULL;
    bide_auto(datagram) *second = NULL;
    bide_datagram_message out[4];
    char text[16];
    bide_address from;
    int err;

    bide(bide_create_datagram_endpoint(&(bide_datagram_options){ .local_host = "127.0.0.1" }, &first));
    int port = bide_address_port(bide_datagram_local_address(first));
    bide(bide_create_datagram_endpoint(
        &(bide_datagram_options){ .remote_host = "127.0.0.1", .remote_port = port, .reuse_port = true }, &second));
    for (int i = 0; i < 4; i++)
        out[i] = (bide_datagram_message){ .data = "data", .size = 4 };
    bide_task_group (group, err) {
        bide_start(group, bide_co(receive_all, first, 5));
        bide(bide_sleep(1));
        bide(bide_datagram_send(second, "x", 1));
        bide(bide_datagram_send_many(second, out, 4));
    }
    if (err < 0)
        return err;
    bide(bide_datagram_send(second, "hello", 5));
    bide(bide_datagram_receive_from(first, text, sizeof text, &from));
    bide(bide_datagram_send_to(first, text, 5, &from));
    bide(bide_datagram_receive(second, text, sizeof text));
    return 0;
}

bide_test_cancel_everywhere(conversation_cancelled_everywhere)
{
    return converse();
}

bide_test_timeout_everywhere(conversation_timed_out_everywhere)
{
    return converse();
}

bide_test_faults(conversation_with_faults)
{
    return converse();
}

bide_test_faults(conversation_with_errors, .faults = "error")
{
    return converse();
}

static int converse_locally(void)
{
    bide_auto(datagram) *first = NULL;
    bide_auto(datagram) *second = NULL;
    const char *path = path_in_directory("socket");
    char text[16];

    bide(bide_create_datagram_endpoint(&(bide_datagram_options){ .local_path = path }, &first));
    bide(bide_create_datagram_endpoint(&(bide_datagram_options){ .remote_path = path }, &second));
    bide(bide_datagram_send(second, "hello", 5));
    bide(bide_datagram_receive(first, text, sizeof text));
    return 0;
}

bide_test_faults(unix_conversation_with_faults, .faults = "memory eintr eagain error")
{
    return converse_locally();
}
