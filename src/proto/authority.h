#ifndef BIDE_PROTO_AUTHORITY_H
#define BIDE_PROTO_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>

/* What is wrong with "host" or "host:port". */
enum bide__authority_problem {
    BIDE__AUTHORITY_OK,
    BIDE__AUTHORITY_EMPTY_HOST,
    BIDE__AUTHORITY_BAD_HOST_CHARACTER,
    BIDE__AUTHORITY_HOST_TOO_LONG,
    BIDE__AUTHORITY_BAD_IPV6,
    BIDE__AUTHORITY_BAD_PORT,
    BIDE__AUTHORITY_PORT_OUT_OF_RANGE,
};

/* The parts of "host" or "host:port", as offsets into the text it was parsed from. */
struct bide__authority {
    size_t host_offset; /* without the brackets of an IPv6 address */
    size_t host_length;
    size_t port_offset; /* after the colon */
    size_t port_length; /* 0 if there is no port, or only its colon */
    int port;           /* 1 to 65535; -1 if there is none */
    bool is_ipv6;
};

/*
 * Split and check "host", "host:port", "[IPv6]" or "[IPv6]:port". A host is a registered name of RFC 3986 (letters,
 * digits, "-._~!$&'()*+,;=", and percent escapes) of at most 255 bytes, an IPv4 address being one of them, or an IPv6
 * address in brackets, without a zone. A colon without a port is allowed, as RFC 3986 has it. Returns what is wrong,
 * and then sets *ret_position to the offset of the first byte of the wrong part; *ret is written only for
 * BIDE__AUTHORITY_OK.
 */
enum bide__authority_problem bide__authority_parse(const char *text, size_t length, struct bide__authority *ret,
                                                   size_t *ret_position);

/* Whether `length` bytes are an IPv4 address in its only unambiguous form: four decimal numbers up to 255 without
 * leading zeros. */
bool bide__is_ipv4(const char *text, size_t length);

/* Whether the last label of a host is a number (decimal or 0x...): such a name can only be meant as an IPv4 address,
 * and different programs read different addresses from it. */
bool bide__ends_in_number(const char *text, size_t length);

#endif
