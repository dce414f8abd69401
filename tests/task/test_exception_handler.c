/*
 * Errors that nobody takes, and the handler they go to. The names in comments (C7, ...) are those of the rules in
 * docs/semantics.md.
 */
#include "check.h"

#include <errno.h>

#include "capture.h"
#include "notes.h"

static int fail(int code)
{
    bide(bide_sleep(0));
    return bide_fail(code, "it went wrong");
}
bide_async(fail, int);

static void write_down(bide_loop *loop, const bide_exception_context *context, void *argument)
{
    check_eq(loop, bide_get_running_loop());
    check_eq(bide_current_task(), NULL);
    check_error(bide_sleep(0), EPERM); /* it cannot wait, */
    note("%s:%s:%d:%s", (const char *)argument, context->task ? context->task : "-", context->error,
         bide_strerror(context->error)); /* and nothing it does spoils the message */
}

static void set_handler(void)
{
    bide_set_exception_handler(bide_get_running_loop(), write_down, "handler");
}

static int lose_one_without_a_handle(void)
{
    set_handler();
    bide(bide_start(NULL, bide_co(fail, -EIO)));
    turns(3);
    note("main");
    return 0;
}
bide_async(lose_one_without_a_handle);

#undef note_of
unit_test(handler_gets_the_error_of_a_task_without_a_handle_at_once) /* C7 */
{
    check_eq(bide_run(bide_co(lose_one_without_a_handle)), 0);
    check_notes("handler:fail:-1:a call that may wait was made outside of a task main" + 0);
    return 0;
}
