/* Requests whose end two programs could see at different places. Each must be refused, and stay refused. */

#include "http1_expect.h"

#include <errno.h>

#define START "POST / HTTP/1.1\r\nHost: a\r\n" /* 26 bytes */
#define TE START "Transfer-Encoding: chunked\r\n\r\n"

unit_test(lengths_and_encodings)
{
    static const struct {
        const char *bytes, *error;
        size_t offset;
    } cases[] = {
        { START "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", "DUPLICATE_CONTENT_LENGTH", 45 },
        { START "Content-Length: 1\r\ncontent-LENGTH: 2\r\n\r\nx", "DUPLICATE_CONTENT_LENGTH", 45 },
        { START "Content-Length: 1, 1\r\n\r\nx", "BAD_CONTENT_LENGTH", 43 },
        { START "Content-Length: +1\r\n\r\nx", "BAD_CONTENT_LENGTH", 42 },
        { START "Content-Length: -1\r\n\r\nx", "BAD_CONTENT_LENGTH", 42 },
        { START "Content-Length: 0x1\r\n\r\nx", "BAD_CONTENT_LENGTH", 43 },
        { START "Content-Length: 1 1\r\n\r\nx", "BAD_CONTENT_LENGTH", 43 },
        { START "Content-Length: 1.0\r\n\r\nx", "BAD_CONTENT_LENGTH", 43 },
        { START "Content-Length: \"1\"\r\n\r\nx", "BAD_CONTENT_LENGTH", 42 },
        { START "Content-Length: \t1\r\n\r\nx", "BAD_CONTENT_LENGTH", 43 },
        { START "Content-Length: 1 \t \r\n\r\nx", "BAD_CONTENT_LENGTH", 42 },
        { START "Transfer-Encoding:\tchunked\r\n\r\nx", "BAD_TRANSFER_ENCODING", 45 },
        { START "Transfer-Encoding: chunked\t\r\n\r\nx", "BAD_TRANSFER_ENCODING", 45 },
        { START "Content-Length:\r\n\r\nx", "BAD_CONTENT_LENGTH", 41 },
        { START "Content-Length: 9223372036854775808\r\n\r\nx", "CONTENT_LENGTH_OVERFLOW", 60 },
        { START "Content-Length: 18446744073709551617\r\n\r\nx", "CONTENT_LENGTH_OVERFLOW", 61 },
        { START "Content-Length : 1\r\n\r\nx", "SPACE_BEFORE_COLON", 40 },
        { START "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "LENGTH_AND_ENCODING", 73 },
        { START "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "LENGTH_AND_ENCODING", 73 },
        { START "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "DUPLICATE_TRANSFER_ENCODING", 54 },
        { START "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n", "BAD_TRANSFER_ENCODING", 45 },
        { START "Transfer-Encoding: gzip\r\n\r\n", "BAD_TRANSFER_ENCODING", 45 },
        { START "Transfer-Encoding: gzip, chunked\r\n\r\n", "UNSUPPORTED_TRANSFER_ENCODING", 45 },
        { START "Transfer-Encoding: chunked, gzip\r\n\r\n", "BAD_TRANSFER_ENCODING", 54 },
        { START "Transfer-Encoding: chunked, chunked\r\n\r\n", "BAD_TRANSFER_ENCODING", 54 },
        { START "Transfer-Encoding: xchunked\r\n\r\n", "BAD_TRANSFER_ENCODING", 45 },
        { START "Transfer-Encoding: chunkedx\r\n\r\n", "BAD_TRANSFER_ENCODING", 45 },
        { START "Transfer-Encoding: chunked;x\r\n\r\n", "BAD_TRANSFER_ENCODING", 45 },
        { START "Transfer-Encoding: \"chunked\"\r\n\r\n", "BAD_TRANSFER_ENCODING", 45 },
        { START "Transfer-Encoding: \x0b"
                "chunked\r\n\r\n",
          "BAD_HEADER_VALUE", 45 },
        { START "Transfer-Encoding: chunked\x0c\r\n\r\n", "BAD_HEADER_VALUE", 52 },
        { START "Transfer-Encoding: \xa0"
                "chunked\r\n\r\n",
          "BAD_TRANSFER_ENCODING", 45 },
        { START "Transfer-Encoding:\r\n\r\n", "BAD_TRANSFER_ENCODING", 44 },
        { START "Transfer-Encoding: ,\r\n\r\n", "BAD_TRANSFER_ENCODING", 45 },
        { START "Transfer-Encoding:\r\n chunked\r\n\r\n", "BAD_TRANSFER_ENCODING", 44 },
        { START "X: y\r\n Transfer-Encoding: chunked\r\n\r\n", "FOLDED_HEADER", 32 },
        { START "X: y\nTransfer-Encoding: chunked\r\n\r\n", "BARE_LF", 30 },
        { "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "TRANSFER_ENCODING_IN_HTTP_1_0", 54 },
        { "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "BODY_ON_CONNECT", 50 },
        { "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "BODY_ON_CONNECT", 59 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refused(REQUEST, cases[i].bytes, strlen(cases[i].bytes), "head", cases[i].error, cases[i].offset);
    expect_part(REQUEST, BYTES(START "Content-Length: 0001\r\n\r\nx"), "length=1\n");
    expect_part(REQUEST, BYTES(START "Content-Length:   1  \r\n\r\nx"), "length=1\n");
    expect_part(REQUEST, BYTES(START "Content-Length: 9223372036854775807\r\n\r\nx"), "length=9223372036854775807\n");
    expect_part(REQUEST, BYTES(START "Transfer-Encoding:  CHUNKED \r\n\r\n0\r\n\r\n"), "end at 63, 0");
    return 0;
}

unit_test(chunks)
{
    static const struct {
        const char *body, *error;
        size_t offset;
    } cases[] = {
        { "+3\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_SIZE", 0 },
        { "-3\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_SIZE", 0 },
        { "0x3\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_SIZE", 1 },
        { " 3\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_SIZE", 0 },
        { "3 \r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_SIZE", 1 },
        { "3_0\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_SIZE", 1 },
        { "g\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_SIZE", 0 },
        { "\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_SIZE", 0 },
        { ";a\r\n\r\n", "BAD_CHUNK_SIZE", 0 },
        { "3\nabc\r\n0\r\n\r\n", "BARE_LF", 1 },
        { "3\rXabc\r\n0\r\n\r\n", "BARE_CR", 2 },
        { "3\r\nabcd\r\n0\r\n\r\n", "BAD_CHUNK_END", 6 },
        { "3\r\nabc\n0\r\n\r\n", "BAD_CHUNK_END", 6 },
        { "3\r\nabc\rX0\r\n\r\n", "BAD_CHUNK_END", 7 },
        { "3\r\nabc0\r\n\r\n", "BAD_CHUNK_END", 6 },
        { "8000000000000000\r\n", "CHUNK_SIZE_OVERFLOW", 15 },
        { "10000000000000003\r\n", "CHUNK_SIZE_OVERFLOW", 16 },
        { "00000000000000003\r\n", "CHUNK_SIZE_OVERFLOW", 16 },
        { "3;\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_EXTENSION", 2 },
        { "3;a\nabc\r\n0\r\n\r\n", "BARE_LF", 3 },
        { "3;a\rabc\r\n0\r\n\r\n", "BARE_CR", 4 },
        { "3;a=\"x\ny\"\r\nabc\r\n0\r\n\r\n", "BARE_LF", 6 },
        { "3;a=\"x\ry\"\r\nabc\r\n0\r\n\r\n", "BARE_CR", 6 },
        { "3;a=\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_EXTENSION", 4 },
        { "3;=b\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_EXTENSION", 2 },
        { "3; a\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_EXTENSION", 2 },
        { "3;a;\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_EXTENSION", 4 },
        { "3;a=b=c\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_EXTENSION", 5 },
        { "3;a=\"b\"c\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_EXTENSION", 7 },
        { "3;a=\"b\x01\"\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_EXTENSION", 6 },
        { "3;\xe4\r\nabc\r\n0\r\n\r\n", "BAD_CHUNK_EXTENSION", 2 },
        { "0\r\nX: y\n\r\n", "BARE_LF", 7 },
        { "0\r\nX: y\rz\r\n\r\n", "BARE_CR", 8 },
        { "0\r\n X: y\r\n\r\n", "FOLDED_HEADER", 3 },
        { "0\r\nX : y\r\n\r\n", "SPACE_BEFORE_COLON", 4 },
        { "0\r\n: y\r\n\r\n", "EMPTY_HEADER_NAME", 3 },
        { "0\r\nX\r\n\r\n", "NO_COLON", 4 },
        { "0\r\nX@: y\r\n\r\n", "BAD_HEADER_NAME", 4 },
        { "0\r\nX: \x01\r\n\r\n", "BAD_HEADER_VALUE", 6 },
        { "0\r\n\n", "BARE_LF", 3 },
        { "0\r\n\rX", "BARE_CR", 4 },
        { "0\r\nContent-Length: 1\r\n\r\n", "FORBIDDEN_TRAILER", 17 },
        { "0\r\ntransfer-encoding: chunked\r\n\r\n", "FORBIDDEN_TRAILER", 20 },
        { "0\r\nHost: b\r\n\r\n", "FORBIDDEN_TRAILER", 7 },
        { "0\r\nConnection: close\r\n\r\n", "FORBIDDEN_TRAILER", 13 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char message[256];
        int length = snprintf(message, sizeof message, TE "%s", cases[i].body);

        expect_refused(REQUEST, message, (size_t)length, "body", cases[i].error, cases[i].offset);
    }
    expect_refused(REQUEST, BYTES(TE "3\r\nabc\r\n7ffffffffffffffd\r\n"), "body", "BODY_TOO_LARGE", 23);
    return 0;
}

unit_test(accepted_chunks_and_trailers)
{
    static const struct {
        const char *body, *part;
    } cases[] = {
        { "3\r\nabc\r\n0\r\n\r\n", "body abc\nend at 69, 3" },
        { "3\r\nabc\r\nA\r\n0123456789\r\n000\r\n\r\n", "body abc0123456789\nend at 86, 13" },
        { "3;a\r\nabc\r\n0;x=y\r\n\r\n", "body abc\nend at 75, 3" },
        { "3;a=b;c=\"d\\\" ;\t\xe4\";e\r\nabc\r\n0\r\n\r\n", "body abc\nend at 87, 3" },
        { "0\r\nX: y\r\nX-Long:  \t a b \t\r\nE:\r\n\r\n",
          "body \ntrailer X: y\ntrailer X-Long: a b\ntrailer E: \nend" },
        { "0\r\nA: 1\r\nSet-Cookie: dropped\r\nauthorization: dropped\r\nB: 2\r\n\r\n",
          "body \ntrailer A: 1\ntrailer B: 2\nend" },
        { "0\r\nContent-Length-Is-Not-What-This-Very-Long-Name-Says: 1\r\n\r\n",
          "trailer Content-Length-Is-Not-What-This-Very-Long-Name-Says: 1\n" },
    };
    struct feeding forgetting = REQUEST;

    forgetting.drop_trailers = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char message[256];
        int length = snprintf(message, sizeof message, TE "%s", cases[i].body);

        expect_part(REQUEST, message, (size_t)length, cases[i].part);
        expect_part(forgetting, message, (size_t)length, "\nend at");
    }
    return 0;
}

unit_test(an_error_is_final)
{
    static const char bad[] = "GET / HTTP/1.1\r\n\r\n", bad_body[] = "zz";
    struct bide__http1_header headers[4];
    struct bide__http1_parser parser;
    struct bide__http1_body body;
    const char *data;
    size_t length;

    bide__http1_parser_init(&parser, BIDE__HTTP1_REQUEST, NULL, headers, 4);
    check_error(bide__http1_parse_head(&parser, bad, sizeof bad - 1), EBADMSG);
    check_error(bide__http1_parse_head(&parser, bad, sizeof bad - 1), EBADMSG);
    check_eq(parser.error, BIDE__HTTP1_MISSING_HOST);
    check_eq(bide__http1_error_status(parser.error), 400);
    check_str(bide__http1_error_text(parser.error), "an HTTP/1.1 request without a Host header");

    bide__http1_parser_init(&parser, BIDE__HTTP1_REQUEST, NULL, headers, 4);
    check(bide__http1_parse_head(&parser, TE, strlen(TE)) > 0);
    bide__http1_body_init(&body, &parser);
    check_error(bide__http1_body_decode(&body, bad_body, 2, &data, &length), EBADMSG);
    check_error(bide__http1_body_decode(&body, "0\r\n\r\n", 5, &data, &length), EBADMSG);
    check_error(bide__http1_body_close(&body), EBADMSG);
    check_eq(body.error, BIDE__HTTP1_BAD_CHUNK_SIZE);
    return 0;
}
