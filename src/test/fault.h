/* test/fault.h - the plan of what goes wrong in this run: at most one thing, the n-th of its kind. */
#ifndef BIDE_TEST_FAULT_H
#define BIDE_TEST_FAULT_H

#include <stdbool.h>

#include "test/place.h"

enum bide__fault {
    BIDE__FAULT_NONE,
    BIDE__FAULT_MEMORY, /* an allocation fails */
    BIDE__FAULT_EINTR,  /* a system call is interrupted */
    BIDE__FAULT_EAGAIN, /* would block */
    BIDE__FAULT_SHORT,  /* moves one byte */
    BIDE__FAULT_ERROR,  /* fails for good */
    BIDE__FAULT_CANCEL, /* the body is cancelled */
    BIDE__FAULT_TIMEOUT /* a timeout around it expires */
};

/* "memory", "eintr", ...; NULL for NONE. */
const char *bide__fault_name(enum bide__fault kind);

/* The kind with this name (which ends at a blank, a colon, or its end), NONE if there is none. */
enum bide__fault bide__fault_named(const char *name);

/* From now on the n-th (from 1) opportunity for `kind` is used; n 0: they are only counted. */
void bide__fault_arm(enum bide__fault kind, unsigned n);

/* No more. */
void bide__fault_disarm(void);

/* Whether opportunities for this kind are being counted, in this thread and now. */
bool bide__fault_is_armed(enum bide__fault kind);

/* Between pause and go on nothing is an opportunity. Nests. */
void bide__fault_pause(void);
void bide__fault_go_on(void);

/* An opportunity for this kind of fault: true exactly when it is to happen now. Notes where. From any thread. */
bool bide__fault_now(enum bide__fault kind);

/* Whether it has happened. */
bool bide__fault_fired(void);

/* Says what was made to happen, and where; nothing if it did not. */
void bide__fault_say(void);

#endif
