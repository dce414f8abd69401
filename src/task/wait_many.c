/*
 * Waiting for several tasks: wait in three modes, and as_completed.
 *
 * Both put one observer to each task that is still alive, once: bide_wait for the time of the call,
 * bide_each_completed for the time of its block (so that the order in which the tasks end is known even while the
 * block's body runs). All observers are taken out again on every way out: a task that outlives the wait keeps no
 * trace of it. O(count), one allocation.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "task/wait.h"

struct many {
    struct bide__waiter waiter;
    struct one *all;
    size_t count;
    size_t missing; /* how many must still end */
    bide_wait_mode mode;
};

struct one {
    struct bide__observer observer;
    struct many *many;
    bool observing;
};

static bool failed(const struct bide_task *task)
{
    return task->has_ended && task->result < 0 && task->result != -ECANCELED;
}

size_t bide_partition_done(bide_task **tasks, size_t count)
{
    size_t done = 0;

    for (size_t i = 0; i < count; i++) {
        bide_task *task = tasks[i];

        if (!task->has_ended)
            continue;
        memmove(&tasks[done + 1], &tasks[done], (i - done) * sizeof *tasks);
        tasks[done++] = task;
    }
    return done;
}

static void stop_observing(struct many *many)
{
    for (size_t i = 0; i < many->count; i++)
        if (many->all[i].observing)
            bide__unobserve(&many->all[i].observer);
}

static void withdraw_many(struct bide__waiter *waiter)
{
    bide__wake(waiter, -ECANCELED);
}

static void one_ended(struct bide__observer *observer)
{
    struct one *one = (struct one *)observer;
    struct many *many = one->many;

    one->observing = false;
    many->missing--;
    if (many->waiter.task->waiter != &many->waiter)
        return; /* woken already */
    if (many->missing == 0 || many->mode == BIDE_FIRST_COMPLETED ||
        (many->mode == BIDE_FIRST_EXCEPTION && failed(observer->task)))
        bide__wake(&many->waiter, 0);
}

/* How many have ended if that is enough, else -EAGAIN; -EINVAL for a NULL. */
static int enough(bide_task *const *tasks, size_t count, bide_wait_mode mode)
{
    size_t done = 0;
    bool any_failed = false;

    for (size_t i = 0; i < count; i++) {
        if (!tasks[i])
            return bide_fail(-EINVAL, "bide_wait: task %zu of %zu is NULL", i, count);
        done += tasks[i]->has_ended;
        any_failed |= failed(tasks[i]);
    }
    return done == count || (done && mode == BIDE_FIRST_COMPLETED) || (any_failed && mode == BIDE_FIRST_EXCEPTION)
               ? 0
               : -EAGAIN;
}

int bide_wait(bide_task **tasks, size_t count, bide_wait_mode mode)
{
    struct many many = { .waiter = { .withdraw = withdraw_many, .what = "several tasks" },
                         .count = count,
                         .mode = mode };
    int err = bide__checkpoint(&many.waiter.task);

    if (err < 0)
        return err;
    if (count == 0 || mode < BIDE_ALL_COMPLETED || mode > BIDE_FIRST_EXCEPTION)
        return count ? bide_fail(-EINVAL, "bide_wait: unknown mode %d", (int)mode)
                     : bide_fail(-EINVAL, "bide_wait: no tasks were given");
    err = enough(tasks, count, mode);
    if (err == -EAGAIN) {
        many.all = calloc(count, sizeof *many.all);
        if (!many.all)
            return bide_fail(-ENOMEM, "bide_wait: no memory to watch %zu tasks", count);
        for (size_t i = 0; i < count; i++) {
            if (tasks[i]->has_ended)
                continue;
            many.all[i] = (struct one){ .observer = { .ended = one_ended }, .many = &many, .observing = true };
            bide__observe(tasks[i], &many.all[i].observer);
            many.missing++;
        }
        err = bide__wait(&many.waiter);
        if (err == 0)
            err = bide__pass_own_place(many.waiter.task, true);
        stop_observing(&many);
        free(many.all);
    } else if (err == 0) {
        err = bide__pass_place(many.waiter.task, many.waiter.task->loop->ready_tail, true);
    }
    return err < 0 ? err : (int)bide_partition_done(tasks, count);
}

struct bide__completion {
    struct bide__observer observer;
    struct bide__completions *block;
    struct bide__completion *next;
    bide_task *task;
    uint32_t place;
    bool observing;
};

static void append(struct bide__completions *block, struct bide__completion *completion)
{
    completion->place = bide__loop->ready_tail;
    *(block->first ? &block->last->next : &block->first) = completion;
    block->last = completion;
}

static void completion_ended(struct bide__observer *observer)
{
    struct bide__completion *completion = (struct bide__completion *)observer;
    struct bide__completions *block = completion->block;

    completion->observing = false;
    append(block, completion);
    if (block->waiter && block->waiter->task->waiter == block->waiter) /* neither woken nor cancelled already */
        bide__wake(block->waiter, 0);
}

static void withdraw_completions(struct bide__waiter *waiter)
{
    bide__wake(waiter, -ECANCELED);
}

struct bide__completions bide__completions_open(bide_task *const *tasks, size_t count, int *ret_error)
{
    struct bide__completions block = { .count = count, .ret_error = ret_error };

    *ret_error = 0;
    for (size_t i = 0; i < count; i++)
        if (!tasks[i])
            *ret_error = bide_fail(-EINVAL, "bide_each_completed: task %zu of %zu is NULL", i, count);
    if (count && *ret_error == 0) {
        block.all = calloc(count, sizeof *block.all);
        if (!block.all)
            *ret_error = bide_fail(-ENOMEM, "bide_each_completed: no memory to watch %zu tasks", count);
    }
    for (size_t i = 0; block.all && i < count; i++)
        block.all[i].task = tasks[i];
    return block;
}

/* The observers lead to the block, so they are put in place only when it has its final address. */
static void start_observing(struct bide__completions *block)
{
    for (size_t i = 0; i < block->count; i++) {
        struct bide__completion *completion = &block->all[i];

        completion->block = block;
        if (completion->task->has_ended) {
            append(block, completion);
        } else {
            completion->observing = true;
            completion->observer.ended = completion_ended;
            bide__observe(completion->task, &completion->observer);
        }
    }
}

bool bide__completions_next(struct bide__completions *block)
{
    struct bide__waiter waiter = { .withdraw = withdraw_completions, .what = "one of several tasks" };

    if (!block->all || block->handed_out == block->count)
        return false;
    if (!block->all[0].block)
        start_observing(block);
    int err = bide__checkpoint(&waiter.task);
    if (err == 0 && !block->first) {
        block->waiter = &waiter;
        err = bide__wait(&waiter);
        block->waiter = NULL;
        if (err == 0)
            err = bide__pass_own_place(waiter.task, true);
    } else if (err == 0) {
        err = bide__pass_place(waiter.task, block->first->place, true);
    }
    *block->ret_error = err;
    if (err < 0)
        return false;
    block->current = block->first->task;
    block->first = block->first->next;
    block->handed_out++;
    return true;
}

void bide__completions_close(struct bide__completions *block)
{
    for (size_t i = 0; block->all && i < block->count; i++)
        if (block->all[i].observing)
            bide__unobserve(&block->all[i].observer);
    free(block->all);
}
