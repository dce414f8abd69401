/* Temporary files and directories: where they are, and that they go. */
#include "support_file.h"

#include <bide/path.h>
#include <dirent.h>
#include <sys/stat.h>

static int entries(void)
{
    DIR *directory = opendir(bide_test_directory());
    int count = 0;

    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2;
}

bide_test(a_file_without_a_name)
{
    bide_auto(file) *file = NULL;
    char data[8] = "";

    check_eq(bide_temporary_file(bide_test_directory(), &file), 0);
    check_eq(entries(), 0);
    check_eq(bide_file_write(file, "secret", 6), 6);
    check_eq(bide_file_seek(file, 0, SEEK_SET), 0);
    check_eq(bide_file_read(file, data, 8), 6);
    check_str(data, "secret");
    return 0;
}

bide_test(a_file_with_a_name)
{
    bide_file *file = NULL;
    struct stat status;
    char path[400];

    check_eq(bide_named_temporary_file(bide_test_directory(), &file), 0);
    snprintf(path, sizeof path, "%s", bide_file_path(file));
    check(strstr(path, bide_test_directory()) == path);
    check_eq(stat(path, &status), 0);
    check_eq(status.st_mode & 07777, 0600);
    check_eq(bide_file_write(file, "shown", 5), 5);
    check_eq(bide_file_close(file), 0);
    check_eq(entries(), 0);
    return 0;
}

bide_test(a_directory_with_all_that_is_in_it)
{
    bide_temporary_directory *directory = NULL;
    char path[500];

    check_eq(bide_temporary_directory_open(bide_test_directory(), &directory), 0);
    snprintf(path, sizeof path, "%s/a/b", bide_temporary_directory_path(directory));
    check_eq(bide_makedirs(path, 0700), 0);
    check_eq(entries(), 1);
    check_eq(bide_temporary_directory_close(directory), 0);
    check_eq(entries(), 0);
    check_eq(bide_temporary_directory_close(NULL), 0);
    return 0;
}

bide_test(where_none_can_be_made)
{
    bide_file *file = NULL;
    bide_temporary_directory *directory = NULL;

    check_error(bide_temporary_file(in_directory("none"), &file), ENOENT, "make a temporary file in '");
    check_error(bide_named_temporary_file(in_directory("none"), &file), ENOENT, "make a temporary file in '");
    check_error(bide_temporary_directory_open(in_directory("none"), &directory), ENOENT,
                "make a temporary directory in '");
    return 0;
}

static int hold(void)
{
    bide_auto(file) *file = NULL;
    bide_auto(file) *unnamed = NULL;
    bide_auto(temporary_directory) *directory = NULL;
    char path[500];

    bide(bide_temporary_directory_open(bide_test_directory(), &directory));
    bide(bide_named_temporary_file(bide_test_directory(), &file));
    bide(bide_temporary_file(bide_test_directory(), &unnamed));
    snprintf(path, sizeof path, "%s/inside", bide_temporary_directory_path(directory));
    bide(bide_write_file(path, "x", 1));
    return bide_sleep(3600);
}
bide_async(hold);

static int run_and_cancel(void)
{
    bide_task *task = bide_create_task(NULL, bide_co(hold));

    while (entries() < 2)
        bide(bide_sleep(0.001));
    bide_cancel(task);
    bide_join(task);
    return 0;
}
bide_async(run_and_cancel);

/* Cancelled, nobody waits for the removal; the end of the run does. */
unit_test(a_cancelled_owner_leaves_nothing)
{
    check_eq(bide_run(bide_co(run_and_cancel)), 0);
    check_eq(entries(), 0);
    return 0;
}
