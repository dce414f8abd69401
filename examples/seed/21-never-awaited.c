/* In C calling a function that waits runs it. What can be forgotten is a coroutine value that nobody starts. */
#include <bide.h>
#include <stdio.h>

static int my_coro(void)
{
    puts("This will never print!");
    return 0;
}
bide_async(my_coro);

static int app(void)
{
    bide_coroutine forgotten =
        bide_co(my_coro); /* WRONG: only a value; without the variable it is a compiler warning */
    (void)forgotten;
    bide(my_coro());                    /* RIGHT */
    bide_start(NULL, bide_co(my_coro)); /* ALSO RIGHT: it was started, so it runs, though this function ends now */
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
