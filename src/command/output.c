/*
 * Standard output: two texts, one that grows and one that a thread writes.
 *
 * Whoever adds a line while nobody writes becomes the writer and goes on until nothing is left, so lines are written
 * at once when there are few and in large pieces when there are many. Beyond a limit the others wait. What must never
 * happen: a line torn or lost, also when the writer is cancelled: what is left stays for output_finish().
 */
#include "command/output.h"

#include <bide.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { WAITING_MAX = 256 * 1024 };

static int write_rest(struct output *output)
{
    while (output->written < output->writing.size) {
        ssize_t count =
            write(output->descriptor, output->writing.data + output->written, output->writing.size - output->written);

        if (count < 0 && errno != EINTR)
            return bide_fail(-errno, "standard output: %s", strerror(errno));
        if (count > 0)
            output->written += (size_t)count;
    }
    return 0;
}
bide_async(write_rest, struct output *);

/* The text that was written becomes the one that grows, so its memory is used again. */
static void take_waiting(struct output *output)
{
    struct text empty = output->writing;

    empty.size = 0;
    output->writing = output->waiting;
    output->waiting = empty;
    output->written = 0;
}

static int write_all(struct output *output)
{
    for (;;) {
        if (output->written == output->writing.size)
            take_waiting(output);
        if (output->writing.size == 0)
            return 0;
        bide(bide_to_thread(bide_co(write_rest, output)));
        bell_ring(&output->room);
    }
}

int output_add(struct output *output, const char *data, size_t size)
{
    int err = text_add(&output->waiting, data, size);

    if (err < 0)
        return bide_fail(err, "no memory for the output");
    if (!output->busy) {
        output->busy = true;
        err = write_all(output);
        output->busy = false;
        bell_ring(&output->room);
        return err;
    }
    while (output->busy && output->waiting.size > WAITING_MAX)
        bide(bell_wait(&output->room));
    return 0;
}

int output_finish(struct output *output)
{
    int err = write_rest(output);

    if (err == 0) {
        take_waiting(output);
        err = write_rest(output);
    }
    text_free(&output->waiting);
    text_free(&output->writing);
    return err;
}
