/*
 * bide_all_tasks. The names in comments (D23) are those of the rules in docs/semantics.md.
 */
#include "check.h"

#include <string.h>

static int wait_long(void)
{
    return bide_sleep(3600);
}
bide_async(wait_long);

static int own_two(void)
{
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(wait_long));
        bide_start(tg, bide_co(wait_long));
    }
    return err;
}
bide_async(own_two);

static size_t count_named(bide_task *const *tasks, size_t count, const char *name)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        found += strcmp(bide_task_name(tasks[i]), name) == 0;
    return found;
}

bide_test(all_tasks_are_those_that_have_not_ended) /* D23 */
{
    bide_task *tasks[16], *ended = bide_create_task(NULL, bide_co(own_two));
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(own_two));
        for (int i = 0; i < 3; i++)
            bide(bide_sleep(0));
        size_t count = bide_all_tasks(tasks, 16);
        check_eq(count, bide_task_count());
        check(tasks[0] == bide_current_task());
        check_eq(count_named(tasks, count, "own_two"), 2);
        check_eq(count_named(tasks, count, "wait_long"), 4);
        bide_cancel(ended);
        bide_join(ended);
        count = bide_all_tasks(tasks, 16);
        check_eq(count, bide_task_count());
        check_eq(count_named(tasks, count, "own_two"), 1);
        check_eq(bide_all_tasks(tasks, 2), 2);
        check_eq(bide_all_tasks(tasks, 0), 0);
        bide_group_cancel(tg);
    }
    check_eq(bide_all_tasks(tasks, 16), 1);
    return 0;
}

unit_test(all_tasks_without_a_loop_are_none)
{
    bide_task *tasks[1];

    check_eq(bide_all_tasks(tasks, 1), 0);
    return 0;
}
