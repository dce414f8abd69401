/*
 * Files under cancellation: what was not begun is taken back, what was begun is waited for and said, and nothing is
 * left behind, wherever it comes.
 */
#include "support_file.h"

#include <bide/path.h>
#include <bide/watch.h>
#include <dirent.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <time.h>

#include "io/file.h"

/* One file thread, so that a test decides what is queued. */
#define one_thread_test(name)                                                                                          \
    BIDE__TEST_MORE(BIDE__TEST_IN_TASK, name, ON_LIBRARY__OPTIONS, .run = { .file_thread_limit = 1 })

enum { BIG = 48 * 1024 * 1024, SMALL = 300000, STEPS = 12 };

static char *own_path(const char *name)
{
    return strdup(in_directory(name));
}

/* A call that holds a file thread until it is let go. */
struct hold {
    struct bide__file_op base;
    sem_t begun, go;
    bool stopped; /* what it was told when it was let go */
    int64_t result;
};

static int64_t hold_thread(struct bide__file_op *file_op)
{
    struct hold *hold = (struct hold *)(void *)file_op;

    sem_post(&hold->begun);
    sem_wait(&hold->go);
    hold->stopped = atomic_load(&file_op->stop);
    return 42;
}

static int hold(struct hold *hold)
{
    hold->result = bide__file_call(&hold->base, hold_thread);
    return 0;
}
bide_async(hold, struct hold *);

static bide_task *begin_holding(struct hold *held)
{
    sem_init(&held->begun, 0, 0);
    sem_init(&held->go, 0, 0);
    bide_task *task = bide_create_task(NULL, bide_co(hold, held));
    bide_sleep(0);
    sem_wait(&held->begun);
    return task;
}

static int write_small(const char *path, int *ret_result)
{
    *ret_result = bide_write_file(path, "x", 1);
    return 0;
}
bide_async(write_small, const char *, int *);

one_thread_test(what_is_queued_is_taken_back)
{
    struct hold held = { .result = 0 };
    int result = 7;
    char *path = own_path("file");

    bide_task *holder = begin_holding(&held);
    bide_task *writer = bide_create_task(NULL, bide_co(write_small, path, &result));
    bide_sleep(0);
    check_eq(result, 7);
    bide_cancel(writer);
    check_eq(bide_join(writer), 0); /* at once, although the thread is held */
    check_eq(result, -ECANCELED);
    sem_post(&held.go);
    check_eq(bide_join(holder), 0);
    check_eq(held.result, 42);
    check(!held.stopped);
    check_eq(bide_exists(path), 0);
    free(path);
    return 0;
}

one_thread_test(what_runs_is_waited_for_and_its_result_kept)
{
    struct hold held = { .result = 0 };
    bide_task *holder = begin_holding(&held);

    bide_cancel(holder);
    steps(6);
    check(!bide_done(holder)); /* its frame is the thread's */
    sem_post(&held.go);
    check_eq(bide_join(holder), 0);
    check_eq(held.result, 42);
    check(held.stopped);
    return 0;
}

static int close_it(bide_file *file)
{
    return bide_file_close(file);
}
bide_async(close_it, bide_file *);

one_thread_test(a_cancelled_close_closes_behind)
{
    struct hold held = { .result = 0 };
    bide_file *file = NULL;
    int before = count_descriptors();

    check_eq(bide_file_open(in_directory("file"), "w", &file), 0);
    check_eq(bide_file_write(file, "x", 1), 1);
    bide_task *holder = begin_holding(&held);
    bide_task *closer = bide_create_task(NULL, bide_co(close_it, file));
    bide_sleep(0);
    bide_cancel(closer);
    check_eq(bide_join(closer), 0); /* it did not wait */
    check_eq(count_descriptors(), before + 1);
    sem_post(&held.go);
    check_eq(bide_join(holder), 0);
    while (count_descriptors() > before)
        bide(bide_sleep(0.001));
    return 0;
}

