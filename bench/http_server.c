/*
 * HTTP/1.1: / in plain text, /json an object written from a structure. Usage: http_server [epoll|io_uring]
 */
#include <bide.h>
#include <bide/http.h>
#include <stdio.h>
#include <string.h>

struct item {
    int id;
    const char *name;
    double price;
    bool active;
};

static int json(bide_http_exchange *exchange, const struct item *item)
{
    char text[128];
    int size = snprintf(text, sizeof text, "{\"id\":%d,\"name\":\"%s\",\"price\":%g,\"active\":%s}", item->id,
                        item->name, item->price, item->active ? "true" : "false");

    return bide_http_reply(exchange, 200, "application/json", text, (size_t)size);
}

static int handle(bide_http_exchange *exchange, void *argument)
{
    if (strcmp(bide_http_exchange_path(exchange), "/json") == 0)
        return json(exchange, argument);
    return bide_http_reply(exchange, 200, "text/plain", "Hello, World!", 13);
}

static int app(void)
{
    struct item item = { .id = 1, .name = "bide", .price = 9.5, .active = true };
    bide_listener *listener;

    bide(bide_listen("127.0.0.1", 0, &listener));
    printf("port %d\n", bide_listener_port(listener));
    fflush(stdout);
    return bide_http_serve_listener(listener, handle, &item, NULL);
}
bide_async(app);

int main(int argc, char **argv)
{
    return bide_run_with(bide_co(app), &(bide_run_options){ .backend = argc > 1 ? argv[1] : NULL }) < 0;
}
