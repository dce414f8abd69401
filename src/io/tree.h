/* io/tree.h - trees of directories, for those who are in a thread already. */
#ifndef BIDE_IO_TREE_H
#define BIDE_IO_TREE_H

#include <stdatomic.h>

/*
 * Removes a directory with all that is in it; blocks. stop: NULL, or what may become true meanwhile: -ECANCELED then.
 * 0 or -errno.
 */
int bide__tree_remove(const char *path, const atomic_bool *stop);

#endif
