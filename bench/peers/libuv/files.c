/*
 * Files by uv_fs, that is in threads (4 unless UV_THREADPOOL_SIZE says otherwise). Usage: files small|copy|random FOLDER
 */
#include <fcntl.h>
#include <uv.h>

#include "bench.h"

enum { SMALL = 10000, READS = 20000, AT_ONCE = 100, BLOCK = 4096, PIECE = 1 << 20 };

/* One of the reads that are under way at once; copying has a single one, with a large buffer. */
struct reader {
    uv_fs_t request;
    uv_file file;
    char *data;
    ssize_t size;
};

static const char *folder;
static uv_file source, target;
static long next;
static unsigned state = 1;
static uint64_t large_size;
static int64_t copied;

static void next_small(struct reader *reader);
static void next_random(struct reader *reader);
static void next_piece(struct reader *reader);

static ssize_t result_of(uv_fs_t *request)
{
    ssize_t result = request->result;

    uv_fs_req_cleanup(request);
    if (result < 0) {
        fprintf(stderr, "%s\n", uv_strerror((int)result));
        exit(1);
    }
    return result;
}

static void on_small_close(uv_fs_t *request)
{
    result_of(request);
    next_small(request->data);
}

static void on_small_read(uv_fs_t *request)
{
    struct reader *reader = request->data;

    if (result_of(request) != BLOCK)
        exit(1);
    uv_fs_close(uv_default_loop(), request, reader->file, on_small_close);
}

static void on_small_open(uv_fs_t *request)
{
    struct reader *reader = request->data;
    uv_buf_t buffer = uv_buf_init(reader->data, BLOCK + 1);

    reader->file = (uv_file)result_of(request);
    uv_fs_read(uv_default_loop(), request, reader->file, &buffer, 1, 0, on_small_read);
}

static void next_small(struct reader *reader)
{
    char name[4096];

    if (next >= SMALL)
        return;
    snprintf(name, sizeof name, "%s/small/%ld", folder, next++);
    uv_fs_open(uv_default_loop(), &reader->request, name, O_RDONLY, 0, on_small_open);
}

static void on_random(uv_fs_t *request)
{
    if (result_of(request) != BLOCK)
        exit(1);
    next_random(request->data);
}

static void next_random(struct reader *reader)
{
    uv_buf_t buffer = uv_buf_init(reader->data, BLOCK);
    int64_t at;

    if (next++ >= READS)
        return;
    at = (int64_t)(bench_random(&state) * (double)(large_size / BLOCK)) * BLOCK;
    uv_fs_read(uv_default_loop(), &reader->request, source, &buffer, 1, at, on_random);
}

static void on_written(uv_fs_t *request)
{
    copied += result_of(request);
    next_piece(request->data);
}

static void on_piece(uv_fs_t *request)
{
    struct reader *reader = request->data;
    uv_buf_t buffer;

    reader->size = result_of(request);
    if (reader->size == 0)
        return;
    buffer = uv_buf_init(reader->data, (unsigned)reader->size);
    uv_fs_write(uv_default_loop(), request, target, &buffer, 1, copied, on_written);
}

static void next_piece(struct reader *reader)
{
    uv_buf_t buffer = uv_buf_init(reader->data, PIECE);

    uv_fs_read(uv_default_loop(), &reader->request, source, &buffer, 1, copied, on_piece);
}

static uv_file open_now(const char *what, int flags)
{
    char name[4096];
    uv_fs_t request;

    snprintf(name, sizeof name, "%s/%s", folder, what);
    uv_fs_open(NULL, &request, name, flags, 0666, NULL);
    return (uv_file)result_of(&request);
}

static long run(const char *work)
{
    static struct reader readers[AT_ONCE];
    int is_copy = strcmp(work, "copy") == 0, is_small = strcmp(work, "small") == 0;
    uv_fs_t status;

    source = open_now("large", O_RDONLY);
    uv_fs_fstat(NULL, &status, source, NULL);
    large_size = status.statbuf.st_size;
    if (is_copy)
        target = open_now("copy", O_WRONLY | O_CREAT | O_TRUNC);
    for (int i = 0; i < (is_copy ? 1 : AT_ONCE); i++) {
        readers[i].request.data = &readers[i];
        readers[i].data = malloc(is_copy ? PIECE : BLOCK + 1);
        (is_copy ? next_piece : is_small ? next_small : next_random)(&readers[i]);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return is_copy ? 1 : is_small ? SMALL : READS;
}

int main(int argc, char **argv)
{
    double start = bench_now(), cpu = bench_cpu(), count;
    char work[64];

    if (argc != 3)
        return 2;
    folder = argv[2];
    count = (double)run(argv[1]);
    snprintf(work, sizeof work, "files_%s", argv[1]);
    bench_report(work, "us", (bench_now() - start) * 1e6 / count, (bench_cpu() - cpu) * 1e6 / count);
    return 0;
}