/* Threads of bide_to_thread that are all busy do not stop files, nor the other way round. */
static int wait_for_semaphore(sem_t *semaphore)
{
    sem_wait(semaphore);
    return 0;
}
bide_async(wait_for_semaphore, sem_t *);

static int in_thread(sem_t *semaphore)
{
    return bide_to_thread(bide_co(wait_for_semaphore, semaphore));
}
bide_async(in_thread, sem_t *);

BIDE__TEST_MORE(BIDE__TEST_IN_TASK, threads_of_files_are_their_own, ON_LIBRARY__OPTIONS,
                .run = { .file_thread_limit = 1, .thread_limit = 1 })
{
    struct hold held = { .result = 0 };
    sem_t busy;
    char *path = own_path("file");

    sem_init(&busy, 0, 0);
    bide_task *worker = bide_create_task(NULL, bide_co(in_thread, &busy));
    bide_sleep(0);
    check_eq(bide_write_file(path, "x", 1), 0);
    bide_task *holder = begin_holding(&held);
    sem_post(&busy);
    check_eq(bide_join(worker), 0);
    sem_post(&held.go);
    check_eq(bide_join(holder), 0);
    free(path);
    return 0;
}

static int write_big(bide_file *file, const char *data, ssize_t *ret_count)
{
    *ret_count = bide_file_write(file, data, BIG);
    return bide_sleep(0) == -ECANCELED ? 0 : -EIO; /* the cancellation comes with the next wait */
}
bide_async(write_big, bide_file *, const char *, ssize_t *);

bide_test(a_cancelled_write_says_how_much_was_written)
{
    char *data = malloc(BIG);

    fill_sequence(data, BIG, 0);
    for (unsigned i = 0; i < STEPS; i++) {
        bide_file *file = NULL;
        struct stat status;
        ssize_t count = -1;

        check_eq(bide_file_open(in_directory("big"), "w+", &file), 0);
        bide_task *task = bide_create_task(NULL, bide_co(write_big, file, data, &count));
        steps(i);
        bide_cancel(task);
        check_eq(bide_join(task), 0);
        check(count == -ECANCELED || count > 0);
        size_t written = count > 0 ? (size_t)count : 0;
        check_eq(bide_file_tell(file), (int64_t)written);
        check_eq(bide_file_stat(file, &status), 0);
        check_eq((size_t)status.st_size, written);
        check_eq(bide_file_close(file), 0);
    }
    free(data);
    return 0;
}

static int read_big(bide_file *file, char *data, ssize_t *ret_count)
{
    *ret_count = bide_file_read(file, data, SMALL);
    return 0;
}
bide_async(read_big, bide_file *, char *, ssize_t *);

bide_test(a_cancelled_read_loses_no_byte)
{
    bide_auto(file) *file = NULL;
    char *data = malloc(SMALL), *again = malloc(SMALL);
    size_t got = 0;

    fill_sequence(data, SMALL, 0);
    store("file", data, SMALL);
    check_eq(bide_file_open(in_directory("file"), "r", &file), 0);
    for (unsigned i = 0; got < SMALL; i++) {
        ssize_t count = -1;

        if (i % 3 == 0) {
            fsync(bide_file_descriptor(file));
            posix_fadvise(bide_file_descriptor(file), 0, 0, POSIX_FADV_DONTNEED);
        }
        bide_task *task = bide_create_task(NULL, bide_co(read_big, file, again, &count));
        steps(i % STEPS);
        bide_cancel(task);
        check_eq(bide_join(task), 0);
        check(count == -ECANCELED || count >= 0);
        if (count > 0) {
            check_sequence(again, (size_t)count, got);
            got += (size_t)count;
        }
        check_eq(bide_file_tell(file), (int64_t)got);
    }
    free(data);
    free(again);
    return 0;
}

static int copy(const char *from, const char *to, int64_t *ret_result)
{
    *ret_result = bide_copy_file(from, to);
    return 0;
}
bide_async(copy, const char *, const char *, int64_t *);

