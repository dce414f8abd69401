/*
 * Queues of other kinds, of other types, and on the heap; and what must not compile.
 */
#include "check.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../task/notes.h"

typedef bide_lifo_queue(double, 3) stack;
struct job {
    int priority;
    const char *name;
};
typedef bide_priority_queue(struct job, 100) job_queue;
typedef bide_priority_queue_of(struct job) job_heap;
typedef bide_queue_of(int) int_queue;
typedef bide_lifo_queue_of(short) short_stack;

static int by_priority(const void *a, const void *b)
{
    const struct job *x = a, *y = b;

    return (x->priority > y->priority) - (x->priority < y->priority);
}

bide_test(P1_last_in_first_out)
{
    stack queue = { 0 };
    double value;

    for (int i = 1; i <= 3; i++)
        check_eq(bide_queue_put(&queue, i * 1.5), 0);
    check(bide_queue_full(&queue));
    for (int i = 3; i >= 1; i--) {
        check_eq(bide_queue_get(&queue, &value), 0);
        check_eq(value, i * 1.5);
    }
    check_error(bide_queue_get_nowait(&queue, &value), EAGAIN);
    return 0;
}

bide_test(P1_smallest_first_and_equal_ones_in_their_order)
{
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g" };
    static const int priorities[] = { 2, 1, 2, 0, 1, 2, 0 };
    job_queue queue = BIDE_PRIORITY_QUEUE(by_priority);
    struct job job;

    for (int i = 0; i < 7; i++)
        check_eq(bide_queue_put(&queue, (struct job){ priorities[i], names[i] }), 0);
    while (bide_queue_get_nowait(&queue, &job) == 0)
        note("%s", job.name);
    check_notes("d g b e a c f");
    return 0;
}

/* Against a plain sorted list: random puts and gets, few priorities, so many are equal. */
bide_test(a_priority_queue_is_stable_and_sorted_in_a_long_random_run)
{
    enum { CAPACITY = 100, STEPS = 20000 };
    job_queue queue = BIDE_PRIORITY_QUEUE(by_priority);
    struct job model[CAPACITY], job;
    size_t size = 0;
    static char identity[STEPS]; /* the address of a byte names a job */

    srand(1);
    for (int step = 0; step < STEPS; step++) {
        if (rand() % 2 && size < CAPACITY) {
            struct job added = { rand() % 5, &identity[step] };
            size_t at = size;

            while (at > 0 && model[at - 1].priority > added.priority)
                at--;
            memmove(&model[at + 1 < CAPACITY ? at + 1 : at], &model[at], (size - at) * sizeof model[0]);
            model[at] = added;
            size++;
            check_eq(bide_queue_put_nowait(&queue, added), 0);
        } else if (size) {
            check_eq(bide_queue_get_nowait(&queue, &job), 0);
            check(job.name == model[0].name);
            memmove(model, model + 1, --size * sizeof model[0]);
        }
        check_eq(bide_queue_size(&queue), size);
    }
    return 0;
}

bide_test(a_priority_queue_needs_a_comparison)
{
    job_queue queue = { 0 };

    check_error(bide_queue_put(&queue, (struct job){ 1, "x" }), EINVAL);
    check(strstr(bide_strerror(-EINVAL), "BIDE_PRIORITY_QUEUE") != NULL);
    check(bide_queue_empty(&queue));
    return 0;
}

static int put_job(job_queue *queue, int priority)
{
    return bide_queue_put(queue, (struct job){ priority, "" });
}
bide_async(put_job, job_queue *, int);

bide_test(a_waiting_putter_of_a_priority_queue_is_sorted_in)
{
    job_queue queue = BIDE_PRIORITY_QUEUE(by_priority);
    struct job job;
    int err;

    for (int i = 0; i < 100; i++)
        check_eq(bide_queue_put(&queue, (struct job){ 10 + i, "" }), 0);
    bide_task_group (tg, err) {
        bide_start(tg, bide_co(put_job, &queue, 1));
        turns(1);
        check_eq(bide_queue_get(&queue, &job), 0);
        check_eq(job.priority, 10);
        check_eq(bide_queue_get(&queue, &job), 0);
        check_eq(job.priority, 1);
    }
    return err;
}

