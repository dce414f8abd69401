#ifndef BIDE_PROTO_URL_H
#define BIDE_PROTO_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * An http or https URL, taken apart. All strings are NUL-terminated, lie in one block owned by the URL, and live until
 * bide__url_free(). Path and query are ready to be sent: dot segments are gone, and bytes that may not be sent are
 * percent-encoded. The fragment is not kept.
 */
struct bide__url {
    bool secure;          /* https */
    bool is_ipv6;         /* host is an IPv6 address */
    bool has_port;        /* the port was written down and is not the default one */
    uint16_t port;        /* 1..65535; 80 or 443 if none was written */
    const char *host;     /* lower case, an IPv6 address without its brackets */
    const char *userinfo; /* as written ("user:password"), NULL if there is none; never print it */
    const char *path;     /* starts with '/' */
    const char *query;    /* without its '?', NULL if there is none */
    char *storage;        /* the block; private */
};

/* Why a text is not a URL. */
struct bide__url_error {
    size_t position; /* offset of the first wrong byte in the text */
    char text[240];  /* "URL 'http://a:99999/': port 99999 is out of range 1..65535"; a password is masked */
};

/*
 * Parse `length` bytes. Strict where programs disagree: control characters, backslashes, spaces at either end,
 * non-ASCII hosts, hosts that look like an IPv4 address but are none, more than one '@' and empty hosts are refused;
 * spaces, quotes, angle brackets, braces, backticks and non-ASCII bytes in path and query are percent-encoded, as
 * browsers do, and percent signs left alone. Returns 0 and a URL to be freed; -EINVAL with *ret_error (unless NULL)
 * filled in; -ENOMEM.
 */
int bide__url_parse(const char *text, size_t length, struct bide__url *ret_url, struct bide__url_error *ret_error);

/*
 * Resolve a reference, such as the Location of a redirect, against a URL (RFC 3986 5.2): a full URL, "//host/path",
 * "/path", "path", "?query" or "#fragment" (or nothing), the last two with the base's path. User information is taken
 * over only where the authority is. Errors and ownership as with bide__url_parse(); *ret_url may not be `base`.
 */
int bide__url_resolve(const struct bide__url *base, const char *reference, size_t length, struct bide__url *ret_url,
                      struct bide__url_error *ret_error);

/* Free the strings of a URL. Harmless for a zeroed or freed one. */
void bide__url_free(struct bide__url *url);

/*
 * Write a part of a URL and a NUL to `buffer`. As with snprintf() at most `capacity` bytes are written, and the length
 * that is needed without the NUL is returned: the text is complete if that is less than capacity.
 */

/* The request target "/path?query". */
size_t bide__url_target(const struct bide__url *url, char *buffer, size_t capacity);

/* The Host header's value: "host", "host:8080", "[::1]:8080"; without the port if it is the scheme's default. */
size_t bide__url_host_header(const struct bide__url *url, char *buffer, size_t capacity);

/* The whole URL without user information: for the request target of a proxy, for messages and for comparing. */
size_t bide__url_format(const struct bide__url *url, char *buffer, size_t capacity);

#endif
