/* What not to do: a slow write to a disk, made inside a task, freezes the loop. The other task has to wait for it. */
#include <bide.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_file_sync(void)
{
    puts("Writing file…");
    FILE *file = fopen("test.txt", "w");
    if (!file)
        return bide_fail(-errno, "test.txt: %s", strerror(errno));
    fputs("This is a large file.", file); /* blocks here */
    fclose(file);
    sleep(2); /* a slow disk */
    puts("File write complete");
    return 0;
}
bide_async(write_file_sync);

static int do_something_else(void)
{
    puts("Doing something else…");
    bide(bide_sleep(1));
    puts("Done with something else");
    return 0;
}
bide_async(do_something_else);

static int app(void)
{
    return bide_gather(bide_co(write_file_sync), bide_co(do_something_else));
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
