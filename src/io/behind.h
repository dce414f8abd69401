/* io/behind.h - what a thread removes when the task that made it has gone: cleanups nobody waits for. */
#ifndef BIDE_IO_BEHIND_H
#define BIDE_IO_BEHIND_H

#include <stdbool.h>

/* A removal that is prepared, so that it cannot fail for want of memory. */
struct bide__behind;

/* Prepares the removal of a path of this length; is_tree: a directory with all that is in it. NULL without memory. */
struct bide__behind *bide__behind_new(const char *path, bool is_tree);

/* Has a thread remove it soon; the path may differ from the first by letters, not in length. */
void bide__behind_run(struct bide__behind *behind, const char *path);

/* It is not needed. NULL is ignored. */
void bide__behind_free(struct bide__behind *behind);

#endif
