/*
 * The floor on epoll: level-triggered, one recv and one send for what has come, nothing else. `echo` sends it back;
 * `http` counts the requests in it (they end with an empty line) and sends as many canned answers.
 */
#define _GNU_SOURCE 1
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "canned.h"
#include "listen.h"

static void accept_all(int poller, int listener)
{
    struct epoll_event event = { .events = EPOLLIN };
    int peer;

    while ((peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        set_no_delay(peer);
        event.data.fd = peer;
        epoll_ctl(poller, EPOLL_CTL_ADD, peer, &event);
    }
}

int main(int argc, char **argv)
{
    bool http = argc > 1 && strcmp(argv[1], "http") == 0;
    static char buffer[16384], answers[CANNED_SPACE];
    int poller = epoll_create1(0), listener = listen_on_loopback(SOCK_NONBLOCK);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = listener }, events[256];

    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poller, events, 256, -1);

        for (int i = 0; i < count; i++) {
            int peer = events[i].data.fd;
            const char *out = buffer;
            ssize_t size;

            if (peer == listener) {
                accept_all(poller, listener);
                continue;
            }
            size = recv(peer, buffer, sizeof buffer, 0);
            if (size > 0 && http) {
                size = (ssize_t)canned_answers(buffer, (size_t)size, answers);
                out = answers;
            }
            if (size <= 0 || send(peer, out, (size_t)size, MSG_NOSIGNAL) < 0)
                close(peer);
        }
    }
}
