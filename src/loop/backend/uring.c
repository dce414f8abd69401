/*
 * The io_uring backend: operations are entries of a ring, and one system call a turn both submits them and waits.
 *
 * receive, accept and connect are entries at once (an attempt first costs more than it saves). send is attempted
 * directly and becomes an entry when the socket is full. Reads and writes of pipes cannot wait in the kernel (it
 * answers EAGAIN for a non-blocking file), so it is asked for readiness and the call is made here. What a foreign
 * descriptor waits for is looked at directly first, so that a bad one is refused at once, as with epoll.
 *
 * Operations on files are made in place when they need not wait; else they are entries if the kernel has them
 * (uring_file.c), and the file threads' if not.
 *
 * An entry's user data is the address of its operation. Completions are taken in two steps: harvest copies results
 * into the operations and links them, settle finishes them. So a submission that finds the ring full can enter and
 * harvest without finishing anything in the middle of somebody's step, and a free entry is always found.
 *
 * Cancelling is an entry too. It stands behind the operation it means and before any later one, so an address that is
 * used again is never mistaken. An operation ends when its own completion has come, never before: until then its
 * buffers are the kernel's.
 *
 * Costs: submit some stores; cancel O(1); nothing is allocated for an operation. Memory: 128 KiB of rings, 24 bytes
 * for each descriptor number in use. A turn with nothing to submit and nothing finished makes no system call. Must
 * never happen: an operation finished twice, two of one direction on one descriptor at once (but for one that is
 * being cancelled).
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "loop/backend/uring_file.h"
#include "loop/backend/uring_ring.h"
#include "loop/loop.h"
#include "stack/sanitizer.h"

/* op->backend_data: what the kernel was asked to do. */
enum stage {
    DIRECT, /* the operation itself */
    POLLED  /* to tell when its descriptor is ready */
};

/* The user data of an entry that no operation waits for. */
enum { NOBODY = 0 };

struct descriptor {
    struct bide__op *input, *output; /* in progress */
    bool owned;                      /* by a stream or the like; a foreign operation is refused */
};

struct uring {
    struct bide__ring ring; /* first: a test takes its operations away */
    struct descriptor *table;
    size_t size;
    size_t in_kernel; /* operations submitted and not harvested */
    struct bide__op *harvested, **harvested_end;
};

static int uring_open(struct bide_loop *loop, char *reason, size_t size)
{
    struct uring *state = calloc(1, sizeof *state);

    if (!state) {
        strncpy(reason, "no memory", size - 1);
        return -ENOMEM;
    }
    int err = bide__ring_open(&state->ring, loop->is_guest, reason, size);
    if (err < 0) {
        free(state);
        return err;
    }
    state->harvested_end = &state->harvested;
    loop->backend_state = state;
    return 0;
}

/* The entry of a descriptor, NULL without memory. */
static struct descriptor *find(struct uring *state, int descriptor)
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

/* Takes all completions out of the ring and links their operations, in order. True if there were any. */
static bool harvest(struct uring *state)
{
    struct bide__ring *ring = &state->ring;
    unsigned head = *ring->completion_head, first = head,
             tail = __atomic_load_n(ring->completion_tail, __ATOMIC_ACQUIRE);

    for (; head != tail; head++) {
        const struct io_uring_cqe *completion = &ring->completions[head & ring->completion_mask];
        struct bide__op *op = (struct bide__op *)(uintptr_t)completion->user_data;

        if (tail - head > 4)
            __builtin_prefetch((const void *)(uintptr_t)ring->completions[(head + 4) & ring->completion_mask].user_data,
                               1);
        if (completion->user_data == NOBODY)
            continue;
        op->result = completion->res;
        op->next = NULL;
        *state->harvested_end = op;
        state->harvested_end = &op->next;
        state->in_kernel--;
    }
    __atomic_store_n(ring->completion_head, head, __ATOMIC_RELEASE);
    return head != first;
}

/* A free entry. When all are taken, they are submitted first; a kernel without memory for them is given time. */
static struct io_uring_sqe *take(struct uring *state)
{
    struct io_uring_sqe *entry;

    while (!(entry = bide__ring_take(&state->ring))) {
        int err = bide__ring_enter(&state->ring, bide__ring_unsubmitted(&state->ring), 0);

        if (err == -EAGAIN)
            bide__ring_enter(&state->ring, 0, BIDE__MILLISECOND);
        harvest(state);
    }
    return entry;
}

static void begin_poll(struct uring *state, struct bide__op *op)
{
    struct io_uring_sqe *entry = take(state);
    unsigned events =
        bide__op_is_input(op) ? POLLIN | (op->kind == BIDE__OP_READABLE ? (unsigned)POLLRDHUP : 0U) : (unsigned)POLLOUT;

    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
        events = events << 16 | events >> 16;
    entry->opcode = IORING_OP_POLL_ADD;
    entry->fd = op->descriptor;
    entry->poll32_events = events;
    entry->user_data = (uintptr_t)op;
    op->backend_data = POLLED;
    state->in_kernel++;
}

