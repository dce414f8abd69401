/* A call with a time limit. */
#include <bide.h>
#include <stdio.h>

static int slow_operation(const char **ret_result)
{
    puts("Starting slow operation…");
    bide(bide_sleep(5)); /* simulates a task of five seconds */
    puts("Slow operation complete");
    *ret_result = "Done";
    return 0;
}
bide_async(slow_operation, const char **);

static int app(void)
{
    const char *result;
    int err = bide_wait_for(bide_co(slow_operation, &result), 3.0);

    if (err == -ETIMEDOUT) {
        puts("The operation timed out!");
        return 0;
    }
    bide(err);
    printf("Operation succeeded: %s\n", result);
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
