/*
 * Runs programs that consist of one line of text: scripts for tasks, one letter an operation. tests/semantics/
 * interleave.py does the same with asyncio; the two must stay alike, letter by letter, so that the traces can be
 * compared. Each operation notes, when it has ended: the task's letter, the operation, "=" and its outcome if that
 * is not plain success; "@n" when time has passed.
 */
#include "support_interleave.h"

#include "support_interleave_world.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A script that is being run by a task. */
struct frame {
    char who;
    int depth; /* of wait_for in wait_for */
    int value;
    bool stopped;
    bide_group *group;
};

static int run(struct frame *frame, const char *at, const char *end);

static int ended(struct frame *frame, const char *name, size_t length, int result, bool has_value)
{
    interleave_note(frame->who, name, length, interleave_value_or_outcome(result, has_value));
    return result < 0 ? result : 0;
}

/* A task's letter, by its handle's name. */
static char letter_of(bide_task *task)
{
    return *bide_task_name(task);
}

static int run_script(char who, int script, int depth)
{
    struct frame frame = { .who = who, .depth = depth };
    int err = run(&frame, interleave_world.scripts[script], interleave_world.ends[script]);

    return err < 0 ? err : frame.value;
}
bide_async(run_script, char, int, int);

static int body(char who, int script)
{
    int result;

    interleave_note(who, "(", 1, "");
    result = run_script(who, script, 0);
    interleave_note(who, ")", 1, interleave_value_or_outcome(result, true));
    return result;
}
bide_async(body, char, int);

static int script_of(char digit)
{
    return (digit - '0') % interleave_world.script_count;
}

/* The end of the block that opens at `at`. */
static const char *block_end(const char *at)
{
    int depth = 0;

    for (;; at++) {
        if (*at == '{')
            depth++;
        else if (*at == '}' && --depth == 0)
            return at;
    }
}

/* ---- what may wait: each returns its error, and where it ends in *ret_end ---- */

static int block_with(struct frame *frame, const char *at, const char **ret_end)
{
    const char *end = block_end(at + 2);
    int i = at[1] - '0', err, body_err = 0;
    bool ran = false;

    *ret_end = end + 1;
#define BODY                                                                                                           \
    {                                                                                                                  \
        ran = true;                                                                                                    \
        interleave_note(frame->who, at, 2, "");                                                                        \
        body_err = run(frame, at + 3, end);                                                                            \
    }
    if (*at == 'l')
        bide_with (&interleave_world.locks[i], err)
            BODY else if (*at == 'c') bide_with (&interleave_world.conditions[i], err) BODY else if (i == 0)
                bide_with (&interleave_world.semaphore, err) BODY else bide_with (&interleave_world.bounded, err) BODY
#undef BODY
                if (!ran) return ended(frame, at, 2, err, false);
    char name[3] = { at[0], at[1], '}' };
    interleave_note(frame->who, name, 3, "");
    return body_err;
}

static int block_timeout(struct frame *frame, const char *at, const char **ret_end)
{
    char *start, name[16];
    double seconds = (double)strtol(at + 1, &start, 10) * INTERLEAVE_UNIT;
    const char *end = block_end(start);
    int err;

    *ret_end = end + 1;
    bide_timeout (seconds, err) {
        err = run(frame, start + 1, end);
    }
    snprintf(name, sizeof name, "%.*s}", (int)(start - at), at);
    return ended(frame, name, strlen(name), err, false);
}

static int block_group(struct frame *frame, const char *at, const char **ret_end)
{
    const char *end = block_end(at + 1);
    bide_group *outer = frame->group;
    bool mine[TASKS] = { false };
    int err;

    *ret_end = end + 1;
    bide_task_group (tg, err) {
        bide_group *before = tg;

        frame->group = tg;
        err = run(frame, at + 2, end);
        frame->group = outer;
        interleave_note(frame->who, "o", 1, interleave_value_or_outcome(err, false));
        for (int i = 0; i < interleave_world.handle_count; i++)
            mine[i] = interleave_world.handles[i] && strchr(bide_task_name(interleave_world.handles[i]), '/') &&
                      atol(bide_task_name(interleave_world.handles[i]) + 2) == (long)(uintptr_t)before;
    }
    for (int i = 0; i < interleave_world.handle_count; i++)
        if (mine[i])
            interleave_world.handles[i] = NULL;
    return ended(frame, "O}", 2, err, false);
}

