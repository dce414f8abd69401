/*
 * Watchers: add_reader and add_writer, level-triggered callbacks for descriptors that somebody else owns.
 *
 * A watcher is one readiness operation that is submitted again after each callback. The operation is `foreign`: the
 * backend keeps nothing registered between two of them, so a descriptor that is closed behind our back cannot wake a
 * stranger. Removing takes the watcher out of the table at once; it is freed when its operation is through and its
 * callback has come out of the ready queue. Must never happen: a user's callback after its removal.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "loop/debug.h"
#include "loop/loop.h"

struct bide__watcher {
    struct bide__op op;
    struct bide__callback due; /* runs when the operation is done */
    void (*callback)(void *argument);
    void *argument;
    bool removed;
    bool failed; /* the descriptor went bad: nothing is in progress any more, and nothing is due */
    struct bide__watcher *next, **link; /* all of the loop, also removed ones */
};

static void release(struct bide__watcher *watcher)
{
    *watcher->link = watcher->next;
    if (watcher->next)
        watcher->next->link = watcher->link;
    bide__ready_unreserve(watcher->due.loop);
    free(watcher);
}

static void submit(struct bide__watcher *watcher)
{
    struct bide__op *op = &watcher->op;

    op->done = false;
    op->cancelling = false;
    if (watcher->due.loop->backend->submit(watcher->due.loop, op))
        bide__callback_queue(&watcher->due);
}

static void run_due(void *argument)
{
    struct bide__watcher *watcher = argument;

    if (!watcher->removed)
        watcher->callback(watcher->argument);
    if (watcher->removed)
        release(watcher);
    else if (watcher->op.result >= 0 || watcher->op.result == -EAGAIN)
        submit(watcher);
    else
        watcher->failed = true;
}

/* The place in the table for a descriptor and direction, NULL without memory. */
static struct bide__watcher **place(struct bide_loop *loop, int descriptor, enum bide__op_kind kind)
{
    size_t index = (size_t)descriptor * 2 + (kind == BIDE__OP_WRITABLE);

    if (index >= loop->watchers_size) {
        size_t size = loop->watchers_size ? loop->watchers_size : 64;

        while (size <= index)
            size *= 2;
        struct bide__watcher **watchers = realloc(loop->watchers, size * sizeof *watchers);
        if (!watchers)
            return NULL;
        for (size_t i = loop->watchers_size; i < size; i++)
            watchers[i] = NULL;
        loop->watchers = watchers;
        loop->watchers_size = size;
    }
    return &loop->watchers[index];
}

static int add(struct bide_loop *loop, int descriptor, enum bide__op_kind kind, void (*callback)(void *),
               void *argument)
{
    struct stat status;

    if (fstat(descriptor, &status) < 0)
        return -errno;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) /* poll() would call it ready for ever */
        return -EPERM;
    struct bide__watcher **slot = place(loop, descriptor, kind);
    if (!slot)
        return -ENOMEM;
    if (*slot) {
        (*slot)->callback = callback;
        (*slot)->argument = argument;
        return 0;
    }
    struct bide__watcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher || bide__ready_reserve(loop) < 0) {
        free(watcher);
        return -ENOMEM;
    }
    *watcher =
        (struct bide__watcher){ .op = { .kind = (uint8_t)kind,
                                        .foreign = true,
                                        .descriptor = descriptor,
                                        .ready = (uintptr_t)&watcher->due | BIDE__READY_CALLBACK },
                                .due = { .function = run_due, .argument = watcher, .loop = loop, .persistent = true },
                                .callback = callback,
                                .argument = argument,
                                .next = loop->watcher_list,
                                .link = &loop->watcher_list };
    if (watcher->next)
        watcher->next->link = &watcher->next;
    loop->watcher_list = watcher;
    if (loop->backend->submit(loop, &watcher->op)) {
        if (watcher->op.result < 0) {
            int err = (int)watcher->op.result;

            release(watcher);
            return err;
        }
        bide__callback_queue(&watcher->due);
    }
    *slot = watcher;
    return 0;
}

static bool take_out(struct bide_loop *loop, int descriptor, enum bide__op_kind kind)
{
    size_t index = (size_t)descriptor * 2 + (kind == BIDE__OP_WRITABLE);

    if (descriptor < 0 || index >= loop->watchers_size || !loop->watchers[index])
        return false;
    struct bide__watcher *watcher = loop->watchers[index];
    loop->watchers[index] = NULL;
    bide__loop_touched(loop);
    watcher->removed = true;
    if (watcher->failed)
        release(watcher);
    else if (!watcher->op.done)
        loop->backend->cancel(loop, &watcher->op);
    return true; /* when it is due or runs just now, run_due frees it */
}

bool bide__is_watched(const struct bide_loop *loop, int descriptor, enum bide__op_kind kind)
{
    size_t index = (size_t)descriptor * 2 + (kind == BIDE__OP_WRITABLE);

    return descriptor >= 0 && index < loop->watchers_size && loop->watchers[index];
}

int bide_add_reader(bide_loop *loop, int descriptor, void (*callback)(void *argument), void *argument)
{
    int err = bide__debug_check_thread(loop, bide__loop, "bide_add_reader");

    return err < 0 ? err : add(loop, descriptor, BIDE__OP_READABLE, callback, argument);
}

int bide_add_writer(bide_loop *loop, int descriptor, void (*callback)(void *argument), void *argument)
{
    int err = bide__debug_check_thread(loop, bide__loop, "bide_add_writer");

    return err < 0 ? err : add(loop, descriptor, BIDE__OP_WRITABLE, callback, argument);
}

bool bide_remove_reader(bide_loop *loop, int descriptor)
{
    return take_out(loop, descriptor, BIDE__OP_READABLE);
}

bool bide_remove_writer(bide_loop *loop, int descriptor)
{
    return take_out(loop, descriptor, BIDE__OP_WRITABLE);
}

void bide__watchers_close(struct bide_loop *loop)
{
    for (struct bide__watcher *watcher = loop->watcher_list; watcher; watcher = watcher->next)
        if (!watcher->op.done && !watcher->removed)
            loop->backend->cancel(loop, &watcher->op);
    while (loop->watcher_list) {
        while (!loop->watcher_list->op.done)
            loop->backend->wait(loop, BIDE__FOREVER);
        release(loop->watcher_list);
    }
    free(loop->watchers);
    loop->watchers = NULL;
    loop->watchers_size = 0;
}
