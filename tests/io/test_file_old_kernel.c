/*
 * Files on a kernel, or in a sandbox, that has less: no openat2, no reads and writes that refuse to wait, no statx, no
 * copy_file_range, and a ring without operations on files. All the same, only with more threads.
 */
#include "support_file.h"

#include <bide/path.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "loop/backend/uring_ring.h"
#include "loop/loop.h"

enum { BIG = 3 * 1024 * 1024 };

/* From now on these system calls do not exist for this process. False: it cannot be had here. */
static bool forbid(const int *calls, size_t count)
{
    struct sock_filter filter[32];
    unsigned short length = 0;

    filter[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++) {
        filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
        filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    }
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = { length, filter };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void become_old(void)
{
    static const int calls[] = { SYS_openat2, SYS_preadv2, SYS_pwritev2, SYS_statx, SYS_copy_file_range };

    if (under_valgrind())
        skip("Valgrind makes system calls of its own");
    if (!forbid(calls, sizeof calls / sizeof calls[0]))
        skip("system calls cannot be forbidden here");
    check_eq(syscall(SYS_openat2, 0, 0, 0, 0), -1L);
    check_eq(errno, ENOSYS);
    if (!strcmp(bide_backend_name(bide_get_running_loop()), "io_uring"))
        ((struct bide__ring *)bide_get_running_loop()->backend_state)->operations = 0;
}

static void use_a_file(void)
{
    char *data = malloc(BIG);

    fill_sequence(data, BIG, 0);
    for (int i = 0; i < 2; i++) {
        bide_auto(file) *file = NULL;

        check_eq(bide_file_open(in_directory("file"), "w+", &file), 0);
        check_eq(bide_file_write(file, data, BIG), BIG);
        check_eq(bide_file_seek(file, 0, SEEK_SET), 0);
        memset(data, 0, BIG);
        check_eq(bide_file_read(file, data, BIG), BIG);
        check_sequence(data, BIG, 0);
        check_eq(bide_file_read(file, data, 1), 0);
        check_eq(bide_file_fsync(file), 0);
        check_eq(bide_file_fdatasync(file), 0);
    }
    bide_auto(file) *log = NULL;
    check_eq(bide_file_open(in_directory("log"), "a", &log), 0);
    check_eq(bide_file_write(log, "one", 3), 3);
    check_eq(bide_file_write(log, "two", 3), 3);
    check_eq(bide_file_tell(log), 6);
    check_content("log", "onetwo", 6);
    free(data);
}

static void use_paths(void)
{
    struct stat ours, theirs;
    char *text;

    store("plain", "content", 7);
    for (int i = 0; i < 2; i++) {
        check_eq(bide_stat(in_directory("plain"), &ours), 0);
        check_eq(stat(in_directory("plain"), &theirs), 0);
        check_eq(ours.st_ino, theirs.st_ino);
        check_eq(bide_read_file(in_directory("plain"), 100, &text), 7);
        check_str(text, "content");
        free(text);
    }
    check_eq(bide_copy_file(in_directory("plain"), in_directory("copy")), 7);
    check_content("copy", "content", 7);
    check_error(bide_stat(in_directory("none"), &ours), ENOENT);
}

static void use_beneath(void)
{
    int root = open(bide_test_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bide_file *file = NULL;

    check_eq(symlink("/etc/passwd", in_directory("outside")), 0);
    check_eq(bide_file_open_beneath(root, "plain", &file), 0);
    check_eq(bide_file_close(file), 0);
    check_error(bide_file_open_beneath(root, "outside", &file), EXDEV);
    check_error(bide_file_open_beneath(root, "../../etc/passwd", &file), EXDEV);
    check_error(bide_file_open_beneath(root, "/etc/passwd", &file), EXDEV);
    close(root);
}

bide_test(all_the_same_with_less)
{
    become_old();
    use_a_file();
    use_paths();
    use_beneath();
    return 0;
}
