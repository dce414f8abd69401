/*
 * Nanoseconds to parse one request head: a short one and one as browsers send it. The best of several runs is printed,
 * as everything that disturbs only adds time.
 */

#include "proto/http1.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char short_head[] = "GET / HTTP/1.1\r\n"
                                 "Host: localhost\r\n"
                                 "Accept: */*\r\n"
                                 "\r\n";

static const char browser_head[] =
    "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n"
    "Host: www.kittyhell.com\r\n"
    "User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) Gecko/20100401\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n"
    "Accept-Encoding: gzip,deflate\r\n"
    "Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n"
    "Keep-Alive: 115\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double measure(const char *head, size_t length)
{
    struct bide__http1_header headers[32];
    struct bide__http1_parser parser;
    double best = 1e9;

    for (int run = 0; run < 20; run++) {
        double start = now();
        int count = 100000;

        for (int i = 0; i < count; i++) {
            bide__http1_parser_init(&parser, BIDE__HTTP1_REQUEST, NULL, headers, 32);
            if (bide__http1_parse_head(&parser, head, length) != (ssize_t)length)
                return -1;
            __asm__ volatile("" : : "r"(headers), "r"(&parser) : "memory");
        }
        start = (now() - start) / count;
        best = start < best ? start : best;
    }
    return best;
}

int main(void)
{
    printf("http1 request head, %zu bytes: %.1f ns\n", sizeof short_head - 1,
           measure(short_head, sizeof short_head - 1));
    printf("http1 request head, %zu bytes: %.1f ns\n", sizeof browser_head - 1,
           measure(browser_head, sizeof browser_head - 1));
    return 0;
}
