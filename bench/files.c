/*
 * Files: 10,000 small ones read whole, 100 at a time; a large one copied piece by piece, beside a task that ticks every
 * millisecond (how late it was at worst is printed as "late_us"); random reads, 100 at a time. Usage: files
 * epoll|io_uring small|copy|random FOLDER
 */
#include <bide.h>

#include "bench.h"

enum { SMALL = 10000, READS = 20000, AT_ONCE = 100, BLOCK = 4096, PIECE = 1 << 20 };

static const char *folder;
static long next_one;
static unsigned state = 1;
static double latest;

static const char *path_in(char path[4096], const char *name)
{
    snprintf(path, 4096, "%s/%s", folder, name);
    return path;
}

/* ---- small ---- */

static int small_reader(void)
{
    char name[32], *data;

    while (next_one < SMALL) {
        char path[256];

        snprintf(name, sizeof name, "small/%ld", next_one++);
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (bide(bide_read_file(path, BLOCK, &data)) != BLOCK)
            return bide_fail(-1, "%s: short", path);
        free(data);
    }
    return 0;
}
bide_async(small_reader);

static int small(void)
{
    int err;

    bide_task_group (group, err)
        for (int i = 0; i < AT_ONCE; i++)
            bide_start(group, bide_co(small_reader));
    return bide(err), SMALL;
}

/* ---- copy ---- */

static int ticker(void)
{
    for (;;) {
        double due = bide_time() + 0.001, late;

        bide(bide_sleep(0.001));
        late = bide_time() - due;
        latest = late > latest ? late : latest;
    }
}
bide_async(ticker);

static int copy(void)
{
    static char piece[PIECE], path[4096];
    bide_auto(file) *source = NULL;
    bide_file *target;
    ssize_t size;

    bide(bide_file_open(path_in(path, "large"), "r", &source));
    bide(bide_file_open(path_in(path, "copy"), "w", &target));
    bide_start(NULL, bide_co(ticker));
    while ((size = bide_file_read(source, piece, sizeof piece)) > 0)
        if (bide_file_write(target, piece, (size_t)size) != size)
            break;
    bide(bide_file_close(target));
    return bide((int)size), 1;
}

/* ---- random ---- */

static int random_reader(bide_file *file, long blocks)
{
    char block[BLOCK];

    while (next_one++ < READS)
        if (bide(bide_file_read_at(file, block, BLOCK, (int64_t)(bench_random(&state) * (double)blocks) * BLOCK)) !=
            BLOCK)
            return bide_fail(-1, "short");
    return 0;
}
bide_async(random_reader, bide_file *, long);

static int random_reads(void)
{
    static char path[4096];
    bide_auto(file) *file = NULL;
    struct stat status;
    int err;

    bide(bide_file_open(path_in(path, "large"), "r", &file));
    bide(bide_file_stat(file, &status));
    bide_task_group (group, err)
        for (int i = 0; i < AT_ONCE; i++)
            bide_start(group, bide_co(random_reader, file, (long)(status.st_size / BLOCK)));
    return bide(err), READS;
}

static int app(const char *work)
{
    double start = bench_now(), cpu = bench_cpu(), count;

    if (strcmp(work, "small") == 0)
        count = bide(small());
    else if (strcmp(work, "copy") == 0)
        count = bide(copy());
    else
        count = bide(random_reads());
    start = bench_now() - start;
    cpu = bench_cpu() - cpu;
    printf("{\"work\": \"files_%s\", \"unit\": \"us\", \"value\": %.6g, \"cpu\": %.6g, \"late_us\": %.1f}\n", work,
           start * 1e6 / count, cpu * 1e6 / count, latest * 1e6);
    return 0;
}
bide_async(app, const char *);

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    folder = argv[3];
    return bide_run_with(bide_co(app, argv[2]), &(bide_run_options){ .backend = argv[1] }) < 0;
}
