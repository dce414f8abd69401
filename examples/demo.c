/*
 * The demonstration: what waiting without blocking is worth, on real sockets of this machine.
 *
 * It starts `bide serve --delay 1`, a server that takes a second for each answer, and asks it three times one after the other,
 * three times at once, and ten thousand times at once. Then it fetches generated files and compares every byte, and runs
 * `bide fetch` on them with some bad URLs in between. Nothing leaves the loopback interface; nothing stays behind.
 */
#include <bide.h>
#include <bide/http.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANY = 10000, SPARE_DESCRIPTORS = 64, URL_BYTES = 512, PATH_BYTES = 512, PIECE_BYTES = 64 * 1024 };

#define LIMIT_SECONDS 60.0 /* for everything; it takes about ten */

/* A server that we started. NULL: none. */
struct server {
    bide_process *process;
    int port;
};

struct demo {
    char program[PATH_BYTES]; /* the `bide` program */
    char folder[PATH_BYTES];  /* of everything that we write; "": not made yet */
    struct server slow, files;
};

/* ---- Programs that we start ----------------------------------------------------------------------------------------- */

/* It dies with us; Ctrl-C is our affair, not its: a terminal sends that to a whole process group. */
static int start_program(const char *const *arguments, bool with_pipe, bide_process **ret_process)
{
    const bide_process_options options = { .stdout_to = with_pipe ? BIDE_PIPE : BIDE_INHERIT,
                                           .stderr_to = with_pipe ? BIDE_INHERIT : BIDE_STDOUT,
                                           .process_group = BIDE_NEW_GROUP,
                                           .parent_death_signal = SIGTERM };

    fflush(stdout);
    return bide_create_subprocess_exec(arguments, &options, ret_process);
}

static int start_server(const struct demo *demo, struct server *server, const char *what, const char *value)
{
    const char *arguments[] = { demo->program, "serve", "--quiet", "--port", "0", what, value, NULL };
    char line[1024];

    bide(start_program(arguments, true, &server->process));
    /* the first line tells the port: "... on http://127.0.0.1:8080/ (...)" */
    bide(bide_read_line(bide_process_stdout(server->process), line, sizeof line));
    const char *place = strstr(line, "http://127.0.0.1:");
    if (!place)
        return bide_fail(BIDE_EPROTOCOL, "the server did not start: %s", line);
    server->port = atoi(place + strlen("http://127.0.0.1:"));
    return 0;
}

static void stop_server(struct server *server)
{
    if (server->process)
        bide_process_stop(server->process, 5);
    bide_process_close(server->process);
    server->process = NULL;
}

/* ---- Part one: a server that takes a second for each answer ---------------------------------------------------------- */

static int get_hello(bide_http_client *client, const char *url)
{
    bide_auto(http_response) *response = NULL;
    char *text;

    bide(bide_http_get(client, url, &response));
    bide(bide_http_read_all(response, &text, NULL));
    bool is_right = bide_http_response_status(response) == 200 && !strcmp(text, "hello");
    free(text);
    return is_right ? 0 : bide_fail(BIDE_EPROTOCOL, "%s: a wrong answer", url);
}
bide_async(get_hello, bide_http_client *, const char *);

static int get_one_after_the_other(bide_http_client *client, const char *url, int count)
{
    for (int i = 0; i < count; i++)
        bide(get_hello(client, url));
    return 0;
}

static int get_at_once(bide_http_client *client, const char *url, int count)
{
    int err;

    bide_task_group(tasks, err) {
        for (int i = 0; i < count; i++)
            bide(bide_start(tasks, bide_co(get_hello, client, url)));
    }
    return err;
}

/* The highest number of tasks that was seen, and the memory of the process then. */
struct peak {
    size_t tasks;
    size_t memory;
};

