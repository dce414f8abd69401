/* Processes: what a child is given and what it is not, and what cannot be started. */
#include "support_io.h"
#include "support_process.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

bide_test(arguments_arrive_as_they_are)
{
    bide_auto(process) *process = NULL;
    char text[64] = "";
    int file = memfd_create("output", MFD_CLOEXEC);
    const bide_process_options options = { .stdout_to = file };

    check_eq(
        bide_create_subprocess_exec(bide_arguments("printf", "<%s>", "a b", "", "$HOME*", "-n"), &options, &process),
        0);
    check_eq(bide_process_wait(process, NULL), 0);
    check(pread(file, text, sizeof text - 1, 0) > 0);
    check_str(text, "<a b><><$HOME*><-n>");
    close(file);
    return 0;
}

/* S9 */
static void ignore_it(int number)
{
    (void)number;
}

/* What this process ignores, as the kernel says: whoever started it may have left it more than the test adds. */
static unsigned long ignored_here(void)
{
    unsigned long ignored = 0;
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");

    check(status != NULL);
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "SigIgn: %lx", &ignored) == 1)
            break;
    fclose(status);
    return ignored;
}

bide_test(the_child_has_no_signals_blocked_ignored_or_caught)
{
    sigset_t all, before;
    char blocked[128], expected[] = "0000000000000000 0000000000000000 0000000000000000";
    static const char script[] = "sed -n 's/^Sig[BIC].*:.//p' /proc/self/status | tr '\\n' ' ' | sed 's/ $//'";

    signal(SIGUSR1, ignore_it);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    snprintf(blocked, sizeof blocked, "%s", output_of(script, NULL));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    check_str(blocked, expected);
    const bide_process_options keep = { .keep_ignored = true };
    const unsigned long ignored = ignored_here(), added = 1UL << (SIGPIPE - 1) | 1UL << (SIGHUP - 1);
    check_eq(ignored & added, added);
    snprintf(expected, sizeof expected, "0000000000000000 %016lx 0000000000000000", ignored);
    check_str(output_of(script, &keep), expected);
    return 0;
}

bide_test(the_child_has_no_descriptors_but_those_it_is_given)
{
    enum { FIRST = 100, LAST = 110 };
    char script[128];

    for (int i = FIRST; i <= LAST; i++)
        check_eq(dup2(STDERR_FILENO, i), i); /* not close-on-exec */
    int given[] = { 108, 103, 2, 108 };
    bide_process_options options = { .inherit = given, .inherit_count = sizeof given / sizeof *given };
    snprintf(script, sizeof script, "for i in $(seq %d %d); do if [ -e /proc/$$/fd/$i ]; then echo $i; fi; done",
             (int)FIRST, (int)LAST);
    check_str(output_of(script, &options), "103\n108");
    check_str(output_of(script, NULL), "");
    options.inherit_all = true;
    check_str(output_of(script, &options), "100\n101\n102\n103\n104\n105\n106\n107\n108\n109\n110");
    for (int i = FIRST; i <= LAST; i++)
        close(i);
    return 0;
}

bide_test(descriptors_that_cannot_be_given_are_named)
{
    bide_process *process = NULL;
    const int bad = 999, negative = -1;
    bide_process_options options = { .inherit = &bad, .inherit_count = 1 };

    check_error(bide_create_subprocess_shell("true", &options, &process), EBADF, "descriptor 999");
    options.inherit = &negative;
    check_error(bide_create_subprocess_shell("true", &options, &process), EBADF, "descriptor -1");
    options = (bide_process_options){ .stdout_to = 998 };
    check_error(bide_create_subprocess_shell("true", &options, &process), EBADF, "descriptor 998");
    options = (bide_process_options){ .stdin_from = BIDE_STDOUT };
    check_error(bide_create_subprocess_shell("true", &options, &process), EINVAL, "stdin cannot be -2");
    options = (bide_process_options){ .stdout_to = -77 };
    check_error(bide_create_subprocess_shell("true", &options, &process), EINVAL, "stdout cannot be -77");
    check_eq((void *)process, NULL);
    check_eq(count_children(), 0);
    return 0;
}

