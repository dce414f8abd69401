/* Response heads and how the end of a response is found. */

#include "http1_expect.h"

unit_test(responses_and_their_framing)
{
    static const struct {
        const char *bytes, *part;
    } cases[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "response 200 OK 1.1 fixed keep-alive length=2\n" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "1.1 none keep-alive length=0\n" },
        { "HTTP/1.1 200 OK\r\n\r\nall of it", "1.1 until-close\nbody all of it\nend at 28, 9 bytes" },
        { "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nx", "1.0 until-close\n" },
        { "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", "1.0 fixed keep-alive" },
        { "HTTP/1.1 200 \r\n\r\n", "response 200  1.1 until-close\n" },
        { "HTTP/1.1 200\r\n\r\n", "response 200  1.1 until-close\n" },
        { "HTTP/1.1 404 Not \t\xe4 Found\r\n\r\n", "response 404 Not \t\xe4 Found 1.1" },
        { "HTTP/1.1 999 x\r\n\r\n", "response 999 x" },
        { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\nHTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n",
          "response 304 x 1.1 none keep-alive length=5\n" },
        { "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "1.1 none keep-alive upgrade\n" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n",
          "body abc\ntrailer T: v\nend at 66, 3 bytes" },
        { "HTTP/1.1 200 OK\r\nHost: a b\r\nHost: c\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
          "1.1 none length=0\n" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_part(RESPONSE, cases[i].bytes, strlen(cases[i].bytes), cases[i].part);
    return 0;
}

unit_test(head_and_connect_responses_have_no_body)
{
    struct feeding head = RESPONSE, connect = RESPONSE;

    head.response_to = BIDE__HTTP1_METHOD_HEAD;
    connect.response_to = BIDE__HTTP1_METHOD_CONNECT;
    expect_part(head, BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), "1.1 none keep-alive length=5\n");
    expect_part(head, BYTES("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), "1.1 none keep-alive\n");
    expect_part(connect, BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), "1.1 none keep-alive length=5\n");
    expect_part(connect, BYTES("HTTP/1.1 403 no\r\nContent-Length: 2\r\n\r\nhi"), "1.1 fixed keep-alive length=2\n");
    check_eq(bide__http1_method_kind("HEAD", 4), BIDE__HTTP1_METHOD_HEAD);
    check_eq(bide__http1_method_kind("head", 4), BIDE__HTTP1_METHOD_OTHER);
    return 0;
}

unit_test(refused_responses)
{
    static const struct {
        const char *bytes, *error;
        size_t offset;
    } cases[] = {
        { "\r\nHTTP/1.1 200 OK\r\n\r\n", "BAD_VERSION", 0 },
        { "ICY 200 OK\r\n\r\n", "BAD_VERSION", 0 },
        { "HTTP/2.0 200 OK\r\n\r\n", "UNSUPPORTED_VERSION", 0 },
        { "HTTP/1.1  200 OK\r\n\r\n", "BAD_STATUS_LINE", 9 },
        { "HTTP/1.1\t200 OK\r\n\r\n", "BAD_STATUS_LINE", 8 },
        { "HTTP/1.1 20 OK\r\n\r\n", "BAD_STATUS_LINE", 11 },
        { "HTTP/1.1 2000 OK\r\n\r\n", "BAD_STATUS_LINE", 12 },
        { "HTTP/1.1 099 OK\r\n\r\n", "BAD_STATUS_LINE", 9 },
        { "HTTP/1.1 -20 OK\r\n\r\n", "BAD_STATUS_LINE", 9 },
        { "HTTP/1.1 200 O\x01K\r\n\r\n", "BAD_STATUS_LINE", 14 },
        { "HTTP/1.1 200 OK\n\n", "BARE_LF", 15 },
        { "HTTP/1.1 200\n\n", "BARE_LF", 12 },
        { "HTTP/1.1 200 OK\rX", "BARE_CR", 15 },
        { "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "FOLDED_HEADER", 23 },
        { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "DUPLICATE_CONTENT_LENGTH", 36 },
        { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "LENGTH_AND_ENCODING", 64 },
        { "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "TRANSFER_ENCODING_IN_HTTP_1_0", 45 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refused(RESPONSE, cases[i].bytes, strlen(cases[i].bytes), "head", cases[i].error, cases[i].offset);
    return 0;
}

unit_test(connection_closed_too_early)
{
    expect_refused(RESPONSE, BYTES("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi"), "close", "INCOMPLETE_BODY", 2);
    expect_refused(RESPONSE, BYTES("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"), "close",
                   "INCOMPLETE_BODY", 10);
    expect(RESPONSE, BYTES("HTTP/1.1 200 OK\r\n"), "incomplete head\n");
    return 0;
}

unit_test(idle_until_the_first_byte)
{
    struct bide__http1_header headers[1];
    struct bide__http1_parser parser;

    bide__http1_parser_init(&parser, BIDE__HTTP1_RESPONSE, NULL, headers, 1);
    check(bide__http1_parser_idle(&parser));
    check_eq(bide__http1_parse_head(&parser, "H", 0), 0);
    check(bide__http1_parser_idle(&parser));
    check_eq(bide__http1_parse_head(&parser, "H", 1), 0);
    check(!bide__http1_parser_idle(&parser));
    bide__http1_parser_init(&parser, BIDE__HTTP1_REQUEST, NULL, headers, 1);
    check_eq(bide__http1_parse_head(&parser, "G", 1), 0);
    check(!bide__http1_parser_idle(&parser));
    return 0;
}
