/* test/output.h - what the user sees: lines, progress, the summary, a JUnit file. */
#ifndef BIDE_TEST_OUTPUT_H
#define BIDE_TEST_OUTPUT_H

#include "test/cases.h"

/* A case has ended; prints what can be printed now (in order, when it is TAP). */
void bide__output_case(const struct bide__cases *cases, const struct bide__test_command *command,
                       const struct bide__case *one);

/* A case is starting: the progress line. */
void bide__output_progress(const struct bide__cases *cases, const struct bide__test_command *command,
                           const struct bide__case *one);

/* The end: the summary. Returns how many failed. */
size_t bide__output_summary(const struct bide__cases *cases, const struct bide__test_command *command);

/* Prints what a case said, each line behind `prefix`; call chains as names. */
void bide__output_text(FILE *out, const char *prefix, const char *text);

/* Writes the JUnit report. 0 or -errno. */
int bide__output_junit(const struct bide__cases *cases, const char *path, const char *program);

#endif
