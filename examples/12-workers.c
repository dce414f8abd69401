/* 12: four loops in four threads behind one port; Ctrl-C or SIGTERM ends all of them, clients get five seconds. */
#include <bide.h>

static int echo(bide_stream *peer, void *argument)
{
    char buffer[4096];
    ssize_t count;

    (void)argument;
    while ((count = bide(bide_read(peer, buffer, sizeof buffer))) > 0)
        bide(bide_write(peer, buffer, (size_t)count));
    return 0;
}

int main(void)
{
    const bide_serve_options options = { .workers = 4, .grace = 5, .abort_after = 1 };
    int err = bide_serve_with(echo, NULL, "127.0.0.1", 8888, &options);

    return err == -EINTR ? 0 : 1;
}
