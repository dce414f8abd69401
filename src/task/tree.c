/*
 * The tree of tasks. A task owns what is in the groups of its scopes; the main task's outermost group is the run's
 * own. Printing walks that, group by group, without memory of its own; deeper than DEPTH_MAX it only says that there
 * is more.
 */
#include "task/tree.h"

#include <string.h>

#include "task/wait.h"

enum { DEPTH_MAX = 40, INDENT = 4 };

static void print_task(FILE *to, const struct bide__record *task, char *indent, int depth, bool is_last);

/* The next scope outwards of the same task, NULL behind its root. */
static const struct bide_scope *outwards(const struct bide__record *task, const struct bide_scope *scope)
{
    return scope == &task->root ? NULL : scope->parent;
}

/* The last task that `task` owns, NULL if it owns none. */
static const struct bide__record *last_child(const struct bide__record *task)
{
    for (const struct bide_scope *scope = task->scope; scope; scope = outwards(task, scope))
        if (scope->kind == BIDE__SCOPE_GROUP && ((const struct bide_group *)scope)->last)
            return ((const struct bide_group *)scope)->last;
    return NULL;
}

/* Outermost group first; the chain leads inside out, so the groups are counted, then found by number. */
static void print_children(FILE *to, const struct bide__record *task, char *indent, int depth)
{
    const struct bide__record *last = last_child(task);
    int groups = 0;

    for (const struct bide_scope *scope = task->scope; scope; scope = outwards(task, scope))
        groups += scope->kind == BIDE__SCOPE_GROUP;
    for (int number = groups; number-- > 0;) {
        int at = 0;

        for (const struct bide_scope *scope = task->scope; scope; scope = outwards(task, scope)) {
            if (scope->kind != BIDE__SCOPE_GROUP || at++ != number)
                continue;
            for (const struct bide__record *child = ((const struct bide_group *)scope)->first; child;
                 child = child->next)
                print_task(to, child, indent, depth, child == last);
        }
    }
}

static void print_task(FILE *to, const struct bide__record *task, char *indent, int depth, bool is_last)
{
    size_t length = strlen(indent);
    const char *state = task->waiter && task->waiter->what ? task->waiter->what : NULL;

    fprintf(to, "%s%s'%s' (%s:%d) ", indent,
            depth == 0 ? ""
            : is_last  ? "`-- "
                       : "|-- ",
            task->name, task->file, task->line);
    if (&task->coroutine == task->loop->current)
        fprintf(to, "runs");
    else if (state)
        fprintf(to, "waits for %s", state);
    else
        fprintf(to, "is ready");
    fprintf(to, "%s\n", task->scope->effective ? ", cancelled" : "");
    if (depth >= DEPTH_MAX) {
        fprintf(to, "%s    ...\n", indent);
        return;
    }
    if (depth > 0)
        memcpy(indent + length, is_last ? "    " : "|   ", INDENT + 1);
    print_children(to, task, indent, depth + 1);
    indent[length] = '\0';
}

void bide__print_tasks(FILE *to)
{
    char indent[(DEPTH_MAX + 1) * INDENT + 1] = "";
    const struct bide__run *run = bide__loop ? bide__run_of(bide__loop) : NULL;

    if (run && run->main_task)
        print_task(to, run->main_task, indent, 0, true);
}