static void begin(struct uring *state, struct bide__op *op)
{
    static const uint8_t opcodes[] = { [BIDE__OP_RECEIVE] = IORING_OP_RECV,
                                       [BIDE__OP_SEND] = IORING_OP_SEND,
                                       [BIDE__OP_SEND_MESSAGE] = IORING_OP_SENDMSG,
                                       [BIDE__OP_ACCEPT] = IORING_OP_ACCEPT,
                                       [BIDE__OP_CONNECT] = IORING_OP_CONNECT };

    if (op->kind >= sizeof opcodes || !opcodes[op->kind]) {
        begin_poll(state, op);
        return;
    }
    struct io_uring_sqe *entry = take(state);

    entry->opcode = opcodes[op->kind];
    entry->fd = op->descriptor;
    entry->user_data = (uintptr_t)op;
    switch ((enum bide__op_kind)op->kind) {
    case BIDE__OP_ACCEPT:
        entry->accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
        if (op->u.peer) {
            op->u.peer->size = sizeof op->u.peer->address;
            entry->addr = (uintptr_t)&op->u.peer->address;
            entry->addr2 = (uintptr_t)&op->u.peer->size;
        }
        break;
    case BIDE__OP_CONNECT:
        entry->addr = (uintptr_t)op->u.address;
        entry->off = op->size;
        break;
    case BIDE__OP_SEND_MESSAGE:
        entry->addr = (uintptr_t)op->u.message;
        entry->len = 1;
        entry->msg_flags = MSG_NOSIGNAL;
        break;
    default: /* the kernel moves at most 2 GiB at once either way */
        entry->addr = (uintptr_t)op->u.buffer;
        entry->len = op->size > INT32_MAX ? INT32_MAX : (unsigned)op->size;
        entry->msg_flags = op->kind == BIDE__OP_SEND ? MSG_NOSIGNAL : 0;
    }
    op->backend_data = DIRECT;
    state->in_kernel++;
}

static bool finish(struct bide__op *op, int64_t result)
{
    op->result = result;
    op->done = true;
    return true;
}

/* What is attempted before the kernel is asked to wait. */
static bool attempted_first(const struct bide__op *op)
{
    switch ((enum bide__op_kind)op->kind) {
    case BIDE__OP_SEND:
    case BIDE__OP_SEND_MESSAGE:
    case BIDE__OP_WRITE:
        return true;
    case BIDE__OP_CONNECT: /* a local one never waits: it is through at once, or refused because the listener's queue is full */
        return op->u.address->sa_family == AF_UNIX;
    default:
        return op->foreign || op->likely_ready;
    }
}

static void begin_file(struct uring *state, struct bide__op *op, bool never_in_place)
{
    bide__uring_file_fill(take(state), op, never_in_place);
    op->backend_data = DIRECT;
    state->in_kernel++;
}

static bool submit_file(struct bide_loop *loop, struct bide__op *op)
{
    struct uring *state = loop->backend_state;

    if (bide__file_op_attempt(loop, op))
        return true;
    if (!bide__uring_file_can(&state->ring, op))
        return bide__file_op_submit(loop, op);
    loop->jobs_under_way++;
    begin_file(state, op, false);
    return false;
}

static bool uring_submit(struct bide_loop *loop, struct bide__op *op)
{
    struct uring *state = loop->backend_state;

    op->cancelling = false;
    if (bide__op_is_file(op))
        return submit_file(loop, op);
    op->done = false;
    if (op->descriptor < 0)
        return finish(op, -EBADF);
    struct descriptor *entry = find(state, op->descriptor);
    if (!entry)
        return finish(op, -ENOMEM);
    struct bide__op **place = bide__op_is_input(op) ? &entry->input : &entry->output;
    const struct bide__op *other = bide__op_is_input(op) ? entry->output : entry->input;
    if (*place || (op->foreign ? entry->owned : other && other->foreign))
        return finish(op, -EBUSY);
    if (attempted_first(op)) {
        int64_t result = bide__op_attempt(op, true);

        if (result != -EAGAIN)
            return finish(op, result);
    }
    *place = op;
    entry->owned = !op->foreign;
    begin(state, op);
    return false;
}

static void vacate(struct uring *state, struct bide__op *op)
{
    struct descriptor *entry = &state->table[op->descriptor];

    if (entry->input == op)
        entry->input = NULL;
    if (entry->output == op)
        entry->output = NULL;
}

static void uring_cancel(struct bide_loop *loop, struct bide__op *op)
{
    struct uring *state = loop->backend_state;
    struct io_uring_sqe *entry;

    if (bide__op_is_file(op) && bide__file_op_of(op)->in_pool) {
        bide__file_op_cancel(loop, op);
        return;
    }
    entry = take(state);
    entry->opcode = IORING_OP_ASYNC_CANCEL;
    entry->addr = (uintptr_t)op;
    entry->user_data = NOBODY;
    entry->flags = state->ring.can_skip_success ? 1U << 6 : 0; /* IOSQE_CQE_SKIP_SUCCESS */
    op->cancelling = true;
    if (!bide__op_is_file(op))
        vacate(state, op); /* the descriptor may be used again at once */
}

