/*
 * TCP echo of 64-byte messages: bide on each backend beside a raw epoll callback loop, the floor. Server on processor
 * 0, load on processor 1, rounds A B C A B C ..., so that drift hits all alike. Prints requests a second and the
 * server's processor time for a request: the best and the median round, and the median of the ratios to the raw loop,
 * round by round. Usage: bench_echo [connections, default 64] [rounds, default 9] [seconds a round, default 0.5]
 */
#include <arpa/inet.h>
#include <bide.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE = 64, ROUNDS_MAX = 99, KINDS = 3 };

static const char *const kinds[KINDS] = { "raw epoll loop", "bide on epoll", "bide on io_uring" };

static void pin(int processor)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)processor, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int listen_on_loopback(int *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0) {
        perror("listen");
        exit(1);
    }
    *ret_port = ntohs(address.sin_port);
    return listener;
}

/* The floor: level-triggered, one recv and one send for a message, nothing else. */
static void serve_raw(int listener)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = listener }, events[256];
    const int on = 1;
    char buffer[4096];
    int poller = epoll_create1(0);

    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poller, events, 256, -1);

        for (int i = 0; i < count; i++) {
            int descriptor = events[i].data.fd;

            if (descriptor == listener) {
                int peer;

                while ((peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                    event.data.fd = peer;
                    epoll_ctl(poller, EPOLL_CTL_ADD, peer, &event);
                }
                continue;
            }
            ssize_t size = recv(descriptor, buffer, sizeof buffer, 0);
            if (size <= 0 || send(descriptor, buffer, (size_t)size, MSG_NOSIGNAL) < 0)
                close(descriptor);
        }
    }
}

static int echo(bide_stream *peer, void *argument)
{
    char buffer[1024];
    ssize_t size;

    (void)argument;
    while ((size = bide(bide_read(peer, buffer, sizeof buffer))) > 0)
        bide(bide_write(peer, buffer, (size_t)size));
    return 0;
}

static int serve_bide(int port_pipe)
{
    bide_listener *listener;

    bide(bide_listen("127.0.0.1", 0, &listener));
    int port = bide_listener_port(listener);
    if (write(port_pipe, &port, sizeof port) != sizeof port)
        return -EIO;
    return bide_serve_listener(listener, echo, NULL, &(bide_serve_options){ .quiet = true });
}
bide_async(serve_bide, int);

static pid_t start_server(int kind, int *ret_port)
{
    int port_pipe[2], listener = kind == 0 ? listen_on_loopback(ret_port) : -1;

    if (pipe(port_pipe) < 0)
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        pin(0);
        if (kind == 0)
            serve_raw(listener);
        _exit(bide_run_with(bide_co(serve_bide, port_pipe[1]),
                            &(bide_run_options){ .backend = kind == 1 ? "epoll" : "io_uring", .quiet = true }) < 0);
    }
    close(port_pipe[1]);
    if (kind != 0 && read(port_pipe[0], ret_port, sizeof *ret_port) != sizeof *ret_port)
        exit(1);
    close(port_pipe[0]);
    if (listener >= 0)
        close(listener);
    return child;
}

/* Each connection sends, waits for the echo, sends again, until the time is over. How many echoes came. */
static long load(int port, int connections, double seconds)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons((uint16_t)port) };
    struct epoll_event event = { .events = EPOLLIN }, events[256];
    char message[MESSAGE] = "ping", buffer[4096];
    const int on = 1;
    int poller = epoll_create1(0);
    long echoes = 0;

    for (int i = 0; i < connections; i++) {
        int descriptor = socket(AF_INET, SOCK_STREAM, 0);

        if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) {
            perror("connect");
            exit(1);
        }
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        event.data.fd = descriptor;
        epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event);
        if (send(descriptor, message, sizeof message, 0) != sizeof message)
            exit(1);
    }
    double end = seconds_now() + seconds;
    while (seconds_now() < end) {
        int count = epoll_wait(poller, events, 256, 100);

        for (int i = 0; i < count; i++) {
            if (recv(events[i].data.fd, buffer, sizeof buffer, 0) != MESSAGE ||
                send(events[i].data.fd, message, sizeof message, 0) != MESSAGE)
                exit(1);
            echoes++;
        }
    }
    return echoes; /* the process's end closes everything */
}

struct result {
    double requests_per_second;
    double microseconds; /* of the server's processor time for a request */
};

static struct result one_round(int kind, int connections, double seconds)
{
    int port, result_pipe[2];
    pid_t server = start_server(kind, &port);
    struct rusage usage;
    long echoes = 0;

    if (pipe(result_pipe) < 0)
        exit(1);
    pid_t loader = fork();
    if (loader == 0) {
        pin(1);
        echoes = load(port, connections, seconds);
        _exit(write(result_pipe[1], &echoes, sizeof echoes) != sizeof echoes);
    }
    close(result_pipe[1]);
    if (read(result_pipe[0], &echoes, sizeof echoes) != sizeof echoes)
        exit(1);
    close(result_pipe[0]);
    waitpid(loader, NULL, 0);
    kill(server, SIGKILL);
    wait4(server, NULL, 0, &usage);
    double processor = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    return (struct result){ (double)echoes / seconds, processor * 1e6 / (double)echoes };
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    int connections = argc > 1 ? atoi(argv[1]) : 64, rounds = argc > 2 ? atoi(argv[2]) : 9;
    double seconds = argc > 3 ? atof(argv[3]) : 0.5;
    static double rates[KINDS][ROUNDS_MAX], costs[KINDS][ROUNDS_MAX], ratios[KINDS][ROUNDS_MAX];

    if (rounds > ROUNDS_MAX)
        rounds = ROUNDS_MAX;
    one_round(0, connections, seconds / 2); /* warm up */
    for (int r = 0; r < rounds; r++) {
        for (int kind = 0; kind < KINDS; kind++) {
            struct result result = one_round(kind, connections, seconds);

            rates[kind][r] = result.requests_per_second;
            costs[kind][r] = result.microseconds;
            ratios[kind][r] = result.microseconds / costs[0][r];
        }
    }
    printf("echo of %d bytes, %d connections, %d rounds of %.1f s\n", MESSAGE, connections, rounds, seconds);
    printf("%-18s %12s %16s %16s %14s\n", "", "requests/s", "us/request best", "median", "ratio to raw");
    for (int kind = 0; kind < KINDS; kind++) {
        double middle = median(costs[kind], rounds);

        printf("%-18s %12.0f %16.2f %16.2f %14.3f\n", kinds[kind], median(rates[kind], rounds), costs[kind][0], middle,
               median(ratios[kind], rounds));
    }
    return 0;
}
