/* A web server with two routes and JSON answers, and its clients, in one program: ten requests of a second each take one second. */
#include <bide.h>
#include <bide/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int reply_json(bide_http_exchange *exchange, const char *json)
{
    return bide_http_reply(exchange, 200, "application/json", json, strlen(json));
}

/* Called for each request, in a task of its connection. */
static int answer(bide_http_exchange *exchange, void *argument)
{
    const char *path = bide_http_exchange_path(exchange);
    char json[64];
    int id;

    (void)argument;
    if (strcmp(path, "/") == 0)
        return reply_json(exchange, "{\"message\": \"Hello World\"}");
    if (sscanf(path, "/items/%d", &id) == 1) {
        bide(bide_sleep(1));
        snprintf(json, sizeof json, "{\"item_id\": %d}", id);
        return reply_json(exchange, json);
    }
    return bide_http_reply_text(exchange, 404, "not found\n");
}

static int serve(bide_listener *listener)
{
    return bide_http_serve_listener(listener, answer, NULL, NULL);
}
bide_async(serve, bide_listener *);

/* Returns the status; the body goes to ret_body, to be freed. */
static int get(bide_http_client *client, int port, const char *path, char **ret_body)
{
    bide_auto(http_response) *response = NULL;
    char url[100];

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    bide(bide_http_get(client, url, &response));
    bide(bide_http_read_all(response, ret_body, NULL));
    return bide_http_response_status(response);
}

static int get_item(bide_http_client *client, int port, int id, int *ret_status, char **ret_body)
{
    char path[32];

    snprintf(path, sizeof path, "/items/%d", id);
    *ret_status = bide(get(client, port, path, ret_body));
    return 0;
}
bide_async(get_item, bide_http_client *, int, int, int *, char **);

static int ask(int port)
{
    bide_auto(http_client) *client = NULL;
    char *body, *bodies[10];
    int status[10], err;

    bide(bide_http_client_open(NULL, &client));
    int hello = bide(get(client, port, "/", &body));
    printf("%d %s\n", hello, body);
    free(body);
    printf("%d\n", bide(get(client, port, "/nope", &body)));
    free(body);

    double start = bide_time();
    bide_task_group (tg, err) {
        for (int id = 0; id < 10; id++)
            bide_start(tg, bide_co(get_item, client, port, id, &status[id], &bodies[id]));
    }
    if (err < 0)
        return err;
    for (int id = 0; id < 10; id++) {
        printf("%d %s\n", status[id], bodies[id]);
        free(bodies[id]);
    }
    printf("10 requests in about %.0f s\n", bide_time() - start);
    return 0;
}

static int app(void)
{
    bide_listener *listener;

    bide(bide_listen("127.0.0.1", 0, &listener));
    int port = bide_listener_port(listener);
    bide_start(NULL, bide_co(serve, listener)); /* closes the listener; run() cancels it when this function ends */
    return ask(port);
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
