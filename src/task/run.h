/* task/run.h - one run of a loop: what bide_run and bide_runner are made of. */
#ifndef BIDE_TASK_RUN_H
#define BIDE_TASK_RUN_H

#include <stdbool.h>

#include "task/record.h"

/*
 * Opens a loop and starts the task that runs the mains. NULL options: the defaults. is_guest: see loop/loop.h. 0 or -errno with a message;
 * *ret_run is given back with bide__run_close.
 */
int bide__run_open(const bide_run_options *options, bool is_guest, struct bide__run **ret_run);

/* Gives the resident task a main to run with the next turn; its arguments stay where they are. There is none. */
void bide__run_begin(struct bide__run *run, const bide_coroutine *main);

/* The same with a copy of its arguments, which the run keeps until it has ended. 0 or -ENOMEM. */
int bide__run_begin_copied(struct bide__run *run, const bide_coroutine *main);

/*
 * Turns the loop until the main has ended, or bide_stop; with Ctrl-C watched for. The main, if there is one, is
 * run->main.
 */
void bide__run_turn(struct bide__run *run);

/*
 * Cancels what is left, main included, and has the resident task wait for it; does not wait itself. The resident is made
 * ready behind all that became ready while main ended: that takes one more step before it is cancelled, as in asyncio.
 */
void bide__run_begin_end(struct bide__run *run);

/* Ends it: cancels what is left, waits for it, frees. */
void bide__run_close(struct bide__run *run);

#endif
