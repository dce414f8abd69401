/*
 * Guards: the pages at the bottom of a stack that fault when touched, by the cheapest method this kernel, this memory
 * and this process still allow.
 */
#ifndef BIDE_STACK_GUARD_H
#define BIDE_STACK_GUARD_H

#include <stddef.h>

#include "stack/stack.h"

/*
 * Makes the `size` bytes (whole pages) at `low` fault, by `method` or the next best. Returns the method that worked,
 * which is also the one to begin with for the next slot of the same pool. Never fails: the last resort is no guard.
 */
enum bide__stack_guard bide__guard_install(enum bide__stack_guard method, void *low, size_t size);

/* Returns `count` mprotect guards, now unmapped, to the budget of the process. */
void bide__guard_forget(size_t count);

/*
 * Sets how many mprotect guards the process may have; 0 restores the default: 30,000, or less where vm.max_map_count
 * is small.
 */
void bide__guard_set_budget(size_t budget);

#endif
