/*
 * Which backend a loop waits with: the one that the run options ask for, or the environment, else epoll; and a sentence
 * why, for who wonders. An io_uring that cannot be had is no error but a line on stderr.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"

int bide__backend_choose(struct bide_loop *loop, const char *wanted, char *reason, size_t size)
{
    const char *source = "asked for by the run options";
    char refusal[120] = "";

    if (!wanted) {
        wanted = getenv("BIDE_BACKEND");
        source = "asked for by BIDE_BACKEND";
        if (!wanted || !*wanted) {
            wanted = "epoll";
            source = "the default";
        }
    }
    if (!strcmp(wanted, "io_uring")) {
        loop->backend = &bide__backend_io_uring;
        if (loop->backend->open(loop, refusal, sizeof refusal) == 0) {
            snprintf(loop->backend_reason, sizeof loop->backend_reason, "%s", source);
            return 0;
        }
        fprintf(stderr, "bide: io_uring was %s but cannot be used (%s); using epoll\n", source, refusal);
        snprintf(loop->backend_reason, sizeof loop->backend_reason, "io_uring refused: %s", refusal);
    } else if (strcmp(wanted, "epoll") != 0) {
        snprintf(reason, size, "unknown backend '%s', %s (known: epoll, io_uring)", wanted, source);
        return -EINVAL;
    } else {
        snprintf(loop->backend_reason, sizeof loop->backend_reason, "%s", source);
    }
    loop->backend = &bide__backend_epoll;
    return loop->backend->open(loop, reason, size);
}

const char *bide_backend_name(const bide_loop *loop)
{
    return loop->backend->name;
}

const char *bide_backend_reason(const bide_loop *loop)
{
    return loop->backend_reason;
}
