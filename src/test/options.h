/* test/options.h - the command line of a test program. */
#ifndef BIDE_TEST_OPTIONS_H
#define BIDE_TEST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "test/fault.h"

struct bide__test_command {
    const char *program;
    const char *filter; /* tests whose name contains this */
    const char *only;   /* the test with this name */
    bool list, here, tap, verbose, color, progress;
    int jobs, repeat;
    bool seeded;
    uint64_t seed;
    const char *backend;    /* NULL: as the environment says; "all": each */
    const char *junit;      /* a file to write */
    double time_limit;      /* instead of the tests' own; 0: theirs */
    enum bide__fault fault; /* only this run of a faults or cancel test */
    unsigned n;
};

/* Reads the command line. 0; 1: help was asked for and given; -EINVAL, with a line on stderr. */
int bide__test_command_read(struct bide__test_command *command, int count, char **arguments);

#endif
