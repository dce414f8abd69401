/* command/bell.h - a bell: tasks wait for it, one ring wakes all that wait. */
#ifndef BIDE_COMMAND_BELL_H
#define BIDE_COMMAND_BELL_H

struct bell_waiter;

/* A bell. Zeroed: nobody waits. Nothing to destroy; nobody may wait when it goes away. */
struct bell {
    struct bell_waiter *first;
};

/*
 * bell_wait - waits for the next ring. 0, or -ECANCELED. Rings are not remembered: check the condition, then wait, in
 * a loop.
 */
int bell_wait(struct bell *bell);

/* bell_ring - wakes everybody who waits. May be called by a callback of the loop. Does not wait. */
void bell_ring(struct bell *bell);

/*
 * bell_wait_readable - waits until a descriptor can be read without blocking; at once for regular files. 0, or
 * -errno.
 */
int bell_wait_readable(int descriptor);

#endif