/* What a completion means for its operation: a result, or -EAGAIN when it is to wait on (for readiness). */
static int64_t judge(struct bide__op *op)
{
    int64_t result = op->result;
    bool again = result == -EAGAIN || result == -EINTR;

    if (op->backend_data == POLLED) {
        if (result >= 0 && (op->kind == BIDE__OP_READABLE || op->kind == BIDE__OP_WRITABLE))
            return 0;
        if (result >= 0 && !op->cancelling)
            return bide__op_attempt(op, false);
        again |= result >= 0;
    } else if (op->kind == BIDE__OP_CONNECT) {
        again |= result == -EINPROGRESS || result == -EALREADY;
    }
    if (again)
        return op->cancelling ? -ECANCELED : -EAGAIN;
    return result;
}

static void settle_file(struct bide_loop *loop, struct uring *state, struct bide__op *op)
{
    if (op->result == -EAGAIN || op->result == -EINTR) {
        if (!op->cancelling) {
            begin_file(state, op, true);
            return;
        }
        op->result = -ECANCELED;
    }
    loop->jobs_under_way--;
    op->done = true;
    if (state->ring.valgrind && op->kind == BIDE__OP_READ_AT && op->result > 0)
        bide__valgrind_request(0, 0x4d430002, (uintptr_t)op->u.buffer, (uintptr_t)op->result);
    bide__ready_push(loop, op->ready);
}

/* Finishes what was harvested. */
static void settle(struct bide_loop *loop, struct uring *state)
{
    struct bide__op *op;

    while ((op = state->harvested)) {
        state->harvested = op->next;
        if (!state->harvested)
            state->harvested_end = &state->harvested;
        if (bide__op_is_file(op)) {
            settle_file(loop, state, op);
            continue;
        }
        int64_t result = judge(op);
        if (result == -EAGAIN) {
            begin_poll(state, op);
            continue;
        }
        vacate(state, op);
        if (result == -EBADF) /* so the number is nobody's */
            state->table[op->descriptor].owned = false;
        finish(op, result);
        if (state->ring.valgrind && op->kind == BIDE__OP_RECEIVE &&
            result > 0) /* it does not see what the kernel wrote */
            bide__valgrind_request(0, 0x4d430002, (uintptr_t)op->u.buffer, (uintptr_t)result);
        bide__ready_push(loop, op->ready);
    }
}

static void uring_wait(struct bide_loop *loop, int64_t timeout)
{
    struct uring *state = loop->backend_state;
    struct bide__ring *ring = &state->ring;

    harvest(state);
    if (state->harvested)
        timeout = 0;
    unsigned submit = bide__ring_unsubmitted(ring);
    if (timeout || submit || bide__ring_holds_back(ring)) {
        if (bide__ring_enter(ring, submit, timeout) == -EAGAIN && timeout)
            bide__ring_enter(ring, 0, BIDE__MILLISECOND);
        harvest(state);
    }
    /*
     * the kernel's flag may be set with nothing behind it (another processor sets it after the work was run) and then
     * stays: end when nothing came
     */
    bool came = true;
    while (came && bide__ring_holds_back(ring)) {
        bide__ring_enter(ring, 0, 0);
        came = harvest(state);
    }
    settle(loop, state);
    if (__builtin_expect(loop->is_guest, 0) && bide__ring_unsubmitted(ring))
        bide__ring_enter(ring, bide__ring_unsubmitted(ring), 0); /* what settling has added */
}

static int uring_descriptor(struct bide_loop *loop)
{
    return ((struct uring *)loop->backend_state)->ring.descriptor;
}

static void uring_forget(struct bide_loop *loop, int descriptor)
{
    struct uring *state = loop->backend_state;

    if (descriptor >= 0 && (size_t)descriptor < state->size)
        state->table[descriptor] = (struct descriptor){ 0 };
}

/*
 * The operations are through, as the contract says; cancellations may still be on their way. All is waited for,
 * because a ring that is closed with something in it is taken down later, in the background, and holds the
 * descriptors (a listening port!) until then.
 */
static void uring_close(struct bide_loop *loop)
{
    struct uring *state = loop->backend_state;

    for (size_t i = 0; i < state->size; i++) {
        if (state->table[i].input)
            uring_cancel(loop, state->table[i].input);
        if (state->table[i].output)
            uring_cancel(loop, state->table[i].output);
    }
    while (state->in_kernel || bide__ring_unsubmitted(&state->ring)) {
        bide__ring_enter(&state->ring, bide__ring_unsubmitted(&state->ring), state->in_kernel ? BIDE__FOREVER : 0);
        harvest(state);
    }
    bide__ring_close(&state->ring);
    free(state->table);
    free(state);
    loop->backend_state = NULL;
}

const struct bide__backend bide__backend_io_uring = {
    .name = "io_uring",
    .open = uring_open,
    .close = uring_close,
    .submit = uring_submit,
    .cancel = uring_cancel,
    .wait = uring_wait,
    .forget = uring_forget,
    .descriptor = uring_descriptor,
};
