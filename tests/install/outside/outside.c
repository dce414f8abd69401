/* The first program of the manual, with shorter delays. */
#include <bide.h>
#include <stdio.h>

static int say(double delay, const char *what)
{
    bide(bide_sleep(delay));
    puts(what);
    return 0;
}
bide_async(say, double, const char *);

static int app(void) { return bide_gather(bide_co(say, 0.2, "one"), bide_co(say, 0.1, "two")); }
bide_async(app);

int main(void) { return bide_run(bide_co(app)); }
