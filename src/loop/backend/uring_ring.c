/*
 * The ring of io_uring: set up, entered, closed with three system calls and without a library.
 *
 * open asks for the features that cost least, and for less when the kernel is older: completions are delivered by the
 * one thread that enters (SINGLE_ISSUER, DEFER_TASKRUN: 6.1), without an interrupt (COOP_TASKRUN: 5.19), with a flag
 * that says when entering is worth while (TASKRUN_FLAG). The ring's descriptor is registered, so that entering does
 * not look it up (and survives a closefrom() of somebody else). What the backend cannot do without is checked here,
 * so that a refusal comes before anything runs: Linux 5.11 (waiting with a timeout) and the operations.
 *
 * Costs: 64 KiB of submission entries and 64 KiB of completions. take: a few stores. enter: one system call. Must
 * never happen: an enter with a timeout of zero by argument (the kernel sleeps 17 us for it; asking for no completion
 * returns at once), an enter from another thread.
 */
#include "loop/backend/uring_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "stack/sanitizer.h"

/*
 * Numbers that the headers of the oldest systems we build on do not have; the kernel's interface is the same
 * everywhere.
 */
#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup 425
#define __NR_io_uring_enter 426
#define __NR_io_uring_register 427
#endif

enum {
    SUBMISSIONS = 1024,
    COMPLETIONS = 4096,
    SETUP_CQSIZE = 1 << 3,
    SETUP_CLAMP = 1 << 4,
    SETUP_SUBMIT_ALL = 1 << 7,
    SETUP_COOP_TASKRUN = 1 << 8,
    SETUP_TASKRUN_FLAG = 1 << 9,
    SETUP_SINGLE_ISSUER = 1 << 12,
    SETUP_DEFER_TASKRUN = 1 << 13,
    FEATURE_SINGLE_MMAP = 1 << 0,
    FEATURE_NODROP = 1 << 1,
    FEATURE_SUBMIT_STABLE = 1 << 2,
    FEATURE_FAST_POLL = 1 << 5,
    FEATURE_EXT_ARG = 1 << 8,
    FEATURE_CQE_SKIP = 1 << 11,
    FEATURES_NEEDED =
        FEATURE_SINGLE_MMAP | FEATURE_NODROP | FEATURE_SUBMIT_STABLE | FEATURE_FAST_POLL | FEATURE_EXT_ARG,
    ENTER_GETEVENTS = 1 << 0,
    ENTER_EXT_ARG = 1 << 3,
    ENTER_REGISTERED_RING = 1 << 4,
    REGISTER_PROBE = 8,
    REGISTER_RING_DESCRIPTORS = 20,
    UNREGISTER_RING_DESCRIPTORS = 21,
    PROBED_OPERATIONS = 64,
    OPERATION_SUPPORTED = 1 << 0
};

/* From the best to the oldest. */
static const unsigned setup_flags[] = {
    SETUP_SUBMIT_ALL | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_COOP_TASKRUN | SETUP_TASKRUN_FLAG,
    SETUP_SUBMIT_ALL | SETUP_COOP_TASKRUN | SETUP_TASKRUN_FLAG,
    SETUP_SUBMIT_ALL,
    0,
};

enum { WITHOUT_DEFERRING = 2 /* the first of those with which completions arrive by themselves */ };

static int register_with(int descriptor, unsigned operation, void *argument, unsigned count)
{
    return (int)syscall(__NR_io_uring_register, descriptor, operation, argument, count);
}

/*
 * The value of kernel.io_uring_disabled: '0' enabled, '1' for unprivileged processes, '2' for all; 0 when it cannot
 * be read.
 */
static char disabled_by_administrator(void)
{
    char value = 0;
    int descriptor = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);

    if (descriptor < 0)
        return 0;
    if (read(descriptor, &value, 1) != 1)
        value = 0;
    close(descriptor);
    return value;
}

static void explain_setup(int err, char *reason, size_t size)
{
    switch (err) {
    case -ENOSYS:
        snprintf(reason, size, "io_uring_setup: this kernel has no io_uring, or a container profile hides it");
        break;
    case -EPERM:
    case -EACCES:
        if (disabled_by_administrator() == '1' || disabled_by_administrator() == '2')
            snprintf(reason, size, "io_uring_setup: forbidden by the sysctl kernel.io_uring_disabled");
        else
            snprintf(reason, size, "io_uring_setup: forbidden, usually by the seccomp profile of a container");
        break;
    case -ENOMEM:
        snprintf(reason, size, "io_uring_setup: no memory; before Linux 5.12 it counts as locked memory: ulimit -l");
        break;
    default:
        snprintf(reason, size, "io_uring_setup: %s", strerror(-err));
    }
}

