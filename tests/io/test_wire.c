/*
 * Streams and servers over a bad network: every byte arrives although packets are late and lost, and when nothing passes
 * any more, whoever waits gets out. Time is real here.
 *
 * The network is the test process's own (a namespace) with one device, whose other end is a thread here: it turns each
 * packet round, so what is sent to WIRE_PEER comes back to WIRE_HERE as if from WIRE_PEER. A server on WIRE_HERE is thus
 * reached as WIRE_PEER, over the wire. Needs the right to make namespaces, and /dev/net/tun.
 */
#include <bide/test.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_tun.h>

#define WIRE_HERE "10.9.0.1"
#define WIRE_PEER "10.9.0.2"

enum { PACKETS_MAX = 2048, PACKET_BYTES = 1600 };

struct packet {
    int64_t due; /* nanoseconds */
    size_t size;
    unsigned char bytes[PACKET_BYTES];
};

struct wire {
    pthread_t thread;
    int device;
    uint32_t random;
    atomic_bool ended;
    atomic_uint loss, lost, passed;
    _Atomic int64_t delay, jitter;
    size_t count;
    struct packet packets[PACKETS_MAX]; /* under way */
};

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static uint32_t random_below(struct wire *wire, uint32_t limit)
{
    wire->random = wire->random * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)wire->random * limit) >> 32);
}

/* A packet for the other end comes back from it. Neither checksum changes when the two addresses change places. */
static void turn_round(unsigned char *bytes)
{
    unsigned char address[4];

    memcpy(address, bytes + 12, 4);
    memcpy(bytes + 12, bytes + 16, 4);
    memcpy(bytes + 16, address, 4);
}

static void take(struct wire *wire)
{
    struct packet *packet = &wire->packets[wire->count];
    ssize_t size;

    while (wire->count < PACKETS_MAX && (size = read(wire->device, packet->bytes, PACKET_BYTES)) > 0) {
        if (size < 20 || packet->bytes[0] >> 4 != 4)
            continue; /* not IPv4 */
        if (random_below(wire, 100) < wire->loss) {
            wire->lost++;
            continue;
        }
        turn_round(packet->bytes);
        packet->size = (size_t)size;
        packet->due = now() + wire->delay + (int64_t)((double)wire->jitter * random_below(wire, 1000) / 1000);
        packet = &wire->packets[++wire->count];
    }
}

/* Hands on what is due. Nanoseconds until the next is. */
static int64_t hand_on(struct wire *wire)
{
    int64_t time = now(), next = 10 * 1000 * 1000;

    for (size_t i = 0; i < wire->count;) {
        struct packet *packet = &wire->packets[i];

        if (packet->due <= time) {
            wire->passed += write(wire->device, packet->bytes, packet->size) > 0;
            *packet = wire->packets[--wire->count];
        } else {
            next = packet->due - time < next ? packet->due - time : next;
            i++;
        }
    }
    return next;
}

static void *carry(void *argument)
{
    struct wire *wire = argument;

    while (!wire->ended) {
        struct pollfd poller = { .fd = wire->device, .events = POLLIN };
        int64_t wait = hand_on(wire);

        ppoll(&poller, wire->count < PACKETS_MAX, &(struct timespec){ .tv_nsec = (long)wait }, NULL);
        take(wire);
    }
    return NULL;
}

static int bring_up(int socket, const char *device, const char *address)
{
    struct ifreq request = { 0 };
    struct sockaddr_in *inet = (struct sockaddr_in *)(void *)&request.ifr_addr;

    strncpy(request.ifr_name, device, sizeof request.ifr_name - 1);
    if (address) {
        inet->sin_family = AF_INET;
        inet_pton(AF_INET, address, &inet->sin_addr);
        if (ioctl(socket, SIOCSIFADDR, &request) < 0)
            return -errno;
        inet_pton(AF_INET, "255.255.255.0", &inet->sin_addr);
        if (ioctl(socket, SIOCSIFNETMASK, &request) < 0)
            return -errno;
    }
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    return ioctl(socket, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

/* A network of our own with the device. Its descriptor, or -1 and the reason. */
static int open_device(const char **ret_reason)
{
    struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
    int device, control;

    *ret_reason = "no right to make a network namespace";
    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return -1;
    *ret_reason = "no /dev/net/tun";
    device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device < 0)
        return -1;
    *ret_reason = "a tun device cannot be made or configured";
    strcpy(request.ifr_name, "wire");
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ioctl(device, TUNSETIFF, &request) < 0 || bring_up(control, "lo", NULL) < 0 ||
        bring_up(control, "wire", WIRE_HERE) < 0) {
        close(device);
        device = -1;
    }
    close(control);
    return device;
}

/* Lays the wire. NULL: it cannot be had here, and *ret_reason says why. Before any other thread. */
static struct wire *wire_open(uint32_t seed, const char **ret_reason)
{
    struct wire *wire;
    int device = open_device(ret_reason);

    if (device < 0)
        return NULL;
    wire = calloc(1, sizeof *wire);
    if (!wire)
        abort();
    wire->device = device;
    wire->random = seed;
    if (pthread_create(&wire->thread, NULL, carry, wire))
        abort();
    return wire;
}

/* From now on: of a hundred packets so many are lost; each is late by `delay` seconds and up to `jitter` more. */
static void wire_set(struct wire *wire, unsigned loss, double delay, double jitter)
{
    wire->delay = (int64_t)(delay * 1e9);
    wire->jitter = (int64_t)(jitter * 1e9);
    wire->loss = loss;
}

static void wire_close(struct wire *wire)
{
    wire->ended = true;
    pthread_join(wire->thread, NULL);
    close(wire->device);
    free(wire);
}

enum { BYTES = 150 * 1000, CLIENTS = 20 };

