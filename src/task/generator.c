/*
 * Generators: a task that hands values to the block that owns it.
 *
 * The two meet in the generator: the consumer says where it wants the value and waits, the producer copies it there,
 * wakes the consumer, and waits until it asks again; so one of them runs at a time, as in Python. A value costs two
 * switches and no memory. The producer's task is the only one of a hidden group of the block, so all that holds for
 * groups (cancelled when the block is left, waited for, its error is the block's) holds for it. That it has ended is
 * heard from its handle, in whatever way it ends.
 *
 * Each value is handed over in one step, or not at all: R1 and R2 for both sides. After the handing over the wait of
 * the producer cannot fail: cancelled, it ends with 0.
 *
 * Must never happen: a value written to a consumer that has gone; a consumer that waits for a producer that has ended.
 */
#include <bide/generator.h>

#include <errno.h>
#include <string.h>

#include "task/scope.h"
#include "task/wait.h"

struct side {
    struct bide__waiter waiter;
    struct bide__generator *generator;
};

/* Ends a side's wait; the slot it stands in is empty then. */
static void release(struct bide__waiter **slot, int result)
{
    struct bide__waiter *waiter = *slot;

    *slot = NULL;
    if (waiter)
        bide__wake(waiter, result);
}

static void withdraw_consumer(struct bide__waiter *waiter)
{
    release(&((struct side *)waiter)->generator->consumer, -ECANCELED);
}

static void withdraw_producer(struct bide__waiter *waiter)
{
    release(&((struct side *)waiter)->generator->producer, -ECANCELED);
}

static void producer_ended(struct bide__observer *observer)
{
    struct bide__generator *generator =
        (struct bide__generator *)(void *)((char *)observer - offsetof(struct bide__generator, observer));

    generator->ended = true;
    generator->group = NULL;
    release(&generator->consumer, 0);
}

bool bide__generator_begin(struct bide__generator *generator, bide_group *group, bide_coroutine coroutine)
{
    *generator = (struct bide__generator){ .group = group, .observer = { .ended = producer_ended } };
    bide_task *task = bide_create_task(group, coroutine);
    if (task && !task->has_ended) /* it may have, with eager_start */
        bide__observe(task, &generator->observer);
    else
        generator->ended = true;
    return true; /* without a task the group has failed, and the first step of the loop says so */
}

void bide__generator_leave(struct bide__generator *generator)
{
    if (generator->ended)
        return;
    bide_group_cancel(generator->group);
    release(&generator->producer, -ECANCELED); /* if it is in a shield */
}

int bide__generator_next(struct bide__generator *generator, void *ret_value)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (generator->ended)
        return 0;
    if (!generator->group)
        return bide_fail(-EINVAL, "bide_next: no bide_generate block runs this generator");
    if (generator->consumer)
        return bide_fail(-EBUSY, "bide_next: task '%s' waits for the value already", generator->consumer->task->name);
    struct side side = {
        .waiter = { .task = task, .withdraw = withdraw_consumer, .what = "the next value of a generator" },
        .generator = generator
    };
    release(&generator->producer, 0);
    generator->destination = ret_value;
    generator->consumer = &side.waiter;
    return bide__wait(&side.waiter);
}

bool bide__generator_advance(struct bide__generator *generator, void *ret_value, int *ret_error)
{
    int result = bide__generator_next(generator, ret_value);

    if (result < 0)
        *ret_error = result;
    return result > 0;
}

/* Waits until the consumer asks. */
static int wait_for_consumer(struct bide__generator *generator, struct bide__record *task)
{
    struct side side = { .waiter = { .task = task, .withdraw = withdraw_producer, .what = "who consumes its values" },
                         .generator = generator };

    generator->producer = &side.waiter;
    return bide__wait(&side.waiter);
}

/*
 * Gives the value to the consumer, then waits until it asks again. That wait is not cancelled any more when the task
 * is already.
 */
static void hand_over(struct bide__generator *generator, struct bide__record *task, const void *value, size_t size)
{
    memcpy(generator->destination, value, size);
    release(&generator->consumer, 1);
    if (task->scope->effective)
        bide__yield(task->loop);
    else
        (void)wait_for_consumer(generator, task);
}

int bide__generator_yield(struct bide__generator *generator, const void *value, size_t size)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (!generator->group)
        return bide_fail(-EINVAL, "bide_yield: no bide_generate block runs this generator");
    if (generator->producer)
        return bide_fail(-EBUSY, "bide_yield: task '%s' yields to this generator just now",
                         generator->producer->task->name);
    while (!generator->consumer) { /* one that asked may have been cancelled before we ran */
        if (task->scope->effective ||
            generator->group->scope.effective) { /* the latter without the former: in a shield */
            bide__yield(task->loop);
            return -ECANCELED;
        }
        err = wait_for_consumer(generator, task);
        if (err < 0)
            return err;
    }
    hand_over(generator, task, value, size);
    return 0;
}
