/* TCP echo as the README has it. Usage: echo_server [epoll|io_uring] */
#include <bide.h>
#include <stdio.h>

static int echo(bide_stream *peer, void *argument)
{
    char buffer[4096];
    ssize_t size;

    (void)argument;
    while ((size = bide(bide_read(peer, buffer, sizeof buffer))) > 0)
        bide(bide_write(peer, buffer, (size_t)size));
    return 0;
}

static int app(void)
{
    bide_listener *listener;

    bide(bide_listen("127.0.0.1", 0, &listener));
    printf("port %d\n", bide_listener_port(listener));
    fflush(stdout);
    return bide_serve_listener(listener, echo, NULL, &(bide_serve_options){ .quiet = true });
}
bide_async(app);

int main(int argc, char **argv)
{
    return bide_run_with(bide_co(app), &(bide_run_options){ .backend = argc > 1 ? argv[1] : NULL }) < 0;
}
