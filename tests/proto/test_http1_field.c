/* Looking up headers, walking through lists, and the table of errors. */

#include "http1_expect.h"

unit_test(find_goes_through_repeated_headers)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nAccept: 1\r\nX: y\r\naccept: 2\r\nACCEPT-X: 3\r\n\r\n";
    struct bide__http1_header headers[8];
    const struct bide__http1_header *header = NULL;
    struct bide__http1_parser parser;
    char found[8] = "";

    bide__http1_parser_init(&parser, BIDE__HTTP1_REQUEST, NULL, headers, 8);
    check_eq(bide__http1_parse_head(&parser, head, sizeof head - 1), (ssize_t)sizeof head - 1);
    while ((header = bide__http1_find(headers, parser.header_count, head, "Accept", header)))
        strncat(found, head + header->value.offset, header->value.length);
    check_str(found, "12");
    check(bide__http1_find(headers, parser.header_count, head, "Accep", NULL) == NULL);
    check(bide__http1_find(headers, 0, head, "Host", NULL) == NULL);
    return 0;
}

unit_test(lists)
{
    static const char value[] = " ,a, b c\t,,\"x,\\\"y\" ,z;q=1 ";
    static const char *const expected[] = { "a", "b c", "\"x,\\\"y\"", "z;q=1" };
    size_t position = 0, length, count = 0;
    const char *element;

    while (bide__http1_next_element(value, sizeof value - 1, &position, &element, &length)) {
        check_eq(length, strlen(expected[count]));
        check_mem(element, expected[count], length);
        count++;
    }
    check_eq(count, 4u);
    check(bide__http1_list_has(value, sizeof value - 1, "A"));
    check(!bide__http1_list_has(value, sizeof value - 1, "z"));
    check(!bide__http1_list_has(value, sizeof value - 1, "x"));
    check(!bide__http1_list_has("", 0, "x"));
    check(!bide__http1_list_has("\"close", 6, "close"));
    return 0;
}

unit_test(equality_ignores_the_case_of_letters_only)
{
    check(bide__http1_equals("aZ09", 4, "Az09"));
    check(!bide__http1_equals("a", 1, "ab"));
    check(!bide__http1_equals("ab", 2, "a"));
    check(!bide__http1_equals("@", 1, "`"));
    check(!bide__http1_equals("[", 1, "{"));
    check(!bide__http1_equals("\xc4", 1, "\xe4"));
    return 0;
}

/* Names of the headers that matter, with one byte changed in every way: only case may differ. */
unit_test(framing_headers_are_recognised_exactly)
{
    static const char *const names[] = { "Content-Length", "Transfer-Encoding", "Host" };

    for (size_t i = 0; i < 3; i++) {
        for (size_t at = 0; at < strlen(names[i]); at++) {
            for (int byte = 1; byte < 256; byte++) {
                char name[32], head[160];
                bool same = bide__http1_equals((char[]){ (char)byte }, 1, (char[]){ names[i][at], '\0' });
                int length;

                strcpy(name, names[i]);
                name[at] = (char)byte;
                if (!bide__http1_is_token(name, strlen(name)))
                    continue;
                length = snprintf(head, sizeof head, "PUT / HTTP/1.1\r\nHost: a\r\n%s: x\r\n\r\n", name);
                transcribe(&whole, &REQUEST, head, (size_t)length);
                check_eq(strstr(whole.text, "error") != NULL, same);
            }
        }
    }
    return 0;
}

unit_test(every_error_has_a_text_and_a_status)
{
    check_eq(bide__http1_error_status(BIDE__HTTP1_OK), 0);
    check_str(bide__http1_error_text(BIDE__HTTP1_OK), "no error");
    for (int error = 1; error < BIDE__HTTP1_ERROR_COUNT; error++) {
        int status = bide__http1_error_status((enum bide__http1_error)error);

        check(strlen(bide__http1_error_text((enum bide__http1_error)error)) > 10);
        check(status == 400 || status == 413 || status == 414 || status == 431 || (status >= 501 && status <= 505));
        for (int other = 1; other < error; other++)
            check(strcmp(bide__http1_error_text((enum bide__http1_error)error),
                         bide__http1_error_text((enum bide__http1_error)other)) != 0);
    }
    check_eq(bide__http1_error_status(BIDE__HTTP1_UNSUPPORTED_VERSION), 505);
    check_eq(bide__http1_error_status(BIDE__HTTP1_UNSUPPORTED_TRANSFER_ENCODING), 501);
    check_str(bide__http1_error_text((enum bide__http1_error)9999), "unknown error");
    return 0;
}