static int block_cleanup(struct frame *frame, const char *at, const char **ret_end)
{
    const char *end = block_end(at + 1), *last = block_end(end + 1);
    int err = run(frame, at + 2, end), cleanup_err = 0;
    bool stopped = frame->stopped;

    *ret_end = last + 1;
    frame->stopped = false;
    bide_shield (INFINITY) {
        cleanup_err = run(frame, end + 2, last);
    }
    frame->stopped = frame->stopped || stopped;
    return cleanup_err < 0 ? cleanup_err : err;
}

static int block(struct frame *frame, const char *at, const char **ret_end)
{
    const char *end;
    int err = 0;

    switch (*at) {
    case '?':
        end = block_end(at + 1);
        err = run(frame, at + 2, end);
        if (err < 0 && err != -ECANCELED) {
            interleave_note(frame->who, "?", 1, interleave_outcome(err));
            err = 0;
        }
        break;
    case '~':
        end = block_end(at + 1);
        err = run(frame, at + 2, end);
        if (err == -ECANCELED) {
            bide_uncancel();
            interleave_note(frame->who, "~", 1, "C");
            err = 0;
        }
        break;
    case '*':
        end = block_end(at + 2);
        for (int i = 0; i < at[1] - '0' && err >= 0; i++)
            err = run(frame, at + 3, end);
        break;
    case 'T':
        return block_timeout(frame, at, ret_end);
    case 'O':
        return block_group(frame, at, ret_end);
    case '!':
        return block_cleanup(frame, at, ret_end);
    default:
        return block_with(frame, at, ret_end);
    }
    *ret_end = end + 1;
    return err;
}

/* The tasks of a list that ends with ';': each once, none that is gone, and not oneself. */
static size_t several(const char *at, bide_task **found, const char **ret_end)
{
    size_t count = 0;

    for (; *at != ';'; at++) {
        bide_task *task = interleave_handle_at(*at);
        bool known = !task || task == bide_current_task();

        for (size_t i = 0; i < count; i++)
            known = known || found[i] == task;
        if (!known)
            found[count++] = task;
    }
    *ret_end = at + 1;
    return count;
}

static int wait_many(struct frame *frame, const char *at, const char **ret_end)
{
    static const bide_wait_mode modes[] = { BIDE_ALL_COMPLETED, BIDE_FIRST_COMPLETED, BIDE_FIRST_EXCEPTION };
    bide_task *found[TASKS];
    size_t count = several(at + 2, found, ret_end);
    char text[TASKS + 2] = "";
    int done;

    if (count == 0)
        return 0;
    done = bide_wait(found, count, modes[(at[1] - '0') % 3]);
    if (done < 0)
        return ended(frame, at, (size_t)(*ret_end - 1 - at), done, false);
    for (size_t i = 0, length = 0; i <= count; i++) {
        if (i == (size_t)done)
            text[length++] = '/';
        if (i < count)
            text[length++] = letter_of(found[i]);
    }
    interleave_note(frame->who, at, (size_t)(*ret_end - 1 - at), text);
    return 0;
}

static int as_completed(struct frame *frame, const char *at, const char **ret_end)
{
    bide_task *found[TASKS];
    size_t count = several(at + 1, found, ret_end);
    int err = 0;

    if (count == 0)
        return 0;
    bide_each_completed (task, found, count, err) {
        char text[2] = { letter_of(task), 0 };
        interleave_note(frame->who, at, (size_t)(*ret_end - 1 - at), text);
    }
    return err < 0 ? ended(frame, at, (size_t)(*ret_end - 1 - at), err, false) : 0;
}

