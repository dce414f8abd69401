/* io/process_start.h - the making of a child process: what the child does before it is another program. */
#ifndef BIDE_IO_PROCESS_START_H
#define BIDE_IO_PROCESS_START_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* In which step a child failed. */
enum bide__start_step {
    BIDE__START_NONE,
    BIDE__START_FORK,       /* there is no child */
    BIDE__START_DESCRIPTOR, /* `detail`: which could not be given to it */
    BIDE__START_SESSION,
    BIDE__START_GROUP,
    BIDE__START_DIRECTORY,
    BIDE__START_EXECUTE
};

enum {
    BIDE__START_KEEP = -1,     /* a standard descriptor that stays as it is */
    BIDE__START_AS_OUTPUT = -2 /* the third: the same as the second */
};

/*
 * What a child is to be; all of it is prepared by the parent. The child reads it in the parent's memory, so none of it
 * may change before bide__process_start returns.
 */
struct bide__start {
    const char *const *paths; /* to be tried in turn, NULL at the end */
    const char *const *arguments;
    const char *const *environment;
    const char *directory; /* NULL: the current one */
    int standard[3];       /* what becomes 0, 1 and 2 */
    const int *inherited;  /* ascending, without repetitions, > 2 */
    size_t inherited_count;
    bool inherit_all;
    bool new_session;
    bool changes_group;
    pid_t process_group; /* 0: its own */
    bool keep_ignored;
    int parent_death_signal;
    /* the answer of one that failed: */
    enum bide__start_step step;
    int error; /* positive */
    int detail;
};

/*
 * Makes the child. 0: it runs the program; *ret_pid, and its pidfd in *ret_descriptor, -1 where there is none. -errno
 * with start->step set: there is no child, not even a zombie. Does not return before the program is loaded.
 */
int bide__process_start(struct bide__start *start, pid_t *ret_pid, int *ret_descriptor);

/* Moves a descriptor of ours away from the numbers of the standard streams. It, or another; -1 + errno: it is closed. */
int bide__above_standard(int descriptor);

/*
 * Where a program may be: the candidates for bide__process_start, in one block that the caller frees. `name` with a '/' is
 * itself the only one; else it is searched in the PATH of the environment. NULL without memory.
 */
const char **bide__program_paths(const char *name, const char *const *environment);

#endif
