/* 7: the level below tasks, for code that is written with callbacks. They run in turn with the tasks, and must not wait. */
#include <bide.h>
#include <stdio.h>

static void later(void *argument)
{
    printf("%s\n", (const char *)argument);
}

static int app(void)
{
    static char first[] = "first", second[] = "after 0.1 s", never[] = "never";
    bide_loop *loop = bide_get_running_loop();
    bide_handle handle;

    bide(bide_call_later(loop, 0.1, later, second, NULL));
    bide(bide_call_soon(loop, later, first, NULL));
    bide(bide_call_later(loop, 0.05, later, never, &handle));
    bide_handle_cancel(handle);
    bide(bide_sleep(0.2));
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
