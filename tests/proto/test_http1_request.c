/* Request heads: what is accepted, what it means, and every reason to refuse one. */

#include "http1_expect.h"

#define HOST "Host: a\r\n"

unit_test(simple_request)
{
    expect(
        REQUEST,
        BYTES("GET /x?y=1 HTTP/1.1\r\nHost: a.example:8080\r\nAccept:*/*\r\nX-Empty:\r\nX-Space: \t a \t b \t\r\n\r\n"),
        "request GET /x?y=1 host=a.example:8080 1.1 none keep-alive\n"
        "header Host: a.example:8080\nheader Accept: */*\nheader X-Empty: \nheader X-Space: a \t b\n"
        "body \nend at 87, 0 bytes of body\n");
    return 0;
}

unit_test(pipelined_requests_with_bodies)
{
    expect(REQUEST,
           BYTES("POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n" HOST "\r\n"
                 "PUT /c HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
           "request POST /a host=a 1.1 fixed keep-alive length=3\nheader Host: a\nheader Content-Length: 3\n"
           "body abc\nend at 51, 3 bytes of body\n"
           "request GET /b host=a 1.1 none keep-alive\nheader Host: a\nbody \nend at 79, 0 bytes of body\n"
           "request PUT /c host=a 1.1 chunked keep-alive\nheader Host: a\nheader Transfer-Encoding: Chunked\n"
           "body hi\nend at 147, 2 bytes of body\n");
    return 0;
}

unit_test(one_empty_line_before_a_request_is_tolerated)
{
    expect_part(REQUEST, BYTES("\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), "end at 29, 0");
    expect_refused(REQUEST, BYTES("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), "head", "BAD_REQUEST_LINE", 2);
    expect_refused(REQUEST, BYTES("\nGET / HTTP/1.1\r\n" HOST "\r\n"), "head", "BARE_LF", 0);
    expect_refused(REQUEST, BYTES("\rGET / HTTP/1.1\r\n" HOST "\r\n"), "head", "BARE_CR", 0);
    return 0;
}

unit_test(obs_text_and_tabs_are_kept_in_values)
{
    expect_part(REQUEST, BYTES("GET / HTTP/1.1\r\n" HOST "X: \x80\xff\ty\r\n\r\n"), "header X: \x80\xff\ty\n");
    expect_part(REQUEST, BYTES("GET / HTTP/1.1\r\n" HOST "X_!#$%&'*+-.^`|~9: y\r\n\r\n"),
                "header X_!#$%&'*+-.^`|~9: y\n");
    return 0;
}

unit_test(keep_alive_rules)
{
    static const struct {
        const char *head, *expected;
    } cases[] = {
        { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "1.1 none keep-alive\n" },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "1.1 none\n" },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: x ,\t CLOSE\r\n\r\n", "1.1 none\n" },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", "1.1 none\n" },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", "1.1 none keep-alive\n" },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: \"close\"\r\n\r\n", "1.1 none keep-alive\n" },
        { "GET / HTTP/1.0\r\n\r\n", "1.0 none\n" },
        { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "1.0 none keep-alive\n" },
        { "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "1.0 none\n" },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
          "none keep-alive upgrade\n" },
        { "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", "1.1 none keep-alive\n" },
        { "GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "1.0 none\n" },
        { "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
          "fixed keep-alive expect length=1\n" },
        { "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx", "1.0 fixed length=1\n" },
        { "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 200-continue\r\n\r\n", "1.1 none keep-alive\n" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_part(REQUEST, cases[i].head, strlen(cases[i].head), cases[i].expected);
    return 0;
}

unit_test(request_targets)
{
    expect_part(REQUEST, BYTES("GET http://b.example:81/x HTTP/1.1\r\n" HOST "\r\n"), "host=b.example:81 ");
    expect_part(REQUEST, BYTES("GET HTTPS://b?x HTTP/1.1\r\n" HOST "\r\n"), "host=b ");
    expect_part(REQUEST, BYTES("CONNECT b:443 HTTP/1.1\r\n" HOST "\r\n"), "host=b:443 ");
    expect_part(REQUEST, BYTES("CONNECT [::1]:443 HTTP/1.1\r\n" HOST "\r\n"), "host=[::1]:443 ");
    expect_part(REQUEST, BYTES("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), "request OPTIONS * host=a ");
    expect_part(REQUEST, BYTES("GET /a|b{}\"<>^`\\ HTTP/1.1\r\n" HOST "\r\n"), "request GET /a|b{}\"<>^`\\ ");
    return 0;
}

/* The head, why it is refused, and where. */
static const struct {
    const char *head, *error;
    size_t offset;
} refused[] = {
    { "G@T / HTTP/1.1\r\n\r\n", "BAD_METHOD", 1 },
    { " GET / HTTP/1.1\r\n\r\n", "BAD_METHOD", 0 },
    { "GET\t/ HTTP/1.1\r\n\r\n", "BAD_METHOD", 3 },
    { "\x16\x03\x01\x02", "BAD_METHOD", 0 },
    { "GET\r\n\r\n", "BAD_REQUEST_LINE", 3 },
    { "GET\n\n", "BARE_LF", 3 },
    { "GET /\r\n\r\n", "BAD_REQUEST_LINE", 5 },
    { "GET /\n\n", "BARE_LF", 5 },
    { "GET  / HTTP/1.1\r\n\r\n", "BAD_REQUEST_LINE", 4 },
    { "GET /a b HTTP/1.1\r\n\r\n", "BAD_VERSION", 7 },
    { "GET /\ta HTTP/1.1\r\n\r\n", "BAD_TARGET_CHARACTER", 5 },
    { "GET /\x01 HTTP/1.1\r\n\r\n", "BAD_TARGET_CHARACTER", 5 },
    { "GET /\x7f HTTP/1.1\r\n\r\n", "BAD_TARGET_CHARACTER", 5 },
    { "GET /\xc3\xa4 HTTP/1.1\r\n\r\n", "BAD_TARGET_CHARACTER", 5 },
    { "GET /a#b HTTP/1.1\r\n\r\n", "BAD_TARGET_CHARACTER", 6 },
    { "GET x HTTP/1.1\r\n\r\n", "BAD_TARGET", 4 },
    { "GET * HTTP/1.1\r\n\r\n", "BAD_TARGET", 4 },
    { "OPTIONS ** HTTP/1.1\r\n\r\n", "BAD_TARGET", 8 },
    { "GET a:80 HTTP/1.1\r\n\r\n", "BAD_TARGET", 4 },
    { "CONNECT /x HTTP/1.1\r\n\r\n", "BAD_TARGET", 8 },
    { "CONNECT a HTTP/1.1\r\n\r\n", "BAD_TARGET", 9 },
    { "CONNECT a: HTTP/1.1\r\n\r\n", "BAD_TARGET", 10 },
    { "CONNECT a:0 HTTP/1.1\r\n\r\n", "BAD_TARGET", 10 },
    { "CONNECT http://a:80/ HTTP/1.1\r\n\r\n", "BAD_TARGET", 13 },
    { "GET http:/// HTTP/1.1\r\n\r\n", "BAD_TARGET", 11 },
    { "GET http://u@a/ HTTP/1.1\r\n\r\n", "BAD_TARGET", 12 },
    { "GET ftp://a/ HTTP/1.1\r\n\r\n", "BAD_TARGET", 4 },
    { "GET / HTTP/1.1 \r\n\r\n", "BAD_VERSION", 14 },
    { "GET / http/1.1\r\n\r\n", "BAD_VERSION", 6 },
    { "GET / HTTP/1\r\n\r\n", "BAD_VERSION", 12 },
    { "GET / HTTP/11.1\r\n\r\n", "BAD_VERSION", 12 },
    { "GET / HTTP/1.11\r\n\r\n", "BAD_VERSION", 14 },
    { "GET / HTTP/1.x\r\n\r\n", "BAD_VERSION", 13 },
    { "GET /  HTTP/1.1\r\n\r\n", "BAD_VERSION", 6 },
    { "GET / HTTP/1.2\r\n\r\n", "UNSUPPORTED_VERSION", 6 },
    { "GET / HTTP/0.9\r\n\r\n", "UNSUPPORTED_VERSION", 6 },
    { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "UNSUPPORTED_VERSION", 6 },
    { "GET / HTTP/1.1\n" HOST "\r\n", "BARE_LF", 14 },
    { "GET / HTTP/1.1\rX\n" HOST "\r\n", "BARE_CR", 14 },
    { "GET / HTTP/1.1\r\n" HOST "X: y\n\r\n", "BARE_LF", 29 },
    { "GET / HTTP/1.1\r\n" HOST "X: y\rz\r\n\r\n", "BARE_CR", 29 },
    { "GET / HTTP/1.1\r\n" HOST "X: y\r\r\n\r\n", "BARE_CR", 29 },
    { "GET / HTTP/1.1\r\n" HOST "X:\rTransfer-Encoding: chunked\r\n\r\n", "BARE_CR", 27 },
    { "GET / HTTP/1.1\r\n" HOST "\n", "BARE_LF", 25 },
    { "GET / HTTP/1.1\r\n" HOST "\r\r\n", "BARE_CR", 25 },
    { "GET / HTTP/1.1\r\n" HOST "X: y\r\n z\r\n\r\n", "FOLDED_HEADER", 31 },
    { "GET / HTTP/1.1\r\n" HOST "X: y\r\n\tz\r\n\r\n", "FOLDED_HEADER", 31 },
    { "GET / HTTP/1.1\r\n X: y\r\n" HOST "\r\n", "FOLDED_HEADER", 16 },
    { "GET / HTTP/1.1\r\n" HOST "X : y\r\n\r\n", "SPACE_BEFORE_COLON", 26 },
    { "GET / HTTP/1.1\r\n" HOST "X\t: y\r\n\r\n", "SPACE_BEFORE_COLON", 26 },
    { "GET / HTTP/1.1\r\n" HOST ": y\r\n\r\n", "EMPTY_HEADER_NAME", 25 },
    { "GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", "NO_COLON", 26 },
    { "GET / HTTP/1.1\r\n" HOST "X(a): y\r\n\r\n", "BAD_HEADER_NAME", 26 },
    { "GET / HTTP/1.1\r\n" HOST "X\xe4: y\r\n\r\n", "BAD_HEADER_NAME", 26 },
    { "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", "BAD_HEADER_VALUE", 29 },
    { "GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n", "BAD_HEADER_VALUE", 29 },
    { "GET / HTTP/1.1\r\n\r\n", "MISSING_HOST", 16 },
    { "GET / HTTP/1.1\r\n" HOST HOST "\r\n", "DUPLICATE_HOST", 25 },
    { "GET / HTTP/1.0\r\n" HOST HOST "\r\n", "DUPLICATE_HOST", 25 },
    { "GET / HTTP/1.1\r\nHost:\r\n\r\n", "BAD_HOST", 21 },
    { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "BAD_HOST", 23 },
    { "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "BAD_HOST", 23 },
    { "GET / HTTP/1.1\r\nHost: u@b\r\n\r\n", "BAD_HOST", 23 },
    { "GET / HTTP/1.1\r\nHost: a,b@c\r\n\r\n", "BAD_HOST", 25 },
    { "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", "BAD_HOST", 24 },
    { "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", "BAD_HOST", 24 },
    { "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "BAD_HOST", 22 },
    { "GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n", "BAD_HOST", 22 },
    { "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "BAD_HOST", 27 },
    { "GET / HTTP/1.1\r\nHost: a%4\r\n\r\n", "BAD_HOST", 23 },
};

unit_test(refused_requests)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        expect_refused(REQUEST, refused[i].head, strlen(refused[i].head), "head", refused[i].error, refused[i].offset);
    expect_refused(REQUEST, BYTES("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"), "head", "BAD_HEADER_VALUE", 29);
    expect_refused(REQUEST, BYTES("GET /\0 HTTP/1.1\r\n" HOST "\r\n"), "head", "BAD_TARGET_CHARACTER", 5);
    expect_refused(REQUEST, BYTES("GET / HTTP/1.1\r\n" HOST "X\0: a\r\n\r\n"), "head", "BAD_HEADER_NAME", 26);
    return 0;
}

/* Every byte in a target, a name and a value is judged as the grammar says, far enough into each for the fast
 * search. */
unit_test(every_byte_in_target_name_and_value)
{
    static const char head[] =
        "GET /aaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\nXXXXXXXXXXXXXXXXXXb: cccccccccccccccccccc\r\n\r\n";
    static const char token_bytes[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const size_t places[] = { 20, 60, 80 };

    for (int byte = 0; byte < 256; byte++) {
        bool allowed[] = {
            byte > 0x20 && byte < 0x7f && byte != '#',
            byte == ':' || (byte && strchr(token_bytes, byte)),
            byte == '\t' || (byte >= 0x20 && byte != 0x7f),
        };

        for (int i = 0; i < 3; i++) {
            char copy[sizeof head];

            memcpy(copy, head, sizeof head);
            copy[places[i]] = (char)byte;
            transcribe(&whole, &REQUEST, copy, sizeof head - 1);
            check_eq(strstr(whole.text, "end at") != NULL, allowed[i]);
        }
    }
    return 0;
}

unit_test(trickled_bytes_are_looked_at_once)
{
    enum { SIZE = 60000 };
    static char head[SIZE + 64];
    struct bide__http1_limits limits = bide__http1_default_limits;
    struct bide__http1_header headers[4];
    struct bide__http1_parser parser;
    size_t length = (size_t)sprintf(head, "GET / HTTP/1.1\r\nHost: a\r\nX: ");

    limits.header_line = SIZE + 64;
    memset(head + length, 'x', SIZE);
    length += SIZE;
    bide__http1_parser_init(&parser, BIDE__HTTP1_REQUEST, &limits, headers, 4);
    for (size_t i = 1; i <= length; i++) {
        check_eq(bide__http1_parse_head(&parser, head, i), 0);
        if (i > 100)
            memset(head + i - 1, '\0', 1); /* a byte that was seen is not read again: this one is not valid */
    }
    memcpy(head + length, "\r\n\r\n", 4);
    check_eq(bide__http1_parse_head(&parser, head, length + 4), (ssize_t)(length + 4));
    return 0;
}
