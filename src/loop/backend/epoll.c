/*
 * The epoll backend: completions emulated over edge-triggered readiness.
 *
 * A descriptor is registered once, for both directions, edge-triggered; a bit for each direction remembers whether it
 * may be ready. submit tries the system call unless the bit says it would block, so a request-response exchange costs
 * one recv and one send and no EAGAIN. A short read clears the bit (unless the peer has hung up: then the end is
 * still to be read). An event sets the bits; a waiting operation is then finished here, and its task made ready.
 *
 * Files are always "ready", so operations on them are made in place when they need not wait, else by threads: see
 * file_op.c.
 *
 * `foreign` operations, on descriptors that somebody else may close at any time, are registered level-triggered for
 * just their duration.
 *
 * Costs: submit one system call, plus one epoll_ctl in the life of a descriptor; cancel O(1). Memory: 24 bytes for
 * each descriptor number in use. Must never happen: a descriptor closed while its state says registered (forget comes
 * first), an edge lost (a bit cleared after the event that set it: the bit is only cleared by the result of a system
 * call made after the event).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop/file_op.h"
#include "loop/loop.h"

enum { EVENTS = 512 };

struct descriptor {
    struct bide__op *input, *output; /* in progress */
    bool registered;                 /* edge-triggered, both directions */
    bool may_read, may_write;        /* meaningful when registered */
    bool hung_up;
};

struct epoll {
    int descriptor;
    struct descriptor *table;
    size_t size;
    struct epoll_event events[EVENTS];
};

static int epoll_open(struct bide_loop *loop, char *reason, size_t size)
{
    struct epoll *state = calloc(1, sizeof *state);

    if (!state)
        return -ENOMEM;
    state->descriptor = epoll_create1(EPOLL_CLOEXEC);
    if (state->descriptor < 0) {
        int err = -errno;

        strncpy(reason, strerror(errno), size - 1);
        free(state);
        return err;
    }
    loop->backend_state = state;
    return 0;
}

static void epoll_close(struct bide_loop *loop)
{
    struct epoll *state = loop->backend_state;

    close(state->descriptor);
    free(state->table);
    free(state);
    loop->backend_state = NULL;
}

static struct descriptor *find(struct epoll *state, int descriptor)
{
    size_t index = (size_t)descriptor;

    if (index >= state->size) {
        size_t size = state->size ? state->size : 64;

        while (size <= index)
            size *= 2;
        struct descriptor *table = realloc(state->table, size * sizeof *table);
        if (!table)
            return NULL;
        memset(table + state->size, 0, (size - state->size) * sizeof *table);
        state->table = table;
        state->size = size;
    }
    return &state->table[index];
}

static int64_t register_edge(struct epoll *state, struct descriptor *entry, int descriptor)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET,
                                 .data.fd = descriptor };

    if (epoll_ctl(state->descriptor, EPOLL_CTL_ADD, descriptor, &event) < 0)
        return errno == EEXIST ? -EBUSY : -errno;
    /*
     * what is ready already comes as an event of the next wait; the other direction, which was not tried, is assumed
     * to be ready
     */
    entry->registered = true;
    entry->may_read = !entry->input;
    entry->may_write = !entry->output;
    entry->hung_up = false;
    return 0;
}

/* Registers what the foreign operations in progress wait for; nothing when there is none. */
static int64_t register_foreign(struct epoll *state, struct descriptor *entry, int descriptor)
{
    struct epoll_event event = { .events = (entry->input ? EPOLLIN | EPOLLRDHUP : 0U) | (entry->output ? EPOLLOUT : 0U),
                                 .data.fd = descriptor };

    if (!event.events) {
        epoll_ctl(state->descriptor, EPOLL_CTL_DEL, descriptor, &event); /* it may be closed already */
        return 0;
    }
    if (epoll_ctl(state->descriptor, EPOLL_CTL_ADD, descriptor, &event) == 0)
        return 0;
    if (errno == EEXIST && epoll_ctl(state->descriptor, EPOLL_CTL_MOD, descriptor, &event) == 0)
        return 0;
    return -errno;
}

static bool finish(struct bide__op *op, int64_t result)
{
    op->result = result;
    op->done = true;
    return true;
}

/* Learns from a result whether the direction may still be ready. */
static void remember(struct descriptor *entry, const struct bide__op *op, int64_t result)
{
    if (bide__op_is_input(op)) {
        if (result == -EAGAIN)
            entry->may_read = false;
        else if ((op->kind == BIDE__OP_RECEIVE || op->kind == BIDE__OP_READ) && result > 0 &&
                 (size_t)result < op->size && !entry->hung_up)
            entry->may_read = false;
    } else if (result == -EAGAIN || (op->kind == BIDE__OP_SEND && result >= 0 && (size_t)result < op->size)) {
        entry->may_write = false;
    }
}

