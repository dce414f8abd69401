/*
 * GETs, so many at once, over the client's pool of connections. Usage: http_client epoll|io_uring URL COUNT AT_ONCE
 */
#include <bide.h>
#include <bide/http.h>

#include "bench.h"

static int get_some(bide_http_client *client, const char *url, long *left)
{
    while ((*left)-- > 0) {
        bide_auto(http_response) *response = NULL;
        char *text;

        bide(bide_http_get(client, url, &response));
        bide(bide_http_read_all(response, &text, NULL));
        free(text);
        if (bide_http_response_status(response) != 200)
            return bide_fail(-1, "status %d", bide_http_response_status(response));
    }
    return 0;
}
bide_async(get_some, bide_http_client *, const char *, long *);

static int get_all(bide_http_client *client, const char *url, long count, long at_once)
{
    int err;

    bide_task_group (group, err)
        for (long i = 0; i < at_once; i++)
            bide_start(group, bide_co(get_some, client, url, &count));
    return err;
}

static int app(const char *url, long count, long at_once)
{
    bide_auto(http_client) *client = NULL;
    double start, cpu;

    bide(bide_http_client_open(&(bide_http_client_options){ .connections_max = (size_t)at_once }, &client));
    bide(get_all(client, url, count / 10, at_once));
    start = bench_now();
    cpu = bench_cpu();
    bide(get_all(client, url, count, at_once));
    bench_report("http_client", "us", (bench_now() - start) * 1e6 / (double)count,
                 (bench_cpu() - cpu) * 1e6 / (double)count);
    return 0;
}
bide_async(app, const char *, long, long);

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    return bide_run_with(bide_co(app, argv[2], atol(argv[3]), atol(argv[4])),
                         &(bide_run_options){ .backend = argv[1] }) < 0;
}
