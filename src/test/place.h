/* test/place.h - call chains: where something was made, and what to call that. */
#ifndef BIDE_TEST_PLACE_H
#define BIDE_TEST_PLACE_H

#include <stdio.h>

enum { BIDE__PLACE_FRAMES = 12, BIDE__PLACE_MARK = 2 /* the byte that begins a line of raw addresses */ };

/* The calls that lead here, innermost first: return addresses, 0 at the end. */
struct bide__calls {
    void *frames[BIDE__PLACE_FRAMES];
};

/*
 * Fills in the calls that lead to the caller of the function that calls this, leaving out `skipped` more. Some
 * microseconds; allocates nothing.
 */
void bide__calls_here(struct bide__calls *ret_calls, int skipped);

/* The same, from the return address `caller` on: of the function that was called by the one to be shown first. */
void bide__calls_from(struct bide__calls *ret_calls, const void *caller);

/* The calls that lead to where a signal interrupted; context: the third argument of its handler. */
void bide__calls_interrupted(struct bide__calls *ret_calls, const void *context);

/*
 * Says the calls as a line of raw addresses, which the runner turns into names: looking names up takes a process of
 * its own.
 */
void bide__say_calls(const struct bide__calls *calls);

/*
 * In the runner: turns such a line (what follows the mark) into lines "    at function (file:line)". The addresses
 * must mean the same in this process.
 */
void bide__print_calls(FILE *out, const char *prefix, const char *line);

#endif
