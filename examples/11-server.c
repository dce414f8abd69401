/* 11: a server with a handle, on TCP and a Unix socket at once: it answers one client, then closes and waits for the rest. */
#include <bide.h>
#include <stdio.h>
#include <string.h>

static int greet(bide_stream *peer, void *argument)
{
    char name[32], text[64];

    (void)argument;
    bide(bide_read_line(peer, name, sizeof name));
    snprintf(text, sizeof text, "hello, %s\n", name);
    bide(bide_write(peer, text, strlen(text)));
    return 0;
}

static int ask(bide_stream *server, const char *name)
{
    char answer[64];

    bide(bide_write(server, name, strlen(name)));
    bide(bide_read_line(server, answer, sizeof answer));
    puts(answer);
    return 0;
}

static int app(void)
{
    const char *const paths[] = { "@bide-example", NULL };
    bide_auto(server) *server = NULL;
    bide_auto(stream) *over_tcp = NULL;
    bide_auto(stream) *over_unix = NULL;
    bide_listener *listener;

    bide(bide_listen_with("127.0.0.1", 0, &(bide_listen_options){ .paths = paths }, &listener));
    bide(bide_start_server(NULL, listener, greet, NULL, NULL, &server));
    bide(bide_open_connection("127.0.0.1", bide_server_port(server), &over_tcp));
    bide(bide_open_unix_connection("@bide-example", &over_unix));
    bide(ask(over_tcp, "Ada\n"));
    bide_server_close(server); /* nobody new; who is there is served to the end */
    bide(ask(over_unix, "Grace\n"));
    return bide(bide_server_wait_closed(server));
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app)) < 0;
}
