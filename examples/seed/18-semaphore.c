/* A semaphore: twenty tasks, five at a time. */
#include <bide.h>
#include <stdio.h>

enum { URLS = 20 };

static int fetch_api(int number, bide_semaphore *semaphore)
{
    int err;

    bide_with(semaphore, err) {
        /* only 5 tasks can be in this block at a time */
        printf("Fetching url_%d…\n", number);
        bide(bide_sleep(1)); /* simulate a request */
        printf("Done with url_%d\n", number);
    }
    return err;
}
bide_async(fetch_api, int, bide_semaphore *);

static int app(void)
{
    bide_semaphore semaphore = BIDE_SEMAPHORE(5); /* at most 5 at once */
    int err;

    bide_task_group(tg, err) {
        for (int i = 0; i < URLS; i++)
            bide_start(tg, bide_co(fetch_api, i, &semaphore));
    }
    return err;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
