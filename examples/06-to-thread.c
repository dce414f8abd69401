/* 6: a function that blocks or computes for long runs in a thread, and the other tasks go on. */
#include <bide.h>
#include <stdio.h>

static int count_primes(int limit, int *ret_count)
{
    int count = 0;

    for (int n = 2; n < limit; n++) {
        int divisor = 2;

        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        count += divisor * divisor > n;
    }
    *ret_count = count;
    return 0;
}
bide_async(count_primes, int, int *);

static int tick(void)
{
    for (;;) {
        puts("tick");
        bide(bide_sleep(0.05));
    }
    return 0;
}
bide_async(tick);

static int app(void)
{
    int count;

    if (!bide_create_task(NULL, bide_co(tick)))
        return -ENOMEM;
    bide(bide_to_thread(bide_co(count_primes, 2000000, &count)));
    printf("%d primes below two million\n", count);
    return 0; /* tick() is cancelled, as it belongs to run() */
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