static int cut(struct wire *wire)
{
    wire_close(wire);
    return 0;
}
bide_async(cut, struct wire *);

static struct wire *lay_wire(void)
{
    const char *reason;
    struct wire *wire = wire_open(12345, &reason);

    if (!wire)
        skip(reason);
    bide_test_cleanup(bide_co(cut, wire));
    return wire;
}

static int echo(bide_stream *stream, void *argument)
{
    char buffer[4096];
    ssize_t count;

    (void)argument;
    while ((count = bide_read(stream, buffer, sizeof buffer)) > 0)
        bide(bide_write(stream, buffer, (size_t)count));
    return (int)count;
}

static bide_server *start_server(const bide_serve_options *options)
{
    bide_listener *listener;
    bide_server *server;

    check_eq(bide_listen(WIRE_HERE, 0, &listener), 0);
    check_eq(bide_start_server(NULL, listener, echo, NULL, options, &server), 0);
    return server;
}

static void stop_server(bide_server *server)
{
    bide_server_shutdown(server);
    check_eq(bide_server_wait_closed(server), 0);
    bide_server_release(server);
}

static char byte_at(size_t offset, int number)
{
    return (char)((offset * 7 + (size_t)number) % 251);
}

static int send_all(bide_stream *stream, int number)
{
    char *data = malloc(BYTES);
    int err = 0;

    for (size_t i = 0; i < BYTES; i++)
        data[i] = byte_at(i, number);
    for (size_t sent = 0; sent < BYTES && err == 0;) {
        ssize_t count = bide_write(stream, data + sent, BYTES - sent);

        if (count < 0)
            err = (int)count;
        else
            sent += (size_t)count;
    }
    free(data);
    return err ? err : bide_write_eof(stream);
}
bide_async(send_all, bide_stream *, int);

static int exchange(int port, int number)
{
    bide_auto(stream) *stream = NULL;
    char buffer[4096];
    size_t got = 0;
    ssize_t count = 0;
    int err;

    bide(bide_open_connection(WIRE_PEER, port, &stream));
    bide_task_group (group, err) {
        bide(bide_start(group, bide_co(send_all, stream, number)));
        while ((count = bide(bide_read(stream, buffer, sizeof buffer))) > 0)
            for (ssize_t i = 0; i < count; i++, got++)
                if (buffer[i] != byte_at(got, number))
                    check_eq(buffer[i], byte_at(got, number));
    }
    check_eq(got, (size_t)BYTES);
    return err;
}
bide_async(exchange, int, int);

bide_test(every_byte_arrives_over_loss_and_delay, .real_clock = true, .time_limit = 60)
{
    struct wire *wire = lay_wire();
    bide_server *server = start_server(NULL);

    wire_set(wire, 3, 0.005, 0.005); /* the jitter also changes the order */
    check_eq(exchange(bide_server_port(server), 1), 0);
    check(wire->lost > 0);
    check(wire->passed > 2 * BYTES / 1500);
    stop_server(server);
    return 0;
}

static int short_exchange(int port)
{
    bide_auto(stream) *stream = NULL;
    char text[4];

    bide(bide_open_connection(WIRE_PEER, port, &stream));
    for (int i = 0; i < 5; i++) {
        bide(bide_write(stream, "ping", 4));
        bide(bide_read_exactly(stream, text, 4));
    }
    return 0;
}
bide_async(short_exchange, int);

bide_test(many_connections_over_loss, .real_clock = true, .time_limit = 60)
{
    struct wire *wire = lay_wire();
    bide_server *server = start_server(NULL);
    int err;

    wire_set(wire, 5, 0.001, 0.002);
    bide_task_group (group, err)
        for (int i = 0; i < CLIENTS; i++)
            bide(bide_start(group, bide_co(short_exchange, bide_server_port(server))));
    check_eq(err, 0);
    stop_server(server);
    return 0;
}

bide_test(what_waits_on_a_dead_wire_gets_out, .real_clock = true, .time_limit = 60)
{
    struct wire *wire = lay_wire();
    bide_server *server = start_server(NULL);
    int port = bide_server_port(server), err;
    bide_stream *stream, *late = NULL;
    char byte;

    check_eq(bide_open_connection(WIRE_PEER, port, &stream), 0);
    check_eq(bide_write(stream, "x", 1), 1);
    check_eq(bide_read(stream, &byte, 1), 1);
    wire_set(wire, 100, 0, 0);
    bide_timeout (0.2, err)
        err = (int)bide_read(stream, &byte, 1);
    check_error(err, ETIMEDOUT);
    bide_timeout (0.2, err)
        err = bide_open_connection(WIRE_PEER, port, &late);
    check_error(err, ETIMEDOUT);
    check(late == NULL);
    check_eq(bide_set_keep_alive(stream, 1, 1, 1), 0); /* and without a timeout: */
    check_error(bide_read(stream, &byte, 1), ETIMEDOUT, "read from " WIRE_PEER);
    bide_close(stream);
    stop_server(server);
    return 0;
}

bide_test(server_ends_although_its_clients_cannot_be_reached, .real_clock = true, .time_limit = 60)
{
    struct wire *wire = lay_wire();
    bide_server *server = start_server(&(bide_serve_options){ .grace = 0.2, .abort_after = 0.2 });
    bide_stream *stream;
    char byte;

    check_eq(bide_open_connection(WIRE_PEER, bide_server_port(server), &stream), 0);
    check_eq(bide_write(stream, "x", 1), 1);
    check_eq(bide_read(stream, &byte, 1), 1);
    wire_set(wire, 100, 0, 0);
    double begin = bide_time();
    stop_server(server);
    check(bide_time() - begin < 1 * bide_test_slowness() + 1);
    bide_abort(stream);
    return 0;
}
