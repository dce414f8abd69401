/* What the tests of processes share. Nothing here is tested. */
#include "support_process.h"

#include "support_io.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

bide_process *start_script(const char *script, const bide_process_options *options)
{
    bide_process *process = NULL;

    check_eq(bide_create_subprocess_shell(script, options, &process), 0);
    return process;
}

void check_script(const char *script, const bide_process_options *options, int code)
{
    bide_process *process = start_script(script, options);
    int found = 0;

    check_eq(bide_process_wait(process, &found), 0);
    check_eq(found, code);
    bide_process_close(process);
}

const char *output_of(const char *script, const bide_process_options *options)
{
    static char text[4096];
    bide_process_options changed = options ? *options : (bide_process_options){ 0 };
    int file = memfd_create("output", MFD_CLOEXEC);

    check(file > 0);
    changed.stdout_to = file;
    check_script(script, &changed, 0);
    ssize_t count = pread(file, text, sizeof text - 1, 0);
    check(count >= 0);
    close(file);
    if (count && text[count - 1] == '\n')
        count--;
    text[count] = '\0';
    return text;
}

bide_process *start_sleeper(void)
{
    bide_process *process = NULL;

    check_eq(bide_create_subprocess_exec(bide_arguments("sleep", "1000"), NULL, &process), 0);
    return process;
}

int count_children(void)
{
    char path[64], text[4096];
    int count = 0;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)gettid());
    /* by number: what is made to fail is not this */
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    check(file >= 0);
    ssize_t size = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    check(size >= 0);
    text[size] = '\0';
    for (const char *at = text; (at = strchr(at, ' ')); at++)
        count++;
    return count;
}

void await_zombie(pid_t pid)
{
    siginfo_t information;

    while (waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT) < 0)
        if (errno != EINTR) {
            check_eq(errno, ECHILD);
            return;
        }
}
