/*
 * The parser of http and https URLs.
 *
 * Operations: parse (one pass per part, one allocation), build the pieces a request needs, free. References are
 * resolved in url_reference.c. What must never happen: that this parser takes a different host out of a text than the
 * program which checked the text before. So what browsers repair (backslashes, tabs, several '@', "0x7f.1" as an
 * address) is an error here, with its position; and a password never gets into an error text.
 */

#include "proto/url.h"

#include "proto/authority.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text being parsed and where the parts in it are, as offsets. */
struct parts {
    const char *text;
    size_t length; /* without the fragment */
    struct bide__url_error *error;
    size_t authority;       /* after "//" */
    size_t userinfo_length; /* 0 and no '@' at `authority`, or up to the last '@' */
    bool has_userinfo;
    size_t host_port; /* "host:port" */
    size_t path;
    size_t query; /* the '?', or `length` */
    struct bide__authority parsed;
    bool secure;
};

#define SHOWN_URL 100

/* Put one byte of a URL into a message: control characters escaped, so that no message has a second line. */
static size_t show_byte(char *buffer, size_t capacity, char byte)
{
    bool plain = byte >= 0x20 && byte < 0x7f;
    int written = snprintf(buffer, capacity, plain ? "%c" : "\\x%02x", plain ? byte : (int)(unsigned char)byte);

    return written > 0 ? (size_t)written : 0;
}

/* Offsets of what may be user information and is not shown: from the first "//", or where that does not follow the
 * scheme from the start, up to the last '@' of the authority, or of all. */
static void find_secret(const char *text, size_t length, size_t *ret_start, size_t *ret_end)
{
    const char *colon = memchr(text, ':', length);
    bool proper = colon && length - (size_t)(colon - text) >= 3 && colon[1] == '/' && colon[2] == '/';
    size_t start = proper ? (size_t)(colon - text) + 3 : 0;

    *ret_start = *ret_end = start;
    for (size_t end = start; end < length; end++) {
        if (proper && (text[end] == '/' || text[end] == '?' || text[end] == '#'))
            break;
        if (text[end] == '@')
            *ret_end = end;
    }
}