static size_t resident_memory(void)
{
    size_t total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file && fscanf(file, "%zu %zu", &total, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static int watch(struct peak *peak)
{
    for (;;) {
        bide(bide_sleep(0.02));
        if (bide_task_count() > peak->tasks)
            peak->tasks = bide_task_count();
        if (resident_memory() > peak->memory)
            peak->memory = resident_memory();
    }
}
bide_async(watch, struct peak *);

static int measure(const char *what, int (*get)(bide_http_client *, const char *, int), int port, int count)
{
    const bide_http_client_options options = { .connections_max = (size_t)count };
    bide_auto(http_client) *client = NULL;
    struct peak peak = { 0 };
    size_t memory = resident_memory();
    char url[URL_BYTES];
    double start = bide_time();
    int err, result = 0;

    bide(bide_http_client_open(&options, &client));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    bide_task_group(watchers, err) {
        bide(bide_start(watchers, bide_co(watch, &peak)));
        result = get(client, url, count);
        bide_group_cancel(watchers);
    }
    bide(result);
    bide(err);
    double seconds = bide_time() - start;
    /* main, and the task that watches, are not counted; without further tasks main does the work */
    size_t tasks = peak.tasks > 3 ? peak.tasks - 2 : 1;
    printf("  %-22s %7.2f s %10.1f requests/s %7zu task%s\n", what, seconds, count / seconds, tasks, tasks > 1 ? "s" : "");
    if (tasks > 100)
        printf("  Memory: %.1f KiB for each waiting task: its stack, record, connection and response\n"
               "  (growth of the resident set / tasks).%s\n",
               (double)(peak.memory - memory) / 1024 / (double)tasks,
               seconds > 1.5 ? " What exceeds one second is the work of opening that\n"
                               "  many connections, here and in the server, which share this machine."
                             : "");
    fflush(stdout);
    return 0;
}

/* How many connections fit into the limit of open files. */
static int count_of_many(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return MANY;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= MANY + SPARE_DESCRIPTORS)
        return MANY;
    printf("  (Only %llu files may be open here, ulimit -n: fewer than %d requests at once.)\n",
           (unsigned long long)limit.rlim_cur, MANY);
    return (int)limit.rlim_cur - SPARE_DESCRIPTORS;
}

static int show_waiting(struct demo *demo)
{
    char what[64];

    printf("1. A server that takes one second for each answer\n");
    int many = count_of_many();
    bide(start_server(demo, &demo->slow, "--delay", "1"));
    bide(measure("3, one after the other", get_one_after_the_other, demo->slow.port, 3));
    bide(measure("3 at once", get_at_once, demo->slow.port, 3));
    snprintf(what, sizeof what, "%d at once", many);
    bide(measure(what, get_at_once, demo->slow.port, many));
    stop_server(&demo->slow);
    return 0;
}

/* ---- Part two: files, byte by byte ---------------------------------------------------------------------------------- */

static const struct sample {
    const char *name;
    size_t size;
} samples[] = {
    { "empty", 0 },
    { "one byte.txt", 1 },
    { "page-1.bin", 4095 },
    { "page.bin", 4096 },
    { "page+1.bin", 4097 },
    { "100% sure?.bin", 65535 },
    { "gr\xc3\xb6\xc3\x9f" "e.bin", 65536 },
    { "\xe6\x97\xa5\xe6\x9c\xac.bin", 65537 },
    { "one MiB.bin", 1 << 20 },
    { "five MiB.bin", 5 << 20 },
};

enum { SAMPLES = sizeof samples / sizeof samples[0] };

/* The bytes of a sample: a sequence of its own for each, which can be made again to compare with. */
struct bytes {
    uint64_t state;
};

static void make_bytes(struct bytes *bytes, unsigned char *buffer, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes->state = bytes->state * 6364136223846793005U + 1442695040888963407U;
        buffer[i] = (unsigned char)(bytes->state >> 56);
    }
}

/* True if the next `size` bytes are these. */
static bool same_bytes(struct bytes *bytes, const unsigned char *data, size_t size)
{
    unsigned char expected[4096];

    while (size > 0) {
        size_t part = size < sizeof expected ? size : sizeof expected;

        make_bytes(bytes, expected, part);
        if (memcmp(expected, data, part))
            return false;
        data += part;
        size -= part;
    }
    return true;
}

static void sample_path(const struct demo *demo, const char *folder, size_t index, char path[2 * PATH_BYTES])
{
    snprintf(path, 2 * PATH_BYTES, "%s/%s/%s", demo->folder, folder, samples[index].name);
}

/* In a thread. */
static int write_samples(const struct demo *demo)
{
    char path[2 * PATH_BYTES];
    unsigned char piece[4096];

    snprintf(path, sizeof path, "%s/files", demo->folder);
    if (mkdir(path, 0700) < 0)
        return bide_fail(-errno, "%s: %s", path, strerror(errno));
    for (size_t i = 0; i < SAMPLES; i++) {
        struct bytes bytes = { i };

        sample_path(demo, "files", i, path);
        FILE *file = fopen(path, "wb");
        bool is_good = file != NULL;
        for (size_t left = samples[i].size, part; is_good && left > 0; left -= part) {
            part = left < sizeof piece ? left : sizeof piece;
            make_bytes(&bytes, piece, part);
            is_good = fwrite(piece, 1, part, file) == part;
        }
        if (file && fclose(file) != 0)
            is_good = false;
        if (!is_good)
            return bide_fail(-EIO, "%s cannot be written", path);
    }
    return 0;
}
bide_async(write_samples, const struct demo *);