static bool epoll_submit(struct bide_loop *loop, struct bide__op *op)
{
    struct epoll *state = loop->backend_state;

    if (bide__op_is_file(op))
        return bide__file_op_attempt(loop, op) || bide__file_op_submit(loop, op);
    op->done = false;
    if (op->descriptor < 0)
        return finish(op, -EBADF);
    struct descriptor *entry = find(state, op->descriptor);
    if (!entry)
        return finish(op, -ENOMEM);
    struct bide__op **place = bide__op_is_input(op) ? &entry->input : &entry->output;
    if (*place || (op->foreign && entry->registered))
        return finish(op, -EBUSY);
    /*
     * a first wait for readiness is not tried but registered: what is ready comes with the next poll, and every later
     * wait knows its bit
     */
    bool is_poll = op->kind == BIDE__OP_READABLE || op->kind == BIDE__OP_WRITABLE;
    bool try = op->foreign || !is_poll;
    if (entry->registered)
        try = (bide__op_is_input(op) ? entry->may_read : entry->may_write) || op->kind == BIDE__OP_CONNECT;
    if (try) {
        int64_t result = bide__op_attempt(op, true);

        if (entry->registered)
            remember(entry, op, result);
        if (result != -EAGAIN)
            return finish(op, result);
    }
    *place = op;
    int64_t err = op->foreign         ? register_foreign(state, entry, op->descriptor)
                  : entry->registered ? 0
                                      : register_edge(state, entry, op->descriptor);
    if (err < 0) {
        *place = NULL;
        return finish(op, err);
    }
    return false;
}

static void complete(struct bide_loop *loop, struct epoll *state, struct bide__op *op, int64_t result)
{
    struct descriptor *entry = &state->table[op->descriptor];

    if (entry->input == op)
        entry->input = NULL;
    else
        entry->output = NULL;
    if (op->foreign)
        register_foreign(state, entry, op->descriptor);
    finish(op, result);
    bide__ready_push(loop, op->ready);
}

static void epoll_cancel(struct bide_loop *loop, struct bide__op *op)
{
    if (bide__op_is_file(op)) {
        bide__file_op_cancel(loop, op);
        return;
    }
    complete(loop, loop->backend_state, op, -ECANCELED);
}

/* A waiting operation whose direction has become ready: does it, unless somebody else was faster. */
static void advance(struct bide_loop *loop, struct epoll *state, struct bide__op *op)
{
    struct descriptor *entry = &state->table[op->descriptor];
    int64_t result = op->kind == BIDE__OP_READABLE || op->kind == BIDE__OP_WRITABLE ? 0 : bide__op_attempt(op, false);

    remember(entry, op, result);
    if (result != -EAGAIN)
        complete(loop, state, op, result);
}

static void epoll_deliver(struct bide_loop *loop, struct epoll *state, const struct epoll_event *event)
{
    struct descriptor *entry = &state->table[event->data.fd];

    if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
        entry->hung_up = true;
    if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        entry->may_read = true;
        if (entry->input)
            advance(loop, state, entry->input);
    }
    if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        entry->may_write = true;
        if (entry->output)
            advance(loop, state, entry->output);
    }
}

/*
 * With a thousand connections each event touches lines that have left the cache: fetches what the events to come will
 * need, in the order it can be known. (Always in line: see prefetch_record in loop.c.)
 */
static inline __attribute__((always_inline)) void prefetch_events(const struct epoll *state, int i, int count)
{
    if (i + 12 < count)
        __builtin_prefetch(&state->table[state->events[i + 12].data.fd]);
    if (i + 8 < count) {
        const struct bide__op *op = state->table[state->events[i + 8].data.fd].input;

        __builtin_prefetch(op);
    }
    if (i + 4 < count) {
        const struct bide__op *op = state->table[state->events[i + 4].data.fd].input;

        if (op) {
            __builtin_prefetch(op->u.buffer, 1);
            __builtin_prefetch((const void *)(op->ready & ~BIDE__READY_CALLBACK));
        }
    }
}

static void epoll_wait_events(struct bide_loop *loop, int64_t timeout)
{
    struct epoll *state = loop->backend_state;
    int milliseconds = -1;

    if (timeout != BIDE__FOREVER) {
        int64_t rounded = (timeout + BIDE__MILLISECOND - 1) / BIDE__MILLISECOND;

        milliseconds = rounded > INT32_MAX ? INT32_MAX : (int)rounded;
    }
    int count = epoll_wait(state->descriptor, state->events, EVENTS, milliseconds);
    for (int i = 0; i < count; i++) {
        prefetch_events(state, i, count);
        epoll_deliver(loop, state, &state->events[i]);
    }
}

static void epoll_forget(struct bide_loop *loop, int descriptor)
{
    struct epoll *state = loop->backend_state;

    if (descriptor < 0 || (size_t)descriptor >= state->size)
        return;
    struct descriptor *entry = &state->table[descriptor];
    if (entry->registered)
        epoll_ctl(state->descriptor, EPOLL_CTL_DEL, descriptor, NULL);
    *entry = (struct descriptor){ 0 };
}

static int epoll_descriptor(struct bide_loop *loop)
{
    return ((struct epoll *)loop->backend_state)->descriptor;
}

const struct bide__backend bide__backend_epoll = {
    .name = "epoll",
    .open = epoll_open,
    .close = epoll_close,
    .submit = epoll_submit,
    .cancel = epoll_cancel,
    .wait = epoll_wait_events,
    .forget = epoll_forget,
    .descriptor = epoll_descriptor,
};