bide_test(P2_without_a_limit_put_never_waits)
{
    int_queue queue = { 0 };
    int item;

    for (int round = 0; round < 3; round++) { /* the ring wraps and grows while it is wrapped */
        for (int i = 0; i < 1000 * (round + 1); i++)
            check_eq(bide_queue_put_nowait(&queue, i), 0);
        check(!bide_queue_full(&queue));
        check_eq(bide_queue_limit(&queue), 0);
        for (int i = 0; i < 1000 * (round + 1); i++) {
            check_eq(bide_queue_get_nowait(&queue, &item), 0);
            check_eq(item, i);
            if (i % 3 == 0)
                check_eq(bide_queue_put_nowait(&queue, -1), 0);
        }
        while (!bide_queue_empty(&queue)) {
            check_eq(bide_queue_get_nowait(&queue, &item), 0);
            check_eq(item, -1);
        }
    }
    bide_queue_finish(&queue);
    check_eq(bide_queue_put(&queue, 1), 0); /* as new */
    bide_queue_finish(&queue);
    return 0;
}

bide_test(a_limit_chosen_at_run_time)
{
    int_queue queue;
    short_stack stack_queue;
    job_heap heap;
    short value;
    struct job job;

    bide_queue_init(&queue, 17);
    for (int i = 0; i < 17; i++)
        check_eq(bide_queue_put_nowait(&queue, i), 0);
    check_error(bide_queue_put_nowait(&queue, 17), EAGAIN);
    check(bide_queue_full(&queue));
    check_eq(bide_queue_limit(&queue), 17);
    bide_queue_finish(&queue);
    check_eq(bide_queue_limit(&queue), 17);

    bide_queue_init(&stack_queue, 0);
    for (short i = 0; i < 100; i++)
        check_eq(bide_queue_put(&stack_queue, i), 0);
    for (short i = 99; i >= 0; i--) {
        check_eq(bide_queue_get(&stack_queue, &value), 0);
        check_eq(value, i);
    }
    bide_queue_finish(&stack_queue);

    bide_priority_queue_init(&heap, 0, by_priority);
    for (int i = 0; i < 100; i++)
        check_eq(bide_queue_put(&heap, (struct job){ i * 37 % 100, "" }), 0);
    for (int i = 0; i < 100; i++) {
        check_eq(bide_queue_get(&heap, &job), 0);
        check_eq(job.priority, i);
    }
    bide_queue_finish(&heap);
    return 0;
}

bide_test(an_immediate_shutdown_then_finish_frees_a_heap_queue)
{
    int_queue queue = { 0 };

    for (int i = 0; i < 50; i++)
        check_eq(bide_queue_put(&queue, i), 0);
    bide_queue_shutdown(&queue, true);
    check(bide_queue_empty(&queue));
    bide_queue_finish(&queue);
    return 0;
}

struct wide {
    long double number;
    char text[3];
} __attribute__((aligned(64)));

bide_test(values_of_any_size)
{
    static bide_queue(char, 3) bytes;
    static bide_queue(struct wide, 3) wides;
    static bide_queue(int (*)(const void *, const void *), 2) functions;
    static bide_queue(const char *, 2) texts;
    struct wide wide = { 1.5L, "ab" }, copy;
    char byte, text[] = "array";
    int (*function)(const void *, const void *);
    const char *pointer;

    for (int round = 0; round < 4; round++) {
        check_eq(bide_queue_put(&bytes, 'x'), 0);
        check_eq(bide_queue_put(&bytes, 'y'), 0);
        check_eq(bide_queue_get(&bytes, &byte), 0);
        check_eq(byte, 'x');
        check_eq(bide_queue_get(&bytes, &byte), 0);
        check_eq(byte, 'y');
        check_eq(bide_queue_put(&wides, wide), 0);
        check_eq(bide_queue_get(&wides, &copy), 0);
        check(copy.number == wide.number);
        check_str(copy.text, "ab");
    }
    check_eq(bide_queue_put(&functions, by_priority), 0);
    check_eq(bide_queue_get(&functions, &function), 0);
    check(function == by_priority);
    check_eq(bide_queue_put(&texts, text), 0);
    check_eq(bide_queue_put(&texts, NULL), 0);
    check_eq(bide_queue_get(&texts, &pointer), 0);
    check(pointer == text);
    check_eq(bide_queue_get(&texts, &pointer), 0);
    check(pointer == NULL);
    return 0;
}