/*
 * polled: somebody poll()s the descriptor (see also enter_under_valgrind). Completions that the kernel holds back do not
 * end that; and an eventfd, which it would write to instead, misses what comes from another eventfd (Linux 6.18).
 */
static int setup(struct bide__ring *ring, struct io_uring_params *parameters, bool polled, char *reason, size_t size)
{
    int err = -EINVAL;
    size_t best = polled ? WITHOUT_DEFERRING : 0;

    for (size_t i = best; i < sizeof setup_flags / sizeof setup_flags[0] && err == -EINVAL; i++) {
        *parameters =
            (struct io_uring_params){ .flags = setup_flags[i] | SETUP_CLAMP | SETUP_CQSIZE, .cq_entries = COMPLETIONS };
        ring->descriptor = (int)syscall(__NR_io_uring_setup, SUBMISSIONS, parameters);
        ring->setup_flags = parameters->flags;
        err = ring->descriptor < 0 ? -errno : 0;
    }
    if (err < 0) {
        explain_setup(err, reason, size);
        return err;
    }
    if ((parameters->features & FEATURES_NEEDED) != FEATURES_NEEDED) {
        snprintf(reason, size, "the kernel is too old for it: Linux 5.11 or newer is needed");
        return -ENOTSUP;
    }
    ring->can_skip_success = parameters->features & FEATURE_CQE_SKIP;
    return 0;
}

static int probe_operations(struct bide__ring *ring, char *reason, size_t size)
{
    static const unsigned char needed[] = { IORING_OP_POLL_ADD,     IORING_OP_SENDMSG, IORING_OP_ACCEPT,
                                            IORING_OP_ASYNC_CANCEL, IORING_OP_CONNECT, IORING_OP_SEND,
                                            IORING_OP_RECV };
    union {
        struct io_uring_probe probe;
        char memory[sizeof(struct io_uring_probe) + PROBED_OPERATIONS * sizeof(struct io_uring_probe_op)];
    } answer;

    memset(&answer, 0, sizeof answer);
    if (register_with(ring->descriptor, REGISTER_PROBE, &answer, PROBED_OPERATIONS) < 0) {
        int err = -errno;

        snprintf(reason, size, "io_uring_register, probing the operations: %s", strerror(-err));
        return err;
    }
    for (unsigned i = 0; i < PROBED_OPERATIONS && i <= answer.probe.last_op; i++)
        if (answer.probe.ops[i].flags & OPERATION_SUPPORTED)
            ring->operations |= UINT64_C(1) << i;
    for (size_t i = 0; i < sizeof needed; i++) {
        if (!bide__ring_has(ring, needed[i])) {
            snprintf(reason, size, "the kernel does not have operation %d of io_uring", needed[i]);
            return -ENOTSUP;
        }
    }
    return 0;
}

static int map(struct bide__ring *ring, const struct io_uring_params *parameters)
{
    size_t submission_size = parameters->sq_off.array + parameters->sq_entries * sizeof(unsigned);
    size_t completion_size = parameters->cq_off.cqes + parameters->cq_entries * sizeof(struct io_uring_cqe);

    ring->rings_size = submission_size > completion_size ? submission_size : completion_size;
    ring->submissions_size = parameters->sq_entries * sizeof(struct io_uring_sqe);
    char *rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->descriptor,
                       (off_t)IORING_OFF_SQ_RING);
    if (rings == MAP_FAILED)
        return -errno;
    ring->rings_memory = rings;
    void *submissions = mmap(NULL, ring->submissions_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                             ring->descriptor, (off_t)IORING_OFF_SQES);
    if (submissions == MAP_FAILED)
        return -errno;
    ring->submissions = submissions;

    ring->submission_head = (const unsigned *)(void *)(rings + parameters->sq_off.head);
    ring->submission_tail = (unsigned *)(void *)(rings + parameters->sq_off.tail);
    ring->submission_flags = (const unsigned *)(void *)(rings + parameters->sq_off.flags);
    ring->submission_entries = parameters->sq_entries;
    ring->submission_mask = parameters->sq_entries - 1;
    ring->completion_head = (unsigned *)(void *)(rings + parameters->cq_off.head);
    ring->completion_tail = (const unsigned *)(void *)(rings + parameters->cq_off.tail);
    ring->completion_mask = parameters->cq_entries - 1;
    ring->completions = (const struct io_uring_cqe *)(void *)(rings + parameters->cq_off.cqes);
    /* entries are always used in the order of the ring, so the indirection is filled in once */
    unsigned *order = (unsigned *)(void *)(rings + parameters->sq_off.array);
    for (unsigned i = 0; i < parameters->sq_entries; i++)
        order[i] = i;
    return 0;
}

