/* 10: lines of standard input, or of any other stream, as they come. */
#include <bide.h>
#include <stdio.h>

static int app(void)
{
    bide_auto(stream) *input = NULL;
    int err, number = 0;

    bide(bide_stdin(&input));
    bide_for (char *line, bide_next_line(input, &line), err)
        printf("%d: %s\n", ++number, line);
    return err;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app)) < 0;
}
