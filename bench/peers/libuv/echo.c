/*
 * TCP echo on libuv. `try` writes with uv_try_write first, as its fast users do. Usage: echo try|write
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static int try_first;

struct peer {
    uv_tcp_t tcp;
    char buffer[4096];
};

struct reply {
    uv_write_t request;
    char data[];
};

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    *buffer = uv_buf_init(((struct peer *)handle)->buffer, sizeof((struct peer *)handle)->buffer);
}

static void on_close(uv_handle_t *handle)
{
    free(handle);
}

static void on_written(uv_write_t *request, int status)
{
    (void)status;
    free(request);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    if (size < 0) {
        uv_close((uv_handle_t *)stream, on_close);
        return;
    }
    uv_buf_t data = uv_buf_init(buffer->base, (unsigned)size);
    if (try_first) {
        int done = uv_try_write(stream, &data, 1);

        if (done > 0) {
            data.base += done;
            data.len -= (size_t)done;
        }
        if (data.len == 0)
            return;
    }
    struct reply *reply = malloc(sizeof *reply + data.len);
    memcpy(reply->data, data.base, data.len);
    data.base = reply->data;
    uv_write(&reply->request, stream, &data, 1, on_written);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct peer *peer = malloc(sizeof *peer);

    if (status < 0 || !peer)
        exit(1);
    uv_tcp_init(uv_default_loop(), &peer->tcp);
    if (uv_accept(server, (uv_stream_t *)&peer->tcp) != 0)
        exit(1);
    uv_tcp_nodelay(&peer->tcp, 1);
    uv_read_start((uv_stream_t *)&peer->tcp, on_alloc, on_read);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address;
    int size = sizeof address;
    uv_tcp_t server;

    try_first = argc > 1 && strcmp(argv[1], "try") == 0;
    uv_tcp_init(uv_default_loop(), &server);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_bind(&server, (struct sockaddr *)&address, 0);
    if (uv_listen((uv_stream_t *)&server, 4096, on_connection) != 0)
        return 1;
    uv_tcp_getsockname(&server, (struct sockaddr *)&address, &size);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
