/*
 * The exception handler: where errors go that nobody takes.
 *
 * While a handler runs, no task is current, so it cannot wait (a task that ends, or a group that closes, is in the
 * middle of it), and this thread's place for messages holds the error's, so that bide_strerror and bide_print_error
 * speak of it. A test's hooks come before the default handler and after the user's own.
 */
#include "task/exception.h"

#include <errno.h>
#include <stdio.h>

#include "task/failure.h"
#include "task/record.h"

void bide_default_exception_handler(bide_loop *loop, const bide_exception_context *context)
{
    (void)loop;
    if (context->error < 0)
        bide__failure_print(*bide__failure_place(), context->error, context->message);
    else
        fprintf(stderr, "bide: %s\n", context->message);
}

static void call_handler(struct bide_loop *loop, const bide_exception_context *context,
                         const struct bide__failure *failure)
{
    struct bide__coroutine *current = loop->current;
    bide_exception_handler *handler = loop->exception_handler;

    loop->current = NULL;
    struct bide__failure **place = bide__failure_place(), *before = *place;
    *place = failure && failure->code == context->error ? bide__failure_copy(failure) : NULL;
    if (handler)
        handler(loop, context, loop->exception_argument);
    else
        bide_default_exception_handler(loop, context);
    bide__failure_free(*place);
    *place = before;
    loop->current = current;
}

void bide__report_unread(struct bide_loop *loop, const char *task, int err, const struct bide__failure *failure)
{
    char message[192];

    if (err == -ECANCELED)
        return;
    if (loop->hooks && !loop->exception_handler) {
        loop->hooks->error_unread(loop->hooks, task, err, failure && failure->code == err ? failure->message : NULL);
        return;
    }
    snprintf(message, sizeof message, "task '%.100s' failed, and nobody looked at its error", task);
    call_handler(loop, &(bide_exception_context){ .message = message, .task = task, .error = err }, failure);
}

void bide_set_exception_handler(bide_loop *loop, bide_exception_handler *handler, void *argument)
{
    loop->exception_handler = handler;
    loop->exception_argument = argument;
}

void bide_call_exception_handler(bide_loop *loop, const bide_exception_context *context)
{
    call_handler(loop, context, *bide__failure_place());
}