static int gather(struct frame *frame, const char *at, const char **ret_end)
{
    const char *end = strchr(at, ';');
    size_t count = (size_t)(end - at - 1), length = 0;
    struct bide__arguments_body arguments[SCRIPTS];
    bide_coroutine coroutines[SCRIPTS];
    int results[SCRIPTS], err;
    char text[128] = "";

    *ret_end = end + 1;
    assert(count <= SCRIPTS);
    if (interleave_world.spawned + (int)count > TASKS)
        return 0;
    for (size_t i = 0; i < count; i++)
        coroutines[i] = bide__make_body(&arguments[i], __FILE__, __LINE__,
                                        (char)('a' + interleave_world.spawned + (int)i), script_of(at[1 + i]));
    if (!bide_cancelled())
        interleave_world.spawned += (int)count;
    if (*at == 'A')
        return ended(frame, at, (size_t)(end - at), bide_gather_n(coroutines, count), false);
    err = bide_gather_settled(coroutines, count, results);
    if (err < 0)
        return ended(frame, at, (size_t)(end - at), err, false);
    for (size_t i = 0; i < count; i++)
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%s", interleave_value_or_outcome(results[i], true));
    interleave_note(frame->who, at, (size_t)(end - at), text);
    return 0;
}

static void create(struct frame *frame, const char *at)
{
    static char names[TASKS][32];
    char letter[2] = { 'x', 0 };

    if (*at == 'i' && !frame->group)
        return;
    if (interleave_world.spawned < TASKS) {
        char *name = names[interleave_world.spawned];
        bide_group *group = *at == 'i' ? frame->group : NULL;

        *letter = (char)('a' + interleave_world.spawned++);
        snprintf(name, sizeof names[0], group ? "%c/%ld" : "%c", *letter, (long)(uintptr_t)group);
        bide_task *task = bide_create_task(group, bide_co(body, *letter, script_of(at[1])));
        bide_set_task_name(task, name);
        interleave_world.handles[interleave_world.handle_count++] = task;
    }
    interleave_note(frame->who, at, 2, letter);
}

static int counter_0(void *unused)
{
    (void)unused;
    return interleave_world.counters[0] > 0;
}

static int counter_1(void *unused)
{
    (void)unused;
    return interleave_world.counters[1] > 0;
}

static int wait_for_counter(int i)
{
    int err = bide_condition_wait_for(&interleave_world.conditions[i], i ? counter_1 : counter_0, NULL);

    return err < 0 ? err : 0;
}

static int join_handle(struct frame *frame, const char *at)
{
    bide_task *task = interleave_handle_at(at[1]);

    if (!task || task == bide_current_task()) {
        interleave_note(frame->who, at, 2, "x");
        return 0;
    }
    return ended(frame, at, 2, bide_join(task), true);
}

static int wait_for(struct frame *frame, const char *at, const char **ret_end)
{
    char *end;
    double seconds = (double)strtol(at + 1, &end, 10) * INTERLEAVE_UNIT;
    int script = script_of(end[1]);

    *ret_end = end + 2;
    if (frame->depth == 2) {
        interleave_note(frame->who, at, (size_t)(end + 2 - at), "x");
        return 0;
    }
    return ended(frame, at, (size_t)(end + 2 - at),
                 bide_wait_for(bide_co(run_script, frame->who, script, frame->depth + 1), seconds), true);
}

