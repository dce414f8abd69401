/*
 * Basic authorization (RFC 7617) from the user information of a URL: percent escapes undone, then base64. Must never
 * happen: the result in a message.
 */
#include <stdlib.h>
#include <string.h>

#include "client/client.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

static size_t unescape(const char *text, unsigned char *bytes)
{
    size_t length = 0;

    for (; *text; text++) {
        if (*text == '%' && digit(text[1]) >= 0 && digit(text[2]) >= 0) {
            bytes[length++] = (unsigned char)(digit(text[1]) << 4 | digit(text[2]));
            text += 2;
        } else {
            bytes[length++] = (unsigned char)*text;
        }
    }
    return length;
}

static void encode(const unsigned char *bytes, size_t length, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < length; i += 3) {
        unsigned second = i + 1 < length ? bytes[i + 1] : 0, third = i + 2 < length ? bytes[i + 2] : 0;
        unsigned group = (unsigned)bytes[i] << 16 | second << 8 | third;

        *text++ = digits[group >> 18];
        *text++ = digits[group >> 12 & 63];
        *text++ = i + 1 < length ? digits[group >> 6 & 63] : '=';
        *text++ = i + 2 < length ? digits[group & 63] : '=';
    }
    *text = '\0';
}

char *bide__http_basic(const char *userinfo)
{
    size_t size = strlen(userinfo) + 2;
    unsigned char *plain = malloc(size);
    char *text = malloc(sizeof "Basic " + (size + 2) / 3 * 4);

    if (plain && text) {
        size_t length = unescape(userinfo, plain);

        if (!strchr(userinfo, ':'))
            plain[length++] = ':';
        encode(plain, length, stpcpy(text, "Basic "));
    } else {
        free(text);
        text = NULL;
    }
    free(plain);
    return text;
}