bide_test(half_a_copy_is_removed)
{
    char *from = own_path("from"), *to = own_path("to"), *data = malloc(BIG);
    bool was_cancelled = false;

    memset(data, 7, BIG);
    store("from", data, BIG);
    for (unsigned i = 0; i < STEPS; i++) {
        int64_t result = 0;
        bide_task *task = bide_create_task(NULL, bide_co(copy, from, to, &result));

        steps(i);
        bide_cancel(task);
        check_eq(bide_join(task), 0);
        check(result == -ECANCELED || result == BIG);
        check_eq(bide_exists(to), result == BIG);
        was_cancelled |= result == -ECANCELED;
        if (result == BIG)
            check_eq(bide_remove(to), 0);
    }
    check(was_cancelled);
    free(from);
    free(to);
    free(data);
    return 0;
}

static int count_turns(const bool *stop, unsigned *ret_turns)
{
    while (!*stop) {
        bide(bide_sleep(0));
        ++*ret_turns;
    }
    return 0;
}
bide_async(count_turns, const bool *, unsigned *);

/* However much is read in one call, and wherever it comes from, the others run after every 256 KiB. */
bide_test(a_large_read_lets_the_others_run)
{
    bide_auto(file) *file = NULL;
    char *data = malloc(BIG);
    bool stop = false;
    unsigned turns = 0;

    check_eq(bide_file_open(in_directory("sparse"), "w+", &file), 0);
    check_eq(bide_file_truncate(file, BIG), 0);
    bide_task *counter = bide_create_task(NULL, bide_co(count_turns, &stop, &turns));
    bide_sleep(0);
    for (int i = 0; i < 2; i++) {
        turns = 0;
        check_eq(bide_file_read_at(file, data, BIG, 0), BIG);
        check(turns >= BIG / BIDE__FILE_PIECE_BYTES - 2); /* by threads: a piece each */
    }
    if (file->reads_in_place != BIDE__IN_PLACE_NEVER)
        check(turns >= BIG / BIDE__FILE_IN_PLACE_BYTES / 2);
    stop = true;
    check_eq(bide_join(counter), 0);
    free(data);
    return 0;
}

static double processor_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* How often the loop's thread computed more than 5 ms between a tick and the next; other programs do not count. */
static int tick(const bool *stop, int *ret_late)
{
    while (!*stop) {
        double start = processor_time();

        bide(bide_sleep(0.001));
        if (processor_time() - start - 0.001 > 0.005 * bide_test_slowness())
            ++*ret_late;
    }
    return 0;
}
bide_async(tick, const bool *, int *);

/* Ten reads of 48 MiB in one call each would be ten late ticks; what a busy machine adds now and then is let pass. */
bide_test_in_real_time(a_ticker_is_on_time_beside_reads_writes_and_copies)
{
    char *data = malloc(BIG), *path = own_path("big"), *copied = own_path("copied");
    bide_auto(file) *file = NULL;
    bool stop = false;
    int late = 0;

    memset(data, 1, BIG);
    bide_task *ticker = bide_create_task(NULL, bide_co(tick, &stop, &late));
    check_eq(bide_write_file(path, data, BIG), 0);
    check_eq(bide_copy_file(path, copied), BIG);
    check_eq(bide_file_open(copied, "r", &file), 0);
    for (int i = 0; i < 10; i++)
        check_eq(bide_file_read_at(file, data, BIG, 0), BIG);
    stop = true;
    check_eq(bide_join(ticker), 0);
    check(late <= 3);
    free(data);
    free(path);
    free(copied);
    return 0;
}

/* ---- everything, with one thing going wrong, or cancelled, everywhere ---- */

