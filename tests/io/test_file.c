/* Files: opened in every mode, read and written at the position and at offsets, sized, synced, closed. */
#include "support_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const struct {
    const char *mode;
    int missing; /* opening a file that is not there */
    const char
        *beginning; /* what is in it after opening it and writing "X", when "old" was in it; NULL: cannot write */
    bool reads;
} modes[] = {
    { "r", -ENOENT, NULL, true },    { "rb", -ENOENT, NULL, true },   { "r+", -ENOENT, "Xld", true },
    { "rb+", -ENOENT, "Xld", true }, { "r+b", -ENOENT, "Xld", true }, { "w", 0, "X", false },
    { "w+", 0, "X", true },          { "a", 0, "oldX", false },       { "a+", 0, "oldX", true },
};

bide_test_each(every_mode_does_what_fopen_does, modes)
{
    bide_auto(file) *file = NULL;
    char byte;

    check_eq(bide_file_open(in_directory("missing"), it->mode, &file), it->missing);
    if (it->missing == 0)
        check_eq(bide_file_close(file), 0);
    file = NULL;
    store("old", "old", 3);
    check_eq(bide_file_open(in_directory("old"), it->mode, &file), 0);
    if (it->beginning)
        check_eq(bide_file_write(file, "X", 1), 1);
    else
        check_error(bide_file_write(file, "X", 1), EBADF, "old': Bad file descriptor");
    if (it->reads)
        check(bide_file_read(file, &byte, 1) >= 0);
    else
        check_error(bide_file_read(file, &byte, 1), EBADF, "read '");
    check_content("old", it->beginning ? it->beginning : "old", it->beginning ? strlen(it->beginning) : 3);
    return 0;
}

bide_test(exclusive_creation_refuses_what_is_there)
{
    bide_auto(file) *file = NULL;
    bide_file *other = NULL;

    check_eq(bide_file_open(in_directory("new"), "x", &file), 0);
    check_error(bide_file_open(in_directory("new"), "x", &other), EEXIST, "open '");
    check_eq((void *)other, NULL);
    return 0;
}

static const char *const no_modes[] = { "", "q", "rw", "r++", "+r", "wbb", "w+x", "rt" };

bide_test_each(what_is_no_mode_is_told, no_modes)
{
    bide_file *file = NULL;

    store("old", "old", 3);
    check_error(bide_file_open(in_directory("old"), *it, &file), EINVAL, "is none of r, w, a, x with + and b");
    check_content("old", "old", 3);
    return 0;
}

bide_test(errors_of_opening_name_the_file)
{
    bide_file *file = NULL;
    char expected[400];

    check_error(bide_file_open(in_directory("none"), "r", &file), ENOENT);
    snprintf(expected, sizeof expected, "open '%s': No such file or directory", in_directory("none"));
    check_str(bide_strerror(-ENOENT), expected);
    check_error(bide_file_open(bide_test_directory(), "w", &file), EISDIR, "Is a directory");
    check_error(bide_file_open(in_directory("none/deeper"), "w", &file), ENOENT, "none/deeper");
    store("plain", "", 0);
    check_error(bide_file_open(in_directory("plain/deeper"), "r", &file), ENOTDIR, "Not a directory");
    check_error(bide_file_open("", "r", &file), ENOENT, "open ''");
    return 0;
}

/* The second open of a directory is made in place: the same errors, the same result. */
bide_test(a_directory_that_is_known_by_now)
{
    store("first", "first", 5);
    store("second", "second", 6);
    for (int i = 0; i < 3; i++) {
        bide_auto(file) *file = NULL;
        bide_file *none = NULL;
        char data[8];

        check_eq(bide_file_open(in_directory(i ? "second" : "first"), "r", &file), 0);
        check_eq(bide_file_read(file, data, sizeof data), i ? 6 : 5);
        check_mem(data, i ? "second" : "first", i ? 6U : 5U);
        check_error(bide_file_open(in_directory("none"), "r", &none), ENOENT, "none");
    }
    return 0;
}

bide_test(no_descriptor_left)
{
    struct rlimit limit, none;
    bide_file *file = NULL;

    store("plain", "x", 1);
    check_eq(bide_file_open(in_directory("plain"), "r", &file), 0); /* the directory is known now, a thread is there */
    bide_file_close(file);
    check_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    check_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    file = NULL;
    check_error(bide_file_open(in_directory("plain"), "r", &file), EMFILE, "Too many open files");
    check_error(bide_file_open(in_directory("more"), "w", &file), EMFILE, "Too many open files");
    check_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    check_eq((void *)file, NULL);
    return 0;
}