/* An argument of a macro is computed once, also when it waits and leaves the function. */
static int put_computed(int_queue *queue, int *calls)
{
    return bide_queue_put(queue, bide(bide_sleep(0)) + ++*calls);
}

bide_test(an_argument_is_computed_once)
{
    int_queue queue = { 0 };
    int calls = 0, item;

    check_eq(put_computed(&queue, &calls), 0);
    check_eq(calls, 1);
    check_eq(bide_queue_get(&queue, &item), 0);
    check_eq(item, 1);
    bide_queue_finish(&queue);
    return 0;
}

/* ---- what must not compile ---- */

/* Hands a statement, with queues of many types in sight, to the compiler. True if it compiles. */
static bool compiles(const char *statement)
{
    const char *compiler = getenv("CC"), *root = getenv("BIDE_SOURCE_DIR");
    char command[1024];

    snprintf(command, sizeof command, "%s -std=gnu11 -fsyntax-only -I%s/include -x c - >/dev/null 2>&1",
             compiler ? compiler : "cc", root ? root : ".");
    FILE *pipe = popen(command, "w");
    check(pipe != NULL);
    fprintf(
        pipe,
        "#include <bide.h>\n"
        "struct a { int x; }; struct b { int x; };\n"
        "static bide_queue(int, 2) ints; static bide_queue(const char *, 2) texts;\n"
        "static bide_queue(struct a *, 2) pointers;\n"
        "static bide_queue(struct a, 2) structs; static bide_queue(_Bool, 2) bools; static bide_broadcast(int) news;\n"
        "int f(struct a *pa, struct b *pb, int i, double d);\n"
        "int f(struct a *pa, struct b *pb, int i, double d) { (void)pa; (void)pb; (void)i; (void)d; return %s; }\n",
        statement);
    return pclose(pipe) == 0;
}

unit_test(values_of_another_type_do_not_compile)
{
    static const char *const right[] = {
        "bide_queue_put(&ints, 1)",      "bide_queue_put(&ints, d)",
        "bide_queue_get(&ints, &i)",     "bide_queue_put(&texts, \"x\")",
        "bide_queue_put(&texts, NULL)",  "bide_queue_put(&pointers, pa)",
        "bide_queue_put(&structs, *pa)", "bide_queue_put(&structs, (struct a){ 1 })",
        "bide_queue_put(&bools, i > 1)", "bide_queue_put(&pointers, NULL)",
        "bide_broadcast_send(&news, 1)",
    };
    static const char *const wrong[] = {
        "bide_queue_put(&ints, \"x\")",   "bide_queue_put(&ints, pa)",         "bide_queue_put(&ints, *pa)",
        "bide_queue_get(&ints, &d)",      "bide_queue_get(&ints, pa)",         "bide_queue_put(&texts, 5)",
        "bide_queue_put(&texts, pa)",     "bide_queue_put(&pointers, pb)",     "bide_queue_put(&pointers, 1)",
        "bide_queue_put(&structs, *pb)",  "bide_queue_put(&structs, 1)",       "bide_queue_put(&bools, pa)",
        "bide_broadcast_send(&news, pa)", "bide_broadcast_receive(&news, &d)", "bide_queue_get_nowait(&pointers, &pb)",
    };

    if (getenv("BIDE_VALGRIND") || !compiles("0"))
        skip("there is no compiler to ask");
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        if (!compiles(right[i]))
            check_str(right[i], "compiles");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (compiles(wrong[i]))
            check_str(wrong[i], "does not compile");
    return 0;
}
