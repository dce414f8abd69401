/*
 * The client: options, and who owns what.
 *
 * A client lives until its owner has closed it and its last response has been closed (a count of references), so a
 * response may outlast it. Responses are kept for the next request: they hold the buffers. Opening and closing a
 * client does nothing on the network but closing idle connections. Must never happen: a connection given back to a
 * client that was closed is kept.
 */
#include "client/client.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <bide/error.h>

enum { SPARES_MOST = 16 };

static void fill_in(bide_http_client_options *options)
{
    if (!options->connections_max)
        options->connections_max = 100;
    if (!options->connections_per_host_max)
        options->connections_per_host_max = SIZE_MAX;
    if (!(options->keep_alive < 0 || options->keep_alive > 0))
        options->keep_alive = 15;
    if (!(options->connect_timeout > 0))
        options->connect_timeout = 30;
    if (!options->body_max)
        options->body_max = (size_t)16 * 1024 * 1024;
}

static int check(const bide_http_client_options *options)
{
    if (!bide_get_running_loop())
        return bide_fail(-EPERM, "HTTP client: opened outside of a loop");
    if (!options)
        return 0;
    if (isnan(options->keep_alive) || !(options->connect_timeout >= 0))
        return bide_fail(-EINVAL, "HTTP client: keep_alive or connect_timeout is not a time");
    return 0;
}

int bide_http_client_open(const bide_http_client_options *options, bide_http_client **ret_client)
{
    int err = check(options);

    if (err < 0)
        return err;
    bide_http_client *client = calloc(1, sizeof *client);
    if (!client)
        return bide_fail(-ENOMEM, "HTTP client: no memory");
    client->references = 1;
    if (options)
        client->options = *options;
    fill_in(&client->options);
    err = bide__http_limits(client->options.line_max, client->options.header_count_max, client->options.head_max,
                            &client->limits);
    if (err == 0)
        err = bide__http_make_defaults(client, &client->options);
    if (err < 0) {
        bide_http_client_close(client);
        return err;
    }
    client->options.user_agent = NULL;
    client->options.headers = NULL;
    *ret_client = client;
    return 0;
}

static void let_go(bide_http_client *client)
{
    if (--client->references)
        return;
    while (client->spare) {
        bide_http_response *response = client->spare;

        client->spare = response->next_spare;
        free(response);
    }
    free(client->defaults);
    free(client);
}

void bide_http_client_close(bide_http_client *client)
{
    if (!client)
        return;
    assert(client->requests == 0 && "an HTTP client was closed while a request is in progress");
    client->closed = true;
    bide__http_pool_close(client);
    let_go(client);
}

bide_http_response *bide__http_response_take(bide_http_client *client)
{
    bide_http_response *response = client->spare;

    if (response) {
        client->spare = response->next_spare;
        client->spare_count--;
    } else {
        response = malloc(offsetof(bide_http_response, message) + bide__http_message_size(&client->limits));
        if (!response)
            return NULL;
        bide__http_message_open(&response->message, &client->limits);
    }
    response->client = client;
    response->link = NULL;
    response->reading = false;
    response->what = response->what_inline;
    response->what_inline[0] = '\0';
    client->references++;
    bide__http_message_begin(&response->message, NULL, BIDE__HTTP1_RESPONSE, &client->limits);
    return response;
}

void bide__http_response_give(bide_http_response *response)
{
    bide_http_client *client = response->client;

    if (response->what != response->what_inline)
        free(response->what);
    bide__http_message_close(&response->message);
    if (client->closed || client->spare_count == SPARES_MOST) {
        free(response);
    } else {
        response->next_spare = client->spare;
        client->spare = response;
        client->spare_count++;
    }
    let_go(client);
}
