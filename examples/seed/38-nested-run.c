/* bide_run() inside a running loop is refused; in another thread it is fine, there is no loop there. */
#include <bide.h>
#include <pthread.h>
#include <stdio.h>

static int inner(const char **ret_result)
{
    *ret_result = "inner result";
    return 0;
}
bide_async(inner, const char **);

static void *run_inner(void *ret_result)
{
    bide_run(bide_co(inner, ret_result));
    return NULL;
}

static int app(void)
{
    const char *result = NULL;
    pthread_t thread;

    int err = bide_run(bide_co(inner, &result));
    if (err == -EDEADLK)
        puts("RuntimeError: bide_run() cannot be called from a running event loop");

    pthread_create(&thread, NULL, run_inner, &result);
    pthread_join(thread, NULL); /* blocks the loop, but not for long */
    printf("from another thread: %s\n", result);
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