static int use_file(void)
{
    bide_auto(file) *file = NULL;
    char path[400], data[64];
    struct stat status;
    int err;

    snprintf(path, sizeof path, "%s/file", bide_test_directory());
    bide(bide_file_open(path, "w+", &file));
    bide(bide_file_write(file, "one\ntwo\nthree\n", 14));
    bide(bide_file_fsync(file));
    posix_fadvise(bide_file_descriptor(file), 0, 0, POSIX_FADV_DONTNEED);
    bide(bide_file_seek(file, 0, SEEK_SET));
    bide_for (char *line, bide_file_next_line(file, &line), err)
        (void)line;
    bide(err);
    bide(bide_file_read_at(file, data, sizeof data, 3));
    bide(bide_file_truncate(file, 5));
    bide(bide_file_stat(file, &status));
    bide(bide_file_fdatasync(file));
    err = bide_file_close(file);
    file = NULL;
    bide(err);
    bide(bide_file_open(path, "r", &file));
    bide(bide_file_read_exactly(file, data, 5));
    return bide_sleep(0);
}

static int use_whole_files(void)
{
    char path[400], other[400], *text = NULL, **names = NULL;
    int err;

    snprintf(path, sizeof path, "%s/whole", bide_test_directory());
    snprintf(other, sizeof other, "%s/copy", bide_test_directory());
    bide(bide_write_file(path, "content", 7));
    err = (int)bide_read_file(path, 100, &text);
    if (err >= 0)
        free(text);
    bide(err);
    bide(bide_replace_file(path, "other", 5));
    bide(bide_copy_file(path, other));
    bide(bide_exists(other));
    bide(bide_rename(other, path));
    err = (int)bide_listdir(bide_test_directory(), 10, &names);
    if (err >= 0)
        free(names);
    bide(err);
    bide(bide_remove(path));
    return bide_sleep(0);
}

static int use_directories(void)
{
    bide_auto(temporary_directory) *directory = NULL;
    bide_auto(file) *named = NULL;
    bide_auto(file) *unnamed = NULL;
    bide_auto(directory) *walk = NULL;
    bide_auto(watch) *watch = NULL;
    char path[500];
    int err;

    bide(bide_temporary_directory_open(bide_test_directory(), &directory));
    snprintf(path, sizeof path, "%s/a/b/c", bide_temporary_directory_path(directory));
    bide(bide_makedirs(path, 0700));
    bide(bide_named_temporary_file(path, &named));
    bide(bide_file_write(named, "x", 1));
    bide(bide_temporary_file(path, &unnamed));
    bide(bide_file_write(unnamed, "x", 1));
    bide(bide_watch_open(0, &watch));
    bide(bide_watch_add(watch, path, IN_ALL_EVENTS));
    bide(bide_walk(bide_temporary_directory_path(directory), &walk));
    bide_for (bide_directory_entry *entry, bide_directory_next(walk, &entry), err)
        (void)entry;
    bide(err);
    bide_watch_event *event;
    bide(bide_watch_next(watch, &event));
    *strstr(path, "/a/b") = '\0';
    return bide_sleep(0);
}

bide_test_cancel_everywhere(a_file_can_be_cancelled, .real_clock = true, .time_limit = 60)
{
    return use_file();
}

bide_test_cancel_everywhere(whole_files_can_be_cancelled, .real_clock = true, .time_limit = 60)
{
    return use_whole_files();
}

/* At its end a cleanup is cancelled, which removes all the same. */
bide_test_cancel_everywhere(directories_can_be_cancelled, .may_swallow = true, .real_clock = true, .time_limit = 60)
{
    return use_directories();
}

bide_test_timeout_everywhere(a_timeout_around_a_file, .real_clock = true, .time_limit = 60)
{
    return use_file();
}

#define FAULTS "memory eintr eagain short error"

bide_test_faults(a_file_survives_faults, .faults = FAULTS, .real_clock = true, .time_limit = 60)
{
    return use_file();
}

bide_test_faults(whole_files_survive_faults, .faults = FAULTS, .real_clock = true, .time_limit = 60)
{
    return use_whole_files();
}

bide_test_faults(directories_survive_faults, .faults = FAULTS, .real_clock = true, .time_limit = 60)
{
    return use_directories();
}
