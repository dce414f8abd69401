/*
 * communicate: input in, output out, and the end, without a deadlock between full pipes.
 *
 * A task for each pipe. How far the input is, and what has come of the output, is kept in the process, not in these
 * tasks: when they are cancelled nothing is lost, and the next call goes on from there. Must never happen: two tasks
 * that append to one buffer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bide/coro.h>
#include <bide/error.h>
#include <bide/task.h>

#include "io/process.h"
#include "task/wait.h"

enum { FIRST_BYTES = 4096 };

/* Writes what is left of the input, then ends it. A program that does not want it has its reasons. */
static int feed(struct bide_process *process, const char *input, size_t size)
{
    bide_stream *stream = process->standard[0];

    while (process->fed < size) {
        ssize_t count = bide_write(stream, input + process->fed, size - process->fed);

        if (count == -EPIPE || count == -ECONNRESET || count == -EBADF) /* the last: its input was ended already */
            break;
        if (count < 0)
            return (int)count;
        process->fed += (size_t)count;
    }
    return bide_write_eof(stream);
}
bide_async(feed, struct bide_process *, const char *, size_t);

/* Room for at least one more byte, and the '\0'. */
static int make_room(struct bide__collected *collected, size_t limit)
{
    size_t capacity = collected->capacity ? collected->capacity : FIRST_BYTES;

    if (collected->data && collected->size + 1 < collected->capacity)
        return 0;
    while (capacity <= collected->size + 1)
        capacity *= 2;
    if (capacity > limit + 2) /* one byte more than allowed, to see that there is one */
        capacity = limit + 2;
    char *data = realloc(collected->data, capacity);
    if (!data)
        return -ENOMEM;
    collected->data = data;
    collected->capacity = capacity;
    return 0;
}

static int collect(struct bide_process *process, int number)
{
    struct bide__collected *collected = &process->collected[number - 1];
    ssize_t count;

    do {
        if (collected->size > process->output_limit)
            return bide_fail(BIDE_ELIMIT, "%s of '%s': more than %zu bytes", number == 1 ? "stdout" : "stderr",
                             process->name, process->output_limit);
        if (make_room(collected, process->output_limit) < 0)
            return bide_fail(-ENOMEM, "the output of '%s': no memory", process->name);
        count = bide_read(process->standard[number], collected->data + collected->size,
                          collected->capacity - collected->size - 1);
        if (count > 0)
            collected->size += (size_t)count;
    } while (count > 0);
    collected->data[collected->size] = '\0';
    return (int)count;
}
bide_async(collect, struct bide_process *, int);

static int move_bytes(struct bide_process *process, const char *input, size_t size)
{
    int err;

    bide_task_group (tasks, err) {
        if (process->standard[0])
            bide(bide_start(tasks, bide_co(feed, process, input, input ? size : 0)));
        for (int i = 1; i < 3; i++)
            if (process->standard[i])
                bide(bide_start(tasks, bide_co(collect, process, i)));
    }
    return err;
}

/* Hands out what was collected. */
static void give(struct bide_process *process, bide_process_output *ret_output)
{
    const struct bide__collected *out = &process->collected[0], *errors = &process->collected[1];

    if (!ret_output)
        return;
    *ret_output = (bide_process_output){ out->data, out->size, errors->data, errors->size };
    memset(process->collected, 0, sizeof process->collected);
}

int bide_process_communicate(bide_process *process, const void *input, size_t size, bide_process_output *ret_output)
{
    if (process->communicating)
        return bide_fail(-EBUSY, "communicate with '%s': another task is doing that already", process->name);
    process->communicating = true;
    int err = move_bytes(process, input, size);
    if (err >= 0)
        err = bide_process_wait(process, NULL);
    process->communicating = false;
    if (err < 0)
        return err;
    give(process, ret_output);
    return 0;
}

void bide_process_output_free(bide_process_output *output)
{
    free(output->text);
    free(output->errors);
    *output = (bide_process_output){ 0 };
}
