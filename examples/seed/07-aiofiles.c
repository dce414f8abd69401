/* Writing a file while the loop goes on. */
#include <bide.h>
#include <stdio.h>

static int write_file_async(void)
{
    bide_auto(file) *f = NULL;

    puts("Writing file async…");
    bide(bide_file_open("test.txt", "w", &f));
    bide(bide_file_write(f, "This is a large file.", 21)); /* the loop goes on */
    bide(bide_sleep(2));                                   /* a slow disk */
    puts("File write complete async");
    return 0;
}
bide_async(write_file_async);

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
    return bide_gather(bide_co(write_file_async), bide_co(do_something_else));
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