static void sample_url(int port, size_t index, char url[URL_BYTES])
{
    size_t length = (size_t)snprintf(url, URL_BYTES, "http://127.0.0.1:%d/", port);

    for (const char *at = samples[index].name; *at; at++)
        length += (size_t)snprintf(url + length, URL_BYTES - length, "%%%02X", (unsigned)(unsigned char)*at);
}

static int compare_body(bide_http_response *response, size_t index, unsigned char *buffer)
{
    struct bytes bytes = { index };
    size_t size = 0;
    ssize_t count;

    while ((count = bide(bide_http_read(response, buffer, PIECE_BYTES))) > 0) {
        size += (size_t)count;
        if (size > samples[index].size || !same_bytes(&bytes, buffer, (size_t)count))
            return bide_fail(BIDE_EPROTOCOL, "%s: wrong bytes", samples[index].name);
    }
    if (size != samples[index].size)
        return bide_fail(BIDE_EOF, "%s: %zu of %zu bytes", samples[index].name, size, samples[index].size);
    return 0;
}

static int fetch_sample(bide_http_client *client, int port, size_t index)
{
    bide_auto(http_response) *response = NULL;
    char url[URL_BYTES];

    sample_url(port, index, url);
    bide(bide_http_get(client, url, &response));
    if (bide_http_response_status(response) != 200)
        return bide_fail(BIDE_EPROTOCOL, "%s: status %d", url, bide_http_response_status(response));
    unsigned char *buffer = malloc(PIECE_BYTES);
    if (!buffer)
        return -ENOMEM;
    int err = compare_body(response, index, buffer);
    free(buffer);
    return err;
}
bide_async(fetch_sample, bide_http_client *, int, size_t);

static int show_files(struct demo *demo)
{
    bide_auto(http_client) *client = NULL;
    char folder[2 * PATH_BYTES];
    size_t total = 0;
    int err;

    printf("\n2. Files from 0 bytes to 5 MiB, all at once, every byte compared\n");
    bide(bide_to_thread(bide_co(write_samples, (const struct demo *)demo)));
    snprintf(folder, sizeof folder, "%s/files", demo->folder);
    bide(start_server(demo, &demo->files, "--", folder));
    bide(bide_http_client_open(NULL, &client));
    double start = bide_time();
    bide_task_group(tasks, err) {
        for (size_t i = 0; i < SAMPLES; i++)
            bide(bide_start(tasks, bide_co(fetch_sample, client, demo->files.port, i)));
    }
    bide(err);
    for (size_t i = 0; i < SAMPLES; i++)
        total += samples[i].size;
    printf("  %d files, %.1f MB: identical (%.2f s)\n", SAMPLES, (double)total / 1e6, bide_time() - start);
    return 0;
}

/* ---- Part three: the program `bide fetch` ---------------------------------------------------------------------------- */

/* In a thread. */
static int compare_stored(const struct demo *demo)
{
    char path[2 * PATH_BYTES];
    unsigned char piece[4096];

    for (size_t i = 0; i < SAMPLES; i++) {
        struct bytes bytes = { i };
        size_t size = 0, count;

        sample_path(demo, "stored", i, path);
        FILE *file = fopen(path, "rb");
        bool is_good = file != NULL;
        while (is_good && (count = fread(piece, 1, sizeof piece, file)) > 0) {
            size += count;
            is_good = same_bytes(&bytes, piece, count);
        }
        if (file)
            fclose(file);
        if (!is_good || size != samples[i].size)
            return bide_fail(BIDE_EPROTOCOL, "%s is not what was served", path);
    }
    return 0;
}
bide_async(compare_stored, const struct demo *);

