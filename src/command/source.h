/* command/source.h - the URLs to fetch: from the command line, or a list that is read while the first are fetched. */
#ifndef BIDE_COMMAND_SOURCE_H
#define BIDE_COMMAND_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "command/bell.h"

/* A source. Zeroed and given `urls` and `url_count`, it is a list of arguments; otherwise see source_open(). */
struct source {
    char **urls;
    size_t url_count;
    size_t next_url;
    const char *name; /* of the list, for messages; NULL: the source is the arguments */
    int descriptor;
    bool close_descriptor;
    bool filling; /* a task is reading; the others wait for `filled` */
    bool ended;   /* nothing more will come */
    size_t line;  /* number of the line that was given out last */
    char *buffer; /* read ahead: [start, end) */
    size_t start, end;
    struct bell filled;
};

/*
 * source_open - opens a list of URLs, one a line; "-": standard input. 0, or -errno with a message. Outside of the
 * loop.
 */
int source_open(struct source *source, const char *path);

/* source_close - closes and frees. Outside of the loop, or when no task uses it any more. */
void source_close(struct source *source);

/*
 * source_count - how many URLs there are in all. 1 and *ret_count, or 0 when only the end will tell (a pipe). Reads a
 * regular file through once, in a thread. Errors: -errno with a message; -ECANCELED.
 */
int source_count(struct source *source, size_t *ret_count);

/*
 * source_next - takes the next URL: 1 and a copy that the caller frees, 0 at the end. Blank lines and those that
 * begin with '#' are skipped, spaces around a URL dropped. Any number of tasks may take from one source. Errors:
 * -errno and BIDE_ELIMIT (a line without end) with a message; -ECANCELED.
 */
int source_next(struct source *source, char **ret_url);

#endif