enum { BIG = 3 * 1024 * 1024 + 17 };

bide_test(what_was_written_is_read)
{
    bide_auto(file) *file = NULL;
    char *data = malloc(BIG), *again = malloc(BIG + 1);

    fill_sequence(data, BIG, 0);
    check_eq(bide_file_open(in_directory("big"), "w+", &file), 0);
    check_eq(bide_file_write(file, data, BIG), BIG);
    check_eq(bide_file_tell(file), BIG);
    check_eq(bide_file_read(file, again, 1), 0);
    check_eq(bide_file_seek(file, 0, SEEK_SET), 0);
    check_eq(bide_file_read(file, again, BIG + 1), BIG);
    check_sequence(again, BIG, 0);
    check_eq(bide_file_read(file, again, 1), 0);
    check_eq(bide_file_fsync(file), 0);
    check_eq(bide_file_fdatasync(file), 0);
    free(data);
    free(again);
    return 0;
}

/* What is not in the page cache any more comes from the disk: by the ring, or by a thread. */
bide_test(what_is_not_in_memory_is_waited_for)
{
    bide_auto(file) *file = NULL;
    char *data = malloc(BIG);

    fill_sequence(data, BIG, 0);
    store("cold", data, BIG);
    for (int i = 0; i < 3; i++) {
        file = NULL;
        check_eq(bide_file_open(in_directory("cold"), "r", &file), 0);
        check_eq(fsync(bide_file_descriptor(file)), 0);
        check_eq(posix_fadvise(bide_file_descriptor(file), 0, 0, POSIX_FADV_DONTNEED), 0);
        memset(data, 0, BIG);
        if (i)
            check_eq(bide_file_read(file, data, BIG), BIG);
        else
            check_eq(bide_file_read_exactly(file, data, BIG), 0);
        check_sequence(data, BIG, 0);
        check_eq(bide_file_close(file), 0);
        file = NULL;
    }
    free(data);
    return 0;
}

bide_test(offsets_leave_the_position_alone)
{
    bide_auto(file) *file = NULL;
    char data[16] = "";

    check_eq(bide_file_open(in_directory("file"), "w+", &file), 0);
    check_eq(bide_file_write(file, "0123456789", 10), 10);
    check_eq(bide_file_write_at(file, "abc", 3, 2), 3);
    check_eq(bide_file_tell(file), 10);
    check_eq(bide_file_read_at(file, data, sizeof data, 1), 9);
    check_str(data, "1abc56789");
    check_eq(bide_file_read_at(file, data, sizeof data, 10), 0);
    check_eq(bide_file_read_at(file, data, sizeof data, INT64_MAX - 100), 0);
    check_error(bide_file_read_at(file, data, 1, -1), EINVAL, "before the beginning");
    check_error(bide_file_write_at(file, data, 1, -5), EINVAL, "at -5");
    check_eq(bide_file_write_at(file, "Z", 1, 20), 1); /* leaves a hole */
    check_eq(bide_file_tell(file), 10);
    check_content("file", "01abc56789\0\0\0\0\0\0\0\0\0\0Z", 21);
    return 0;
}

bide_test(seek_and_tell)
{
    bide_auto(file) *file = NULL;
    char data[4];

    store("file", "0123456789", 10);
    check_eq(bide_file_open(in_directory("file"), "r+", &file), 0);
    check_eq(bide_file_seek(file, 4, SEEK_SET), 4);
    check_eq(bide_file_seek(file, -1, SEEK_CUR), 3);
    check_eq(bide_file_read(file, data, 2), 2);
    check_mem(data, "34", 2);
    check_eq(bide_file_tell(file), 5);
    check_eq(bide_file_seek(file, -2, SEEK_END), 8);
    check_eq(bide_file_read(file, data, 4), 2);
    check_eq(bide_file_seek(file, 100, SEEK_END), 110);
    check_eq(bide_file_read(file, data, 4), 0);
    check_error(bide_file_seek(file, -11, SEEK_END), EINVAL, "before the beginning");
    check_error(bide_file_seek(file, INT64_MAX, SEEK_CUR), EINVAL);
    check_error(bide_file_seek(file, 0, 77), EINVAL, "77 is not SEEK_SET");
    check_eq(bide_file_tell(file), 110);
    check_eq(bide_file_write(file, "end", 3), 3);
    struct stat status;
    check_eq(bide_file_stat(file, &status), 0);
    check_eq(status.st_size, 113);
    return 0;
}

