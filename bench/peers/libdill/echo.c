/* TCP echo on libdill: plain sockets and fdin/fdout, without the costs of its stream protocols. */
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libdill.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static coroutine void echo(int peer)
{
    char buffer[4096];
    ssize_t size;

    for (;;) {
        size = recv(peer, buffer, sizeof buffer, 0);
        if (size < 0 && errno == EAGAIN) {
            if (fdin(peer, -1) < 0)
                break;
            continue;
        }
        if (size <= 0)
            break;
        for (ssize_t done = 0, part; done < size; done += part) {
            part = send(peer, buffer + done, (size_t)(size - done), MSG_NOSIGNAL);
            if (part < 0 && (errno != EAGAIN || fdout(peer, -1) < 0))
                goto out;
            if (part < 0)
                part = 0;
        }
    }
out:
    fdclean(peer);
    close(peer);
}

int main(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    const int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), group = bundle();

    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0)
        return 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

        if (peer < 0) {
            fdin(listener, -1);
            continue;
        }
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        bundle_go(group, echo(peer));
    }
}
