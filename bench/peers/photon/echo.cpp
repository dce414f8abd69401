/* TCP echo on Photon. Usage: echo epoll|io_uring */
#include <photon/common/alog.h>
#include <photon/net/socket.h>
#include <photon/photon.h>

#include <stdio.h>
#include <string.h>

static int echo(void *, photon::net::ISocketStream *peer)
{
    char buffer[4096];
    ssize_t size;

    while ((size = peer->recv(buffer, sizeof buffer)) > 0)
        if (peer->write(buffer, (size_t)size) != size)
            break;
    return 0;
}

int main(int argc, char **argv)
{
    bool ring = argc > 1 && strcmp(argv[1], "io_uring") == 0;
    photon::PhotonOptions options;

    log_output_level = ALOG_ERROR + 1;
    options.use_pooled_stack_allocator = true;
    if (photon::init(ring ? photon::INIT_EVENT_IOURING : photon::INIT_EVENT_EPOLL, photon::INIT_IO_NONE, options) < 0)
        return 1;
    auto server = ring ? photon::net::new_iouring_tcp_server() : photon::net::new_tcp_socket_server();
    server->setsockopt<int>(IPPROTO_TCP, 1 /* TCP_NODELAY */, 1);
    server->set_handler({ echo, nullptr });
    if (server->bind_v4localhost() < 0 || server->listen(4096) < 0)
        return 1;
    printf("port %d\n", server->getsockname().port);
    fflush(stdout);
    return server->start_loop(true);
}
