/*
 * "host:port", the part that a Host header, the target of CONNECT and a URL have in common.
 *
 * One operation that splits and checks, one pass, nothing allocated. What must never happen: that two parsers of this
 * library disagree about which host a text names. So there is only this one, and what other programs read differently
 * (zones, empty hosts, addresses with leading zeros) is refused or told apart by bide__ends_in_number().
 */

#include "proto/authority.h"

#include <arpa/inet.h>
#include <string.h>

#define LONGEST_HOST 255

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_hex(char byte)
{
    return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

/* RFC 3986 3.2.2: unreserved characters and sub-delims. */
static const unsigned char host_table[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x00 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x10 */
    0, 1, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, /* 0x20 */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, /* 0x30 */
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* 0x40 */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, /* 0x50 */
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* 0x60 */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, /* 0x70 */
};

/* Length of the registered name at the start of the text: up to the first byte that is none of its characters. */
static size_t name_length(const char *text, size_t length)
{
    size_t at = 0;

    while (at < length) {
        if (host_table[(unsigned char)text[at]])
            at++;
        else if (text[at] == '%' && length - at > 2 && is_hex(text[at + 1]) && is_hex(text[at + 2]))
            at += 3;
        else
            break;
    }
    return at;
}

static bool is_ipv6(const char *text, size_t length)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (length >= sizeof copy || memchr(text, '\0', length))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return inet_pton(AF_INET6, copy, &address) == 1;
}

static enum bide__authority_problem parse_port(const char *text, size_t length, int *ret_port)
{
    long port = 0;

    for (size_t i = 0; i < length; i++) {
        if (!is_digit(text[i]))
            return BIDE__AUTHORITY_BAD_PORT;
        if (port <= 65535)
            port = port * 10 + (text[i] - '0');
    }
    if (port < 1 || port > 65535)
        return BIDE__AUTHORITY_PORT_OUT_OF_RANGE;
    *ret_port = (int)port;
    return BIDE__AUTHORITY_OK;
}

enum bide__authority_problem bide__authority_parse(const char *text, size_t length, struct bide__authority *ret,
                                                   size_t *ret_position)
{
    struct bide__authority result = { .port = -1 };
    enum bide__authority_problem problem;
    size_t at;

    *ret_position = 0;
    if (length > 0 && text[0] == '[') {
        const char *bracket = memchr(text, ']', length);

        if (!bracket || !is_ipv6(text + 1, (size_t)(bracket - text) - 1))
            return BIDE__AUTHORITY_BAD_IPV6;
        result.is_ipv6 = true;
        result.host_offset = 1;
        result.host_length = (size_t)(bracket - text) - 1;
        at = result.host_length + 2;
    } else {
        at = result.host_length = name_length(text, length);
        if (at == 0 && (length == 0 || text[0] == ':'))
            return BIDE__AUTHORITY_EMPTY_HOST;
        if (at > LONGEST_HOST)
            return BIDE__AUTHORITY_HOST_TOO_LONG;
    }
    if (at < length) {
        *ret_position = at;
        if (text[at] != ':')
            return result.is_ipv6 ? BIDE__AUTHORITY_BAD_PORT : BIDE__AUTHORITY_BAD_HOST_CHARACTER;
        *ret_position = result.port_offset = at + 1;
        result.port_length = length - at - 1;
        if (result.port_length > 0) {
            problem = parse_port(text + at + 1, result.port_length, &result.port);
            if (problem != BIDE__AUTHORITY_OK)
                return problem;
        }
    }
    *ret = result;
    return BIDE__AUTHORITY_OK;
}

bool bide__is_ipv4(const char *text, size_t length)
{
    int parts = 0;
    size_t at = 0;

    while (parts < 4) {
        int value = 0;
        size_t start = at;

        while (at < length && at - start < 3 && is_digit(text[at]))
            value = value * 10 + (text[at++] - '0');
        if (at == start || value > 255 || (text[start] == '0' && at - start > 1))
            return false;
        parts++;
        if (parts < 4 && (at == length || text[at++] != '.'))
            return false;
    }
    return at == length;
}

bool bide__ends_in_number(const char *text, size_t length)
{
    size_t start;

    if (length > 0 && text[length - 1] == '.')
        length--;
    start = length;
    while (start > 0 && text[start - 1] != '.')
        start--;
    if (start == length)
        return false;
    if (length - start >= 2 && text[start] == '0' && (text[start + 1] | 0x20) == 'x') {
        for (start += 2; start < length && is_hex(text[start]); start++) {}
        return start == length;
    }
    while (start < length && is_digit(text[start]))
        start++;
    return start == length;
}
