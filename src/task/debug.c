/*
 * Debug mode, the tasks' part (but for coroutines that nobody starts: never_started.c): tasks that do not listen to
 * their cancellation, stacks that are nearly full, things that were not closed.
 *
 * What is open is a list of the run, newest first: opened is O(1), closed walks to it, which is short for what closes
 * soon. Debug mode may cost that; without it nothing here is called but two tests of a flag.
 */
#include "task/debug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/record.h"

enum { CANCELLED_WAITS = 1000, NAME_BYTES = 64, PLACE_BYTES = 192 };

struct bide__debug_thing {
    struct bide__debug_thing *next;
    const void *thing;
    const char *kind;
    char name[NAME_BYTES];
    char opened_by[PLACE_BYTES];
};

bool bide__debug_wanted(int option)
{
    const char *text = getenv("BIDE_DEBUG");

    return option ? option > 0 : text && *text && strcmp(text, "0") != 0;
}

void bide__debug_task_ended(const struct bide__record *record)
{
    struct bide_loop *loop = record->loop;
    const struct bide__stack_pool *stacks = &loop->stacks;
    void *low, *high;

    bide__debug_never_started(bide__run_of(loop), record);
    bide__stack_bounds(stacks, record, &low, &high);
    size_t size = (size_t)((char *)high - (char *)low), used = bide__stack_high_water(stacks, record);
    if (used <= loop->stack_high_water)
        return;
    loop->stack_high_water = used;
    if (used > size / 2)
        fprintf(
            stderr,
            "bide: the stack of task '%s' (%s:%d) was used up to %zu of %zu bytes; see bide_run_options.stack_size\n",
            record->name, record->file, record->line, used, size);
}

void bide__debug_cancelled_wait(struct bide__record *record)
{
    if (record->self->effective && ++record->cancelled_waits == CANCELLED_WAITS)
        fprintf(stderr, "bide: task '%s' (%s:%d) was cancelled, and goes on: %d waits have said -ECANCELED to it\n",
                record->name, record->file, record->line, CANCELLED_WAITS);
}

void bide__debug_opened(const void *thing, const char *kind, const char *name)
{
    struct bide_loop *loop = bide__loop;
    const struct bide__record *task = bide__current();

    if (!loop || !loop->debug)
        return;
    struct bide__debug_thing *entry = calloc(1, sizeof *entry);
    if (!entry)
        return;
    entry->thing = thing;
    entry->kind = kind;
    snprintf(entry->name, sizeof entry->name, "%s%s", name ? " " : "", name ? name : "");
    if (task)
        snprintf(entry->opened_by, sizeof entry->opened_by, "task '%s' (%s:%d)", task->name, task->file, task->line);
    else
        snprintf(entry->opened_by, sizeof entry->opened_by, "a callback");
    struct bide__run *run = bide__run_of(loop);
    entry->next = run->things;
    run->things = entry;
}

void bide__debug_closed(const void *thing)
{
    struct bide_loop *loop = bide__loop;
    struct bide__run *run = loop ? bide__run_of(loop) : NULL;

    if (!run) /* a loop without tasks */
        return;
    for (struct bide__debug_thing **place = &run->things; *place; place = &(*place)->next) {
        struct bide__debug_thing *entry = *place;

        if (entry->thing == thing) {
            *place = entry->next;
            free(entry);
            return;
        }
    }
}

void bide__debug_run_ended(struct bide__run *run)
{
    bide__made_coroutines_free(run);
    while (run->things) {
        struct bide__debug_thing *entry = run->things;

        run->things = entry->next;
        fprintf(stderr, "bide: the %s%s that %s opened was never closed\n", entry->kind, entry->name, entry->opened_by);
        free(entry);
    }
}
