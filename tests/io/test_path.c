/* Paths: what each call does, and what it says when it cannot. */
#include "support_file.h"

#include <bide/path.h>
#include <dirent.h>
#include <sys/stat.h>

bide_test(stat_says_what_stat_says)
{
    struct stat ours, theirs;

    store("file", "12345", 5);
    check_eq(symlink("file", in_directory("link")), 0);
    const char *const names[] = { "file", "link", "." };
    for (int i = 0; i < 6; i++) {
        const char *path = in_directory(names[i / 2]);

        check_eq(i % 2 ? lstat(path, &theirs) : stat(path, &theirs), 0);
        check_eq(i % 2 ? bide_lstat(path, &ours) : bide_stat(path, &ours), 0);
        check_eq(ours.st_mode, theirs.st_mode);
        check_eq(ours.st_ino, theirs.st_ino);
        check_eq(ours.st_dev, theirs.st_dev);
        check_eq(ours.st_size, theirs.st_size);
        check_eq(ours.st_nlink, theirs.st_nlink);
        check_eq(ours.st_uid, theirs.st_uid);
        check_eq(ours.st_blocks, theirs.st_blocks);
        check_eq(ours.st_mtim.tv_sec, theirs.st_mtim.tv_sec);
        check_eq(ours.st_mtim.tv_nsec, theirs.st_mtim.tv_nsec);
    }
    check_eq(bide_stat("/proc/self/status", &ours), 0);
    check(S_ISREG(ours.st_mode));
    check_error(bide_stat(in_directory("none"), &ours), ENOENT, "stat '");
    check_error(bide_stat(in_directory("file/x"), &ours), ENOTDIR, "file/x': Not a directory");
    check_eq(symlink("loop", in_directory("loop")), 0);
    check_error(bide_stat(in_directory("loop"), &ours), ELOOP);
    check_eq(bide_lstat(in_directory("loop"), &ours), 0);
    return 0;
}

bide_test(exists_and_access)
{
    store("file", "", 0);
    check_eq(bide_exists(in_directory("file")), 1);
    check_eq(bide_exists(in_directory("none")), 0);
    check_eq(bide_exists(in_directory("file/none")), 0);
    check_eq(symlink("none", in_directory("link")), 0);
    check_eq(bide_exists(in_directory("link")), 0);
    check_eq(bide_access(in_directory("file"), R_OK | W_OK), 0);
    check_error(bide_access(in_directory("none"), F_OK), ENOENT, "access '");
    check_error(bide_access(in_directory("file"), X_OK), EACCES);
    return 0;
}

bide_test(names_are_changed)
{
    char expected[900];

    store("a", "a", 1);
    store("b", "b", 1);
    check_eq(bide_rename(in_directory("a"), in_directory("b")), 0);
    check_content("b", "a", 1);
    check_error(bide_rename(in_directory("a"), in_directory("c")), ENOENT);
    snprintf(expected, sizeof expected, "rename '%s' to '%s': No such file or directory", in_directory("a"),
             in_directory("c"));
    check_str(bide_strerror(-ENOENT), expected);
    check_eq(bide_link(in_directory("b"), in_directory("c")), 0);
    check_error(bide_link(in_directory("b"), in_directory("c")), EEXIST, "' as '");
    check_eq(bide_remove(in_directory("b")), 0);
    check_error(bide_remove(in_directory("b")), ENOENT, "remove '");
    check_content("c", "a", 1);
    check_eq(bide_symlink("c", in_directory("d")), 0);
    check_content("d", "a", 1);
    return 0;
}

bide_test(links_are_read)
{
    char text[8];

    check_eq(bide_symlink("target", in_directory("link")), 0);
    check_eq(bide_readlink(in_directory("link"), text, 7), 6);
    check_str(text, "target");
    check_error(bide_readlink(in_directory("link"), text, 6), BIDE_ELIMIT, "more than fits into 6 bytes");
    check_error(bide_readlink(in_directory("link"), text, 0), BIDE_ELIMIT);
    store("file", "", 0);
    check_error(bide_readlink(in_directory("file"), text, 8), EINVAL, "read link '");
    return 0;
}

