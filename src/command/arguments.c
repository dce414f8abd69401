/*
 * The command line: numbers that are checked to their last character, and one clear line for each mistake.
 *
 * Nothing here waits or allocates. What must never happen: "10x" taken for 10, or a number out of range that wraps
 * round.
 */
#include "command/arguments.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"

int usage_error(const char *command, const char *format, ...)
{
    char text[512];
    va_list values;

    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    fprintf(stderr, "bide %s: %s; see `bide %s --help`\n", command, text, command);
    return EXIT_USAGE;
}

int option_error(const char *command, int result, const char *option_text, int letter)
{
    bool is_long = option_text && !strncmp(option_text, "--", 2);
    char letters[3] = { '-', (char)letter, '\0' };

    return usage_error(command, result == ':' ? "option %s needs a value" : "unknown option %s",
                       is_long ? option_text : letters);
}

/* Digits only, to the end: neither signs nor spaces, which strtoull() would take. */
static int parse_number(const char *text, char **ret_end, unsigned long long *ret_number)
{
    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    errno = 0;
    unsigned long long number = strtoull(text, ret_end, 10);
    if (errno)
        return -ERANGE;
    *ret_number = number;
    return 0;
}

int parse_count(const char *command, const char *option, const char *text, size_t minimum, size_t maximum,
                size_t *ret_count)
{
    unsigned long long number;
    char *end;

    if (parse_number(text, &end, &number) < 0 || *end || number < minimum || number > maximum)
        return usage_error(command, "%s '%s' is not a whole number from %zu to %zu", option, text, minimum, maximum);
    *ret_count = (size_t)number;
    return 0;
}

int parse_seconds(const char *command, const char *option, const char *text, int positive, double *ret_seconds)
{
    char *end;
    double seconds = -1;

    if (isdigit((unsigned char)*text) || *text == '.')
        seconds = strtod(text, &end);
    if (!(seconds >= 0) || isinf(seconds) || *end || (positive && seconds <= 0))
        return usage_error(command, "%s '%s' is not a number of seconds %s", option, text,
                           positive ? "above 0" : "from 0");
    *ret_seconds = seconds;
    return 0;
}

int parse_bytes(const char *command, const char *option, const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "KMG";
    unsigned long long number;
    unsigned shift = 0;
    char *end;

    if (parse_number(text, &end, &number) < 0)
        return usage_error(command, "%s '%s' is not a number of bytes", option, text);
    if (*end && strchr(units, toupper((unsigned char)*end))) {
        shift = 10 * (unsigned)(strchr(units, toupper((unsigned char)*end)) - units + 1);
        end++;
    }
    if (*end || number > UINT64_MAX >> shift)
        return usage_error(command, "%s '%s' is not a number of bytes (such as 4096, 512K or 2G)", option, text);
    *ret_bytes = number << shift;
    return 0;
}
