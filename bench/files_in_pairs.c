/*
 * Files: bide on each backend beside a loop of blocking calls, in pairs within one run, so that drift hits all alike.
 *
 * "read" is many small files, all at once as tasks, each with bide_read_file, after all are in the page cache. "copy"
 * and "large" are one large file, copied by bide_copy_file (beside copy_file_range in a loop) and read by
 * bide_file_read 1 MiB at a time (beside pread), with a task beside them that sleeps for 1 ms again and again: how late
 * it woke at worst, and at the 99th of 100, in the loop's own processor time, so that other programs do not count.
 * Prints the best and the median round and the median of the ratios, round by
 * round.
 *
 * Usage: files_in_pairs [directory, default /tmp] [files, default 10000] [MiB of the large file, default 1024]
 *                    [rounds, default 7]
 */
#include <bide.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 99, KINDS = 3, FILE_BYTES = 4096, PIECE_BYTES = 1024 * 1024, TICKS_MAX = 100000 };

static const char *const kinds[KINDS] = { "blocking", "bide on epoll", "bide on io_uring" };
static const char *const backends[KINDS] = { NULL, "epoll", "io_uring" };

static const char *directory = "/tmp";
static int files = 10000;
static int64_t large = INT64_C(1024) * 1024 * 1024;
static double lateness[TICKS_MAX];
static size_t ticks;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double seconds_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static void path_of(char *path, size_t size, const char *name, int number)
{
    snprintf(path, size, "%s/files_in_pairs.%d/%s%d", directory, (int)getpid(), name, number);
}

/* ---- many small files ---- */

static double read_blocking(void)
{
    double start = seconds_now();

    for (int i = 0; i < files; i++) {
        char path[400], *data;
        struct stat status;

        path_of(path, sizeof path, "small", i);
        int descriptor = open(path, O_RDONLY | O_CLOEXEC);
        if (descriptor < 0 || fstat(descriptor, &status) < 0)
            fail(path);
        data = malloc((size_t)status.st_size + 1);
        if (read(descriptor, data, (size_t)status.st_size) != status.st_size)
            fail(path);
        close(descriptor);
        free(data);
    }
    return seconds_now() - start;
}

static int read_one(int number)
{
    char path[400], *data;

    path_of(path, sizeof path, "small", number);
    ssize_t size = bide(bide_read_file(path, 1 << 20, &data));
    free(data);
    return size == FILE_BYTES ? 0 : -EIO;
}
bide_async(read_one, int);

static int read_all(double *ret_seconds)
{
    double start = seconds_now();
    int err;

    bide_task_group (group, err) {
        for (int i = 0; i < files; i++)
            bide_start(group, bide_co(read_one, i));
    }
    *ret_seconds = seconds_now() - start;
    return err;
}
bide_async(read_all, double *);

/* ---- one large file ---- */

static int tick(const bool *stop)
{
    while (!*stop) {
        double start = read_clock(CLOCK_THREAD_CPUTIME_ID);

        bide(bide_sleep(0.001));
        if (ticks < TICKS_MAX)
            lateness[ticks++] = read_clock(CLOCK_THREAD_CPUTIME_ID) - start - 0.001;
    }
    return 0;
}
bide_async(tick, const bool *);

static double copy_blocking(void)
{
    char from[400], to[400];
    int64_t copied = 0;
    double start = seconds_now();

    path_of(from, sizeof from, "large", 0);
    path_of(to, sizeof to, "copy", 0);
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (in < 0 || out < 0)
        fail(to);
    for (ssize_t count; (count = copy_file_range(in, NULL, out, NULL, PIECE_BYTES, 0)) > 0;)
        copied += count;
    if (copied != large)
        fail(to);
    close(in);
    close(out);
    return seconds_now() - start;
}

static int copy_large(double *ret_seconds)
{
    char from[400], to[400];
    double start = seconds_now();

    path_of(from, sizeof from, "large", 0);
    path_of(to, sizeof to, "copy", 0);
    if (bide(bide_copy_file(from, to)) != large)
        return -EIO;
    *ret_seconds = seconds_now() - start;
    return 0;
}
bide_async(copy_large, double *);

static double large_blocking(void)
{
    char path[400], *data = malloc(PIECE_BYTES);
    double start = seconds_now();

    path_of(path, sizeof path, "large", 0);
    int descriptor = open(path, O_RDONLY);
    for (int64_t at = 0; at < large; at += PIECE_BYTES)
        if (pread(descriptor, data, PIECE_BYTES, at) != PIECE_BYTES)
            fail(path);
    close(descriptor);
    free(data);
    return seconds_now() - start;
}

static int read_large(double *ret_seconds)
{
    char path[400], *data = malloc(PIECE_BYTES);
    double start = seconds_now();
    bide_auto(file) *file = NULL;
    ssize_t count;

    path_of(path, sizeof path, "large", 0);
    bide(bide_file_open(path, "r", &file));
    while ((count = bide_file_read(file, data, PIECE_BYTES)) > 0)
        continue;
    free(data);
    *ret_seconds = seconds_now() - start;
    return (int)count;
}
bide_async(read_large, double *);

static int beside_ticker(bide_coroutine work)
{
    bool stop = false;
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(tick, &stop));
        bide_task *task = bide_create_task(group, work);
        bide_join(task);
        stop = true;
    }
    return err;
}
bide_async(beside_ticker, bide_coroutine);

