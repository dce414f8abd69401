/*
 * Faults: one thing goes wrong in a run, the n-th opportunity for it.
 *
 * Opportunities are counted by whoever offers them: the allocator, the system call wrappers, the loop's hook. What
 * the library does for itself is not one. Deterministic as long as the body is: a run with the same n fails at the
 * same place, which is how a failure is replayed.
 */
#include "test/fault.h"

#include <stdatomic.h>
#include <string.h>

#include "test/report.h"

static const char *const names[] = { NULL, "memory", "eintr", "eagain", "short", "error", "cancel", "timeout" };
static const char *const stories[] = {
    NULL,
    "allocation %u failed",
    "system call %u was interrupted (EINTR)",
    "system call %u said that it would block (EAGAIN)",
    "system call %u moved only one byte",
    "system call %u failed for good",
    "the body was cancelled at wait %u",
    "the timeout around the body expired at wait %u",
};

static _Atomic(enum bide__fault) armed;
static enum bide__fault story; /* of which kind the last one was */
static atomic_uint left;       /* opportunities until it happens; 0: it does not (any more) */
static unsigned target;
static atomic_bool fired;
static atomic_uint paused;
static bool said;
static struct bide__calls fired_at;

const char *bide__fault_name(enum bide__fault kind)
{
    return names[kind];
}

enum bide__fault bide__fault_named(const char *name)
{
    size_t length = strcspn(name, " :");

    for (size_t i = 1; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == length && strncmp(name, names[i], length) == 0)
            return (enum bide__fault)i;
    return BIDE__FAULT_NONE;
}

void bide__fault_arm(enum bide__fault kind, unsigned n)
{
    target = n;
    story = kind;
    atomic_store(&left, n);
    atomic_store(&fired, false);
    atomic_store(&armed, kind);
}

void bide__fault_disarm(void)
{
    atomic_store(&armed, BIDE__FAULT_NONE);
}

void bide__fault_pause(void)
{
    atomic_fetch_add(&paused, 1);
}

void bide__fault_go_on(void)
{
    atomic_fetch_sub(&paused, 1);
}

bool bide__fault_is_armed(enum bide__fault kind)
{
    return atomic_load_explicit(&armed, memory_order_relaxed) == kind && !bide__quiet &&
           !atomic_load_explicit(&paused, memory_order_relaxed);
}

bool bide__fault_now(enum bide__fault kind)
{
    if (!bide__fault_is_armed(kind))
        return false;
    unsigned before = atomic_load(&left);
    while (before && !atomic_compare_exchange_weak(&left, &before, before - 1))
        ;
    if (before != 1)
        return false;
    bide__calls_here(&fired_at, 1);
    atomic_store(&fired, true);
    return true;
}

bool bide__fault_fired(void)
{
    return atomic_load(&fired);
}

void bide__fault_say(void)
{
    if (!bide__fault_fired() || said)
        return;
    said = true;
    bide__say("  in this run ");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    bide__say(stories[story], target);
#pragma GCC diagnostic pop
    bide__say(":\n");
    bide__say_calls(&fired_at);
}