/* One operation. */
static int step(struct frame *frame, const char *at, const char **ret_end)
{
    int i = at[1] - '0';
    char *end;

    if (strchr("lcmTO?!~*", *at))
        return block(frame, at, ret_end);
    if (strchr(":%", *at)) {
        *ret_end = interleave_schedule(at);
        return 0;
    }
    if (strchr("+ExvBRGdhHYyCD-nQFX", *at)) {
        *ret_end = at + interleave_simple_length(at);
        interleave_simple(at, frame->who);
        return 0;
    }
    *ret_end = at + 2;
    switch (*at) {
    case 'z':
        *ret_end = at + 1;
        return ended(frame, at, 1, bide_sleep(0), false);
    case 's': {
        double seconds = (double)strtol(at + 1, &end, 10) * INTERLEAVE_UNIT;
        *ret_end = end;
        return ended(frame, at, (size_t)(end - at), bide_sleep(seconds), false);
    }
    case 'p':
        return ended(frame, at, 2,
                     i == 0 ? bide_semaphore_acquire(&interleave_world.semaphore)
                            : bide_bounded_semaphore_acquire(&interleave_world.bounded),
                     false);
    case 'e':
        return ended(frame, at, 2, bide_event_wait(&interleave_world.events[i]), false);
    case 'k':
        return ended(frame, at, 2, bide_condition_wait(&interleave_world.conditions[i]), false);
    case 'K': {
        int err = ended(frame, at, 2, wait_for_counter(i), false);
        if (err == 0)
            interleave_world.counters[i]--;
        return err;
    }
    case 'b':
        return ended(frame, at, 2, bide_barrier_wait(&interleave_world.barriers[i]), true);
    case 'P':
        *ret_end = at + 3;
        return ended(frame, at, 3, interleave_put_item(i, at[2] - '0'), false);
    case 'g':
        return ended(frame, at, 2, interleave_get_item(i), true);
    case 'j':
        return ended(frame, at, 2, interleave_join_queue(i), false);
    case 'f':
        return ended(frame, at, 2, bide_future_wait(&interleave_world.futures[i]), true);
    case 't':
    case 'i':
        create(frame, at);
        return 0;
    case 'J':
        return join_handle(frame, at);
    case 'A':
    case 'S':
        return gather(frame, at, ret_end);
    case 'w':
        return wait_many(frame, at, ret_end);
    case 'a':
        return as_completed(frame, at, ret_end);
    case 'u':
        return wait_for(frame, at, ret_end);
    case '^':
        return bide_fail(FAILURE - i, "as the program says");
    case '=':
        frame->value = i;
        frame->stopped = true;
        return 0;
    case '@':
        *ret_end = at + 1;
        bide_cancel(bide_current_task());
        return 0;
    }
    assert(false && "an operation that is unknown");
    return -EINVAL;
}

static int run(struct frame *frame, const char *at, const char *end)
{
    int err = 0;

    while (at < end && !frame->stopped && err >= 0)
        err = step(frame, at, &at);
    return err;
}

/* Nothing is left to do and nothing to wait for: no program that is compared comes to this. */
static void stuck(void *unused)
{
    (void)unused;
    interleave_note('*', "deadlock", 8, "");
    bide_cancel(interleave_world.main);
}

static int program(void)
{
    interleave_world.start = bide_time();
    interleave_world.main = bide_current_task();
    bide_set_task_name(interleave_world.main, "a");
    bide_call_later(bide_get_running_loop(), 1e6, stuck, NULL, NULL);
    return body('a', 0);
}
bide_async(program);

static int smaller(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void ignore(bide_loop *loop, const bide_exception_context *context, void *unused)
{
    (void)loop;
    (void)context;
    (void)unused;
}

static int quiet_program(void)
{
    bide_set_exception_handler(bide_get_running_loop(), ignore, NULL);
    return program();
}
bide_async(quiet_program);

void interleave_run(const char *text, char *trace)
{
    bide_run_options options = { .virtual_clock = true, .quiet = true, .no_interrupt = true };

    interleave_world = (struct world){ .trace = trace,
                                       .spawned = 1,
                                       .semaphore = BIDE_SEMAPHORE(1),
                                       .bounded = BIDE_BOUNDED_SEMAPHORE(2),
                                       .conditions = { BIDE_CONDITION_WITH(&interleave_world.locks[1]) },
                                       .barriers = { BIDE_BARRIER(2), BIDE_BARRIER(3) } };
    interleave_world.queue_3 = (heap_of_2)BIDE_PRIORITY_QUEUE(smaller);
    *trace = 0;
    for (const char *at = text;; at++) {
        interleave_world.scripts[interleave_world.script_count] = at;
        at += strcspn(at, "|\n");
        interleave_world.ends[interleave_world.script_count++] = at;
        if (*at != '|')
            break;
    }
    bide_run_with(bide_co(quiet_program), &options);
    bide_queue_finish(&interleave_world.queue_4);
    for (int i = 0; i < 3; i++)
        bide_future_remove_done_callback(&interleave_world.futures[i], interleave_call_done, NULL);
    memmove(trace, trace + 1, strlen(trace)); /* the first space */
}
