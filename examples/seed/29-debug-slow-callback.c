/* Debug mode says on stderr which step held the loop up, where it was made and for how long. */
#include <bide.h>
#include <poll.h>
#include <stdio.h>

static int app(void)
{
    poll(NULL, 0, 200); /* blocks: reported as longer than 0.1 s */
    puts("blocked for 0.2 s");
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run_with(bide_co(app), &(bide_run_options){ .debug = true });
}