/* S11 */
bide_test(standard_streams_from_and_to_nowhere)
{
    const bide_process_options options = { .stdin_from = BIDE_DEVNULL, .stderr_to = BIDE_DEVNULL };

    check_str(output_of("readlink /proc/$$/fd/0 /proc/$$/fd/2; read x || echo end; echo lost >&2", &options),
              "/dev/null\n/dev/null\nend");
    return 0;
}

bide_test(stderr_goes_where_stdout_goes)
{
    const bide_process_options options = { .stderr_to = BIDE_STDOUT };

    check_str(output_of("echo one; echo two >&2; echo three", &options), "one\ntwo\nthree");
    return 0;
}

/* The sources of one another's numbers: none may be overwritten before it is used. */
bide_test(standard_streams_may_be_exchanged)
{
    int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC), saved[2];
    char text[8] = "";

    saved[0] = fcntl(1, F_DUPFD_CLOEXEC, 3);
    saved[1] = fcntl(2, F_DUPFD_CLOEXEC, 3);
    check(dup2(out, 1) == 1 && dup2(err, 2) == 2);
    const bide_process_options options = { .stdout_to = 2, .stderr_to = 1 };
    bide_process *process = NULL;
    int created = bide_create_subprocess_shell("echo o; echo e >&2", &options, &process);
    int waited = created < 0 ? created : bide_process_wait(process, NULL);
    dup2(saved[0], 1);
    dup2(saved[1], 2);
    check_eq(waited, 0);
    check_eq(pread(out, text, 7, 0), 2);
    check_str(text, "e\n");
    check_eq(pread(err, text, 7, 0), 2);
    check_str(text, "o\n");
    close(saved[0]);
    close(saved[1]);
    close(out);
    close(err);
    bide_process_close(process);
    return 0;
}

bide_test(directory_and_environment)
{
    const char *const environment[] = { "PATH=/usr/bin:/bin", "WHO=bide", NULL };
    const bide_process_options options = { .directory = "/", .environment = environment };

    check_str(output_of("pwd; echo $WHO; echo ${HOME-unset}", &options), "/\nbide\nunset");
    return 0;
}

bide_test(the_program_is_searched_in_the_path_of_the_child)
{
    const char *directory = bide_test_directory();
    char path[256], variable[300];
    bide_process *process = NULL;
    int code;

    snprintf(path, sizeof path, "%s/only-here", directory);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    check(file >= 0);
    dprintf(file, "#!/bin/sh\nexit 6\n");
    close(file);
    check_error(bide_create_subprocess_exec(bide_arguments("only-here"), NULL, &process), ENOENT,
                "start 'only-here': no such program");
    snprintf(variable, sizeof variable, "PATH=/nowhere:/etc/passwd:%s", directory);
    const char *const environment[] = { variable, NULL };
    const bide_process_options options = { .environment = environment };
    check_eq(bide_create_subprocess_exec(bide_arguments("only-here"), &options, &process), 0);
    check_eq(bide_process_wait(process, &code), 0);
    check_eq(code, 6);
    bide_process_close(process);
    return 0;
}

bide_test(the_program_may_be_another_than_the_first_argument)
{
    const bide_process_options options = { .program = "/bin/sh" };
    bide_process *process = NULL;
    int code;

    check_eq(
        bide_create_subprocess_exec(bide_arguments("zero", "-c", "[ $0 = one ] && exit 9", "one"), &options, &process),
        0);
    check_eq(bide_process_wait(process, &code), 0);
    check_eq(code, 9);
    bide_process_close(process);
    return 0;
}

bide_test(sessions_and_groups)
{
    bide_process_options options = { .new_session = true };
    static const char script[] = "echo $(cut -d' ' -f5,6 /proc/$$/stat) | sed \"s/$$/self/g\"";
    char expected[64];

    check_str(output_of(script, &options), "self self");
    options = (bide_process_options){ .process_group = BIDE_NEW_GROUP };
    snprintf(expected, sizeof expected, "self %d", (int)getsid(0));
    check_str(output_of(script, &options), expected);
    bide_process *leader = NULL;
    check_eq(bide_create_subprocess_exec(bide_arguments("sleep", "1000"), &options, &leader), 0);
    options.process_group = bide_process_pid(leader);
    snprintf(expected, sizeof expected, "%d %d", (int)bide_process_pid(leader), (int)getsid(0));
    check_str(output_of(script, &options), expected);
    bide_process_close(leader);
    options.process_group = 1;
    check_error(bide_create_subprocess_shell("true", &options, &leader), EPERM, "process group 1");
    return 0;
}

