/* What not to do: a call that blocks, made inside a task, freezes every other task. Three calls take three seconds. */
#include <arpa/inet.h>
#include <bide.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A library that knows nothing of the loop: GET / of 127.0.0.1:18765. */
static int blocking_get(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(18765), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const char request[] = "GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    char reply[4096];
    int err = 0;
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connection < 0)
        return bide_fail(-errno, "socket: %s", strerror(errno));
    if (connect(connection, (struct sockaddr *)&address, sizeof address) < 0 || write(connection, request, sizeof request - 1) < 0)
        err = bide_fail(-errno, "connect to 127.0.0.1:18765: %s", strerror(errno));
    else
        while (read(connection, reply, sizeof reply) > 0)
            continue;
    close(connection);
    return err;
}

static int bad(int number)
{
    printf("start %d\n", number);
    bide(blocking_get()); /* the loop stands still meanwhile */
    printf("end %d\n", number);
    return 0;
}
bide_async(bad, int);

static int app(void)
{
    double start = bide_time();

    bide(bide_gather(bide_co(bad, 1), bide_co(bad, 2), bide_co(bad, 3)));
    printf("about %.0f s\n", bide_time() - start);
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
