/* A library that blocks is called in a thread, so the loop stays free. */
#include <arpa/inet.h>
#include <bide.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The blocking library: GET / of 127.0.0.1:18765. Returns the status, or a negative error. */
static int blocking_get(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(18765), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const char request[] = "GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    char reply[4096] = "";
    size_t length = 0;
    ssize_t count;
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connection < 0)
        return bide_fail(-errno, "socket: %s", strerror(errno));
    if (connect(connection, (struct sockaddr *)&address, sizeof address) < 0 || write(connection, request, sizeof request - 1) < 0) {
        int err = bide_fail(-errno, "connect to 127.0.0.1:18765: %s", strerror(errno));

        close(connection);
        return err;
    }
    while (length < sizeof reply - 1 && (count = read(connection, reply + length, sizeof reply - 1 - length)) > 0)
        length += (size_t)count;
    close(connection);
    if (strncmp(reply, "HTTP/1.", 7) != 0)
        return bide_fail(BIDE_EPROTOCOL, "the server's answer is not HTTP");
    return atoi(reply + strlen("HTTP/1.x "));
}

static int blocking_http_call(void)
{
    puts("Starting blocking call in thread…");
    int status = blocking_get(); /* blocks this thread */
    puts("Blocking call finished");
    return status;
}
bide_async(blocking_http_call);

static int app(void)
{
    puts("Starting main coroutine");
    int status = bide(bide_to_thread(bide_co(blocking_http_call)));
    printf("Got status: %d\n", status);
    puts("Main coroutine finished");
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
