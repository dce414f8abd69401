/*
 * Task-locals: a chain of bindings, at most one for a variable, that is never changed while it is shared, so a child
 * shares its parent's chain by counting one reference: starting a task costs nothing more, however many variables are
 * set. get walks the chain. set changes the binding in place when nobody else sees it; else it copies the bindings
 * before it and shares those behind. So the chain never grows beyond the number of variables.
 */
#include "task/local.h"

#include <errno.h>
#include <stdlib.h>

#include <bide/error.h>
#include <bide/local.h>

#include "task/record.h"

static _Thread_local struct bide__binding *thread_bindings;

struct bide__binding **bide__bindings_place(void)
{
    struct bide__record *task = bide__current();

    return task ? &task->bindings : &thread_bindings;
}

void bide__bindings_release(struct bide__binding *bindings)
{
    while (bindings && --bindings->references == 0) {
        struct bide__binding *older = bindings->older;

        free(bindings);
        bindings = older;
    }
}

static struct bide__binding *make(const struct bide_local *local, void *value, struct bide__binding *older)
{
    struct bide__binding *binding = malloc(sizeof *binding);

    if (binding)
        *binding = (struct bide__binding){
            .local = local, .value = value, .older = bide__bindings_share(older), .references = 1
        };
    return binding;
}

/* The chain with `local` bound to `value` instead of what `found` says; NULL without memory. */
static struct bide__binding *copy_up_to(const struct bide__binding *from, const struct bide__binding *found,
                                        const struct bide_local *local, void *value)
{
    if (from == found)
        return make(local, value, found->older);
    struct bide__binding *rest = copy_up_to(from->older, found, local, value);
    struct bide__binding *copy = rest ? make(from->local, from->value, rest) : NULL;

    bide__bindings_release(rest);
    return copy;
}

int bide_local_set(bide_local *local, void *value)
{
    struct bide__record *task = bide__current();

    if (!task)
        return bide_fail(-EPERM, "bide_local_set was called outside of a task");
    bool shared = false;
    struct bide__binding *found = task->bindings;
    for (; found; found = found->older) {
        shared |= found->references > 1;
        if (found->local == local)
            break;
    }
    if (found && !shared) {
        found->value = value;
        return 0;
    }
    struct bide__binding *bindings =
        found ? copy_up_to(task->bindings, found, local, value) : make(local, value, task->bindings);
    if (!bindings)
        return bide_fail(-ENOMEM, "bide_local_set: no memory");
    bide__bindings_release(task->bindings);
    task->bindings = bindings;
    return 0;
}

void *bide_local_get(const bide_local *local)
{
    for (const struct bide__binding *binding = *bide__bindings_place(); binding; binding = binding->older)
        if (binding->local == local)
            return binding->value;
    return local->value;
}
