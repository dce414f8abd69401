/* gather and wait_for: a group, and a timeout, in one call. */
#include <errno.h>

#include "task/debug.h"
#include "task/failure.h"
#include "task/scope.h"
#include "task/wait.h"

int bide_gather_n(const bide_coroutine *coroutines, size_t count)
{
    struct bide__record *task;
    struct bide_group group = { .scope = { .ended = true } };
    int err = bide__checkpoint(&task);

    bide__coroutines_taken(coroutines, count);
    if (err < 0)
        return err;
    bide__group_begin(&group, task);
    for (size_t i = 0; i < count && err == 0; i++)
        err = bide__start(&group, &coroutines[i]);
    return bide__scope_close(&group.scope, err);
}

int bide_gather_settled(const bide_coroutine *coroutines, size_t count, int *results)
{
    struct bide__record *task;
    struct bide_group group = { .scope = { .ended = true }, .keep_going = true };
    int err = bide__checkpoint(&task);

    bide__coroutines_taken(coroutines, count);
    if (err < 0) {
        for (size_t i = 0; i < count; i++)
            results[i] = err;
        return err;
    }
    bide__group_begin(&group, task);
    for (size_t i = 0; i < count; i++) {
        struct bide__record *child = bide__spawn(task->loop, &group, &coroutines[i], false, &results[i]);

        if (child)
            child->ret_result = &results[i];
    }
    return bide__scope_close(&group.scope, 0);
}

int bide_wait_for(bide_coroutine coroutine, double seconds)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    bide__coroutine_taken(coroutine.arguments);
    if (err < 0)
        return err;
    if (seconds <= 0)
        return bide_fail(-ETIMEDOUT, "%s: no time was given (%s:%d)", coroutine.name, coroutine.file, coroutine.line);
    struct bide_scope limit = { .ended = true, .file = coroutine.file, .line = coroutine.line };
    bide__timeout_enter(&limit, seconds, &err);
    int result = bide__scope_unescape(task, coroutine.entry((void *)(uintptr_t)coroutine.arguments));

    err = bide__scope_close(&limit, result);
    if (err == -ETIMEDOUT && result == -ECANCELED) /* ours; a timeout inside keeps its own message */
        bide__failure_set(&task->failure, err, "%s: timed out after %.3g s (%s:%d)", coroutine.name, seconds,
                          coroutine.file, coroutine.line);
    return err;
}
