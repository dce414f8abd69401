/* Paths of requests, made paths of files. ".." is refused in the decoded text. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "command/serve.h"

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool has_parent_step(const char *path)
{
    for (const char *step = path; *step; step += *step == '/') {
        size_t length = strcspn(step, "/");

        if (length == 2 && step[0] == '.' && step[1] == '.')
            return true;
        step += length;
    }
    return false;
}

int path_decode(const char *encoded, char *path, size_t size)
{
    size_t length = 0;

    if (*encoded != '/')
        return 400;
    for (const char *at = encoded; *at; at++) {
        char byte = *at;

        if (byte == '%') {
            if (hex_value(at[1]) < 0 || hex_value(at[2]) < 0)
                return 400;
            byte = (char)(hex_value(at[1]) * 16 + hex_value(at[2]));
            at += 2;
        }
        if (byte == '\0')
            return 400;
        if (byte == '/' && length == 0)
            continue;
        if (length + 2 > size)
            return 404;
        path[length++] = byte;
    }
    if (length == 0)
        path[length++] = '.';
    path[length] = '\0';
    return has_parent_step(path) ? 403 : 0;
}
