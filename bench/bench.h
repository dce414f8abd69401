/*
 * What the benchmark programs in C share, bide's and the peers': a work is measured once, after a warm-up, and printed
 * as a line of JSON for bench/run, which repeats and compares. A body does `count` operations; it is called with small
 * counts until one takes a quarter of the time that is wanted, then once with the count that fits.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct bench_work {
    const char *name;
    void (*body)(long count); /* measured by bench_measure; NULL: special */
    long step;                /* counts are multiples of it; 0: 1 */
    void (*special)(void);    /* measures and reports itself */
};

static inline double bench_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Seconds of processor time of all threads of this process. */
static inline double bench_cpu(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* cpu: processor time for one operation in the same unit; 0 where it means nothing. */
static inline void bench_report(const char *work, const char *unit, double value, double cpu)
{
    printf("{\"work\": \"%s\", \"unit\": \"%s\", \"value\": %.6g, \"cpu\": %.6g}\n", work, unit, value, cpu);
    fflush(stdout);
}

/* Resident memory and page tables of this process, in bytes. */
static inline double bench_memory(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    double total = 0, value;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %lf", &value) == 1 || sscanf(line, "VmPTE: %lf", &value) == 1)
            total += value;
    if (file)
        fclose(file);
    return total * 1024;
}

/* The same numbers in every program and language: between 0 and 1. */
static inline double bench_random(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / 16777216.0;
}

static inline void bench_measure(const struct bench_work *work, double seconds)
{
    long step = work->step ? work->step : 1, count = step;
    double start, cpu, took;

    for (;;) {
        start = bench_now();
        work->body(count);
        took = bench_now() - start;
        if (took >= seconds / 4)
            break;
        count *= took < seconds / 40 ? 8 : 2;
    }
    count = (long)((double)count * seconds / took) / step * step;
    if (count < step)
        count = step;
    cpu = bench_cpu();
    start = bench_now();
    work->body(count);
    took = bench_now() - start;
    cpu = bench_cpu() - cpu;
    bench_report(work->name, "ns", took * 1e9 / (double)count, cpu * 1e9 / (double)count);
}

/* Runs the work of that name; "list" prints the names. The exit code. */
static inline int bench_run(const struct bench_work *works, size_t count, const char *name, double seconds)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, "list") == 0)
            puts(works[i].name);
        else if (strcmp(name, works[i].name) != 0)
            continue;
        else if (works[i].special)
            works[i].special();
        else
            bench_measure(&works[i], seconds);
    }
    return 0;
}

/* The arguments of a program: WORK [SECONDS]. */
static inline const char *bench_name(int argc, char **argv)
{
    return argc > 1 ? argv[1] : "list";
}

static inline double bench_seconds(int argc, char **argv)
{
    return argc > 2 ? atof(argv[2]) : 0.3;
}

#endif
