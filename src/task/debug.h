/* task/debug.h - debug mode, as far as tasks go; all of it is called only when loop->debug is set. */
#ifndef BIDE_TASK_DEBUG_H
#define BIDE_TASK_DEBUG_H

#include <stdbool.h>
#include <stddef.h>

#include <bide/coro.h>

struct bide__record;
struct bide__run;

/* Whether a run with these options is in debug mode: the option, else the environment. */
bool bide__debug_wanted(int option);

/* A task ends; its record is still whole. Looks at how much of its stack was ever used. */
void bide__debug_task_ended(const struct bide__record *record);

/* A wait of a cancelled task is about to say so. Says once that the task does not listen. */
void bide__debug_cancelled_wait(struct bide__record *record);

/*
 * Something that must be closed by hand was opened, and closed. kind: "stream"; name: "127.0.0.1:80", copied, may be
 * NULL. May be called in any mode and anywhere; outside of debug mode, and without memory, nothing is written down. A
 * thing is known by its address.
 */
void bide__debug_opened(const void *thing, const char *kind, const char *name);
void bide__debug_closed(const void *thing);

/*
 * A coroutine value is started, called, or refused in this thread: it is not reported. Its arguments tell which one
 * it is; called by all that take one, in any mode.
 */
void bide__coroutine_taken(const void *arguments);
void bide__coroutines_taken(const bide_coroutine *coroutines, size_t count);

/* In debug mode: reports the values that a task has made and nobody has started. It ends. */
void bide__debug_never_started(struct bide__run *run, const struct bide__record *task);

/* Frees what is written down of values. */
void bide__made_coroutines_free(struct bide__run *run);

/* The run ends: says what was not closed. */
void bide__debug_run_ended(struct bide__run *run);

#endif
