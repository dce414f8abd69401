/* Whole files: read, written, replaced. */
#include "support_file.h"

#include <dirent.h>
#include <sys/stat.h>

/* How many entries the test's directory has. */
static int entries(void)
{
    DIR *directory = opendir(bide_test_directory());
    int count = 0;

    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2;
}

static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 262144, 1048576, 1048577, 3000000 };

bide_test(every_size_comes_back)
{
    char *data = malloc(3000000), *again = NULL;

    fill_sequence(data, 3000000, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check_eq(bide_write_file(in_directory("file"), data, sizes[i]), 0);
        check_content("file", data, sizes[i]);
        for (int j = 0; j < 2; j++) { /* by a thread, and in place */
            check_eq(bide_read_file(in_directory("file"), sizes[i], &again), (ssize_t)sizes[i]);
            check_sequence(again, sizes[i], 0);
            check_eq(again[sizes[i]], 0);
            free(again);
        }
        if (sizes[i])
            check_error(bide_read_file(in_directory("file"), sizes[i] - 1, &again), BIDE_ELIMIT, "it has more than ");
        check_eq(bide_replace_file(in_directory("file"), data, sizes[i]), 0);
        check_content("file", data, sizes[i]);
        check_eq(entries(), 1);
    }
    free(data);
    return 0;
}

bide_test(what_has_no_size_is_read_to_its_end)
{
    char *text;

    check(bide_read_file("/proc/self/status", 100000, &text) > 100);
    check(strstr(text, "Threads:") != NULL);
    free(text);
    check_error(bide_read_file("/proc/self/status", 100, &text), BIDE_ELIMIT, "more than 100 bytes");
    check_eq(bide_read_file("/dev/null", 0, &text), 0);
    check_str(text, "");
    free(text);
    check_error(bide_read_file("/dev/zero", 100000, &text), BIDE_ELIMIT);
    return 0;
}

bide_test(errors_name_the_file)
{
    char *text;

    check_error(bide_read_file(in_directory("none"), 10, &text), ENOENT, "open '");
    check_error(bide_read_file(bide_test_directory(), 10, &text), EISDIR, "Is a directory");
    check_error(bide_write_file(in_directory("none/file"), "x", 1), ENOENT, "none/file");
    check_error(bide_write_file("/dev/full", "x", 1), ENOSPC, "write '/dev/full': No space left");
    check_error(bide_replace_file(in_directory("none/file"), "x", 1), ENOENT, "replace '");
    check_eq(mkdir(in_directory("directory"), 0700), 0);
    check_error(bide_replace_file(in_directory("directory"), "x", 1), EISDIR, "replace '");
    check_eq(entries(), 1);
    return 0;
}

bide_test(replacing_keeps_the_permissions)
{
    struct stat status;

    store("file", "old", 3);
    check_eq(chmod(in_directory("file"), 0640), 0);
    check_eq(bide_replace_file(in_directory("file"), "new", 3), 0);
    check_content("file", "new", 3);
    check_eq(stat(in_directory("file"), &status), 0);
    check_eq(status.st_mode & 07777, 0640);
    mode_t mask = umask(027);
    check_eq(bide_replace_file(in_directory("other"), "new", 3), 0);
    umask(mask);
    check_eq(stat(in_directory("other"), &status), 0);
    check_eq(status.st_mode & 07777, 0640);
    return 0;
}

/* A reader that has the old file open goes on reading the old one. */
bide_test(replacing_is_one_step)
{
    bide_auto(file) *file = NULL;
    char data[4] = "";

    store("file", "old", 3);
    check_eq(bide_file_open(in_directory("file"), "r", &file), 0);
    check_eq(bide_replace_file(in_directory("file"), "new", 3), 0);
    check_eq(bide_file_read(file, data, 3), 3);
    check_str(data, "old");
    return 0;
}

enum { FILES = 200 };

static int read_one(int number, int *sum)
{
    char path[400], *text;

    snprintf(path, sizeof path, "%s/%d", bide_test_directory(), number);
    bide(bide_read_file(path, 100, &text));
    *sum += atoi(text);
    free(text);
    return 0;
}
bide_async(read_one, int, int *);

bide_test(many_at_once)
{
    int sum = 0, err;

    for (int i = 0; i < FILES; i++) {
        char name[16];

        snprintf(name, sizeof name, "%d", i);
        store(name, name, strlen(name));
    }
    for (int round = 0; round < 2; round++) {
        bide_task_group (group, err) {
            for (int i = 0; i < FILES; i++)
                bide_start(group, bide_co(read_one, i, &sum));
        }
        check_eq(err, 0);
    }
    check_eq(sum, FILES * (FILES - 1));
    return 0;
}