static int show_fetch(struct demo *demo)
{
    static const char *const bad[] = { "http://127.0.0.1:1/refused", "http://127.0.0.1:99999/", "ftp://127.0.0.1/",
                                       "http://127.0.0.1:%d/missing", "http://127.0.0.1:%d/..%2f..%2fetc/passwd" };
    enum { BAD = sizeof bad / sizeof bad[0] };
    bide_auto(process) *fetch = NULL;
    int status;
    char stored[2 * PATH_BYTES], urls[SAMPLES + BAD][URL_BYTES];
    const char *arguments[SAMPLES + BAD + 7] = { demo->program, "fetch", "-t", "10", "-o", stored };

    for (size_t i = 0; i < SAMPLES; i++)
        sample_url(demo->files.port, i, urls[i]);
    for (size_t i = 0; i < BAD; i++) {
        const char *place = strstr(bad[i], "%d");

        if (place)
            snprintf(urls[SAMPLES + i], URL_BYTES, "http://127.0.0.1:%d%s", demo->files.port, place + 2);
        else
            snprintf(urls[SAMPLES + i], URL_BYTES, "%s", bad[i]);
    }
    for (size_t i = 0; i < SAMPLES + BAD; i++)
        arguments[6 + i] = urls[i];
    snprintf(stored, sizeof stored, "%s/stored", demo->folder);
    printf("\n3. bide fetch -o DIR, the same files and %d bad URLs\n", (int)BAD);
    bide(start_program(arguments, false, &fetch));
    bide(bide_process_wait(fetch, &status));
    if (status != 1)
        return bide_fail(BIDE_EPROTOCOL, "bide fetch ended with status %d instead of 1", status);
    bide(bide_to_thread(bide_co(compare_stored, (const struct demo *)demo)));
    printf("  The files are stored as they were served; the exit status is 1, as something failed.\n");
    return 0;
}

/* ---- All of it --------------------------------------------------------------------------------------------------------- */

static int make_folder(struct demo *demo)
{
    const char *place = getenv("TMPDIR");
    char folder[PATH_BYTES];

    snprintf(folder, sizeof folder, "%s/bide-demo-XXXXXX", place && *place ? place : "/tmp");
    if (!mkdtemp(folder))
        return bide_fail(-errno, "%s: %s", folder, strerror(errno));
    strcpy(demo->folder, folder);
    return 0;
}

static void clean_up(struct demo *demo)
{
    static const char *const folders[] = { "files", "stored" };
    char path[2 * PATH_BYTES];

    stop_server(&demo->slow);
    stop_server(&demo->files);
    for (size_t f = 0; f < 2; f++) {
        for (size_t i = 0; i < SAMPLES; i++) {
            sample_path(demo, folders[f], i, path);
            unlink(path);
        }
        snprintf(path, sizeof path, "%s/%s", demo->folder, folders[f]);
        rmdir(path);
    }
    if (rmdir(demo->folder) < 0)
        fprintf(stderr, "demo: %s: %s\n", demo->folder, strerror(errno));
}

static int show_all(struct demo *demo)
{
    int err;

    bide_timeout(LIMIT_SECONDS, err) {
        bide(show_waiting(demo));
        bide(show_files(demo));
        bide(show_fetch(demo));
    }
    return err;
}

/* The folder is made and removed in here, where Ctrl-C cancels: so it never stays behind. */
static int app(struct demo *demo)
{
    bide(make_folder(demo));
    int err = show_all(demo);
    /* a program that gets Ctrl-C in the moment of its start, still in our group, ends before we hear of it ourselves */
    if (err < 0 && bide_sleep(0) == -ECANCELED)
        err = -ECANCELED;
    clean_up(demo);
    return err;
}
bide_async(app, struct demo *);

/* The program stands beside the folder of this one, unless it was given. */
static bool find_program(struct demo *demo, const char *given)
{
    char self[PATH_BYTES - 16];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = NULL;

    if (length > 0) {
        self[length] = '\0';
        slash = strrchr(self, '/');
    }
    if (slash)
        *slash = '\0';
    if (given)
        snprintf(demo->program, sizeof demo->program, "%s", given);
    else if (slash)
        snprintf(demo->program, sizeof demo->program, "%s/../bide", self);
    if (access(demo->program, X_OK) == 0)
        return true;
    fprintf(stderr, "demo: the program bide is not at '%s'; give its path as the argument\n", demo->program);
    return false;
}

int main(int argc, char **argv)
{
    static struct demo demo;

    if (!find_program(&demo, argc > 1 ? argv[1] : NULL))
        return 1;
    int err = bide_run(bide_co(app, &demo));
    if (err == -EINTR)
        return 130;
    if (err == 0)
        printf("\nAll of that was checked.\n");
    return err < 0;
}
