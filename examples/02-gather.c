/* 2: several calls at the same time. Their results come through pointers; gather returns when all have ended. */
#include <bide.h>
#include <stdio.h>

static int measure(double delay, int value, int *ret_value)
{
    bide(bide_sleep(delay));
    *ret_value = value;
    return 0;
}
bide_async(measure, double, int, int *);

static int app(void)
{
    double start = bide_time();
    int left, right;

    bide(bide_gather(bide_co(measure, 0.3, 20, &left), bide_co(measure, 0.2, 22, &right)));
    printf("%d, after %.1f s\n", left + right, bide_time() - start);
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
