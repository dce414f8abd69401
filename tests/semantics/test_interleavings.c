/*
 * The order of things in 1,441 small programs, as CPython 3.14 has it: who runs when, who gets what, what ends how. They were
 * generated, recorded by interleave.py, and chosen so that each pair of operations that follow one another occurs.
 * BIDE_INTERLEAVINGS names another file of that kind.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_interleave.h"

enum { SHOWN = 5 };

unit_test(programs_take_the_steps_that_they_take_in_asyncio)
{
    static char trace[INTERLEAVE_TRACE];
    const char *other = getenv("BIDE_INTERLEAVINGS"), *source = getenv("BIDE_SOURCE_DIR");
    char path[4096], *line = NULL;
    size_t size = 0;
    int compared = 0, different = 0;

    snprintf(path, sizeof path, "%s/tests/semantics/interleavings.txt", source ? source : ".");
    FILE *file = fopen(other ? other : path, "r");
    check(file);
    while (getline(&line, &size, file) > 0) {
        char *expected = strchr(line, '\t');

        check(expected);
        line[strcspn(line, "\n")] = 0;
        *expected++ = 0;
        interleave_run(line, trace);
        compared++;
        if (strcmp(trace, expected) != 0 && different++ < SHOWN)
            fprintf(stderr, "%s\n  asyncio: %s\n  bide:    %s\n", line, expected, trace);
    }
    free(line);
    fclose(file);
    check(compared >= 1000 || other);
    check_eq(different, 0);
    return 0;
}
