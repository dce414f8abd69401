/* io/process.h - what a process is made of. */
#ifndef BIDE_IO_PROCESS_H
#define BIDE_IO_PROCESS_H

#include <bide/process.h>
#include <bide/scope.h>

#include "loop/loop.h"

struct bide__process_thread;

struct bide_process {
    struct bide_loop *loop;
    pid_t pid;
    int descriptor;                      /* its pidfd; -1: there are none here, or it was noticed to have ended */
    struct bide__process_thread *thread; /* which waits for the end instead; NULL: none does */
    int returncode;
    struct bide__wait_list waiters;
    struct bide__waiter *closing; /* who closes it and waits for its death */
    bool abandoned;               /* closed, and freed when it has ended */
    char name[64];                /* for messages; cut */
};

/*
 * Begins to watch for the end of a process that was just made. 0; an error, with the process not watched.
 */
int bide__process_watch(struct bide_process *process);

/*
 * Looks whether the process has ended: then it is reaped, its return code known, and all who wait are woken. From here
 * on its number is nobody's.
 */
void bide__process_look(struct bide_process *process);

/* Sends a signal to a process that has not been reaped. 0 or -errno. */
int bide__process_signal(struct bide_process *process, int number);

/* Kills what was started and cannot be watched; stands still until it is dead. */
void bide__process_undo(struct bide_process *process);

/* Frees the record of a process that has ended. */
void bide__process_free(struct bide_process *process);

/* Kills it if it runs, and waits for its death: in a task, for a while; else it dies in the background. Frees it. */
void bide__process_finish(struct bide_process *process);

#endif
