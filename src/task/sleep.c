/* Sleeping: a timer and a waiter on the sleeper's stack. Nothing is allocated but the timer's entry in the heap. */
#include <errno.h>

#include "task/wait.h"

struct sleeper {
    struct bide__waiter waiter;
    struct bide__timer timer;
};

static void wake_up(struct bide__timer *timer)
{
    bide__wake(&((struct sleeper *)((char *)timer - offsetof(struct sleeper, timer)))->waiter, 0);
}

static void withdraw_sleep(struct bide__waiter *waiter)
{
    bide__timer_cancel(&waiter->task->loop->timers, &((struct sleeper *)waiter)->timer);
    bide__wake(waiter, -ECANCELED);
}

/* Apart, so that who only yields has no frame for a sleeper. */
static __attribute__((noinline)) int sleep_for(struct bide__record *task, double seconds)
{
    struct sleeper sleeper = { .waiter = { .task = task, .withdraw = withdraw_sleep, .what = "the end of its sleep" },
                               .timer = { .expire = wake_up } };
    int64_t deadline = bide__loop_deadline(task->loop, seconds);

    if (deadline != BIDE__FOREVER && bide__timer_arm(&task->loop->timers, &sleeper.timer, deadline) < 0)
        return bide_fail(-ENOMEM, "bide_sleep: no memory for the timer");
    return bide__wait(&sleeper.waiter);
}

int bide_sleep(double seconds)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (!(seconds <= 0))
        return sleep_for(task, seconds);
    if (__builtin_expect(task->loop->hooks != NULL, 0))
        task->loop->hooks->before_wait(task->loop->hooks, task);
    bide__yield(task->loop);
    return task->scope->effective ? -ECANCELED : 0;
}

double bide_time(void)
{
    return (double)(bide__loop ? bide__loop_now(bide__loop) : bide__clock_now()) /
           1e9; /* divided, so that whole seconds are exact */
}
