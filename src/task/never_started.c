/*
 * Coroutine values that nobody starts, in debug mode: Python's "coroutine was never awaited".
 *
 * A value is known by the address of its arguments: a place in the frame of who made it, which is unique while the
 * value can be used. It is written down when a task makes it, and struck out when it is started, called or refused.
 * What is left when its task ends was forgotten; so was what is left when the same place is used again (but for calls
 * without arguments: they stay good). Both are O(1) by a hash table, but for the end of a task, which looks at the
 * whole table. Values made by callbacks and by other threads are not watched.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "task/debug.h"
#include "task/record.h"

enum { CHAINS = 256 };

struct bide__made_coroutine {
    struct bide__made_coroutine *next;
    const struct bide__record *task;
    bide_coroutine coroutine;
};

static struct bide__made_coroutine **chain_of(struct bide__run *run, const void *arguments)
{
    return &run->made[((uintptr_t)arguments * UINT64_C(0x9e3779b97f4a7c15)) >> 56];
}

static void strike_out(struct bide__made_coroutine **place, bool report)
{
    struct bide__made_coroutine *made = *place;

    if (report)
        fprintf(stderr, "bide: coroutine '%s' was never awaited (made at %s:%d in task '%s')\n", made->coroutine.name,
                made->coroutine.file, made->coroutine.line, made->task->name);
    *place = made->next;
    free(made);
}

static void look_for(struct bide__run *run, const void *arguments, bool report)
{
    for (struct bide__made_coroutine **place = chain_of(run, arguments); *place; place = &(*place)->next) {
        if ((*place)->coroutine.arguments == arguments) {
            strike_out(place, report);
            return;
        }
    }
}

void bide__coroutine_made(const void *arguments, size_t size, const char *name, const char *file, int line)
{
    struct bide__record *task = bide__current();

    if (!task || !task->loop->debug)
        return;
    struct bide__run *run = bide__run_of(task->loop);
    if (!run->made)
        run->made = calloc(CHAINS, sizeof *run->made);
    struct bide__made_coroutine *made = run->made ? malloc(sizeof *made) : NULL;
    if (!made)
        return;
    look_for(run, arguments, size > 0);
    struct bide__made_coroutine **chain = chain_of(run, arguments);
    *made = (struct bide__made_coroutine){ *chain, task, { NULL, arguments, size, name, file, line } };
    *chain = made;
}

void bide__coroutine_taken(const void *arguments)
{
    struct bide_loop *loop = bide__loop;
    struct bide__run *run = loop ? bide__run_of(loop) : NULL;

    if (run && run->made)
        look_for(run, arguments, false);
}

void bide__coroutines_taken(const bide_coroutine *coroutines, size_t count)
{
    for (size_t i = 0; bide__loop && bide__loop->debug && i < count; i++)
        bide__coroutine_taken(coroutines[i].arguments);
}

void bide__made_coroutines_free(struct bide__run *run)
{
    for (int i = 0; run->made && i < CHAINS; i++)
        while (run->made[i])
            strike_out(&run->made[i], false);
    free(run->made);
}

void bide__debug_never_started(struct bide__run *run, const struct bide__record *task)
{
    for (int i = 0; run->made && i < CHAINS; i++) {
        struct bide__made_coroutine **place = &run->made[i];

        while (*place) {
            if ((*place)->task == task)
                strike_out(place, true);
            else
                place = &(*place)->next;
        }
    }
}
