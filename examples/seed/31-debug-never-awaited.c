/* Debug mode says on stderr which coroutine value nobody has started, and where it was made. */
#include <bide.h>
#include <stdio.h>

static int my_coro(void)
{
    puts("never");
    return 0;
}
bide_async(my_coro);

static int app(void)
{
    bide_coroutine forgotten = bide_co(my_coro); /* without the variable it is a compiler warning */
    (void)forgotten;
    puts("main done");
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run_with(bide_co(app), &(bide_run_options){ .debug = true });
}
