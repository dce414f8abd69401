/* 3: a task group. When one task fails, the others are cancelled; the block ends when all have ended, and err says why. */
#include <bide.h>
#include <stdio.h>

static int steady(const char *name)
{
    int err = bide_sleep(60);

    printf("%s: %s\n", name, err == -ECANCELED ? "cancelled" : "done");
    return err;
}
bide_async(steady, const char *);

static int fragile(int port)
{
    bide(bide_sleep(0.2));
    return bide_fail(-EINVAL, "port %d is out of range", port);
}
bide_async(fragile, int);

static int app(void)
{
    int err;

    bide_task_group(tg, err) {
        bide_start(tg, bide_co(steady, "first"));
        bide_start(tg, bide_co(steady, "second"));
        bide_start(tg, bide_co(fragile, 70000));
    }
    if (err < 0)
        printf("the group failed: %s\n", bide_strerror(err));
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
