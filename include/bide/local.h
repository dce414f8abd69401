/*
 * bide/local.h - task-locals: values that a task's callees and children see, and nobody else
 *
 *     static bide_local request_id;
 *
 *     bide(bide_local_set(&request_id, id));      in the handler
 *     const char *id = bide_local_get(&request_id);   anywhere below, also in tasks and threads started there
 *
 * Stands for contextvars.
 */
#ifndef BIDE_LOCAL_H
#define BIDE_LOCAL_H

#include <bide/export.h>

/* A variable that has a value of its own in each task; usually static. Zeroed: NULL where nobody has set it. */
typedef struct bide_local {
    void *value; /* where nobody has set it */
} bide_local;

/*
 * bide_local_set - sets the variable for the running task, and for the tasks and to_thread calls it starts from now
 * on (each gets a copy of all variables as they are when it is started; later changes go neither down nor up). The
 * pointer is stored, not what it points to: that must live as long as it may be looked at. 0, -ENOMEM, -EPERM outside
 * of a task. Does not wait.
 */
BIDE_EXPORT int bide_local_set(bide_local *local, void *value);

/*
 * bide_local_get - the value for the running task, or thread started by to_thread; local->value where nobody has set
 * it. The time grows with the number of variables that are set.
 */
BIDE_EXPORT void *bide_local_get(const bide_local *local);

#endif
