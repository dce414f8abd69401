/* Ordinary code that needs one waiting call runs a loop for just that. */
#include <bide.h>
#include <stdio.h>

static int my_async_utility(const char **ret_result)
{
    bide(bide_sleep(1));
    *ret_result = "Async result";
    return 0;
}
bide_async(my_async_utility, const char **);

static int my_sync_function(void)
{
    const char *result;

    puts("In sync code, calling async…");
    int err = bide_run(bide_co(my_async_utility, &result)); /* a new loop for this one call */
    if (err == 0)
        printf("Got result: %s\n", result);
    return err;
}

int main(void)
{
    return my_sync_function();
}
