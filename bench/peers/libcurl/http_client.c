/*
 * GETs by libcurl's multi interface in its fast form, curl_multi_socket_action over epoll; so many at once; connections
 * are kept, handles are used again. Usage: http_client URL COUNT AT_ONCE
 */
#include <curl/curl.h>
#include <sys/epoll.h>

#include "bench.h"

static CURLM *multi;
static int poller;
static long timeout_ms = -1, left, running;

static size_t on_body(char *data, size_t size, size_t count, void *argument)
{
    (void)data;
    (void)argument;
    return size * count;
}

/* libcurl says what it wants to know of a socket. */
static int on_socket(CURL *easy, curl_socket_t descriptor, int what, void *argument, void *known)
{
    struct epoll_event event = { .data.fd = descriptor };

    (void)easy;
    (void)argument;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, NULL);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    epoll_ctl(poller, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, descriptor, &event);
    curl_multi_assign(multi, descriptor, multi);
    return 0;
}

static int on_timer(CURLM *handle, long milliseconds, void *argument)
{
    (void)handle;
    (void)argument;
    timeout_ms = milliseconds;
    return 0;
}

static void take_finished(void)
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
        if (left > 0) {
            left--;
            curl_multi_add_handle(multi, easy);
        } else {
            curl_easy_cleanup(easy);
            running--;
        }
    }
}

static void get_all(const char *url, long count, long at_once)
{
    struct epoll_event events[256];
    int active;

    left = count;
    for (running = 0; running < at_once && left > 0; running++, left--) {
        CURL *easy = curl_easy_init();

        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_multi_add_handle(multi, easy);
    }
    while (running > 0) {
        int ready = epoll_wait(poller, events, 256, timeout_ms < 0 || timeout_ms > 1000 ? 1000 : (int)timeout_ms);

        if (ready == 0 || timeout_ms == 0)
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &active);
        for (int i = 0; i < ready; i++) {
            int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                       (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                       (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

            curl_multi_socket_action(multi, events[i].data.fd, what, &active);
        }
        take_finished();
    }
}

int main(int argc, char **argv)
{
    double start, cpu;
    long count, at_once;

    if (argc != 4)
        return 2;
    count = atol(argv[2]);
    at_once = atol(argv[3]);
    curl_global_init(CURL_GLOBAL_ALL);
    poller = epoll_create1(0);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, at_once);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    get_all(argv[1], count / 10, at_once);
    start = bench_now();
    cpu = bench_cpu();
    get_all(argv[1], count, at_once);
    bench_report("http_client", "us", (bench_now() - start) * 1e6 / (double)count,
                 (bench_cpu() - cpu) * 1e6 / (double)count);
    return 0;
}
