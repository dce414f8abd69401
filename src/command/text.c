/*
 * Text that grows, and the two ways to put foreign bytes into it: escaped for JSON, and cleaned for a terminal.
 *
 * Appending costs O(1) amortised. What must never happen: a URL from a list that ends a JSON string, or moves the
 * cursor.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/output.h"

int text_add(struct text *text, const char *data, size_t size)
{
    if (text->capacity - text->size < size) {
        size_t capacity = text->capacity ? text->capacity : 256;

        while (capacity - text->size < size)
            capacity *= 2;
        char *bigger = realloc(text->data, capacity);
        if (!bigger)
            return -ENOMEM;
        text->data = bigger;
        text->capacity = capacity;
    }
    if (size > 0)
        memcpy(text->data + text->size, data, size);
    text->size += size;
    return 0;
}

int text_add_format(struct text *text, const char *format, ...)
{
    char line[512];
    va_list values;

    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (length < 0)
        return -EINVAL;
    return text_add(text, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

/* Bytes of the UTF-8 sequence at `at`, 0 if there is no valid one (overlong forms and surrogates are not). */
static size_t sequence_length(const unsigned char *at)
{
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;

    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
        (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

int text_add_json(struct text *text, const char *string)
{
    const unsigned char *at = (const unsigned char *)string;
    int err = text_add(text, "\"", 1);

    while (*at && err == 0) {
        size_t length = sequence_length(at);

        if (*at == '"' || *at == '\\')
            err = text_add_format(text, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            err = text_add_format(text, "\\u%04x", *at);
        else if (length == 0)
            err = text_add(text, "\xef\xbf\xbd", 3);
        else
            err = text_add(text, (const char *)at, length);
        at += length ? length : 1;
    }
    return err < 0 ? err : text_add(text, "\"", 1);
}

int text_add_clean(struct text *text, const char *string)
{
    const unsigned char *at = (const unsigned char *)string;
    int err = 0;

    while (*at && err == 0) {
        size_t length = sequence_length(at);
        bool is_control = *at < 0x20 || *at == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0);

        err = length == 0 || is_control ? text_add(text, "?", 1) : text_add(text, (const char *)at, length);
        at += length ? length : 1;
    }
    return err;
}

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){ 0 };
}
