/* command/arguments.h - reading the command line: each function explains on stderr what is wrong and names the help. */
#ifndef BIDE_COMMAND_ARGUMENTS_H
#define BIDE_COMMAND_ARGUMENTS_H

#include <stddef.h>
#include <stdint.h>

/* usage_error - prints "bide COMMAND: the formatted text" and where help is, on one line. Returns EXIT_USAGE. */
int usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * option_error - what getopt_long() did not understand, when it returned '?' or ':' for `option_text`, the argument
 * it was looking at, and `letter` (optopt). Returns EXIT_USAGE.
 */
int option_error(const char *command, int result, const char *option_text, int letter);

/* parse_count - a whole number from `minimum` to `maximum`. 0, or EXIT_USAGE and a line that names `option`. */
int parse_count(const char *command, const char *option, const char *text, size_t minimum, size_t maximum,
                size_t *ret_count);

/* parse_seconds - a duration such as 30 or 0.5, not negative; `positive`: not zero either. 0, or EXIT_USAGE. */
int parse_seconds(const char *command, const char *option, const char *text, int positive, double *ret_seconds);

/* parse_bytes - a size in bytes, with K, M or G (powers of 1024) behind it if wanted. 0, or EXIT_USAGE. */
int parse_bytes(const char *command, const char *option, const char *text, uint64_t *ret_bytes);

#endif
