/*
 * The load of the echo works: each connection sends `depth` messages of 64 bytes, waits until all of them are back,
 * sends again. One thread on epoll, as lean as it can be, since it shares the machine with the server. After a warm-up
 * it counts for some seconds; bench/run reads the server's processor time meanwhile, which is why it says when it
 * begins. Usage: echo_load PORT CONNECTIONS DEPTH SECONDS
 */
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "../bench.h"

enum { MESSAGE = 64, DEPTH_MAX = 64, BUCKETS = 2048 };

struct connection {
    int descriptor;
    int missing; /* bytes of this round that have not come back */
    uint64_t sent_at;
};

static char message[MESSAGE * DEPTH_MAX], buffer[65536];
static long histogram[BUCKETS]; /* of latencies: 16 steps for each doubling of nanoseconds */
static long echoes;
static int depth;

static uint64_t nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int bucket_of(uint64_t value)
{
    int power = 63 - __builtin_clzll(value | 16);

    return (power - 4) * 16 + (int)(value >> (power - 4) & 15);
}

static double value_of(int bucket)
{
    return (double)((uint64_t)(16 + bucket % 16) << (bucket / 16));
}

static double percentile(double part)
{
    long total = 0, seen = 0;

    for (int i = 0; i < BUCKETS; i++)
        total += histogram[i];
    for (int i = 0; i < BUCKETS; i++) {
        seen += histogram[i];
        if ((double)seen >= (double)total * part)
            return value_of(i) * 1e-3;
    }
    return 0;
}

static void send_round(struct connection *connection)
{
    int size = MESSAGE * depth;

    connection->missing = size;
    connection->sent_at = nanoseconds();
    if (send(connection->descriptor, message, (size_t)size, MSG_NOSIGNAL) != size)
        fail("send");
}

static void receive(struct connection *connection)
{
    ssize_t size = recv(connection->descriptor, buffer, sizeof buffer, 0);

    if (size <= 0)
        fail("recv");
    connection->missing -= (int)size;
    if (connection->missing > 0)
        return;
    echoes += depth;
    histogram[bucket_of(nanoseconds() - connection->sent_at)]++;
    send_round(connection);
}

static void run_for(int poller, double seconds)
{
    struct epoll_event events[256];
    double end = bench_now() + seconds;

    while (bench_now() < end) {
        int count = epoll_wait(poller, events, 256, 100);

        for (int i = 0; i < count; i++)
            receive(events[i].data.ptr);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event event = { .events = EPOLLIN };
    const int on = 1;
    int poller = epoll_create1(0), connections;
    double seconds, cpu, start;

    if (argc != 5)
        return 2;
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    connections = atoi(argv[2]);
    depth = atoi(argv[3]);
    seconds = atof(argv[4]);
    if (depth < 1 || depth > DEPTH_MAX)
        return 2;
    struct connection *all = calloc((size_t)connections, sizeof *all);
    for (int i = 0; i < connections; i++) {
        all[i].descriptor = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(all[i].descriptor, (struct sockaddr *)&address, sizeof address) < 0)
            fail("connect");
        setsockopt(all[i].descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        event.data.ptr = &all[i];
        epoll_ctl(poller, EPOLL_CTL_ADD, all[i].descriptor, &event);
        send_round(&all[i]);
    }
    run_for(poller, seconds / 4);
    puts("begin");
    fflush(stdout);
    getchar(); /* bench/run has looked at the server */
    memset(histogram, 0, sizeof histogram);
    echoes = 0;
    start = bench_now();
    cpu = bench_cpu();
    run_for(poller, seconds);
    start = bench_now() - start;
    cpu = bench_cpu() - cpu;
    printf("{\"count\": %ld, \"seconds\": %.6f, \"load_cpu\": %.6f, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f}\n",
           echoes, start, cpu, percentile(0.5), percentile(0.99), percentile(0.999));
    fflush(stdout);
    getchar(); /* ... and again, before the connections end */
    return 0;
}