/* ---- rounds ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[count / 2];
}

/* The loops live from round to round, as a program's does: a new one would first have to get its stacks' memory. */
static double run_bide(int kind, bide_coroutine work, bool ticking)
{
    static bide_runner runners[KINDS];
    const bide_run_options options = { .backend = backends[kind] };
    bide_runner *runner = &runners[kind];

    if (!runner->run && bide_runner_open(runner, &options) < 0)
        exit(1);
    if (bide_runner_run(runner, ticking ? bide_co(beside_ticker, work) : work) < 0)
        exit(1);
    return 0;
}

enum what { READ, COPY, LARGE };

static double measure(enum what what, int kind)
{
    double seconds = 0;

    if (kind == 0)
        return what == READ ? read_blocking() : what == COPY ? copy_blocking() : large_blocking();
    if (what == READ)
        run_bide(kind, bide_co(read_all, &seconds), false);
    else if (what == COPY)
        run_bide(kind, bide_co(copy_large, &seconds), true);
    else
        run_bide(kind, bide_co(read_large, &seconds), true);
    return seconds;
}

static void compare(enum what what, const char *title, int rounds)
{
    static double seconds[KINDS][ROUNDS_MAX], ratios[KINDS][ROUNDS_MAX], processor[KINDS][ROUNDS_MAX];
    double worst[KINDS] = { 0 }, usual[KINDS] = { 0 };

    for (int round = -1; round < rounds; round++) { /* the first warms up */
        for (int i = 0; i < KINDS; i++) {
            int kind = round % 2 ? KINDS - 1 - i : i;

            ticks = 0;
            double start = read_clock(CLOCK_PROCESS_CPUTIME_ID), taken = measure(what, kind);
            double used = read_clock(CLOCK_PROCESS_CPUTIME_ID) - start;
            if (what == COPY) { /* or the disk works for one kind while the next is measured */
                char path[400];

                path_of(path, sizeof path, "copy", 0);
                unlink(path);
            }
            if (round < 0)
                continue;
            seconds[kind][round] = taken;
            processor[kind][round] = used;
            if (ticks) {
                qsort(lateness, ticks, sizeof lateness[0], ascending);
                worst[kind] = fmax(worst[kind], lateness[ticks - 1]);
                usual[kind] = fmax(usual[kind], lateness[ticks * 99 / 100]);
            }
        }
        for (int kind = KINDS - 1; kind >= 0 && round >= 0; kind--) {
            ratios[kind][round] = seconds[kind][round] / seconds[0][round];
            processor[kind][round] /= processor[0][round];
        }
    }
    printf("%s\n", title);
    for (int kind = 0; kind < KINDS; kind++) {
        double middle = median(seconds[kind], rounds);

        printf("  %-18s best %8.2f ms, median %8.2f ms, %.2f of blocking, in processor time %.2f", kinds[kind],
               seconds[kind][0] * 1e3, middle * 1e3, median(ratios[kind], rounds), median(processor[kind], rounds));
        if (kind > 0 && what != READ)
            printf("; ticker late by %.2f ms at worst, %.2f ms at the 99th", worst[kind] * 1e3, usual[kind] * 1e3);
        putchar('\n');
    }
}

static void prepare(void)
{
    char path[400], *data = calloc(1, PIECE_BYTES);
    int descriptor;

    snprintf(path, sizeof path, "%s/files_in_pairs.%d", directory, (int)getpid());
    if (mkdir(path, 0700) < 0)
        fail(path);
    for (int i = 0; i < files; i++) {
        path_of(path, sizeof path, "small", i);
        descriptor = open(path, O_WRONLY | O_CREAT, 0600);
        if (descriptor < 0 || write(descriptor, data, FILE_BYTES) != FILE_BYTES)
            fail(path);
        close(descriptor);
    }
    path_of(path, sizeof path, "large", 0);
    descriptor = open(path, O_WRONLY | O_CREAT, 0600);
    for (int64_t at = 0; at < large; at += PIECE_BYTES)
        if (write(descriptor, data, PIECE_BYTES) != PIECE_BYTES)
            fail(path);
    fsync(descriptor);
    close(descriptor);
    free(data);
}

static int clean_up(void)
{
    char path[400];

    snprintf(path, sizeof path, "%s/files_in_pairs.%d", directory, (int)getpid());
    return bide_rmtree(path);
}
bide_async(clean_up);

int main(int argc, char **argv)
{
    int rounds = argc > 4 ? atoi(argv[4]) : 7;
    char title[100];

    if (argc > 1)
        directory = argv[1];
    if (argc > 2)
        files = atoi(argv[2]);
    if (argc > 3)
        large = (int64_t)atoi(argv[3]) * PIECE_BYTES;
    if (rounds < 1 || rounds > ROUNDS_MAX || files < 1 || large < PIECE_BYTES) {
        fprintf(stderr, "usage: files_in_pairs [directory] [files] [MiB] [rounds, 1..%d]\n", ROUNDS_MAX);
        return 1;
    }
    prepare();
    snprintf(title, sizeof title, "read %d files of %d bytes, all at once", files, FILE_BYTES);
    compare(READ, title, rounds);
    snprintf(title, sizeof title, "read one file of %lld MiB", (long long)(large / PIECE_BYTES));
    compare(LARGE, title, rounds);
    snprintf(title, sizeof title, "copy one file of %lld MiB", (long long)(large / PIECE_BYTES));
    compare(COPY, title, rounds);
    return bide_run(bide_co(clean_up)) < 0;
}