/* Has the kernel keep the ring at hand for this thread; where it cannot (before 5.18), the descriptor does as well. */
static void register_self(struct bide__ring *ring)
{
    struct io_uring_files_update update = { .offset = UINT32_MAX, .fds = (unsigned)ring->descriptor };

    ring->enter_descriptor = ring->descriptor;
    ring->enter_flags = 0;
    if (register_with(ring->descriptor, REGISTER_RING_DESCRIPTORS, &update, 1) == 1) {
        ring->enter_descriptor = (int)update.offset;
        ring->enter_flags = ENTER_REGISTERED_RING;
    }
}

int bide__ring_open(struct bide__ring *ring, bool polled, char *reason, size_t size)
{
    struct io_uring_params parameters;

    *ring = (struct bide__ring){ .descriptor = -1, .valgrind = bide__valgrind_running() > 0 };
    int err = setup(ring, &parameters, polled || ring->valgrind, reason, size);
    if (err == 0)
        err = probe_operations(ring, reason, size);
    if (err == 0) {
        err = map(ring, &parameters);
        if (err < 0)
            snprintf(reason, size, "mapping the rings: %s", strerror(-err));
    }
    if (err < 0) {
        bide__ring_close(ring);
        return err;
    }
    register_self(ring);
    return 0;
}

void bide__ring_close(struct bide__ring *ring)
{
    if (ring->enter_flags & ENTER_REGISTERED_RING) {
        struct io_uring_files_update update = { .offset = (unsigned)ring->enter_descriptor };

        register_with(ring->descriptor, UNREGISTER_RING_DESCRIPTORS, &update, 1);
    }
    if (ring->submissions)
        munmap(ring->submissions, ring->submissions_size);
    if (ring->rings_memory)
        munmap(ring->rings_memory, ring->rings_size);
    if (ring->descriptor >= 0)
        close(ring->descriptor);
    *ring = (struct bide__ring){ .descriptor = -1 };
}

struct io_uring_sqe *bide__ring_take(struct bide__ring *ring)
{
    if (bide__ring_unsubmitted(ring) == ring->submission_entries)
        return NULL;
    struct io_uring_sqe *entry = &ring->submissions[ring->tail++ & ring->submission_mask];
    memset(entry, 0, sizeof *entry);
    return entry;
}

/*
 * Under Valgrind one thread runs at a time, and it does not know that this system call may block: the others, who
 * would wake us, would stand still. So there the wait is a poll() of the ring's descriptor between two entries that
 * do not wait.
 */
static int enter_under_valgrind(struct bide__ring *ring, unsigned submit, int64_t timeout)
{
    struct pollfd poller = { .fd = ring->descriptor, .events = POLLIN };
    struct timespec limit = { .tv_sec = timeout / BIDE__SECOND, .tv_nsec = timeout % BIDE__SECOND };
    int err = bide__ring_enter(ring, submit, 0);

    if (err < 0)
        return err;
    if (ppoll(&poller, 1, timeout == BIDE__FOREVER ? NULL : &limit, NULL) < 0)
        return -EINTR;
    return bide__ring_enter(ring, 0, 0);
}

int bide__ring_enter(struct bide__ring *ring, unsigned submit, int64_t timeout)
{
    struct {
        int64_t seconds, nanoseconds;
    } limit;
    struct {
        uint64_t signal_mask;
        uint32_t signal_mask_size, padding;
        uint64_t limit;
    } argument = { .limit = (uintptr_t)&limit };
    unsigned flags = ring->enter_flags | ENTER_GETEVENTS;
    bool limited = timeout != 0 && timeout != BIDE__FOREVER;

    if (limited) {
        int64_t milliseconds = (timeout - 1) / BIDE__MILLISECOND + 1;

        limit.seconds = milliseconds / 1000;
        limit.nanoseconds = milliseconds % 1000 * BIDE__MILLISECOND;
        flags |= ENTER_EXT_ARG;
        timeout = limit.seconds * BIDE__SECOND + limit.nanoseconds;
    }
    if (__builtin_expect(ring->valgrind, 0) && timeout)
        return enter_under_valgrind(ring, submit, timeout);
    __atomic_store_n(ring->submission_tail, ring->tail, __ATOMIC_RELEASE);
    long entered = syscall(__NR_io_uring_enter, ring->enter_descriptor, submit, timeout ? 1 : 0, flags,
                           limited ? &argument : NULL, limited ? sizeof argument : 0);
    if (entered >= 0)
        return 0;
    if (errno == EINTR || errno == ETIME || errno == EBUSY || errno == EAGAIN)
        return -errno;
    fprintf(stderr, "bide: io_uring_enter: %s: the ring is lost (did somebody close its descriptor, %d?)\n",
            strerror(errno), ring->descriptor);
    abort();
}