__attribute__((format(printf, 3, 4))) static int refuse(const struct parts *parts, size_t position, const char *format,
                                                        ...)
{
    struct bide__url_error *error = parts->error;
    size_t used, secret_start, secret_end, shown = 0;
    va_list arguments;

    if (!error)
        return -EINVAL;
    error->position = position;
    used = (size_t)snprintf(error->text, sizeof error->text, "URL '");
    find_secret(parts->text, parts->length, &secret_start, &secret_end);
    for (size_t i = 0; i < parts->length; i++) {
        if (shown++ == SHOWN_URL || used > SHOWN_URL + 8) {
            used += (size_t)snprintf(error->text + used, sizeof error->text - used, "...");
            break;
        }
        if (i == secret_start && secret_end > secret_start) {
            used += (size_t)snprintf(error->text + used, sizeof error->text - used, "***");
            i = secret_end;
        }
        used += show_byte(error->text + used, sizeof error->text - used, parts->text[i]);
    }
    used += (size_t)snprintf(error->text + used, sizeof error->text - used, "': ");
    va_start(arguments, format);
    vsnprintf(error->text + used, sizeof error->text - used, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static bool is_letter(char byte)
{
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

static bool has_scheme(const char *text, size_t length, const char *scheme)
{
    size_t i;

    for (i = 0; scheme[i]; i++)
        if (i == length || lower(text[i]) != scheme[i])
            return false;
    return true;
}

static int find_scheme(struct parts *parts)
{
    size_t end = 0;

    while (end < parts->length &&
           (is_letter(parts->text[end]) ||
            (end > 0 && (strchr("+-.", parts->text[end]) || (parts->text[end] >= '0' && parts->text[end] <= '9')))))
        end++;
    if (end == parts->length || end == 0 || parts->text[end] != ':')
        return refuse(parts, 0, "it has no scheme, such as http:// or https://");
    parts->secure = has_scheme(parts->text, parts->length, "https:");
    if (!parts->secure && !has_scheme(parts->text, parts->length, "http:"))
        return refuse(parts, 0, "scheme '%.*s' is neither http nor https", (int)(end < 30 ? end : 30), parts->text);
    if (parts->length - end < 3 || parts->text[end + 1] != '/' || parts->text[end + 2] != '/')
        return refuse(parts, end + 1, "the scheme is not followed by //");
    parts->authority = end + 3;
    return 0;
}

static int check_userinfo(const struct parts *parts)
{
    for (size_t at = parts->authority; at < parts->authority + parts->userinfo_length; at++) {
        char byte = parts->text[at];

        if (byte == '@')
            return refuse(parts, at, "more than one '@' before the host");
        if (!is_letter(byte) && !(byte >= '0' && byte <= '9') && !strchr("-._~!$&'()*+,;=:%", byte))
            return refuse(parts, at, "user name or password has a character that must be percent-encoded");
    }
    return 0;
}

static int refuse_authority(const struct parts *parts, enum bide__authority_problem problem, size_t at, size_t end)
{
    int shown = (int)(end - at < 20 ? end - at : 20);

    switch (problem) {
    case BIDE__AUTHORITY_EMPTY_HOST:
        return refuse(parts, at, "the host is empty");
    case BIDE__AUTHORITY_BAD_IPV6:
        return refuse(parts, at, "the host is not a valid IPv6 address in brackets");
    case BIDE__AUTHORITY_HOST_TOO_LONG:
        return refuse(parts, at, "the host is longer than 255 bytes");
    case BIDE__AUTHORITY_PORT_OUT_OF_RANGE:
        return refuse(parts, at, "port %.*s is out of range 1..65535", shown, parts->text + at);
    case BIDE__AUTHORITY_BAD_PORT:
        return refuse(parts, at, "the port is not a number, at byte %zu", at);
    default:
        if ((unsigned char)parts->text[at] >= 0x80)
            return refuse(parts, at, "the host has a non-ASCII character at byte %zu (write it as xn--...)", at);
        return refuse(parts, at, "the host has the character '%c' at byte %zu", parts->text[at], at);
    }
}

static int find_authority(struct parts *parts)
{
    const char *text = parts->text;
    enum bide__authority_problem problem;
    const char *host;
    size_t position, end = parts->authority;

    while (end < parts->length && text[end] != '/' && text[end] != '?')
        end++;
    parts->path = end;
    parts->host_port = parts->authority;
    for (size_t at = parts->authority; at < end; at++) {
        if (text[at] == '@') {
            parts->has_userinfo = true;
            parts->userinfo_length = at - parts->authority;
            parts->host_port = at + 1;
        }
    }
    if (check_userinfo(parts) < 0)
        return -EINVAL;
    problem = bide__authority_parse(text + parts->host_port, end - parts->host_port, &parts->parsed, &position);
    if (problem != BIDE__AUTHORITY_OK)
        return refuse_authority(parts, problem, parts->host_port + position, end);
    host = text + parts->host_port + parts->parsed.host_offset;
    if (parts->parsed.is_ipv6)
        return 0;
    if (memchr(host, '%', parts->parsed.host_length))
        return refuse_authority(parts, BIDE__AUTHORITY_BAD_HOST_CHARACTER,
                                (size_t)((const char *)memchr(host, '%', parts->parsed.host_length) - text), end);
    if (bide__ends_in_number(host, parts->parsed.host_length) && !bide__is_ipv4(host, parts->parsed.host_length))
        return refuse(parts, parts->host_port, "the host ends in a number but is not an IPv4 address like 192.0.2.1");
    return 0;
}

/* No byte anywhere that a browser would remove or turn into another. */
static int check_bytes(const struct parts *parts, size_t length)
{
    for (size_t at = 0; at < length; at++) {
        unsigned char byte = (unsigned char)parts->text[at];

        if (byte < 0x20 || byte == 0x7f)
            return refuse(parts, at, "control character 0x%02x at byte %zu", byte, at);
        if (byte == '\\')
            return refuse(parts, at, "backslash at byte %zu", at);
    }
    if (length > 0 && parts->text[length - 1] == ' ')
        return refuse(parts, length - 1, "space at the end");
    return 0;
}

/* Copy with the bytes percent-encoded that must not be sent as they are. Returns the place after what was written. */
static char *encode(char *to, const char *from, size_t length, const char *encoded_too)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)from[i];

        if (byte <= 0x20 || byte >= 0x7f || strchr(encoded_too, byte)) {
            *to++ = '%';
            *to++ = digits[byte >> 4];
            *to++ = digits[byte & 15];
        } else {
            *to++ = (char)byte;
        }
    }
    return to;
}

