/*
 * GETs by libcurl's multi interface, so many at once; connections are kept, handles are used again. (With
 * curl_multi_socket_action over epoll it takes half as long again at 100 connections: sockets are registered anew for
 * each transfer.) Usage: http_client URL COUNT AT_ONCE
 */
#include <curl/curl.h>

#include "bench.h"

static size_t on_body(char *data, size_t size, size_t count, void *sum)
{
    (void)data;
    *(long *)sum += (long)(size * count);
    return size * count;
}

static void take_finished(CURLM *multi, long *left, long *running)
{
    CURLMsg *message;
    int queued;

    while ((message = curl_multi_info_read(multi, &queued))) {
        CURL *easy = message->easy_handle;
        long status = 0;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (message->data.result != CURLE_OK || status != 200)
            exit(1);
        curl_multi_remove_handle(multi, easy);
        if (*left > 0) {
            curl_multi_add_handle(multi, easy);
            --*left;
        } else {
            curl_easy_cleanup(easy);
            --*running;
        }
    }
}

static void get_all(CURLM *multi, const char *url, long count, long at_once)
{
    static long sum;
    long left = count, running = 0;
    int active;

    for (; running < at_once && left > 0; running++, left--) {
        CURL *easy = curl_easy_init();

        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &sum);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_multi_add_handle(multi, easy);
    }
    while (running > 0) {
        curl_multi_perform(multi, &active);
        take_finished(multi, &left, &running);
        if (running > 0)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
}

int main(int argc, char **argv)
{
    CURLM *multi;
    double start, cpu;
    long count, at_once;

    if (argc != 4)
        return 2;
    count = atol(argv[2]);
    at_once = atol(argv[3]);
    curl_global_init(CURL_GLOBAL_ALL);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, at_once);
    get_all(multi, argv[1], count / 10, at_once);
    start = bench_now();
    cpu = bench_cpu();
    get_all(multi, argv[1], count, at_once);
    bench_report("http_client", "us", (bench_now() - start) * 1e6 / (double)count,
                 (bench_cpu() - cpu) * 1e6 / (double)count);
    return 0;
}
