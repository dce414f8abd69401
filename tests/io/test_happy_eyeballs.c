/*
 * Several addresses raced: who is tried when, who wins, and that nothing of the others is left, whatever happens.
 *
 * An address that does not answer is a listener whose queue is full: the kernel drops what comes. The clock is virtual,
 * so delays are exact; the sockets are real.
 */
#include <bide/test.h>

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Listeners at 127.0.0.1, .2, ... with one port for all. */
enum { HOSTS = 5, FILLERS = 3 };
struct hosts {
    int port;
    int listener[HOSTS + 1]; /* by the last number of the address, -1: nobody listens there */
    int filler[HOSTS + 1][FILLERS];
};

enum kind { REFUSES, SILENT, ANSWERS };

static struct sockaddr_in address_of(int host, int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (uint32_t)host) };
}

/* Fills the queue of a listener, so that it answers nobody. */
static void fill(struct hosts *hosts, int host)
{
    struct sockaddr_in address = address_of(host, hosts->port);

    for (int i = 0; i < FILLERS; i++) {
        int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        check(filler >= 0);
        check(connect(filler, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS);
        hosts->filler[host][i] = filler;
    }
}

/* kinds: of 127.0.0.1, .2, ... */
static struct hosts open_hosts(const enum kind *kinds, int count)
{
    struct hosts hosts = { .port = bide_test_port() };

    memset(hosts.listener, -1, sizeof hosts.listener);
    memset(hosts.filler, -1, sizeof hosts.filler);
    for (int host = 1; host <= count; host++) {
        const int on = 1;
        struct sockaddr_in address = address_of(host, hosts.port);

        if (kinds[host - 1] == REFUSES)
            continue;
        hosts.listener[host] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        check(setsockopt(hosts.listener[host], SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
        check(bind(hosts.listener[host], (struct sockaddr *)&address, sizeof address) == 0);
        check(listen(hosts.listener[host], kinds[host - 1] == SILENT ? 0 : 5) == 0);
        if (kinds[host - 1] == SILENT)
            fill(&hosts, host);
    }
    return hosts;
}

static void close_fillers(struct hosts *hosts, int host)
{
    for (int i = 0; i < FILLERS; i++)
        if (hosts->filler[host][i] >= 0) {
            close(hosts->filler[host][i]);
            hosts->filler[host][i] = -1;
        }
}

static void close_hosts(struct hosts *hosts)
{
    for (int host = 1; host <= HOSTS; host++) {
        close_fillers(hosts, host);
        if (hosts->listener[host] >= 0)
            close(hosts->listener[host]);
    }
}
#define OPEN(...)                                                                                                      \
    open_hosts((const enum kind[]){ __VA_ARGS__ }, sizeof((const enum kind[]){ __VA_ARGS__ }) / sizeof(enum kind))

/* Connects; checks whom it got (0: an error) and how long that took, on the virtual clock. Returns the error. */
static int race(struct hosts *hosts, const char *names, const bide_connect_options *options, int winner, double seconds)
{
    bide_stream *stream = NULL;
    double start = bide_time();
    char expected[64];
    int err = bide_open_connection_with(names, hosts->port, options, &stream);

    check_eq(err == 0, stream != NULL);
    check_near(bide_time() - start, seconds, 1e-9);
    if (stream) {
        snprintf(expected, sizeof expected, "127.0.0.%d:%d", winner, hosts->port);
        check_str(bide_peer_name(stream), expected);
        bide_close(stream);
    }
    return err;
}

/* True if nobody knocked at a host. */
static bool untouched(const struct hosts *hosts, int host)
{
    int peer = accept(hosts->listener[host], NULL, NULL);

    if (peer >= 0)
        close(peer);
    return peer < 0;
}

bide_test(the_first_that_answers_is_the_only_one_tried)
{
    struct hosts hosts = OPEN(ANSWERS, ANSWERS);

    check_eq(race(&hosts, "127.0.0.2_127.0.0.1.list.test", NULL, 2, 0), 0);
    check(untouched(&hosts, 1));
    check(!untouched(&hosts, 2));
    close_hosts(&hosts);
    return 0;
}

bide_test(a_silent_address_costs_a_quarter_of_a_second)
{
    struct hosts hosts = OPEN(SILENT, ANSWERS, SILENT, SILENT);

    check_eq(race(&hosts, "127.0.0.1_127.0.0.2.list.test", NULL, 2, 0.25), 0);
    check_eq(race(&hosts, "127.0.0.1_127.0.0.3_127.0.0.4_127.0.0.2.list.test", NULL, 2, 0.75), 0);
    check_eq(
        race(&hosts, "127.0.0.1_127.0.0.2.list.test", &(bide_connect_options){ .happy_eyeballs_delay = 0.1 }, 2, 0.1),
        0);
    close_hosts(&hosts);
    return 0;
}

bide_test(a_refusal_starts_the_next_at_once)
{
    struct hosts hosts = OPEN(REFUSES, ANSWERS, SILENT);

    check_eq(race(&hosts, "127.0.0.1_127.0.0.2.list.test", NULL, 2, 0), 0);
    check_eq(race(&hosts, "127.0.0.3_127.0.0.1_127.0.0.2.list.test", NULL, 2, 0.25), 0);
    close_hosts(&hosts);
    return 0;
}

bide_test(all_refuse)
{
    struct hosts hosts = OPEN(REFUSES);
    char expected[256];

    check_error(race(&hosts, "127.0.0.1_127.0.0.2_127.0.0.3.list.test", NULL, 0, 0), ECONNREFUSED);
    snprintf(expected, sizeof expected,
             "connect to 127.0.0.1_127.0.0.2_127.0.0.3.list.test:%d: 127.0.0.1:%d: Connection refused; 127.0.0.2:%d: "
             "Connection refused; 127.0.0.3:%d: Connection refused",
             hosts.port, hosts.port, hosts.port, hosts.port);
    check_str(bide_strerror(-ECONNREFUSED), expected);
    close_hosts(&hosts);
    return 0;
}

bide_test(none_answers)
{
    struct hosts hosts = OPEN(SILENT, SILENT, REFUSES);
    bide_stream *stream = NULL;
    int err;

    bide_timeout (30, err)
        err = bide_open_connection("127.0.0.1_127.0.0.2_127.0.0.3.list.test", hosts.port, &stream);
    check_error(err, ETIMEDOUT, "timed out after 30 s");
    check_eq((void *)stream, NULL);
    close_hosts(&hosts);
    return 0;
}

bide_test(one_after_the_other_when_the_delay_is_infinite)
{
    struct hosts hosts = OPEN(SILENT, ANSWERS, REFUSES);
    const bide_connect_options options = { .happy_eyeballs_delay = INFINITY };
    int err;

    check_eq(race(&hosts, "127.0.0.3_127.0.0.2.list.test", &options, 2, 0), 0);
    check(!untouched(&hosts, 2));
    bide_timeout (5, err) {
        bide_stream *stream;

        err = bide_open_connection_with("127.0.0.1_127.0.0.2.list.test", hosts.port, &options, &stream);
    }
    check_error(err, ETIMEDOUT);
    check(untouched(&hosts, 2));
    close_hosts(&hosts);
    return 0;
}

/* The order is that of the message when all fail. */
static void check_order(const char *names, int interleave, int family, const char *expected)
{
    const bide_connect_options options = { .interleave = interleave, .family = family };
    char order[64] = "";
    bide_stream *stream;
    int err = bide_open_connection_with(names, 1, &options, &stream); /* nobody listens on port 1 */

    check(err < 0);
    for (const char *at = strstr(bide_strerror(err), ":1: ") + 4; at; at = (at = strstr(at, "; ")) ? at + 2 : NULL) {
        const char *last = strstr(at, ":1: ");

        check(last != NULL);
        snprintf(order + strlen(order), sizeof order - strlen(order), "%c", last[-1] == ']' ? last[-2] : last[-1]);
    }
    check_str(order, expected);
}

/* IPv6 addresses end with 1 to 4, IPv4 addresses with 5 to 8. */
bide_test(families_alternate)
{
#define SIX "::ffff:127.0.0.1_::ffff:127.0.0.2_::ffff:127.0.0.3"
#define FOUR "127.0.0.5_127.0.0.6_127.0.0.7"

    check_order(SIX "_" FOUR ".list.test", 0, 0, "152637");
    check_order(FOUR "_" SIX ".list.test", 0, 0, "516273");
    check_order(SIX "_" FOUR ".list.test", 1, 0, "152637");
    check_order(SIX "_" FOUR ".list.test", 2, 0, "125367");
    check_order(SIX "_" FOUR ".list.test", 100, 0, "123567");
    check_order(SIX "_" FOUR ".list.test", -1, 0, "123567");
    check_order("127.0.0.5_" SIX ".list.test", 0, 0, "5123");
    check_order(SIX "_127.0.0.5.list.test", 0, 0, "1523");
    check_order(FOUR ".list.test", 0, 0, "567");
    check_order(SIX "_" FOUR ".list.test", 0, AF_INET, "567");
    check_order(SIX "_" FOUR ".list.test", 0, AF_INET6, "123");
    return 0;
}

bide_test(options_out_of_range_are_refused)
{
    bide_stream *stream;

    check_error(
        bide_open_connection_with("two.test", 1, &(bide_connect_options){ .happy_eyeballs_delay = -1 }, &stream),
        EINVAL, "happy_eyeballs_delay -1");
    check_error(
        bide_open_connection_with("two.test", 1, &(bide_connect_options){ .happy_eyeballs_delay = NAN }, &stream),
        EINVAL);
    check_error(bide_open_connection_with("two.test", 1, &(bide_connect_options){ .family = AF_UNIX }, &stream), EINVAL,
                "family 1");
    check_error(bide_open_connection_with("two.test", 1, &(bide_connect_options){ .local_port = 65536 }, &stream),
                EINVAL, "local_port 65536");
    check_error(bide_open_connection_with("two.test", 1, &(bide_connect_options){ .family = AF_INET6 }, &stream),
                BIDE_ERESOLVE, "resolve 'two.test': no address of family");
    check_error(
        bide_open_connection_with("two.test", 1, &(bide_connect_options){ .local_host = "unknown.test" }, &stream),
        BIDE_ERESOLVE, "resolve 'unknown.test'");
    return 0;
}

/* ---- from which address ---- */

bide_test(a_local_address_is_connected_from)
{
    struct hosts hosts = OPEN(ANSWERS);
    bide_connect_options options = { .local_host = "::1_127.0.0.5.list.test" };
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    bide_stream *stream = NULL;

    for (int round = 0; round < 3; round++) {
        int port = round ? bide_test_port() : 0, peer;

        options.local_port = port;
        if (round == 2)
            options.local_host = NULL;
        bide(bide_open_connection_with("127.0.0.1", hosts.port, &options, &stream));
        peer = accept(hosts.listener[1], (struct sockaddr *)&from, &size);
        check(peer >= 0);
        check_eq(ntohl(from.sin_addr.s_addr) & 255, round == 2 ? 1U : 5U);
        if (port)
            check_eq(ntohs(from.sin_port), port);
        bide_abort(stream);
        close(peer);
    }
    options = (bide_connect_options){ .local_host = "::1" };
    check_error(bide_open_connection_with("127.0.0.1", hosts.port, &options, &stream), EADDRNOTAVAIL,
                "Cannot assign requested address");
    options.local_host = "192.0.2.1";
    check_error(bide_open_connection_with("127.0.0.1_127.0.0.2.list.test", hosts.port, &options, &stream),
                EADDRNOTAVAIL);
    close_hosts(&hosts);
    return 0;
}

/* ---- what must never happen ---- */

static int connect_to(struct hosts *hosts, const char *names, double delay, bide_stream **ret_stream)
{
    const bide_connect_options options = { .happy_eyeballs_delay = delay };

    return bide_open_connection_with(names, hosts->port, &options, ret_stream);
}
bide_async(connect_to, struct hosts *, const char *, double, bide_stream **);

static bool is_filler(const struct hosts *hosts, unsigned port)
{
    for (int host = 1; host <= HOSTS; host++)
        for (int i = 0; i < FILLERS; i++) {
            struct sockaddr_in address = { 0 };
            socklen_t size = sizeof address;

            if (hosts->filler[host][i] >= 0 &&
                getsockname(hosts->filler[host][i], (struct sockaddr *)&address, &size) == 0 &&
                ntohs(address.sin_port) == port)
                return true;
        }
    return false;
}

/* How many of our sockets have knocked at the first two hosts and wait for an answer: the kernel's table says so. */
static int count_attempts(const struct hosts *hosts)
{
    FILE *table = fopen("/proc/net/tcp", "r");
    unsigned from, host, port, state;
    char line[512];
    int count = 0;

    check(table != NULL);
    while (fgets(line, sizeof line, table))
        if (sscanf(line, " %*d: %*8[0-9A-F]:%x %8x:%x %x", &from, &host, &port, &state) == 4 && state == TCP_SYN_SENT &&
            port == (unsigned)hosts->port &&
            (host == address_of(1, 0).sin_addr.s_addr || host == address_of(2, 0).sin_addr.s_addr) &&
            !is_filler(hosts, from))
            count++;
    fclose(table);
    return count;
}

/* Waits, with the loop standing still, until a host has a connection in its queue. */
static int wait_for_knock(const struct hosts *hosts, int host)
{
    struct pollfd poller = { .fd = hosts->listener[host], .events = POLLIN };

    if (poll(&poller, 1, 9000) != 1)
        skip("the kernel did not knock again in time");
    return accept(hosts->listener[host], NULL, NULL);
}

/* Both connections are made in the same poll of the loop: one is taken, the other closed. */
bide_test(there_are_never_two_winners, .real_clock = true, .time_limit = 60)
{
    struct hosts hosts = OPEN(SILENT, SILENT);
    bide_stream *stream = NULL;
    int err, ended = 0;

    bide_task_group (group, err) {
        bide_start(group, bide_co(connect_to, &hosts, "127.0.0.1_127.0.0.2.list.test", 1e-6, &stream));
        while (count_attempts(&hosts) < 2) /* the kernel knocks again after a second */
            bide(bide_sleep(0.001));
        for (int host = 1; host <= 2; host++) {
            int peer;

            close_fillers(&hosts, host);
            while ((peer = accept(hosts.listener[host], NULL, NULL)) >= 0)
                close(peer);
        }
        int peers[2] = { wait_for_knock(&hosts, 1), wait_for_knock(&hosts, 2) };
        while (!stream)
            bide(bide_sleep(0));
        bide(bide_sleep(0));
        struct pollfd pollers[2] = { { .fd = peers[0], .events = POLLIN }, { .fd = peers[1], .events = POLLIN } };
        ended = poll(pollers, 2, 9000); /* the end of a stream is readable */
        close(peers[0]);
        close(peers[1]);
    }
    check_eq(err, 0);
    check_eq(ended, 1);
    bide_close(stream);
    close_hosts(&hosts);
    return 0;
}

/* What the fixture is to be made of; nothing goes wrong there. */
static const enum kind *kinds;

static int close_fixture(struct hosts *hosts)
{
    close_hosts(hosts);
    return 0;
}
bide_async(close_fixture, struct hosts *);

static const char three_names[] = "127.0.0.1_127.0.0.2_127.0.0.3.list.test";

bide_fixture(struct hosts, three_hosts)
{
    struct addrinfo *list;

    *it = open_hosts(kinds, 3);
    /* their names are in the cache: what becomes of lookups is tested elsewhere */
    bide(bide_getaddrinfo(three_names, NULL,
                          &(struct addrinfo){ .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, &list));
    bide_freeaddrinfo(list);
    bide_test_cleanup(bide_co(close_fixture, it));
    return 0;
}

static int race_once(const enum kind *of)
{
    bide_stream *stream = NULL;

    kinds = of;
    int port = three_hosts()->port, err;
    bide_timeout (60, err) /* when the one that answers cannot be tried, the silent ones are waited for */
        err = bide_open_connection(three_names, port, &stream);

    check_eq(err == 0, stream != NULL);
    bide_close(stream);
    return err;
}

#define EVERYWHERE(how, name, ...)                                                                                     \
    how(name, .faults = "memory eintr eagain error", .points_max = 100)                                                \
    {                                                                                                                  \
        return race_once((const enum kind[]){ __VA_ARGS__ });                                                          \
    }                                                                                                                  \
    _Static_assert(1, "")

EVERYWHERE(bide_test_cancel_everywhere, cancelled_everywhere_beside_silence, SILENT, SILENT, ANSWERS);
EVERYWHERE(bide_test_cancel_everywhere, cancelled_everywhere_beside_refusals, REFUSES, SILENT, ANSWERS);
EVERYWHERE(bide_test_cancel_everywhere, cancelled_everywhere_with_an_answer, ANSWERS, ANSWERS, ANSWERS);
EVERYWHERE(bide_test_timeout_everywhere, timed_out_everywhere_beside_silence, SILENT, SILENT, ANSWERS);
EVERYWHERE(bide_test_faults, faults_beside_silence, SILENT, SILENT, ANSWERS);
EVERYWHERE(bide_test_faults, faults_beside_refusals, REFUSES, SILENT, ANSWERS);

/* Cancelled at the moment at which the connection is made: it is given to the caller, or was never made (R2, R1). */
bide_test(a_winner_is_not_lost_to_a_cancellation, .seeds = 10)
{
    for (unsigned turns = 0; turns < 12; turns++) {
        struct hosts hosts = OPEN(SILENT, ANSWERS);
        bide_stream *stream = NULL;
        bide_task *task =
            bide_create_task(NULL, bide_co(connect_to, &hosts, "127.0.0.1_127.0.0.2.list.test", 0.25, &stream));
        int err;

        bide(bide_sleep(0.25));
        for (unsigned i = 0; i < turns; i++)
            bide(bide_sleep(i % 2 ? 1e-9 : 0));
        bide_cancel(task);
        err = bide_join(task);
        check(err == 0 || err == -ECANCELED);
        check_eq(err == 0, stream != NULL);
        bide_close(stream);
        bide_forget(task);
        close_hosts(&hosts);
    }
    return 0;
}

/* Without a place for another task the caller tries the addresses itself. */
bide_test(without_tasks_they_are_tried_in_turn, .run = { .task_limit = 1 })
{
    struct hosts hosts = OPEN(REFUSES, ANSWERS, ANSWERS);

    check_eq(race(&hosts, "127.0.0.1_127.0.0.2_127.0.0.3.list.test", NULL, 2, 0), 0);
    check(untouched(&hosts, 3));
    close_hosts(&hosts);
    return 0;
}
