/* What a loop runs on, for `bide info` and for diagnosis. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"

void bide_loop_information(const bide_loop *loop, bide_loop_facts *ret_facts)
{
    struct bide__stack_statistics stacks;

    bide__stack_statistics(&loop->stacks, &stacks);
    *ret_facts = (bide_loop_facts){ .backend = loop->backend->name,
                                    .backend_reason = loop->backend_reason,
                                    .stack_size = loop->stacks.options.stack_size,
                                    .stacks_live = stacks.live,
                                    .stacks_idle = stacks.idle + stacks.cold,
                                    .stack_guard = stacks.guard,
                                    .stacks_unguarded = stacks.unguarded,
                                    .stack_high_water = loop->stack_high_water };
}

int bide_probe_backend(const char *name, char *reason, size_t size)
{
    const struct bide__backend *backend = !strcmp(name, "epoll")      ? &bide__backend_epoll
                                          : !strcmp(name, "io_uring") ? &bide__backend_io_uring
                                                                      : NULL;

    if (!backend) {
        snprintf(reason, size, "unknown backend '%s' (known: epoll, io_uring)", name);
        return -EINVAL;
    }
    struct bide_loop *loop = calloc(1, sizeof *loop);
    if (!loop) {
        snprintf(reason, size, "no memory");
        return -ENOMEM;
    }
    int err = backend->open(loop, reason, size);
    if (err == 0)
        backend->close(loop);
    free(loop);
    return err;
}
