/*
 * Guards below stacks.
 *
 * MADV_GUARD_INSTALL (Linux 6.13) marks page table entries and costs under a microsecond and no mapping. The older
 * way, mprotect, splits the mapping: two entries of the at most 65,530 a process has by default, and the whole
 * program shares them (every later mmap and dlopen fails when they are gone). So mprotect guards have a budget for
 * the whole process, and stacks beyond it go without; the pool's statistics say how many. Guards are installed once
 * in the life of a slot.
 */
#define _GNU_SOURCE 1
#include "stack/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
    BUDGET_DEFAULT = 30000,
    MAPPINGS_FOR_OTHERS = 4096, /* of vm.max_map_count, left to the rest of the program */
};

/* Whether guards by madvise really guard here. */
enum trust { UNTRIED, TRUSTED, DISTRUSTED };

static atomic_int madvise_trust;
static atomic_size_t mprotect_used;
static atomic_size_t mprotect_budget; /* 0: not determined yet */

/* What vm.max_map_count leaves for guards at two mappings each. */
static size_t default_budget(void)
{
    char text[32] = { 0 };
    size_t mappings = 65530;
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (read(fd, text, sizeof text - 1) > 0)
            mappings = strtoul(text, NULL, 10);
        close(fd);
    }
    if (mappings < 2 * MAPPINGS_FOR_OTHERS)
        return 1;
    mappings = (mappings - MAPPINGS_FOR_OTHERS) / 2;
    return mappings < BUDGET_DEFAULT ? mappings : BUDGET_DEFAULT;
}

void bide__guard_set_budget(size_t budget)
{
    atomic_store(&mprotect_budget, budget);
}

static int protect(void *low, size_t size)
{
    size_t budget = atomic_load(&mprotect_budget);

    if (budget == 0) {
        budget = default_budget();
        atomic_store(&mprotect_budget, budget);
    }
    if (atomic_fetch_add(&mprotect_used, 1) < budget && mprotect(low, size, PROT_NONE) == 0)
        return 0;
    atomic_fetch_sub(&mprotect_used, 1);
    return -1;
}

/*
 * Emulators of user programs answer 0 to advice they never heard of, so the first guard of a process is tried: the
 * kernel reads the word for us and says EFAULT, or EAGAIN because a fresh word is 0 and not the 1 we claim to wait
 * for.
 */
static bool guards_for_real(void *low)
{
    int trust = atomic_load_explicit(&madvise_trust, memory_order_relaxed);

    if (trust == UNTRIED) {
#ifdef SYS_futex
        if (syscall(SYS_futex, low, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0) < 0 && errno == EFAULT)
            trust = TRUSTED;
        else
#endif
            trust = DISTRUSTED;
        atomic_store(&madvise_trust, trust);
    }
    return trust == TRUSTED;
}

enum bide__stack_guard bide__guard_install(enum bide__stack_guard method, void *low, size_t size)
{
    /* EINVAL also when the memory is locked (mlockall): the kernel installs no such guards there. */
    if (method == BIDE__STACK_GUARD_MADVISE && madvise(low, size, MADV_GUARD_INSTALL) == 0 && guards_for_real(low))
        return BIDE__STACK_GUARD_MADVISE;
    if (method != BIDE__STACK_GUARD_NONE && protect(low, size) == 0)
        return BIDE__STACK_GUARD_MPROTECT;
    return BIDE__STACK_GUARD_NONE;
}

void bide__guard_forget(size_t count)
{
    atomic_fetch_sub(&mprotect_used, count);
}
