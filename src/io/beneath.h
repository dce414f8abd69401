/* io/beneath.h - opening without leaving a directory, for those who are in a thread already. */
#ifndef BIDE_IO_BENEATH_H
#define BIDE_IO_BENEATH_H

/*
 * Opens a path relative to a directory that does not lead out of it, neither by ".." nor by a link; blocks. A
 * descriptor, -EXDEV: it would, or -errno.
 */
int bide__open_beneath(int directory, const char *path, int flags);

#endif
