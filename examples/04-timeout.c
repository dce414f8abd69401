/* 4: time limits. A block has one, a single call can have one, and they nest: only the limit that was hit says -ETIMEDOUT. */
#include <bide.h>
#include <stdio.h>

static int slow(void)
{
    bide(bide_sleep(60));
    puts("never printed");
    return 0;
}
bide_async(slow);

static int app(void)
{
    int err, inner;

    bide_timeout(0.2, err) {
        err = slow();
    }
    printf("block: %s\n", bide_error_name(err));

    err = bide_wait_for(bide_co(slow), 0.2);
    printf("call: %s\n", bide_error_name(err));

    bide_timeout(0.2, err) {
        bide_timeout(10, inner) {
            inner = slow();
        }
        printf("inner block: %s\n", bide_error_name(inner)); /* it was cut short, but not by its own limit */
        err = inner;
    }
    printf("outer block: %s\n", bide_error_name(err));
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
