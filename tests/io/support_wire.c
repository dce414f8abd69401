/* The bad network: a namespace, a tun device, and the thread at its other end. */
#include "support_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_tun.h>

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

struct wire *wire_open(uint32_t seed, const char **ret_reason)
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

void wire_set(struct wire *wire, unsigned loss, double delay, double jitter)
{
    wire->delay = (int64_t)(delay * 1e9);
    wire->jitter = (int64_t)(jitter * 1e9);
    wire->loss = loss;
}

unsigned wire_lost(struct wire *wire)
{
    return wire->lost;
}

unsigned wire_passed(struct wire *wire)
{
    return wire->passed;
}

void wire_close(struct wire *wire)
{
    wire->ended = true;
    pthread_join(wire->thread, NULL);
    close(wire->device);
    free(wire);
}
