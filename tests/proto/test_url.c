/* URLs: what they mean, why they are refused, and references. */

#include "check.h"
#include "proto/url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parse a copy of exactly the text's bytes, so that a read beyond them is found. */
static int parse(const char *text, struct bide__url *ret_url, struct bide__url_error *ret_error)
{
    size_t length = strlen(text);
    char *copy = malloc(length ? length : 1);
    int result;

    memcpy(copy, text, length);
    result = bide__url_parse(copy, length, ret_url, ret_error);
    free(copy);
    return result;
}

/* The normal form of a URL, or the error. */
static const char *normal(const char *text)
{
    static char buffer[2000];
    struct bide__url_error error;
    struct bide__url url;

    if (parse(text, &url, &error) < 0)
        return strcpy(buffer, error.text);
    check(bide__url_format(&url, buffer, sizeof buffer) < sizeof buffer);
    bide__url_free(&url);
    return buffer;
}

unit_test(parts)
{
    struct bide__url url;

    check_eq(parse("HTTPS://user:pa%40ss@WWW.Example.COM:8443/a/b;c?d=e&f?g#frag", &url, NULL), 0);
    check(url.secure && url.has_port && !url.is_ipv6);
    check_str(url.host, "www.example.com");
    check_str(url.userinfo, "user:pa%40ss");
    check_eq(url.port, 8443);
    check_str(url.path, "/a/b;c");
    check_str(url.query, "d=e&f?g");
    bide__url_free(&url);
    bide__url_free(&url);

    check_eq(parse("http://[2001:DB8::1]", &url, NULL), 0);
    check(!url.secure && !url.has_port && url.is_ipv6);
    check_str(url.host, "2001:db8::1");
    check_eq(url.port, 80);
    check_str(url.path, "/");
    check(url.query == NULL && url.userinfo == NULL);
    bide__url_free(&url);
    return 0;
}

