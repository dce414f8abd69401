/* task/exception.h - errors that nobody takes. */
#ifndef BIDE_TASK_EXCEPTION_H
#define BIDE_TASK_EXCEPTION_H

struct bide_loop;
struct bide__failure;

/*
 * A task has failed, and nobody will ever ask. -ECANCELED is ignored. failure: may belong to another error, or be
 * NULL.
 */
void bide__report_unread(struct bide_loop *loop, const char *task, int err, const struct bide__failure *failure);

#endif
