/* One waiting function calls another: an ordinary call. The result travels through an out pointer. */
#include <bide.h>
#include <stdio.h>

static int demo1(const char **ret_text)
{
    bide(bide_sleep(1));
    *ret_text = "Result from demo1";
    return 0;
}

static int demo(const char **ret_text)
{
    /* pauses here and goes on in demo() when demo1() has returned */
    bide(demo1(ret_text));
    return 0;
}
bide_async(demo, const char **);

int main(void)
{
    const char *text = NULL;
    int err = bide_run(bide_co(demo, &text));

    if (err == 0)
        puts(text);
    return err;
}
