/* Twenty thousand operations of one second each take about one second. Each stores its result through a pointer. */
#include <bide.h>
#include <stdio.h>

enum { N = 20000 };

static int op(int i, int *ret_result)
{
    bide(bide_sleep(1));
    *ret_result = i;
    return 0;
}
bide_async(op, int, int *);

static int app(void)
{
    static int results[N];
    double start = bide_time();
    int err;

    bide_task_group(tg, err) {
        for (int i = 0; i < N; i++)
            bide(bide_start(tg, bide_co(op, i, &results[i])));
    }
    bide(err);
    printf("%d %d %d in about %.0f s\n", N, results[0], results[N - 1], bide_time() - start);
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
