/* task/local.h - the task-locals of a task. */
#ifndef BIDE_TASK_LOCAL_H
#define BIDE_TASK_LOCAL_H

#include <stddef.h>

struct bide_local;

/* A binding, and those made before it. Never changed once it is shared; counted. */
struct bide__binding {
    const struct bide_local *local;
    void *value;
    struct bide__binding *older;
    size_t references;
};

/* The bindings that hold for the code that runs: the task's, or in a worker thread those of the caller of to_thread. */
struct bide__binding **bide__bindings_place(void);

/* One more owner; NULL is allowed. Returns bindings. Only in the loop's thread. */
static inline struct bide__binding *bide__bindings_share(struct bide__binding *bindings)
{
    if (bindings)
        bindings->references++;
    return bindings;
}

/* One owner less. */
void bide__bindings_release(struct bide__binding *bindings);

#endif
