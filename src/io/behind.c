/*
 * Removals that nobody waits for: of a temporary file or directory whose owner was cancelled. A job of the file
 * threads that owns its memory and frees it; the end of the loop waits for it.
 */
#include "io/behind.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/tree.h"
#include "loop/file_op.h"

struct bide__behind {
    struct bide__job job;
    bool is_tree;
    char path[];
};

static void work(struct bide__job *job)
{
    struct bide__behind *behind = (struct bide__behind *)(void *)job;

    if (behind->is_tree)
        bide__tree_remove(behind->path, NULL);
    else
        unlink(behind->path);
    behind->path[0] = '\0';
}

static void finished(struct bide__job *job)
{
    struct bide__behind *behind = (struct bide__behind *)(void *)job;

    if (behind->path[0]) /* the loop ended before a thread came to it */
        work(job);
    free(behind);
}

struct bide__behind *bide__behind_new(const char *path, bool is_tree)
{
    struct bide__behind *behind = calloc(1, sizeof *behind + strlen(path) + 1);

    if (behind) {
        behind->job = (struct bide__job){ .work = work, .finished = finished };
        behind->is_tree = is_tree;
        memcpy(behind->path, path, strlen(path) + 1);
    }
    return behind;
}

void bide__behind_run(struct bide__behind *behind, const char *path)
{
    memcpy(behind->path, path, strlen(behind->path));
    if (bide__file_job_submit(bide__loop, &behind->job) < 0)
        finished(&behind->job); /* without threads: at least it is gone */
}

void bide__behind_free(struct bide__behind *behind)
{
    free(behind);
}
