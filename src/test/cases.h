/* test/cases.h - what is to be run: each test with each element, backend and repetition is a case. */
#ifndef BIDE_TEST_CASES_H
#define BIDE_TEST_CASES_H

#include <stddef.h>

#include "test/attempt.h"
#include "test/options.h"
#include "test/report.h"

/* One line of the result. A case is one attempt, or several in a row: with faults, cancellations, seeds. */
struct bide__case {
    char name[160];
    struct bide__attempt attempt; /* the present one */
    bool started, ended;
    enum bide__outcome outcome;
    char reason[512]; /* of a skip, or a note behind the name; may be empty */
    char *text;       /* what it said and printed; malloc'ed, NULL: nothing */
    double seconds;
    unsigned attempts, checks;
};

struct bide__cases {
    struct bide__case *first;
    size_t count;
};

/* The cases of a program that the command asks for, in the order in which the tests are written. 0, -ENOMEM. */
int bide__cases_make(struct bide__cases *cases, const struct bide__test_command *command);
void bide__cases_free(struct bide__cases *cases);

/*
 * A case's attempt has ended well: prepares the next one. False if there is none: the case has passed. fired: what
 * was to be injected has happened.
 */
bool bide__case_next(struct bide__case *one, const struct bide__test_command *command, bool fired);

#endif
