/*
 * Waking the loop from another thread: a lock-free stack of messages, a flag that says the loop sleeps, and one
 * eventfd.
 *
 * post: push the message (one atomic exchange loop), then, only if the loop sleeps, write the eventfd (the one who
 * clears the flag writes, so a burst of posts is one system call). The loop sets the flag, looks at the stack once
 * more, and only then sleeps: a message is never missed. drain takes the whole stack at once and reverses it, so each
 * sender's messages come in its order. Safe to post from any thread while the loop lives; wake_for_signal also from a
 * signal handler.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop/loop.h"

static void read_again(struct bide_loop *loop)
{
    struct bide__op *op = &loop->wake_op;

    do {
        *op = (struct bide__op){ .kind = BIDE__OP_READ,
                                 .descriptor = loop->wake_descriptor,
                                 .u.buffer = &loop->wake_count,
                                 .size = sizeof loop->wake_count,
                                 .ready = (uintptr_t)&loop->wake_callback | BIDE__READY_CALLBACK };
    } while (loop->backend->submit(loop, op) && op->result > 0);
}

/* The eventfd was read; the messages themselves are delivered by every turn. */
static void woken(void *argument)
{
    struct bide_loop *loop = argument;

    if (loop->wake_op.result != -ECANCELED)
        read_again(loop);
}

int bide__wake_open(struct bide_loop *loop)
{
    int err = bide__ready_reserve(loop);

    if (err < 0)
        return err;
    loop->wake_callback =
        (struct bide__callback){ .function = woken, .argument = loop, .loop = loop, .persistent = true };
    loop->wake_descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_descriptor < 0)
        return -errno;
    read_again(loop);
    return loop->wake_op.done ? (int)loop->wake_op.result
                              : 0; /* not waiting: no memory, and no thread could ever wake us */
}

void bide__wake_close(struct bide_loop *loop)
{
    if (loop->wake_descriptor < 0)
        return;
    if (!loop->wake_op.done) {
        loop->backend->cancel(loop, &loop->wake_op);
        while (!loop->wake_op.done)
            loop->backend->wait(loop, BIDE__FOREVER);
    }
    loop->backend->forget(loop, loop->wake_descriptor);
    close(loop->wake_descriptor);
    loop->wake_descriptor = -1;
}

void bide__wake_up(struct bide_loop *loop)
{
    const uint64_t one = 1;

    if (atomic_exchange(&loop->sleeping, false)) {
        /* a full counter (EAGAIN) means that a wake-up is on its way already */
        while (write(loop->wake_descriptor, &one, sizeof one) < 0 && errno == EINTR)
            continue;
    }
}

void bide__wake_begin_sleep(struct bide_loop *loop)
{
    atomic_store(&loop->sleeping, true);
    if (atomic_load(&loop->remote) || atomic_load(&loop->signal_pending))
        bide__wake_up(loop);
}

void bide__remote_post(struct bide_loop *loop, struct bide__remote *remote)
{
    remote->next = atomic_load_explicit(&loop->remote, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&loop->remote, &remote->next, remote))
        continue;
    bide__wake_up(loop);
}

bool bide__remote_drain(struct bide_loop *loop)
{
    if (!atomic_load_explicit(&loop->remote, memory_order_relaxed))
        return false;
    struct bide__remote *newest = atomic_exchange(&loop->remote, NULL), *oldest = NULL;

    while (newest) {
        struct bide__remote *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct bide__remote *next = oldest->next;

        oldest->deliver(oldest);
        oldest = next;
    }
    return true;
}

void bide__wake_for_signal(struct bide_loop *loop)
{
    int saved = errno;

    atomic_store(&loop->signal_pending, true);
    bide__wake_up(loop);
    errno = saved;
}

struct threadsafe_call {
    struct bide__remote remote;
    struct bide_loop *loop;
    void (*callback)(void *argument);
    void *argument;
};

/* Queues it behind what is ready; without memory for that it runs here and now rather than never. */
static void deliver_call(struct bide__remote *remote)
{
    struct threadsafe_call *call = (struct threadsafe_call *)remote;

    if (bide_call_soon(call->loop, call->callback, call->argument, NULL) < 0)
        call->callback(call->argument);
    free(call);
}

int bide_call_soon_threadsafe(bide_loop *loop, void (*callback)(void *argument), void *argument)
{
    struct threadsafe_call *call = malloc(sizeof *call);

    if (!call)
        return -ENOMEM;
    *call = (struct threadsafe_call){ { .deliver = deliver_call }, loop, callback, argument };
    bide__remote_post(loop, &call->remote);
    return 0;
}
