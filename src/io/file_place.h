/* io/file_place.h - which files can be opened without waiting: what a loop has learned of directories and devices. */
#ifndef BIDE_IO_FILE_PLACE_H
#define BIDE_IO_FILE_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "loop/loop.h"

/* What was found out of a file on the way to it; a struct stat and more would be half a page of a task's stack. */
struct bide__file_status {
    uint64_t size;
    unsigned device_major, device_minor;
    mode_t mode;
};

/* Asks for it; waits no more than the open has. 0 or -errno. */
int bide__file_status_get(int descriptor, struct bide__file_status *ret_status);

/* Where a file lives. */
enum bide__file_place {
    BIDE__PLACE_UNKNOWN, /* an anonymous device that nobody has looked at */
    BIDE__PLACE_REMOTE,  /* something else must answer: a network, a program (FUSE), the kernel's own inventions */
    BIDE__PLACE_LOCAL,   /* a disk */
    BIDE__PLACE_MEMORY   /* tmpfs */
};

/* What the loop knows of a device, without looking. */
enum bide__file_place bide__place_of(const struct bide_loop *loop, const struct bide__file_status *status);

/* Looks at the file system itself; may wait for it, so in a thread only. */
enum bide__file_place bide__place_look(int descriptor, const struct bide__file_status *status);

/*
 * Notes what was found: of the device, and that what lies beside `path` lies there too. directory: what the path begins
 * at, AT_FDCWD as usual.
 */
void bide__place_note(struct bide_loop *loop, int directory, const char *path, const struct bide__file_status *status,
                      enum bide__file_place place);

/* True when what lies beside `path` was seen to be on a disk or in memory, where an open does not ask anybody. */
bool bide__place_is_near(const struct bide_loop *loop, int directory, const char *path);

#endif
