/*
 * The storm (storm.h) over queues of every kind: whatever is cancelled when, each item whose put returned 0 is got
 * exactly once or is still there, and no other is.
 */
#include "check.h"

#include "storm.h"

enum { ROUNDS = 4, ITEMS = STORM_WORKERS * ROUNDS };

typedef bide_queue(int, 1) single;
typedef bide_queue(int, 3) triple;
typedef bide_lifo_queue(int, 2) stack;
typedef bide_priority_queue(int, 2) priority;
typedef bide_queue_of(int) heap;

static enum { SINGLE, TRIPLE, STACK, PRIORITY, HEAP } kind;
static single singles;
static triple triples;
static stack stacks;
static priority priorities;
static heap heaps;

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int put(int item)
{
    return kind == SINGLE     ? bide_queue_put(&singles, item)
           : kind == TRIPLE   ? bide_queue_put(&triples, item)
           : kind == STACK    ? bide_queue_put(&stacks, item)
           : kind == PRIORITY ? bide_queue_put(&priorities, item)
                              : bide_queue_put(&heaps, item);
}

static int get(int *ret_item)
{
    return kind == SINGLE     ? bide_queue_get(&singles, ret_item)
           : kind == TRIPLE   ? bide_queue_get(&triples, ret_item)
           : kind == STACK    ? bide_queue_get(&stacks, ret_item)
           : kind == PRIORITY ? bide_queue_get(&priorities, ret_item)
                              : bide_queue_get(&heaps, ret_item);
}

static int get_nowait(int *ret_item)
{
    return kind == SINGLE     ? bide_queue_get_nowait(&singles, ret_item)
           : kind == TRIPLE   ? bide_queue_get_nowait(&triples, ret_item)
           : kind == STACK    ? bide_queue_get_nowait(&stacks, ret_item)
           : kind == PRIORITY ? bide_queue_get_nowait(&priorities, ret_item)
                              : bide_queue_get_nowait(&heaps, ret_item);
}

static struct bide__queue *the_queue(void)
{
    struct bide__queue *const queues[] = { &singles.queue, &triples.queue, &stacks.queue, &priorities.queue,
                                           &heaps.queue };

    return queues[kind];
}

static bool was_put[ITEMS + 1];
static int times_got[ITEMS + 1];
static long put_count, got_count;

static void got(int item)
{
    check_storm(item > 0 && item <= ITEMS);
    times_got[item]++;
    got_count++;
    check_storm(bide__queue_task_done(the_queue()) == 0);
}

static int worker(int number)
{
    for (int i = 0, err, item; i < ROUNDS; i++) {
        bide_timeout (pick(4) * 0.5, err) {
            item = 0;
            if ((number + i / 2) % 2) {
                int mine = number * ROUNDS + i + 1;

                err = counted(put(mine));
                if (err == 0) {
                    put_count++;
                    was_put[mine] = true;
                }
            } else {
                err = counted(get(&item));
                check_storm((err == 0) == (item > 0));
                if (err == 0)
                    got(item);
            }
        }
        count_timeout(err);
        if (pick(2))
            (void)bide_sleep(pick(3) * 0.5);
    }
    return 0;
}
bide_async(worker, int);

static bide_coroutine make_worker(int *number)
{
    return (bide_coroutine){ bide__run_worker, number, sizeof *number, "worker", __FILE__, __LINE__ };
}

static int queue_storm(void)
{
    int item;

    bide__queue_init(the_queue(), kind == HEAP ? 1 + pick(3) : 0, kind == PRIORITY ? by_number : NULL);
    put_count = got_count = 0;
    for (int i = 0; i <= ITEMS; i++) {
        was_put[i] = false;
        times_got[i] = 0;
    }
    bide(storm_tasks(make_worker));
    check_storm(!the_queue()->getters.first && !the_queue()->putters.first);
    check_storm(the_queue()->size == (size_t)(put_count - got_count));
    check_storm(the_queue()->unfinished == the_queue()->size);
    while (get_nowait(&item) == 0)
        got(item);
    for (int i = 1; i <= ITEMS; i++)
        check_storm(times_got[i] == was_put[i]);
    bide(bide__queue_join(the_queue()));
    bide__queue_finish(the_queue());
    return 0;
}
bide_async(queue_storm);

#define queue_storm_test(name, kind_)                                                                                  \
    unit_test(name)                                                                                                    \
    {                                                                                                                  \
        struct storm_counts counts = { 0 };                                                                            \
                                                                                                                       \
        kind = kind_;                                                                                                  \
        return run_storm(bide_co(queue_storm), &counts);                                                               \
    }

queue_storm_test(P_queue_of_one, SINGLE) queue_storm_test(P_queue_of_three, TRIPLE)
    queue_storm_test(P_lifo_queue, STACK) queue_storm_test(P_priority_queue, PRIORITY)
        queue_storm_test(P_queue_on_the_heap, HEAP)
