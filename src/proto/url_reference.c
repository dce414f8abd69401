/*
 * URLs put together again: the pieces a request needs, and references resolved against a base (RFC 3986 5.2).
 *
 * A reference is resolved by writing down the full URL it means and parsing that, so there is one set of rules. Costs
 * one more allocation, which is freed before the return.
 */

#include "proto/url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t bide__url_target(const struct bide__url *url, char *buffer, size_t capacity)
{
    int length = snprintf(buffer, capacity, "%s%s%s", url->path, url->query ? "?" : "", url->query ? url->query : "");

    return length > 0 ? (size_t)length : 0;
}

size_t bide__url_host_header(const struct bide__url *url, char *buffer, size_t capacity)
{
    const char *open = url->is_ipv6 ? "[" : "", *close = url->is_ipv6 ? "]" : "";
    int length;

    if (url->has_port)
        length = snprintf(buffer, capacity, "%s%s%s:%u", open, url->host, close, (unsigned)url->port);
    else
        length = snprintf(buffer, capacity, "%s%s%s", open, url->host, close);
    return length > 0 ? (size_t)length : 0;
}

/* "http://host:port", with the user information if wanted. */
static size_t format_origin(const struct bide__url *url, bool with_userinfo, char *buffer, size_t capacity)
{
    bool userinfo = with_userinfo && url->userinfo;
    int length = snprintf(buffer, capacity, "%s://%s%s", url->secure ? "https" : "http", userinfo ? url->userinfo : "",
                          userinfo ? "@" : "");
    size_t used = length > 0 ? (size_t)length : 0;
    size_t stored = used < capacity ? used : capacity;

    return used + bide__url_host_header(url, capacity ? buffer + stored : NULL, capacity - stored);
}

size_t bide__url_format(const struct bide__url *url, char *buffer, size_t capacity)
{
    size_t used = format_origin(url, false, buffer, capacity);
    size_t stored = used < capacity ? used : capacity;

    return used + bide__url_target(url, capacity ? buffer + stored : NULL, capacity - stored);
}

/* Whether a reference starts with a scheme and so is complete (RFC 3986 3.1): a letter, more, and a colon. */
static bool is_complete(const char *reference, size_t length)
{
    for (size_t at = 0; at < length; at++) {
        char byte = reference[at];
        bool letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';

        if (byte == ':')
            return at > 0;
        if (!letter && (at == 0 || !((byte >= '0' && byte <= '9') || byte == '+' || byte == '-' || byte == '.')))
            return false;
    }
    return false;
}

/* How much of the base's "/path?query" stays in front of the reference. */
static size_t kept_target(const struct bide__url *base, const char *reference, size_t length)
{
    const char *slash = strrchr(base->path, '/');

    if (length == 0 || reference[0] == '#')
        return strlen(base->path) + (base->query ? strlen(base->query) + 1 : 0);
    if (reference[0] == '?')
        return strlen(base->path);
    if (reference[0] == '/')
        return 0;
    return slash ? (size_t)(slash - base->path) + 1 : 0;
}

int bide__url_resolve(const struct bide__url *base, const char *reference, size_t length, struct bide__url *ret_url,
                      struct bide__url_error *ret_error)
{
    size_t origin, target, kept, capacity;
    char *text;
    int result;

    if (is_complete(reference, length))
        return bide__url_parse(reference, length, ret_url, ret_error);
    origin = format_origin(base, true, NULL, 0);
    target = bide__url_target(base, NULL, 0);
    capacity = origin + target + length + 1;
    text = malloc(capacity);
    if (!text)
        return -ENOMEM;
    if (length >= 2 && reference[0] == '/' && reference[1] == '/') {
        origin = (size_t)snprintf(text, capacity, base->secure ? "https:" : "http:");
        kept = 0;
    } else {
        format_origin(base, true, text, capacity);
        bide__url_target(base, text + origin, capacity - origin);
        kept = kept_target(base, reference, length);
    }
    if (length > 0)
        memcpy(text + origin + kept, reference, length);
    result = bide__url_parse(text, origin + kept + length, ret_url, ret_error);
    free(text);
    return result;
}
