/* task/failure.h - the message and return trace of one error. */
#ifndef BIDE_TASK_FAILURE_H
#define BIDE_TASK_FAILURE_H

#include <stdarg.h>
#include <stddef.h>

enum { BIDE__TRACE_LINES = 16 };

/* A place an error came through. */
struct bide__trace_line {
    const char *text; /* the expression, or the name of a task */
    const char *file;
    int line;
    int is_task;
};

/* One error's story. Belongs to one task, handle or group at a time. */
struct bide__failure {
    struct bide__failure *next; /* further errors of the same group, in the order they happened */
    int code;
    int lines; /* how many there are; those beyond BIDE__TRACE_LINES are only counted */
    struct bide__trace_line trace[BIDE__TRACE_LINES];
    char message[];
};

/* Where the running task (or thread) keeps its failure. */
struct bide__failure **bide__failure_place(void);

/* A new failure with this code in *place (the old one is freed); NULL without memory. */
struct bide__failure *bide__failure_set(struct bide__failure **place, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Adds a line to the trace of the error `code` in *place; makes a failure with the general text if the message there
 * belongs to another code.
 */
void bide__failure_trace(struct bide__failure **place, int code, struct bide__trace_line line);

/* A copy, with those behind it; NULL for NULL, or without memory. */
struct bide__failure *bide__failure_copy(const struct bide__failure *failure);

/* Frees it, with those behind it. */
void bide__failure_free(struct bide__failure *failure);

/*
 * Prints `what` (NULL: nothing), the message for err, and, if the failure belongs to err, its trace and those behind
 * it.
 */
void bide__failure_print(const struct bide__failure *failure, int err, const char *what);

/* The general text of a code. */
const char *bide__failure_general(int code);

#endif
