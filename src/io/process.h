/* io/process.h - what a process is made of. */
#ifndef BIDE_IO_PROCESS_H
#define BIDE_IO_PROCESS_H

#include <bide/process.h>
#include <bide/scope.h>

#include "loop/loop.h"

struct bide__process_thread;

/* What was read of a stream for bide_process_communicate, and not handed out yet. */
struct bide__collected {
    char *data;
    size_t size, capacity;
};

struct bide_process {
    struct bide_loop *loop;
    pid_t pid;
    int descriptor;                      /* its pidfd; -1: there are none here, or it was noticed to have ended */
    struct bide__process_thread *thread; /* which waits for the end instead; NULL: none does */
    int returncode;
    struct bide__wait_list waiters;
    struct bide__waiter *closing;    /* who closes it and waits for its death */
    bool abandoned;                  /* closed, and freed when it has ended */
    struct bide_stream *standard[3]; /* our ends of the pipes; NULL: there is none */
    struct bide__collected collected[2];
    size_t output_limit;
    size_t fed; /* bytes of the input that were written */
    bool communicating;
    char name[48]; /* for messages; cut */
};

/*
 * Opens a pipe for a standard stream, 0 to 2, of a process that is being made: our end becomes a stream of the process.
 * The child's end, a descriptor > 2 that the caller closes when the child is made; or -errno.
 */
int bide__process_open_pipe(struct bide_process *process, int number);

/* Closes our ends of all pipes. */
void bide__process_close_pipes(struct bide_process *process);

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
