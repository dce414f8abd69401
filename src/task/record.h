/* task/record.h - the record of a living task, at the top of its stack. */
#ifndef BIDE_TASK_RECORD_H
#define BIDE_TASK_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bide/coro.h>
#include <bide/generator.h>
#include <bide/scope.h>
#include <bide/task.h>

#include "base/slab.h"
#include "loop/loop.h"

enum { BIDE__INLINE_ARGUMENTS = 64 /* bytes of arguments that fit into the record itself */ };

/*
 * A living task. Shares its page with the first frames of its stack, so every byte here is one less for an idle
 * task's own. What every wait needs lies in its first cache line, the mark of its root scope included.
 */
struct bide__record {
    struct bide__coroutine coroutine; /* first: the ready queue holds its address */
    struct bide_loop *loop;
    struct bide_scope *scope; /* the innermost scope the task is in */
    /* what it waits for; NULL: it runs, is ready, or waits for something that cannot be given up */
    struct bide__waiter *waiter;
    int escaped; /* what a block that was left by a plain `return` would have made of -ECANCELED; see scope.c */
    struct bide_scope root; /* most of it is never touched */
    /* the scope that bide_cancel() cancels: &root, or for main the one around the user's main */
    struct bide_scope *self;
    const char *name;
    const char *file;
    int line;
    unsigned cancelled_waits; /* debug mode: how often a wait said -ECANCELED since the task was cancelled */
    int *ret_result;          /* where to store the result, or NULL */
    int (*entry)(void *arguments);
    void *arguments;
    struct bide_group *group;             /* the owner; NULL: the main task */
    struct bide__record *next, *previous; /* siblings */
    struct bide_task *handle;             /* NULL: nobody asked for one */
    struct bide__failure *failure;        /* message and trace of the last error */
    struct bide__binding *bindings;       /* task-locals */
    char inline_arguments[BIDE__INLINE_ARGUMENTS] __attribute__((aligned(16)));
};

/* A handle: what is left of a task when it has ended. Small, because there may be a million. */
struct bide_task {
    struct bide_task *next, **link; /* of the group */
    union {
        struct {
            struct bide__record *record;
            struct bide__observer *observers; /* newest first */
        } living;
        struct {
            struct bide__failure *failure;
            const char *name;
        } ended;
    } u;
    int result;
    bool has_ended;
    bool forgotten;
    bool read; /* somebody has seen the result */
};

/* What a runner keeps; the loop's `owner`. See run.c. */
struct bide__run {
    struct bide_loop *loop;
    struct bide_group *background;  /* owns the tasks that are started without a group */
    struct bide__record *main_task; /* runs one main after the other, and holds the background group */
    struct bide_scope *main_scope;  /* what Ctrl-C cancels; NULL when no main runs */
    struct bide_task *main_handle;  /* those of the mains, if anybody asked for them */
    struct bide__slab handles;
    size_t live; /* tasks */
    bool eager;  /* run option eager_start */
    bide_run_options options;
    bide_coroutine main;  /* entry NULL: none to run */
    void *main_arguments; /* the copy of its arguments, if one was made */
    int result;           /* of the last main that has ended */
    struct bide__failure *failure;
    int thread;           /* the kernel's number of the one it was opened in */
    int interrupted;      /* the signal that cancelled main, 0: none */
    bool stop;            /* the loop is to return: main has ended, or bide_stop */
    bool single;          /* bide_run: there is one main, and its end is that of all */
    bool closing;         /* main_task is to end when it has no main to run */
    bool idle;            /* main_task is parked between two mains */
    bool stopped;         /* the last run was stopped before its main had ended */
    bool forever;         /* the end of a main is no reason to return */
    bool cancel_at_start; /* a main that has not begun is cancelled at once */
    bool ended;           /* main_task has ended */
    bool watches_overflow;
    struct bide__debug_thing *things; /* debug mode: what is open; see debug.c */
    /* debug mode: values nobody has started yet, a hash table; see never_started.c */
    struct bide__made_coroutine **made;
};

/* The running task's record, NULL outside of one. */
static inline struct bide__record *bide__current(void)
{
    struct bide_loop *loop = bide__loop;

    return loop ? (struct bide__record *)(void *)loop->current : NULL;
}

static inline struct bide__run *bide__run_of(const struct bide_loop *loop)
{
    return loop->owner;
}

/*
 * Makes a task that runs the coroutine and puts it into the ready queue. group: NULL for main. with_handle: gives it
 * a handle. NULL + *ret_error (-ENOMEM, -EAGAIN) with a message.
 */
struct bide__record *bide__spawn(struct bide_loop *loop, struct bide_group *group,
                                 const struct bide_coroutine *coroutine, bool with_handle, int *ret_error);

/* bide_start, for a coroutine that need not be copied. */
int bide__start(struct bide_group *group, const struct bide_coroutine *coroutine);

/* Gives a living task a handle if it has none. NULL without memory. */
struct bide_task *bide__handle_of(struct bide__record *record);

/* An ended task's result; its message, if it has one, becomes that of the task `to`. */
int bide__handle_give_result(const struct bide_task *task, struct bide__record *to);

/* Puts an observer to a living task; takes it out again. */
void bide__observe(struct bide_task *task, struct bide__observer *observer);
void bide__unobserve(struct bide__observer *observer);

/* Frees a handle of an ended task. */
void bide__handle_free(struct bide__run *run, struct bide_task *task);

/* Ends a living task's handle: it keeps the result, and who waits for it is woken. */
void bide__handle_end(struct bide__run *run, struct bide__record *record, int result);

/* For tests: the next run of this thread reports to these hooks, which outlive it. */
void bide__set_next_hooks(struct bide__hooks *hooks);

/* Names a task for the stack overflow message; async-signal-safe. */
void bide__record_describe(const void *record, char *text, size_t size);

/* Releases the context of a stack whose memory is about to go. */
void bide__record_discard(void *record);

#endif
