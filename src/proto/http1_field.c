/*
 * Header fields once they are parsed: finding them by name, walking through their lists, and the rules of their bytes.
 *
 * Lookups are linear in the number of headers, which is small and bounded by a limit; comparisons know ASCII only and
 * no locale. The texts of the errors live here too. Nothing is allocated or copied.
 */

#include "proto/http1_scan.h"

/* RFC 9110 5.6.2: "!#$%&'*+-.^_`|~", digits and letters. */
const unsigned char bide__http1_token_table[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x00 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x10 */
    0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0, /* 0x20 */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, /* 0x30 */
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* 0x40 */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, /* 0x50 */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* 0x60 */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0, /* 0x70 */
};

static const char *const error_texts[] = { "no error",
#define ERROR_TEXT(name, status, text) text,
                                           BIDE__HTTP1_ERRORS(ERROR_TEXT)
#undef ERROR_TEXT
};

static const int error_statuses[] = { 0,
#define ERROR_STATUS(name, status, text) status,
                                      BIDE__HTTP1_ERRORS(ERROR_STATUS)
#undef ERROR_STATUS
};

const char *bide__http1_error_text(enum bide__http1_error error)
{
    return (unsigned)error < BIDE__HTTP1_ERROR_COUNT ? error_texts[error] : "unknown error";
}

int bide__http1_error_status(enum bide__http1_error error)
{
    return (unsigned)error < BIDE__HTTP1_ERROR_COUNT ? error_statuses[error] : 400;
}

static inline unsigned char lower(char byte)
{
    return (unsigned char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
}

bool bide__http1_equals(const char *bytes, size_t length, const char *text)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\0' || lower(bytes[i]) != lower(text[i]))
            return false;
    return text[length] == '\0';
}

bool bide__http1_is_token(const char *bytes, size_t length)
{
    return length > 0 && http1_token_end(bytes, 0, length) == length;
}

bool bide__http1_is_field_value(const char *bytes, size_t length)
{
    return http1_value_end(bytes, 0, length) == length;
}

bool bide__http1_is_target(const char *bytes, size_t length)
{
    return length > 0 && http1_target_end(bytes, 0, length) == length;
}

const struct bide__http1_header *bide__http1_find(const struct bide__http1_header *headers, size_t count,
                                                  const char *buffer, const char *name,
                                                  const struct bide__http1_header *previous)
{
    size_t length = strlen(name);

    for (size_t i = previous ? (size_t)(previous - headers) + 1 : 0; i < count; i++)
        if (headers[i].name.length == length && bide__http1_equals(buffer + headers[i].name.offset, length, name))
            return &headers[i];
    return NULL;
}

/* The end of the element that starts at `at`: its comma, or the end of the list. */
static size_t element_end(const char *value, size_t at, size_t length)
{
    bool quoted = false;

    for (; at < length && (quoted || value[at] != ','); at++) {
        if (value[at] == '"')
            quoted = !quoted;
        else if (quoted && value[at] == '\\' && at + 1 < length)
            at++;
    }
    return at;
}

bool bide__http1_next_element(const char *value, size_t length, size_t *position, const char **ret_element,
                              size_t *ret_length)
{
    size_t at = *position, end, next;

    while (at < length && (value[at] == ' ' || value[at] == '\t' || value[at] == ','))
        at++;
    if (at >= length) {
        *position = length;
        return false;
    }
    next = end = element_end(value, at, length);
    while (end > at && (value[end - 1] == ' ' || value[end - 1] == '\t'))
        end--;
    *position = next;
    *ret_element = value + at;
    *ret_length = end - at;
    return true;
}

bool bide__http1_list_has(const char *value, size_t length, const char *token)
{
    const char *element;
    size_t position = 0, element_length;

    while (bide__http1_next_element(value, length, &position, &element, &element_length))
        if (bide__http1_equals(element, element_length, token))
            return true;
    return false;
}
