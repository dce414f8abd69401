/* Every limit at one below, exactly, and one above. */

#include "http1_expect.h"

static char message[70000];

/* Whether a message with those limits is refused for `error`; "" for not at all. */
static void judge(const struct bide__http1_limits *limits, size_t length, bool refused, const char *where,
                  const char *error, size_t offset)
{
    struct feeding feeding = REQUEST;

    feeding.limits = limits;
    for (int way = 0; way < 3; way++) {
        char line[100];

        feeding.first = way == 1 ? length / 2 : 0;
        feeding.step = way == 2 ? (length > 4096 ? 4093 : 1) : 0;
        transcribe(&whole, &feeding, message, length);
        snprintf(line, sizeof line, "%s error %s at %zu\n", where, error, offset);
        if (refused && !strstr(whole.text, line))
            check_str(whole.text, line);
        check_eq(strstr(whole.text, "end at") != NULL, !refused);
    }
}

unit_test(request_line)
{
    struct bide__http1_limits limits = bide__http1_default_limits;

    for (size_t target = 1; target < 40; target++) {
        size_t length = (size_t)sprintf(message, "GET /%.*s HTTP/1.1\r\nHost: a\r\n\r\n", (int)target - 1,
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");

        limits.start_line = 30;
        judge(&limits, length, target + 13 > 30, "head", "REQUEST_LINE_TOO_LONG", 30);
    }
    for (size_t extra = 0; extra < 3; extra++) { /* the default is 8190 */
        size_t length = (size_t)sprintf(message, "GET /");

        memset(message + length, 'a', 8190 - 15 + extra);
        length += 8190 - 15 + extra;
        length += (size_t)sprintf(message + length, " HTTP/1.1\r\nHost: a\r\n\r\n");
        judge(NULL, length, extra > 1, "head", "REQUEST_LINE_TOO_LONG", 8190);
    }
    memset(message, 'A', 100);
    judge(&limits, 100, true, "head", "REQUEST_LINE_TOO_LONG", 30);
    check_eq(bide__http1_error_status(BIDE__HTTP1_REQUEST_LINE_TOO_LONG), 414);
    return 0;
}

unit_test(header_line)
{
    struct bide__http1_limits limits = bide__http1_default_limits;

    limits.header_line = 30;
    for (size_t size = 10; size < 50; size++) {
        size_t length = (size_t)sprintf(message, "GET / HTTP/1.1\r\nHost: a\r\nX: ");

        memset(message + length, 'a', size - 3);
        length += size - 3;
        length += (size_t)sprintf(message + length, "\r\n\r\n");
        judge(&limits, length, size > 30, "head", "HEADER_LINE_TOO_LONG", 25 + 30);

        memset(message + 25, 'a', size - 3);
        memcpy(message + 25 + size - 3, ": b", 3);
        judge(&limits, length, size > 30, "head", "HEADER_LINE_TOO_LONG", 25 + 30);
    }
    check_eq(bide__http1_error_status(BIDE__HTTP1_HEADER_LINE_TOO_LONG), 431);
    return 0;
}

unit_test(header_count)
{
    struct bide__http1_limits limits = bide__http1_default_limits;

    for (size_t count = 1; count <= 130; count++) {
        size_t length = (size_t)sprintf(message, "GET / HTTP/1.1\r\nHost: a\r\n");

        for (size_t i = 1; i < count; i++)
            length += (size_t)sprintf(message + length, "X: y\r\n");
        length += (size_t)sprintf(message + length, "\r\n");
        judge(NULL, length, count > 128, "head", "TOO_MANY_HEADERS", 25 + 127 * 6);
        limits.header_count = 5;
        judge(&limits, length, count > 5, "head", "TOO_MANY_HEADERS", 25 + 4 * 6);
    }
    return 0;
}

unit_test(whole_head)
{
    struct bide__http1_limits limits = bide__http1_default_limits;
    size_t length = (size_t)sprintf(message, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");

    for (limits.head = 0; limits.head < length + 5; limits.head++)
        judge(&limits, length, limits.head < length, "head", "HEAD_TOO_LARGE", limits.head);
    for (size_t size = 65535; size <= 65537; size++) {
        length = (size_t)sprintf(message, "GET / HTTP/1.1\r\nHost: a\r\n");
        while (size - length > 8000)
            length += (size_t)sprintf(message + length, "X: %4000d\r\n", 1);
        memcpy(message + length, "X: ", 3);
        memset(message + length + 3, 'y', size - length - 7);
        memcpy(message + size - 4, "\r\n\r\n", 4);
        judge(NULL, size, size > 65536, "head", "HEAD_TOO_LARGE", 65536);
    }
    return 0;
}

unit_test(body_size)
{
    struct bide__http1_limits limits = bide__http1_default_limits;
    struct feeding response = RESPONSE;

    for (limits.body = 0; limits.body < 9; limits.body++) {
        size_t length = (size_t)sprintf(message, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");

        judge(&limits, length, limits.body < 5, "head", "BODY_TOO_LARGE", 44);
        length = (size_t)sprintf(
            message, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
        judge(&limits, length, limits.body < 5, "body", "BODY_TOO_LARGE", limits.body < 2 ? 0 : 7);
        response.limits = &limits;
        if (limits.body < 5)
            expect_refused(response, BYTES("HTTP/1.1 200 OK\r\n\r\nhello"), "body", "BODY_TOO_LARGE", limits.body);
        else
            expect_part(response, BYTES("HTTP/1.1 200 OK\r\n\r\nhello"), "body hello\nend at 24, 5");
    }
    check_eq(bide__http1_error_status(BIDE__HTTP1_BODY_TOO_LARGE), 413);
    return 0;
}

unit_test(chunk_extension_and_trailers)
{
    struct bide__http1_limits limits = bide__http1_default_limits;
    size_t length = (size_t)sprintf(message, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                             "1;abc=\"d\"\r\nx\r\n1;ab\r\ny\r\n0\r\nA: b\r\nC: d\r\n\r\n");

    for (limits.chunk_extension = 0; limits.chunk_extension < 12; limits.chunk_extension++)
        judge(&limits, length, limits.chunk_extension < 8, "body", "CHUNK_EXTENSION_TOO_LONG",
              limits.chunk_extension ? limits.chunk_extension + 1 : 2);
    limits.chunk_extension = 100;
    for (limits.trailers = 0; limits.trailers < 20; limits.trailers++)
        judge(&limits, length, limits.trailers < 14, "body", "TRAILERS_TOO_LARGE", 26 + limits.trailers);
    limits.trailers = 100;
    limits.header_count = 2;
    judge(&limits, length, false, "body", "TOO_MANY_TRAILERS", 0);
    length = (size_t)sprintf(message + length - 2, "E: f\r\n\r\n") + length - 2;
    judge(&limits, length, true, "body", "TOO_MANY_TRAILERS", 39);
    return 0;
}

unit_test(trailers_that_do_not_fit_are_refused)
{
    static const char head[] = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char rest[] = "0\r\nAb: cd\r\nE: f\r\n\r\n";

    for (size_t room = 0; room < 9; room++) {
        for (size_t count = 0; count < 4; count++) {
            struct bide__http1_header headers[4], trailers[4];
            struct bide__http1_parser parser;
            struct bide__http1_body body;
            char buffer[16];
            const char *data;
            size_t length;
            ssize_t used;

            bide__http1_parser_init(&parser, BIDE__HTTP1_REQUEST, NULL, headers, 4);
            check(bide__http1_parse_head(&parser, head, sizeof head - 1) > 0);
            bide__http1_body_init(&body, &parser);
            bide__http1_body_keep_trailers(&body, buffer, room, trailers, count);
            used = bide__http1_body_decode(&body, rest, sizeof rest - 1, &data, &length);
            check_eq(used > 0 && body.done, room >= 6 && count >= 2);
        }
    }
    return 0;
}
