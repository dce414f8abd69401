/*
 * Errors that nobody takes, and the handler they go to. The names in comments (C7, ...) are those of the rules in
 * docs/semantics.md.
 */
#include "check.h"

#include <errno.h>
#include <math.h>

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
    note("%s:%s:%s:%s", (const char *)argument, context->task ? context->task : "-", bide_error_name(context->error),
         bide_strerror(context->error));
    check_eq(bide_current_task(), NULL);
    check_error(bide_sleep(0), EPERM); /* it cannot wait */
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
    check_str(bide_strerror(-EIO), strerror(EIO)); /* the message was not ours */
    note("main");
    return 0;
}
bide_async(lose_one_without_a_handle);

unit_test(handler_gets_the_error_of_a_task_without_a_handle_at_once) /* C7 */
{
    check_eq(bide_run(bide_co(lose_one_without_a_handle)), 0);
    check_notes("handler:fail:EIO:it went wrong main");
    return 0;
}

static int lose_some_with_handles(void)
{
    set_handler();
    bide_task *joined = bide_create_task(NULL, bide_co(fail, -EIO));
    bide_task *looked_at = bide_create_task(NULL, bide_co(fail, -EPIPE));
    bide_task *forgotten = bide_create_task(NULL, bide_co(fail, -ENOSPC));
    bide_task *cancelled = bide_create_task(NULL, bide_co(fail, -EROFS));
    bide_task *forgotten_late = bide_create_task(NULL, bide_co(fail, -EBUSY));

    check(bide_create_task(NULL, bide_co(fail, -ENODEV)) != NULL);
    bide_forget(forgotten);
    bide_cancel(cancelled);
    check_error(bide_join(joined), EIO);
    turns(3);
    check_error(bide_result(looked_at), EPIPE);
    bide_forget(forgotten_late);
    note("main");
    return 0;
}
bide_async(lose_some_with_handles);

unit_test(handler_gets_the_error_of_a_handle_that_goes_unread) /* C7 */
{
    check_eq(bide_run(bide_co(lose_some_with_handles)), 0);
    check_notes("handler:fail:ENOSPC:it went wrong handler:fail:EBUSY:it went wrong main "
                "handler:fail:ENODEV:it went wrong");
    return 0;
}

static int fail_in_cleanup(void)
{
    (void)bide_sleep(3600);
    return bide_fail(-EIO, "cleanup failed");
}
bide_async(fail_in_cleanup);

static int leave_one_that_fails_in_its_cleanup(void)
{
    set_handler();
    bide(bide_start(NULL, bide_co(fail_in_cleanup)));
    return 5;
}
bide_async(leave_one_that_fails_in_its_cleanup);

unit_test(handler_gets_the_errors_of_the_end_of_run) /* A3 */
{
    check_eq(bide_run(bide_co(leave_one_that_fails_in_its_cleanup)), 5);
    check_notes("handler:fail_in_cleanup:EIO:cleanup failed");
    return 0;
}

static int fail_in_groups(void)
{
    int err, results[2];
    const bide_coroutine two[] = { bide_co(fail, -EIO), bide_co(fail, -EPIPE) };

    set_handler();
    bide_task_group (tg, err) {
        check(bide_create_task(tg, bide_co(fail, -EIO)) != NULL);
        bide_start(tg, bide_co(fail, -EPIPE));
    }
    check_error(err, EIO);
    check_eq(bide_gather_settled(two, 2, results), 0);
    check_error(results[1], EPIPE);
    check_error(bide_gather(bide_co(fail, -EIO)), EIO);
    check_error(bide_wait_for(bide_co(fail, -EIO), 1), EIO);
    return 0;
}
bide_async(fail_in_groups);

unit_test(handler_is_not_asked_about_errors_of_groups)
{
    check_eq(bide_run(bide_co(fail_in_groups)), 0);
    check_notes("");
    return 0;
}

static int fail_by_itself(void)
{
    bide(bide_start(NULL, bide_co(fail, -EIO)));
    turns(3);
    return 0;
}
bide_async(fail_by_itself);

unit_test(handler_by_default_prints_the_error_with_its_trace) /* C7, B16 */
{
    char expected[64];

    capture_begin();
    check_eq(bide_run(bide_co(fail_by_itself)), 0);
    capture_end();
    snprintf(expected, sizeof expected, "bide: task 'fail' failed, and nobody looked");
    check_mem(captured, expected, strlen(expected));
    check(strstr(captured, " at its error: it went wrong\n    in task 'fail' (") != NULL);
    return 0;
}

/* ---- what a handler may do ---- */

static int clean_up(void)
{
    note("started:%d", bide_sleep(0));
    return 0;
}
bide_async(clean_up);

static void start_one(bide_loop *loop, const bide_exception_context *context, void *argument)
{
    (void)loop;
    (void)argument;
    note("%s", bide_error_name(context->error));
    check(bide_create_task(NULL, bide_co(clean_up)) != NULL);
}

static int lose_two(void)
{
    bide_set_exception_handler(bide_get_running_loop(), start_one, NULL);
    bide(bide_start(NULL, bide_co(fail, -EIO)));
    turns(4);
    check(bide_create_task(NULL, bide_co(fail, -EPIPE)) != NULL); /* told when the run frees its handles */
    turns(2);
    note("main");
    return 0;
}
bide_async(lose_two);

unit_test(handler_may_start_tasks_even_at_the_end_of_run)
{
    check_eq(bide_run(bide_co(lose_two)), 0);
    check_notes("EIO started:0 main EPIPE started:-125");
    return 0;
}

static int call_it(void)
{
    set_handler();
    int err = bide_fail(-EBUSY, "no room at %d", 7);
    bide_call_exception_handler(bide_get_running_loop(),
                                &(bide_exception_context){ .message = "a callback", .error = err });
    check_str(bide_strerror(-EBUSY), "no room at 7"); /* still ours */
    bide_set_exception_handler(bide_get_running_loop(), NULL, NULL);
    capture_begin();
    bide_call_exception_handler(bide_get_running_loop(),
                                &(bide_exception_context){ .message = "a callback", .error = err });
    bide_call_exception_handler(bide_get_running_loop(), &(bide_exception_context){ .message = "a remark" });
    capture_end();
    check_str(captured, "bide: a callback: no room at 7\nbide: a remark\n");
    return 0;
}
bide_async(call_it);

unit_test(handler_can_be_called_and_reset) /* B16 */
{
    check_eq(bide_run(bide_co(call_it)), 0);
    check_notes("handler:-:EBUSY:no room at 7");
    return 0;
}

static int wait_elsewhere(bide_remote_call *call)
{
    check_error(bide_remote_call_wait(call, INFINITY), EIO);
    check_str(bide_strerror(-EIO), "it went wrong");
    return 0;
}
bide_async(wait_elsewhere, bide_remote_call *);

static int fail_for_another_thread(void)
{
    bide_remote_call *call;

    set_handler();
    check_eq(bide_run_coroutine_threadsafe(bide_get_running_loop(), bide_co(fail, -EIO), &call), 0);
    bide(bide_to_thread(bide_co(wait_elsewhere, call)));
    bide_remote_call_free(call);
    return 0;
}
bide_async(fail_for_another_thread);

unit_test(handler_is_not_asked_about_calls_of_other_threads)
{
    check_eq(bide_run(bide_co(fail_for_another_thread)), 0);
    check_notes("");
    return 0;
}
