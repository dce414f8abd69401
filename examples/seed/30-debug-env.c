/* BIDE_DEBUG=1 in the environment switches debug mode on without a change to the program. */
#include <bide.h>
#include <poll.h>
#include <stdio.h>

static int app(void)
{
    printf("debug: %s\n", bide_get_debug(bide_get_running_loop()) ? "True" : "False");
    poll(NULL, 0, 200); /* blocks: reported as longer than 0.1 s */
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
