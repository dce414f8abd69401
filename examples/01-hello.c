/* 1: a program that waits. bide(x) is C's `await x`. */
#include <bide.h>
#include <stdio.h>

static int say(double delay, const char *what)
{
    bide(bide_sleep(delay));
    puts(what);
    return 0;
}

static int app(void)
{
    bide(say(0.2, "hello"));
    bide(say(0.2, "world"));
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
