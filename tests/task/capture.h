/*
 * capture.h: what a piece of code prints to stderr, as a string.
 */
#ifndef BIDE_TESTS_CAPTURE_H
#define BIDE_TESTS_CAPTURE_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char captured[8192];
static int capture_file = -1, capture_saved = -1;

/* From here on stderr goes into a file in memory. */
static void capture_begin(void)
{
    fflush(stderr);
    capture_file = memfd_create("captured", MFD_CLOEXEC);
    capture_saved = dup(2);
    check(capture_file >= 0 && capture_saved >= 0);
    check(dup2(capture_file, 2) == 2);
}

/* Ends that; what was printed is in captured[]. */
static void capture_end(void)
{
    fflush(stderr);
    check(dup2(capture_saved, 2) == 2);
    ssize_t size = pread(capture_file, captured, sizeof captured - 1, 0);
    captured[size > 0 ? size : 0] = 0;
    close(capture_saved);
    close(capture_file);
}

#endif