/* S12 */
bide_test(what_cannot_be_started_is_an_error_at_once)
{
    bide_process *process = NULL;
    const bide_process_options nowhere = { .directory = "/nowhere/at/all" }, file = { .directory = "/etc/passwd" };
    int before = count_descriptors();

    check_error(bide_create_subprocess_exec(bide_arguments("no-such-program-here", "x"), NULL, &process), ENOENT,
                "start 'no-such-program-here': no such program");
    check_error(bide_create_subprocess_exec(bide_arguments("/bin/no-such-program-here"), NULL, &process), ENOENT,
                "start '/bin/no-such-program-here': no such program");
    check_error(bide_create_subprocess_exec(bide_arguments("/etc/passwd"), NULL, &process), EACCES,
                "start '/etc/passwd': Permission denied");
    check_error(bide_create_subprocess_exec(bide_arguments("true"), &nowhere, &process), ENOENT,
                "start 'true': directory '/nowhere/at/all': No such file or directory");
    check_error(bide_create_subprocess_exec(bide_arguments("true"), &file, &process), ENOTDIR, "directory");
    check_error(bide_create_subprocess_exec((const char *const[]){ NULL }, NULL, &process), EINVAL, "name is missing");
    check_error(bide_create_subprocess_exec(bide_arguments(""), NULL, &process), EINVAL, "name is missing");
    check_error(bide_create_subprocess_shell(NULL, NULL, &process), EINVAL, "command is missing");
    check_eq((void *)process, NULL);
    check_eq(count_descriptors(), before);
    check_eq(count_children(), 0);
    return 0;
}

bide_test(a_script_without_its_interpreter_says_so)
{
    char path[256];
    bide_process *process = NULL;

    if (under_valgrind())
        skip("Valgrind cannot go on when it has foreseen no error of execve");
    snprintf(path, sizeof path, "%s/script", bide_test_directory());
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    check(file >= 0);
    dprintf(file, "#!/no/such/interpreter\n");
    close(file);
    check_error(bide_create_subprocess_exec(bide_arguments(path), NULL, &process), ENOENT, "interpreter");
    file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    dprintf(file, "exit 0\n");
    close(file);
    check_error(bide_create_subprocess_exec(bide_arguments(path), NULL, &process), ENOEXEC, "not a program");
    return 0;
}

bide_test(arguments_that_are_too_long)
{
    size_t size = 4 << 20;
    char *text = malloc(size);
    bide_process *process = NULL;

    if (under_valgrind())
        skip("Valgrind cannot go on when it has foreseen no error of execve");
    check(text != NULL);
    memset(text, 'x', size);
    text[size - 1] = '\0';
    check_error(bide_create_subprocess_exec(bide_arguments("echo", text), NULL, &process), E2BIG, "start 'echo'");
    free(text);
    return 0;
}

bide_test(outside_of_a_task_nothing_is_started)
{
    bide_loop *loop = bide__loop;
    bide_process *process = NULL;

    bide__loop = NULL;
    int err = bide_create_subprocess_shell("true", NULL, &process);
    bide__loop = loop;
    check_eq(err, -EPERM);
    return 0;
}

/* In a process that ends without closing anything. */
static int leave_a_child(int output)
{
    const bide_process_options options = { .parent_death_signal = SIGKILL, .stdout_to = output };
    bide_process *process = NULL;

    bide(bide_create_subprocess_exec(bide_arguments("sleep", "1000"), &options, &process));
    _exit(0);
}
bide_async(leave_a_child, int);

unit_test(a_child_that_dies_with_its_parent)
{
    int ends[2];
    char byte;

    check_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t parent = fork();
    if (parent == 0)
        _exit(bide_run(bide_co(leave_a_child, ends[1])) < 0);
    int status = 0;
    check_eq(waitpid(parent, &status, 0), parent);
    check_eq(status, 0);
    close(ends[1]);
    check_eq(read(ends[0], &byte, 1), 0); /* nobody holds the pipe any more */
    close(ends[0]);
    return 0;
}