/* How many dots a segment stands for: 1 for ".", 2 for "..", also written as %2e; 0 for any other segment. */
static int dots(const char *segment, size_t length)
{
    int count = 0;

    for (size_t at = 0; at < length; count++) {
        if (segment[at] == '.')
            at++;
        else if (length - at >= 3 && segment[at] == '%' && segment[at + 1] == '2' && lower(segment[at + 2]) == 'e')
            at += 3;
        else
            return 0;
    }
    return count <= 2 ? count : 0;
}

/* Remove "." and ".." segments in place from an absolute path (RFC 3986 5.2.4). Returns the new length. */
static size_t remove_dots(char *path, size_t length)
{
    size_t from = 0, to = 0;

    while (from < length) { /* from and to are at a '/', or at their end */
        size_t end = from + 1;
        int count;

        while (end < length && path[end] != '/')
            end++;
        count = dots(path + from + 1, end - from - 1);
        if (count == 0) {
            memmove(path + to, path + from, end - from);
            to += end - from;
        } else {
            while (count == 2 && to > 0 && path[--to] != '/') {}
            if (end == length)
                path[to++] = '/';
        }
        from = end;
    }
    return to;
}

static char *copy(char *to, const char *from, size_t length)
{
    memcpy(to, from, length);
    to[length] = '\0';
    return to + length + 1;
}

/* Lay the strings out in one block. Percent-encoding makes three bytes of one at most. */
static int store(const struct parts *parts, struct bide__url *ret_url)
{
    const struct bide__authority *parsed = &parts->parsed;
    uint16_t default_port = parts->secure ? 443 : 80;
    struct bide__url url = { .secure = parts->secure, .is_ipv6 = parsed->is_ipv6 };
    char *at = malloc(3 * parts->length + 8);
    char *start;

    if (!at)
        return -ENOMEM;
    url.storage = at;
    url.port = parsed->port < 0 ? default_port : (uint16_t)parsed->port;
    url.has_port = url.port != default_port;
    url.host = at;
    at = copy(at, parts->text + parts->host_port + parsed->host_offset, parsed->host_length);
    for (char *byte = url.storage; *byte; byte++)
        *byte = lower(*byte);
    if (parts->has_userinfo) {
        url.userinfo = at;
        at = copy(at, parts->text + parts->authority, parts->userinfo_length);
    }
    url.path = start = at;
    if (parts->path == parts->query)
        *at++ = '/';
    at = encode(at, parts->text + parts->path, parts->query - parts->path, "\"#<>?`{}");
    at = start + remove_dots(start, (size_t)(at - start));
    *at++ = '\0';
    if (parts->query < parts->length) {
        url.query = at;
        at = encode(at, parts->text + parts->query + 1, parts->length - parts->query - 1, "\"#<>'");
        *at++ = '\0';
    }
    *ret_url = url;
    return 0;
}

int bide__url_parse(const char *text, size_t length, struct bide__url *ret_url, struct bide__url_error *ret_error)
{
    struct parts parts = { .text = length ? text : "", .length = length, .error = ret_error };
    const char *fragment = memchr(parts.text, '#', length);
    const char *query;

    if (check_bytes(&parts, length) < 0)
        return -EINVAL;
    if (fragment)
        parts.length = (size_t)(fragment - text);
    if (find_scheme(&parts) < 0 || find_authority(&parts) < 0)
        return -EINVAL;
    query = memchr(text + parts.path, '?', parts.length - parts.path);
    parts.query = query ? (size_t)(query - text) : parts.length;
    return store(&parts, ret_url);
}

void bide__url_free(struct bide__url *url)
{
    free(url->storage);
    *url = (struct bide__url){ 0 };
}