unit_test(normal_forms)
{
    static const char *const cases[][2] = {
        { "http://a", "http://a/" },
        { "http://a?", "http://a/?" },
        { "http://a#x", "http://a/" },
        { "http://a?x#y?z", "http://a/?x" },
        { "http://a:80/", "http://a/" },
        { "http://a:/", "http://a/" },
        { "http://a:443/", "http://a:443/" },
        { "https://a:443/", "https://a/" },
        { "http://a:1/", "http://a:1/" },
        { "http://a:65535/", "http://a:65535/" },
        { "http://a:00080/", "http://a/" },
        { "http://u@a/", "http://a/" },
        { "http://@a/", "http://a/" },
        { "http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x" },
        { "http://[::ffff:1.2.3.4]:81/", "http://[::ffff:1.2.3.4]:81/" },
        { "http://a-b_c.d.e/", "http://a-b_c.d.e/" },
        { "http://1.example/", "http://1.example/" },
        { "http://a/b c\"<>`{}^d", "http://a/b%20c%22%3C%3E%60%7B%7D^d" },
        { "http://a/\xc3\xa4?\xc3\xa4", "http://a/%C3%A4?%C3%A4" },
        { "http://a/%zz%2F%", "http://a/%zz%2F%" },
        { "http://a/b?c d'\"<>`{}|^", "http://a/b?c%20d%27%22%3C%3E`{}|^" },
        { "http://a/./b/../c/.", "http://a/c/" },
        { "http://a/../../b", "http://a/b" },
        { "http://a/b/..", "http://a/" },
        { "http://a/b/c/%2e%2E/d/%2E", "http://a/b/d/" },
        { "http://a/...", "http://a/..." },
        { "http://a//b//../c", "http://a//b/c" },
        { "http://a/b?/../c", "http://a/b?/../c" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_str(normal(cases[i][0]), cases[i][1]);
    return 0;
}

unit_test(errors_name_the_part_and_the_place)
{
    static const struct {
        const char *text, *problem;
        size_t position;
    } cases[] = {
        { "http://a:99999/", "URL 'http://a:99999/': port 99999 is out of range 1..65535", 9 },
        { "http://a:0/", "URL 'http://a:0/': port 0 is out of range 1..65535", 9 },
        { "http://a:8x/", "URL 'http://a:8x/': the port is not a number, at byte 9", 9 },
        { "http://a:-1/", "URL 'http://a:-1/': the port is not a number, at byte 9", 9 },
        { "", "URL '': it has no scheme, such as http:// or https://", 0 },
        { "a/b", "URL 'a/b': it has no scheme, such as http:// or https://", 0 },
        { "//a/b", "URL '//a/b': it has no scheme, such as http:// or https://", 0 },
        { "ftp://a/", "URL 'ftp://a/': scheme 'ftp' is neither http nor https", 0 },
        { "httpss://a/", "URL 'httpss://a/': scheme 'httpss' is neither http nor https", 0 },
        { "http:/a", "URL 'http:/a': the scheme is not followed by //", 5 },
        { "http:a", "URL 'http:a': the scheme is not followed by //", 5 },
        { "http://", "URL 'http://': the host is empty", 7 },
        { "http:///a", "URL 'http:///a': the host is empty", 7 },
        { "http://:80/", "URL 'http://:80/': the host is empty", 7 },
        { "http://a b/", "URL 'http://a b/': the host has the character ' ' at byte 8", 8 },
        { "http://a%41/", "URL 'http://a%41/': the host has the character '%' at byte 8", 8 },
        { "http://a|b/", "URL 'http://a|b/': the host has the character '|' at byte 8", 8 },
        { "http://\xc3\xa4/",
          "URL 'http://\\xc3\\xa4/': the host has a non-ASCII character at byte 7 (write it as xn--...)", 7 },
        { "http://[::1/", "URL 'http://[::1/': the host is not a valid IPv6 address in brackets", 7 },
        { "http://[::1%25eth0]/", "URL 'http://[::1%25eth0]/': the host is not a valid IPv6 address in brackets", 7 },
        { "http://[v1.x]/", "URL 'http://[v1.x]/': the host is not a valid IPv6 address in brackets", 7 },
        { "http://[::1]x/", "URL 'http://[::1]x/': the port is not a number, at byte 12", 12 },
        { "http://256.1.1.1/",
          "URL 'http://256.1.1.1/': the host ends in a number but is not an IPv4 address like 192.0.2.1", 7 },
        { "http://0x7f.1/", "URL 'http://0x7f.1/': the host ends in a number but is not an IPv4 address like 192.0.2.1",
          7 },
        { "http://127.1/", "URL 'http://127.1/': the host ends in a number but is not an IPv4 address like 192.0.2.1",
          7 },
        { "http://01.2.3.4/",
          "URL 'http://01.2.3.4/': the host ends in a number but is not an IPv4 address like 192.0.2.1", 7 },
        { "http://a.0x1/", "URL 'http://a.0x1/': the host ends in a number but is not an IPv4 address like 192.0.2.1",
          7 },
        { "http://u:secret@b@a/", "URL 'http://***@a/': more than one '@' before the host", 15 },
        { "http://u:secret@a:x/", "URL 'http://***@a:x/': the port is not a number, at byte 18", 18 },
        { "http:/u:secret@a/", "URL '***@a/': the scheme is not followed by //", 5 },
        { "u:secret@a", "URL '***@a': scheme 'u' is neither http nor https", 0 },
        { "http://u:s t@a/", "URL 'http://***@a/': user name or password has a character that must be percent-encoded",
          10 },
        { "http://a/b\nc", "URL 'http://a/b\\x0ac': control character 0x0a at byte 10", 10 },
        { "http://a/\x7f", "URL 'http://a/\\x7f': control character 0x7f at byte 9", 9 },
        { " http://a/", "URL ' http://a/': it has no scheme, such as http:// or https://", 0 },
        { "http://a/ ", "URL 'http://a/ ': space at the end", 9 },
        { "http://a/#\x01", "URL 'http://a/#\\x01': control character 0x01 at byte 10", 10 },
        { "http://a\\@b/", "URL 'http://***@b/': backslash at byte 8", 8 },
        { "http://a/\\", "URL 'http://a/\\': backslash at byte 9", 9 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bide__url_error error;
        struct bide__url url;

        check_error(parse(cases[i].text, &url, &error), EINVAL);
        check_str(error.text, cases[i].problem);
        check_eq(error.position, cases[i].position);
        check_error(parse(cases[i].text, &url, NULL), EINVAL);
    }
    return 0;
}

unit_test(long_urls)
{
    char text[600] = "http://";
    struct bide__url_error error;
    struct bide__url url;

    memset(text + 7, 'a', 255);
    check_eq(parse(text, &url, &error), 0);
    bide__url_free(&url);
    memset(text + 7, 'a', 256);
    check_error(parse(text, &url, &error), EINVAL);
    check(strstr(error.text, "aaa...': the host is longer than 255 bytes") != NULL);
    memset(text, '\x01', 500);
    check_error(parse(text, &url, &error), EINVAL);
    check(strstr(error.text, "...': control character 0x01 at byte 0") != NULL);
    return 0;
}

unit_test(pieces_of_a_request_at_every_capacity)
{
    static const struct {
        const char *text, *target, *host, *full;
    } cases[] = {
        { "http://u:p@a:81/b?c#d", "/b?c", "a:81", "http://a:81/b?c" },
        { "https://[::1]", "/", "[::1]", "https://[::1]/" },
        { "https://[::1]:80?x", "/?x", "[::1]:80", "https://[::1]:80/?x" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bide__url url;

        check_eq(parse(cases[i].text, &url, NULL), 0);
        for (size_t capacity = 0; capacity < 30; capacity++) {
            size_t (*const builders[])(const struct bide__url *, char *, size_t) = {
                bide__url_target,
                bide__url_host_header,
                bide__url_format,
            };
            const char *const expected[] = { cases[i].target, cases[i].host, cases[i].full };

            for (int b = 0; b < 3; b++) {
                char *buffer = malloc(capacity ? capacity : 1);

                check_eq(builders[b](&url, capacity ? buffer : NULL, capacity), strlen(expected[b]));
                if (capacity > 0)
                    check_eq(strncmp(buffer, expected[b], capacity - 1), 0);
                if (capacity > strlen(expected[b]))
                    check_str(buffer, expected[b]);
                free(buffer);
            }
        }
        bide__url_free(&url);
    }
    return 0;
}

/* RFC 3986 5.4 for "http://a/b/c/d;p?q", and what redirects bring. */
unit_test(references)
{
    static const char *const cases[][2] = {
        { "http:g", NULL },
        { "g:h", NULL },
        { "g", "http://a/b/c/g" },
        { "./g", "http://a/b/c/g" },
        { "g/", "http://a/b/c/g/" },
        { "/g", "http://a/g" },
        { "//g", "http://g/" },
        { "?y", "http://a/b/c/d;p?y" },
        { "g?y", "http://a/b/c/g?y" },
        { "#s", "http://a/b/c/d;p?q" },
        { "g#s", "http://a/b/c/g" },
        { "g?y#s", "http://a/b/c/g?y" },
        { ";x", "http://a/b/c/;x" },
        { "g;x", "http://a/b/c/g;x" },
        { "", "http://a/b/c/d;p?q" },
        { ".", "http://a/b/c/" },
        { "./", "http://a/b/c/" },
        { "..", "http://a/b/" },
        { "../", "http://a/b/" },
        { "../g", "http://a/b/g" },
        { "../..", "http://a/" },
        { "../../g", "http://a/g" },
        { "../../../g", "http://a/g" },
        { "/./g", "http://a/g" },
        { "/../g", "http://a/g" },
        { "g.", "http://a/b/c/g." },
        { "..g", "http://a/b/c/..g" },
        { "./../g", "http://a/b/g" },
        { "g;x=1/../y", "http://a/b/c/y" },
        { "g?y/../x", "http://a/b/c/g?y/../x" },
        { "https://h:80/x", "https://h:80/x" },
        { "HTTP://h", "http://h/" },
        { "//h:99999/", NULL },
        { "/a b", "http://a/a%20b" },
        { "/a\r\nb", NULL },
        { "1:2", "http://a/b/c/1:2" },
        { "a/b:c", "http://a/b/c/a/b:c" },
        { "//u:p@h/", "http://h/" },
    };
    struct bide__url base, url;
    struct bide__url_error error;
    char buffer[100];

    check_eq(parse("http://a/b/c/d;p?q#f", &base, NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int result = bide__url_resolve(&base, cases[i][0], strlen(cases[i][0]), &url, &error);

        check_eq(result, cases[i][1] ? 0 : -EINVAL);
        if (result < 0)
            continue;
        bide__url_format(&url, buffer, sizeof buffer);
        check_str(buffer, cases[i][1]);
        bide__url_free(&url);
    }
    bide__url_free(&base);
    return 0;
}

unit_test(user_information_follows_the_authority_only)
{
    struct bide__url base, url;

    check_eq(parse("https://u:p@a:1/b", &base, NULL), 0);
    check_eq(bide__url_resolve(&base, "/c", 2, &url, NULL), 0);
    check_str(url.userinfo, "u:p");
    check_eq(url.port, 1);
    check(url.secure);
    bide__url_free(&url);
    check_eq(bide__url_resolve(&base, "//h", 3, &url, NULL), 0);
    check(url.userinfo == NULL && url.secure && url.port == 443);
    bide__url_free(&url);
    bide__url_free(&base);
    return 0;
}
