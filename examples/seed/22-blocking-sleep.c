/* What not to do: sleep() stops the whole thread, and with it the loop and every other task. */
#include <bide.h>
#include <stdio.h>
#include <unistd.h>

static int my_bad_coro(void)
{
    puts("Blocking the event loop…");
    sleep(5); /* WRONG: this freezes the entire program; bide(bide_sleep(5)) would not */
    puts("…unblocked");
    return 0;
}
bide_async(my_bad_coro);

static int other_coro(void)
{
    puts("I want to run!");
    return 0;
}
bide_async(other_coro);

static int app(void)
{
    return bide_gather(bide_co(my_bad_coro), bide_co(other_coro));
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
