/* A blocking sleep of five seconds, in a thread: the other coroutine runs meanwhile. */
#include <bide.h>
#include <stdio.h>
#include <unistd.h>

static int blocking_sleep(unsigned seconds)
{
    return (int)sleep(seconds);
}
bide_async(blocking_sleep, unsigned);

static int my_good_coro(void)
{
    puts("Not blocking the event loop…");
    bide(bide_to_thread(bide_co(blocking_sleep, 5)));
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
