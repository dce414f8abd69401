/* 8: another program is fed, read, and not waited for longer than two seconds. */
#include <bide.h>
#include <stdio.h>
#include <string.h>

static int app(void)
{
    const bide_process_options options = { .stdin_from = BIDE_PIPE, .stdout_to = BIDE_PIPE };
    const char *text = "pear\napple\nfig\n";
    bide_auto(process) *sort = NULL; /* whatever happens: closed, and killed if it still runs */
    bide_auto(process_output) output = { 0 };
    int err;

    bide(bide_create_subprocess_exec(bide_arguments("sort", "-r"), &options, &sort));
    bide_timeout (2, err)
        err = bide_process_communicate(sort, text, strlen(text), &output);
    bide(err);
    printf("%sreturn code %d\n", output.text, bide_process_returncode(sort));
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
