/* command/output.h - standard output, written by threads: a slow reader of our results never stops the loop. */
#ifndef BIDE_COMMAND_OUTPUT_H
#define BIDE_COMMAND_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "command/bell.h"

/* Text that grows. */
struct text {
    char *data;
    size_t size, capacity;
};

/* text_add - appends. 0, or -ENOMEM (nothing was appended). */
int text_add(struct text *text, const char *data, size_t size);

/* text_add_format - appends formatted text; at most 511 bytes of it. 0, or -ENOMEM. */
int text_add_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * text_add_json - appends a string as JSON, quoted and escaped; bytes that are not UTF-8 become U+FFFD. 0, or
 * -ENOMEM.
 */
int text_add_json(struct text *text, const char *string);

/*
 * text_add_clean - appends a string for people: control characters, which could move a terminal's cursor, become '?'.
 */
int text_add_clean(struct text *text, const char *string);

/* text_free - frees it; the text is empty then. */
void text_free(struct text *text);

/* An output. Zeroed, with its descriptor set. */
struct output {
    int descriptor;
    bool busy;           /* a task writes; what is added meanwhile is written by it next */
    struct text waiting; /* added, not yet taken by a write */
    struct text writing; /* taken: [written, size) is left */
    size_t written;
    struct bell room;
};

/*
 * output_add - adds text, and writes it unless another task is writing just now. Waits when too much is waiting.
 * Errors: -EPIPE, -ENOSPC, ... with a message, -ENOMEM, -ECANCELED: the text is kept for output_finish().
 */
int output_add(struct output *output, const char *data, size_t size);

/*
 * output_finish - writes what is left, blocking, and frees everything. Outside of the loop. 0, or -errno with a
 * message.
 */
int output_finish(struct output *output);

#endif
