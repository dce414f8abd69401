/* Writing a file while the loop goes on: there are no files that wait yet, so stdio is called in a thread. */
#include <bide.h>
#include <stdio.h>
#include <string.h>

/* Ordinary blocking code. */
static int write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    if (!file)
        return bide_fail(-errno, "%s: %s", path, strerror(errno));
    int failed = fputs(text, file) < 0;
    if (fclose(file) != 0 || failed)
        return bide_fail(-EIO, "%s: could not be written", path);
    return 0;
}
bide_async(write_file, const char *, const char *);

static int write_file_async(void)
{
    puts("Writing file async…");
    bide(bide_to_thread(bide_co(write_file, "test.txt", "This is a large file."))); /* the loop goes on */
    bide(bide_sleep(2));                                                            /* a slow disk */
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