bide_test(directories_are_made_and_removed)
{
    struct stat status;

    check_eq(bide_mkdir(in_directory("one"), 0755), 0);
    check_error(bide_mkdir(in_directory("one"), 0755), EEXIST, "make directory '");
    check_error(bide_mkdir(in_directory("two/three"), 0755), ENOENT);
    check_eq(bide_makedirs(in_directory("two/three//four/"), 0700), 0);
    check_eq(bide_makedirs(in_directory("two/three/four"), 0700), 0);
    check_eq(stat(in_directory("two/three/four"), &status), 0);
    check_eq(status.st_mode & 0777, 0700);
    store("file", "", 0);
    check_error(bide_makedirs(in_directory("file"), 0700), EEXIST);
    check_error(bide_makedirs(in_directory("file/deeper/still"), 0700), ENOTDIR, "Not a directory");
    check_error(bide_makedirs("", 0700), ENOENT);
    check_error(bide_rmdir(in_directory("two")), ENOTEMPTY, "remove directory '");
    check_eq(bide_rmdir(in_directory("one")), 0);
    check_eq(bide_rmtree(in_directory("two")), 0);
    check_eq(bide_exists(in_directory("two")), 0);
    return 0;
}

bide_test(a_tree_is_removed_and_nothing_else)
{
    check_eq(bide_makedirs(in_directory("tree/a/b/c"), 0700), 0);
    check_eq(bide_makedirs(in_directory("outside"), 0700), 0);
    store("outside/file", "x", 1);
    store("tree/file", "x", 1);
    store("tree/a/b/file", "x", 1);
    check_eq(bide_symlink("../../outside", in_directory("tree/a/link")), 0);
    check_eq(bide_rmtree(in_directory("tree")), 0);
    check_eq(bide_exists(in_directory("tree")), 0);
    check_content("outside/file", "x", 1);
    check_error(bide_rmtree(in_directory("tree")), ENOENT, "remove tree '");
    check_error(bide_rmtree(in_directory("outside/file")), ENOTDIR);
    check_eq(bide_symlink("outside", in_directory("link")), 0);
    check_error(bide_rmtree(in_directory("link")), ENOTDIR);
    check_content("outside/file", "x", 1);
    return 0;
}

bide_test(statvfs)
{
    struct statvfs status;

    check_eq(bide_statvfs(bide_test_directory(), &status), 0);
    check(status.f_blocks > 0 && status.f_bsize > 0);
    check_error(bide_statvfs(in_directory("none"), &status), ENOENT, "statvfs '");
    return 0;
}

/* ---- copies ---- */

enum { BIG = 9 * 1024 * 1024 + 5 };

bide_test(a_copy_is_the_same)
{
    char *data = malloc(BIG);
    struct stat status;

    fill_sequence(data, BIG, 0);
    store("from", data, BIG);
    check_eq(chmod(in_directory("from"), 0751), 0);
    store("to", "longer than nothing", 19);
    check_eq(bide_copy_file(in_directory("from"), in_directory("to")), BIG);
    check_content("to", data, BIG);
    check_eq(stat(in_directory("to"), &status), 0);
    check_eq(status.st_mode & 0777, 0751);
    store("empty", "", 0);
    check_eq(bide_copy_file(in_directory("empty"), in_directory("to")), 0);
    check_content("to", "", 0);
    free(data);
    return 0;
}

bide_test(what_cannot_be_copied)
{
    store("file", "content", 7);
    check_error(bide_copy_file(in_directory("none"), in_directory("to")), ENOENT, "copy '");
    check_error(bide_copy_file(in_directory("file"), in_directory("none/to")), ENOENT, "copy to '");
    check_error(bide_copy_file(in_directory("file"), in_directory("file")), EINVAL, "they are the same file");
    check_eq(bide_link(in_directory("file"), in_directory("other")), 0);
    check_error(bide_copy_file(in_directory("file"), in_directory("other")), EINVAL, "they are the same file");
    check_content("file", "content", 7);
    check_error(bide_copy_file(bide_test_directory(), in_directory("to")), EISDIR);
    check_eq(bide_exists(in_directory("to")), 0);
    check_error(bide_copy_file(in_directory("file"), "/dev/full"), ENOSPC, "copy to '/dev/full'");
    check_eq(bide_exists("/dev/full"), 1);
    return 0;
}

/* No size, so the kernel does not copy it: read and written. */
bide_test(a_file_of_proc_is_copied)
{
    char *text;

    check(bide_copy_file("/proc/self/status", in_directory("to")) > 100);
    check(bide_read_file(in_directory("to"), 100000, &text) > 100);
    check(strstr(text, "Name:") == text);
    free(text);
    return 0;
}
