/* Directories read, trees walked, names listed. */
#include "support_file.h"

#include <bide/path.h>
#include <sys/stat.h>

enum { MANY = 3000 };

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bide_test(an_empty_directory)
{
    bide_auto(directory) *directory = NULL;
    bide_directory_entry *entry;
    char **names;

    check_eq(bide_scandir(bide_test_directory(), &directory), 0);
    check_eq(bide_directory_next(directory, &entry), 0);
    check_eq(bide_directory_next(directory, &entry), 0);
    check_eq(bide_listdir(bide_test_directory(), 0, &names), 0);
    check_eq((void *)names[0], NULL);
    free(names);
    return 0;
}

bide_test(entries_have_names_paths_and_types)
{
    bide_auto(directory) *directory = NULL;
    char found[200] = "";
    int err;

    store("file", "", 0);
    check_eq(mkdir(in_directory("folder"), 0700), 0);
    check_eq(symlink("file", in_directory("link")), 0);
    store("folder/inside", "", 0);
    check_eq(bide_scandir(bide_test_directory(), &directory), 0);
    char *lines[8];
    int count = 0;
    bide_for (bide_directory_entry *entry, bide_directory_next(directory, &entry), err) {
        struct stat status;

        check_eq(lstat(entry->path, &status), 0);
        check_eq(status.st_ino, entry->inode);
        check_eq(entry->depth, 0U);
        lines[count] = malloc(64);
        snprintf(lines[count++], 64, "%s%s ", entry->name,
                 S_ISDIR(entry->type)   ? "/"
                 : S_ISLNK(entry->type) ? "@"
                 : S_ISREG(entry->type) ? ""
                                        : "?");
    }
    check_eq(err, 0);
    qsort(lines, (size_t)count, sizeof lines[0], by_text);
    for (int i = 0; i < count; i++) {
        strcat(found, lines[i]);
        free(lines[i]);
    }
    check_str(found, "file folder/ link@ ");
    return 0;
}

bide_test(a_large_directory)
{
    char name[32], **names;

    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%05d-with-a-long-name", i);
        store(name, "", 0);
    }
    check_error(bide_listdir(bide_test_directory(), MANY - 1, &names), BIDE_ELIMIT, "more than 2999 names");
    check_eq(bide_listdir(bide_test_directory(), MANY, &names), MANY);
    qsort(names, MANY, sizeof names[0], by_text);
    for (int i = 0; i < MANY; i++)
        check_eq(atoi(names[i]), i);
    free(names);
    return 0;
}

static int collect(const char *root, const char *skipped, char *found)
{
    bide_auto(directory) *directory = NULL;
    char *lines[32];
    int count = 0, err;

    bide(bide_walk(root, &directory));
    bide_for (bide_directory_entry *entry, bide_directory_next(directory, &entry), err) {
        if (!strcmp(entry->name, skipped))
            bide_directory_skip(directory);
        lines[count] = malloc(100);
        snprintf(lines[count++], 100, "%u:%s ", entry->depth, entry->path + strlen(root) + 1);
    }
    qsort(lines, (size_t)count, sizeof lines[0], by_text);
    found[0] = '\0';
    for (int i = 0; i < count; i++) {
        strcat(found, lines[i]);
        free(lines[i]);
    }
    return err;
}

bide_test(a_tree_is_walked)
{
    char found[500];

    check_eq(bide_makedirs(in_directory("a/b/c"), 0700), 0);
    check_eq(bide_makedirs(in_directory("d"), 0700), 0);
    store("a/one", "", 0);
    store("a/b/two", "", 0);
    store("a/b/c/three", "", 0);
    check_eq(symlink("../a", in_directory("d/link")), 0); /* not followed */
    check_eq(collect(bide_test_directory(), "", found), 0);
    check_str(found, "0:a 0:d 1:a/b 1:a/one 1:d/link 2:a/b/c 2:a/b/two 3:a/b/c/three ");
    check_eq(collect(bide_test_directory(), "b", found), 0);
    check_str(found, "0:a 0:d 1:a/b 1:a/one 1:d/link ");
    return 0;
}

bide_test(a_tree_that_shrinks_meanwhile)
{
    bide_auto(directory) *directory = NULL;
    int count = 0, err;

    check_eq(bide_makedirs(in_directory("a/b"), 0700), 0);
    check_eq(bide_makedirs(in_directory("c/d"), 0700), 0);
    check_eq(bide_walk(bide_test_directory(), &directory), 0);
    bide_for (bide_directory_entry *entry, bide_directory_next(directory, &entry), err) {
        (void)entry;
        if (count++ == 1) {
            check_eq(bide_rmtree(in_directory("a")), 0);
            check_eq(bide_rmtree(in_directory("c")), 0);
        }
    }
    check_eq(err, 0);
    check_eq(count, 2);
    return 0;
}

bide_test(what_is_no_directory)
{
    bide_directory *directory = NULL;
    char **names;

    store("file", "", 0);
    check_error(bide_scandir(in_directory("file"), &directory), ENOTDIR, "read directory '");
    check_error(bide_walk(in_directory("none"), &directory), ENOENT, "none': No such file");
    check_error(bide_listdir(in_directory("none"), 10, &names), ENOENT);
    check_eq((void *)directory, NULL);
    bide_directory_close(NULL);
    return 0;
}