bide_test(truncate_cuts_and_extends)
{
    bide_auto(file) *file = NULL;
    bide_file *reader = NULL;

    check_eq(bide_file_open(in_directory("file"), "w", &file), 0);
    check_eq(bide_file_write(file, "0123456789", 10), 10);
    check_eq(bide_file_truncate(file, 3), 0);
    check_content("file", "012", 3);
    check_eq(bide_file_truncate(file, 5), 0);
    check_content("file", "012\0\0", 5);
    check_eq(bide_file_tell(file), 10);
    check_error(bide_file_truncate(file, -1), EINVAL, "truncate '");
    check_eq(bide_file_open(in_directory("file"), "r", &reader), 0);
    check_error(bide_file_truncate(reader, 0), EINVAL);
    bide_file_close(reader);
    return 0;
}

bide_test(exactly_is_all_or_nothing)
{
    bide_auto(file) *file = NULL;
    char data[16] = "";

    store("file", "0123456789", 10);
    check_eq(bide_file_open(in_directory("file"), "r", &file), 0);
    check_eq(bide_file_read_exactly(file, data, 4), 0);
    check_str(data, "0123");
    check_error(bide_file_read_exactly(file, data, 7), BIDE_EOF, "it ended after 6 of 7 bytes");
    check_eq(bide_file_tell(file), 4);
    check_eq(bide_file_read_exactly(file, data, 6), 0);
    check_mem(data, "456789", 6);
    check_error(bide_file_read_exactly(file, data, 1), BIDE_EOF, "after 0 of 1 bytes");
    check_eq(bide_file_read_exactly(file, data, 0), 0);
    return 0;
}

bide_test(appending_goes_to_the_end)
{
    bide_auto(file) *file = NULL;
    bide_file *other = NULL;
    char data[16];

    store("log", "one", 3);
    check_eq(bide_file_open(in_directory("log"), "a+", &file), 0);
    check_eq(bide_file_open(in_directory("log"), "a", &other), 0);
    check_eq(bide_file_read(file, data, sizeof data), 3);
    check_eq(bide_file_write(other, "two", 3), 3);
    check_eq(bide_file_write(file, "three", 5), 5);
    check_eq(bide_file_tell(file), 11);
    check_content("log", "onetwothree", 11);
    check_eq(bide_file_close(other), 0);
    return 0;
}

/* A disk that is full. */
bide_test(full)
{
    bide_auto(file) *file = NULL;

    check_eq(bide_file_open("/dev/full", "w", &file), 0);
    check_error(bide_file_write(file, "x", 1), ENOSPC, "write '/dev/full': No space left on device");
    return 0;
}

bide_test(devices_that_are_not_files)
{
    bide_auto(file) *null = NULL;
    bide_auto(file) *zero = NULL;
    char data[16 * 1024] = "";

    check_eq(bide_file_open("/dev/null", "r+", &null), 0);
    check_eq(bide_file_write(null, data, 10), 10);
    check_eq(bide_file_read(null, data, 10), 0);
    check_error(bide_file_seek(null, 0, SEEK_SET), ESPIPE, "seek in '/dev/null'");
    check_error(bide_file_read_at(null, data, 10, 0), ESPIPE, "read '/dev/null'");
    check_eq(bide_file_open("/dev/zero", "r", &zero), 0);
    memset(data, 1, sizeof data);
    check_eq(bide_file_read_exactly(zero, data, sizeof data), 0);
    for (size_t i = 0; i < sizeof data; i++)
        check(data[i] == 0);
    return 0;
}

/* Files of the kernel: no size, and no promise not to wait. */
bide_test(files_of_proc)
{
    bide_auto(file) *file = NULL;
    char data[4096] = "";

    check_eq(bide_file_open("/proc/self/status", "r", &file), 0);
    check(bide_file_read(file, data, sizeof data - 1) > 100);
    check(strstr(data, "Name:") == data);
    check_eq(bide_file_seek(file, 0, SEEK_SET), 0);
    char line[100];
    check(bide_file_read_line(file, line, sizeof line) > 5);
    check(strstr(line, "Name:") == line);
    return 0;
}

bide_test(a_directory_is_not_read)
{
    bide_auto(file) *file = NULL;
    char byte;

    check_eq(bide_file_open(bide_test_directory(), "r", &file), 0);
    check_error(bide_file_read(file, &byte, 1), EISDIR, "Is a directory");
    return 0;
}

