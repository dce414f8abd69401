/* TCP echo on neco. */
#include <arpa/inet.h>
#include <neco.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void echo(int argc, void *argv[])
{
    int peer = (int)(long)argv[0];
    char buffer[4096];
    ssize_t size;

    (void)argc;
    while ((size = neco_read(peer, buffer, sizeof buffer)) > 0)
        if (neco_write(peer, buffer, (size_t)size) != size)
            break;
    close(peer);
}

static void serve(int argc, void *argv[])
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    const int on = 1;
    int listener = neco_serve("tcp", "127.0.0.1:0");

    (void)argc;
    (void)argv;
    if (listener < 0)
        return;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int peer = neco_accept(listener, NULL, NULL);

        if (peer < 0)
            continue;
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        neco_start(echo, 1, (void *)(long)peer);
    }
}

int main(void)
{
    return neco_start(serve, 0);
}
