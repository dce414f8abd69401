/* When main ends, run() does not wait for the tasks that are left over to finish: it cancels them. */
#include <bide.h>
#include <stdio.h>

static int background(void)
{
    puts("background started");
    int err = bide_sleep(10);
    if (err == -ECANCELED) {
        puts("background cancelled by run()");
        return err;
    }
    puts("background finished");
    return 0;
}
bide_async(background);

static int app(void)
{
    bide_start(NULL, bide_co(background));
    bide(bide_sleep(0.1));
    puts("main returns");
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
