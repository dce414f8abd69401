/* task/tree.h - the tasks that are alive, as text. */
#ifndef BIDE_TASK_TREE_H
#define BIDE_TASK_TREE_H

#include <stdio.h>

/*
 * Prints the tree of the living tasks of this thread's loop: who owns whom, where each was made, and what it waits
 * for. Without a loop: nothing. Changes nothing; for failing tests and for diagnosis.
 */
void bide__print_tasks(FILE *to);

#endif
