/* A coroutine is an ordinary function: it prints, waits a second without blocking the thread, and prints again. */
#include <bide.h>
#include <stdio.h>

static int hello(void)
{
    puts("Hello");
    bide(bide_sleep(1));
    puts("World");
    return 0;
}
bide_async(hello);

int main(void)
{
    return bide_run(bide_co(hello));
}
