/* What is written parses to what was meant, and nothing can be smuggled into it. */

#include "http1_expect.h"
#include "proto/http1_writer.h"

#include <errno.h>
#include <time.h>

static ssize_t write_response(char *buffer, size_t capacity)
{
    struct bide__http1_writer writer;

    bide__http1_writer_init(&writer, buffer, capacity);
    bide__http1_write_status_line(&writer, 404, NULL);
    bide__http1_write_header_text(&writer, "Server", "bide");
    bide__http1_write_header_number(&writer, "Content-Length", 0);
    bide__http1_write_header_number(&writer, "X-Most", UINT64_MAX);
    return bide__http1_writer_finish(&writer);
}

unit_test(response_at_every_capacity)
{
    static const char expected[] = "HTTP/1.1 404 Not Found\r\nServer: bide\r\nContent-Length: 0\r\n"
                                   "X-Most: 18446744073709551615\r\n\r\n";
    ssize_t length = write_response(NULL, 0);

    check_eq(length, (ssize_t)sizeof expected - 1);
    for (size_t capacity = 1; capacity < sizeof expected + 3; capacity++) {
        char *buffer = malloc(capacity);
        ssize_t result = write_response(buffer, capacity);

        check_eq(result, capacity < sizeof expected - 1 ? -EMSGSIZE : length);
        if (result > 0)
            check_mem(buffer, expected, sizeof expected - 1);
        free(buffer);
    }
    return 0;
}

unit_test(request)
{
    struct bide__http1_writer writer;
    char buffer[200];

    bide__http1_writer_init(&writer, buffer, sizeof buffer);
    bide__http1_write_request_line(&writer, "GET", 3, "/a?b", 4);
    bide__http1_write_header(&writer, "Host", 4, "a:1", 3);
    bide__http1_write_header(&writer, "X-Empty", 7, NULL, 0);
    check_eq(bide__http1_writer_finish(&writer), 43);
    expect(REQUEST, buffer, 43,
           "request GET /a?b host=a:1 1.1 none keep-alive\nheader Host: a:1\nheader X-Empty: \n"
           "body \nend at 43, 0 bytes of body\n");
    return 0;
}

unit_test(response_splitting_is_refused)
{
    static const struct {
        const char *name, *value;
    } headers[] = {
        { "X", "a\r\nSet-Cookie: b" },
        { "X", "a\r" },
        { "X", "a\n" },
        { "X", "\x01" },
        { "X", "\x7f" },
        { "X\r\nY", "a" },
        { "X:", "a" },
        { "X ", "a" },
        { "", "a" },
        { "X\xe4", "a" },
    };
    struct bide__http1_writer writer;
    char buffer[200];

    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        bide__http1_writer_init(&writer, buffer, sizeof buffer);
        bide__http1_write_status_line(&writer, 200, NULL);
        bide__http1_write_header_text(&writer, headers[i].name, headers[i].value);
        bide__http1_write_header_text(&writer, "Fine", "fine");
        check_error(bide__http1_writer_finish(&writer), EINVAL);
    }
    bide__http1_writer_init(&writer, buffer, sizeof buffer);
    bide__http1_write_header(&writer, "X", 1, "a\0b", 3);
    check_error(bide__http1_writer_finish(&writer), EINVAL);

    static const char *const lines[][2] = {
        { "G T", "/" },    { "", "/" },        { "GET\r\n", "/" }, { "GET", "" }, { "GET", "/ HTTP/1.1\r\nX: " },
        { "GET", "/a b" }, { "GET", "/\xe4" }, { "GET", "/#x" },
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        bide__http1_writer_init(&writer, buffer, sizeof buffer);
        bide__http1_write_request_line(&writer, lines[i][0], strlen(lines[i][0]), lines[i][1], strlen(lines[i][1]));
        check_error(bide__http1_writer_finish(&writer), EINVAL);
    }
    static const int statuses[] = { -1, 0, 99, 1000 };
    for (size_t i = 0; i < 4; i++) {
        bide__http1_writer_init(&writer, buffer, sizeof buffer);
        bide__http1_write_status_line(&writer, statuses[i], "x");
        check_error(bide__http1_writer_finish(&writer), EINVAL);
    }
    bide__http1_writer_init(&writer, buffer, sizeof buffer);
    bide__http1_write_status_line(&writer, 200, "OK\r\nX: y");
    check_error(bide__http1_writer_finish(&writer), EINVAL);
    return 0;
}

unit_test(chunk_heads)
{
    static const size_t sizes[] = { 1, 9, 10, 15, 16, 255, 256, 65536, SIZE_MAX };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char head[BIDE__HTTP1_CHUNK_HEAD_SIZE], expected[32];
        size_t length = bide__http1_write_chunk_head(sizes[i], head);

        check_eq(length, (size_t)sprintf(expected, "%zx\r\n", sizes[i]));
        check_mem(head, expected, length);
    }
    return 0;
}

unit_test(dates_equal_those_of_the_c_library)
{
    char date[BIDE__HTTP1_DATE_SIZE], expected[64];

    check_eq(bide__http1_format_date(784111777, date), 0);
    check_str(date, "Sun, 06 Nov 1994 08:49:37 GMT");
    for (int64_t seconds = 0; seconds <= 253402300799; seconds += seconds < 400000000 ? 86399 : 86400 * 61 + 3661) {
        time_t time = (time_t)seconds;
        struct tm parts;

        check_eq(bide__http1_format_date(seconds, date), 0);
        strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&time, &parts));
        check_str(date, expected);
    }
    check_eq(bide__http1_format_date(253402300799, date), 0);
    check_str(date, "Fri, 31 Dec 9999 23:59:59 GMT");
    check_error(bide__http1_format_date(253402300800, date), ERANGE);
    check_error(bide__http1_format_date(-1, date), ERANGE);
    return 0;
}

unit_test(reasons)
{
    check_str(bide__http1_reason(200), "OK");
    check_str(bide__http1_reason(431), "Request Header Fields Too Large");
    check_str(bide__http1_reason(299), "");
    check_str(bide__http1_reason(-5), "");
    return 0;
}
