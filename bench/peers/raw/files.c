/*
 * The floor for files: one blocking call after the other. Usage: files small|copy|random FOLDER
 */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <sys/stat.h>

#include "bench.h"

enum { SMALL = 10000, READS = 20000, BLOCK = 4096, PIECE = 1 << 20 };

static char name[4096];
static const char *folder;

static int open_in(const char *what, int flags)
{
    int descriptor;

    snprintf(name, sizeof name, "%s/%s", folder, what);
    descriptor = open(name, flags | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        perror(name);
        exit(1);
    }
    return descriptor;
}

static long read_small(void)
{
    char which[32];

    for (int i = 0; i < SMALL; i++) {
        char *data = malloc(BLOCK + 1);
        int file;

        snprintf(which, sizeof which, "small/%d", i);
        file = open_in(which, O_RDONLY);
        if (read(file, data, BLOCK + 1) != BLOCK || read(file, data, 1) != 0)
            exit(1);
        close(file);
        free(data);
    }
    return SMALL;
}

static long copy(void)
{
    static char piece[PIECE];
    int source = open_in("large", O_RDONLY), target = open_in("copy", O_WRONLY | O_CREAT | O_TRUNC);
    ssize_t size;

    while ((size = read(source, piece, sizeof piece)) > 0)
        if (write(target, piece, (size_t)size) != size)
            exit(1);
    close(source);
    close(target);
    return 1;
}

static long read_random(void)
{
    int source = open_in("large", O_RDONLY);
    struct stat status;
    unsigned state = 1;
    char block[BLOCK];

    fstat(source, &status);
    for (int i = 0; i < READS; i++) {
        off_t at = (off_t)(bench_random(&state) * (double)(status.st_size / BLOCK)) * BLOCK;

        if (pread(source, block, BLOCK, at) != BLOCK)
            exit(1);
    }
    return READS;
}

int main(int argc, char **argv)
{
    double start = bench_now(), cpu = bench_cpu(), count;
    char work[64];

    if (argc != 3)
        return 2;
    folder = argv[2];
    count = (double)(strcmp(argv[1], "small") == 0  ? read_small()
                     : strcmp(argv[1], "copy") == 0 ? copy()
                                                    : read_random());
    snprintf(work, sizeof work, "files_%s", argv[1]);
    bench_report(work, "us", (bench_now() - start) * 1e6 / count, (bench_cpu() - cpu) * 1e6 / count);
    return 0;
}
