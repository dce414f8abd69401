/* What the two halves of the interpreter of interleavings share. */
#ifndef BIDE_TESTS_SUPPORT_INTERLEAVE_WORLD_H
#define BIDE_TESTS_SUPPORT_INTERLEAVE_WORLD_H

#include "support_interleave.h"

#include <bide.h>

enum { SCRIPTS = 10, TASKS = 24, CALLBACKS = 256, FAILURE = -2000 };
#define INTERLEAVE_UNIT (1.0 / 64) /* seconds */

typedef bide_queue(int, 1) queue_of_1;
typedef bide_queue(int, 2) queue_of_2;
typedef bide_lifo_queue(int, 2) stack_of_2;
typedef bide_priority_queue(int, 2) heap_of_2;
typedef bide_queue_of(int) queue_of_any;

struct callback {
    const char *at;
};

/* All that the tasks of one program share. */
struct world {
    char *trace;
    size_t length;
    const char *scripts[SCRIPTS], *ends[SCRIPTS];
    int script_count, spawned, handle_count;
    bide_task *handles[TASKS];
    double start;
    long last_time;
    bide_lock locks[2];
    bide_semaphore semaphore;
    bide_bounded_semaphore bounded;
    bide_event events[2];
    bide_condition conditions[2];
    int counters[2];
    bide_barrier barriers[2];
    queue_of_1 queue_0;
    queue_of_2 queue_1;
    stack_of_2 queue_2;
    heap_of_2 queue_3;
    queue_of_any queue_4;
    bide_future futures[3];
    bide_handle timer;
    bide_task *main;
    struct callback callbacks[CALLBACKS];
    int callback_count;
};
extern struct world interleave_world;

/* Notes that `who` has ended what is written at `name`; result: "" for plain success. */
void interleave_note(char who, const char *name, size_t length, const char *result);

/* An error as text; of a group that of all, sorted, as the order in which tasks are told to end is no rule. */
const char *interleave_outcome(int err);

/* What a call that may wait came to: "" for 0, or its value. */
const char *interleave_value_or_outcome(int result, bool has_value);

/* The handle of that number; NULL: its group has ended. */
bide_task *interleave_handle_at(char digit);

/* The queues, by number. */
int interleave_put_item(int i, int item);
int interleave_get_item(int i);
int interleave_join_queue(int i);

/* Does what is written at `at`, which never waits. */
void interleave_simple(const char *at, char who);
size_t interleave_simple_length(const char *at);

/* The same in a callback, soon or later; where that ends. */
const char *interleave_schedule(const char *at);

/* The done callback of the futures. */
void interleave_call_done(bide_future *future, void *unused);

#endif
