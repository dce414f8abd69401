/*
 * support_file.h - what the tests of files share: files made and looked at without bide. Not in a file of its own,
 * because those are linked into tests without a harness as well.
 */
#ifndef BIDE_TESTS_SUPPORT_FILE_H
#define BIDE_TESTS_SUPPORT_FILE_H

#include "support_io.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include <bide/file.h>

/* The path of a name in the test's directory. Valid for the next 7 calls. */
static inline const char *in_directory(const char *name)
{
    static char paths[8][400];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", bide_test_directory(), name);
    return path;
}

/* Makes a file in the test's directory. */
static inline void store(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(in_directory(name), "w");

    check(file != NULL);
    check_eq(fwrite(data, 1, size, file), size);
    check_eq(fclose(file), 0);
}

/* Fails the test unless exactly this is in the file. */
static inline void check_content(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(in_directory(name), "r");
    char *found = malloc(size + 2);

    check(file != NULL);
    check_eq(fread(found, 1, size + 1, file), size);
    check_mem(found, data, size);
    free(found);
    fclose(file);
}

#endif
