/*
 * Programs for tasks in a line of text, and the trace of running them with bide. tests/semantics/interleave.py runs
 * the same programs with asyncio, and says what the letters mean.
 */
#ifndef BIDE_TESTS_SUPPORT_INTERLEAVE_H
#define BIDE_TESTS_SUPPORT_INTERLEAVE_H

#include <stddef.h>

enum { INTERLEAVE_TRACE = 16384 /* bytes */ };

/* Runs a program; stores what happened in `trace`, of INTERLEAVE_TRACE bytes. */
void interleave_run(const char *program, char *trace);

#endif
