/* bide_sleep() lets the others run. */
#include <bide.h>
#include <stdio.h>

static int my_good_coro(void)
{
    puts("Not blocking the event loop…");
    bide(bide_sleep(5));
    puts("…unblocked");
    return 0;
}
bide_async(my_good_coro);

static int other_coro(void)
{
    puts("I want to run!");
    return 0;
}
bide_async(other_coro);

static int app(void)
{
    return bide_gather(bide_co(my_good_coro), bide_co(other_coro));
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