/* 5 GiB, nearly all of it a hole. */
bide_test(offsets_beyond_four_gibibytes)
{
    const int64_t far = INT64_C(5) << 30;
    bide_auto(file) *file = NULL;
    char data[8] = "";

    check_eq(bide_file_open(in_directory("sparse"), "w+", &file), 0);
    check_eq(bide_file_write_at(file, "far", 3, far), 3);
    check_eq(bide_file_seek(file, 0, SEEK_END), far + 3);
    check_eq(bide_file_seek(file, far - 1, SEEK_SET), far - 1);
    check_eq(bide_file_read(file, data, sizeof data), 4);
    check_mem(data, "\0far", 4);
    check_eq(bide_file_truncate(file, far * 2), 0);
    check_eq(bide_file_read_at(file, data, 2, far * 2 - 2), 2);
    return 0;
}

static int read_into(bide_file *file, char *data, ssize_t *ret_count)
{
    *ret_count = bide_file_read(file, data, BIG);
    return 0;
}
bide_async(read_into, bide_file *, char *, ssize_t *);

bide_test(two_at_the_position_at_once)
{
    bide_auto(file) *file = NULL;
    char *data = malloc(BIG), byte;
    ssize_t count = 0;

    fill_sequence(data, BIG, 0);
    store("big", data, BIG);
    check_eq(bide_file_open(in_directory("big"), "r+", &file), 0);
    bide_task *other = bide_create_task(NULL, bide_co(read_into, file, data, &count));
    bide_sleep(0); /* it is in the middle of reading: more than one piece lets others run */
    check_error(bide_file_read(file, &byte, 1), EBUSY, "another task is doing that already");
    check_error(bide_file_seek(file, 0, SEEK_SET), EBUSY);
    check_error(bide_file_write(file, "x", 1), EBUSY);
    check_eq(bide_file_read_at(file, &byte, 1, 1), 1); /* has a place of its own */
    check_eq(bide_join(other), 0);
    check_eq(count, BIG);
    check_sequence(data, BIG, 0);
    free(data);
    return 0;
}

bide_test(close_of_nothing)
{
    check_eq(bide_file_close(NULL), 0);
    return 0;
}

bide_test(the_descriptor_closes_on_exec)
{
    bide_auto(file) *file = NULL;

    check_eq(bide_file_open(in_directory("file"), "w", &file), 0);
    check(fcntl(bide_file_descriptor(file), F_GETFD) & FD_CLOEXEC);
    check_str(bide_file_path(file), in_directory("file"));
    return 0;
}

bide_test(flags_and_permissions)
{
    bide_auto(file) *file = NULL;
    struct stat status;

    check_eq(bide_file_open_flags(in_directory("private"), O_WRONLY | O_CREAT | O_EXCL | O_DSYNC, 0600, &file), 0);
    check_eq(bide_file_write(file, "secret", 6), 6);
    check_eq(bide_file_stat(file, &status), 0);
    check_eq(status.st_mode & 0777, 0600);
    check_eq(status.st_size, 6);
    return 0;
}

/* A path from outside never leads out of the directory; twice each, by a thread and in place. */
bide_test(beneath_a_directory)
{
    static const struct {
        const char *path;
        int error;
    } paths[] = { { "file", 0 },         { "a/../file", 0 },       { "inside", 0 },
                  { "a/up", 0 },         { "../secret", -EXDEV },  { "a/../../secret", -EXDEV },
                  { "outside", -EXDEV }, { "absolute", -EXDEV },   { "/etc/passwd", -EXDEV },
                  { "none", -ENOENT },   { "file/none", -ENOTDIR } };

    check_eq(mkdir(in_directory("root"), 0700), 0);
    check_eq(mkdir(in_directory("root/a"), 0700), 0);
    store("secret", "secret", 6);
    store("root/file", "shown", 5);
    check_eq(symlink("file", in_directory("root/inside")), 0);
    check_eq(symlink("../file", in_directory("root/a/up")), 0);
    check_eq(symlink("../secret", in_directory("root/outside")), 0);
    check_eq(symlink("/etc/passwd", in_directory("root/absolute")), 0);
    int root = open(in_directory("root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < 2 * sizeof paths / sizeof paths[0]; i++) {
        bide_file *file = NULL;
        char data[8] = "";
        int err = bide_file_open_beneath(root, paths[i / 2].path, &file);

        if (err < 0)
            check(strstr(bide_strerror(err), paths[i / 2].path) != NULL);
        check_eq(err, paths[i / 2].error);
        if (err == 0) {
            check_eq(bide_file_read(file, data, sizeof data), 5);
            check_str(data, "shown");
        }
        bide_file_close(file);
    }
    close(root);
    return 0;
}
