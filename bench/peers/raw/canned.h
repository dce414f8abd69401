/* Canned HTTP answers: the floor of a server that parses nothing. */
#ifndef BENCH_CANNED_H
#define BENCH_CANNED_H

#include <stdbool.h>
#include <string.h>

enum { CANNED_SPACE = 1 << 18 };

static const char canned_text[] = "HTTP/1.1 200 OK\r\nServer: raw\r\nDate: Sun, 01 Jan 2023 00:00:00 GMT\r\n"
                                  "Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
static const char canned_json[] = "HTTP/1.1 200 OK\r\nServer: raw\r\nDate: Sun, 01 Jan 2023 00:00:00 GMT\r\n"
                                  "Content-Type: application/json\r\nContent-Length: 48\r\n\r\n"
                                  "{\"id\":1,\"name\":\"bide\",\"price\":9.5,\"active\":true}";

/* As many answers as there are requests in data[0..size); how many bytes. Requests that are cut are not expected. */
static inline size_t canned_answers(const char *data, size_t size, char *answers)
{
    const char *end = data + size, *at = data;
    size_t total = 0;

    while (at < end && (at = memmem(at, (size_t)(end - at), "\r\n\r\n", 4)) && total + 512 < CANNED_SPACE) {
        bool json = size > 5 && data[5] == 'j';
        size_t length = json ? sizeof canned_json - 1 : sizeof canned_text - 1;

        memcpy(answers + total, json ? canned_json : canned_text, length);
        total += length;
        at += 4;
    }
    return total;
}

#endif
