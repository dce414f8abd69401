/*
 * gdb's view of the tasks: the tree, and the backtrace of a parked task, in a running process (tools/gdb-bide.py).
 */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static int ready_pipe[2];

__attribute__((noinline)) static int deep_in_the_sleeper(double seconds)
{
    int err = bide_sleep(seconds);

    return err + (int)(seconds < 0);
}

static int sleeper(double seconds)
{
    int err = deep_in_the_sleeper(seconds);

    return err < 0 ? err : 1;
}
bide_async(sleeper, double);

static int parent_of_two(void)
{
    int err;

    bide_task_group (tg, err) {
        bide_start(tg, bide_co(sleeper, 1000));
        bide_start(tg, bide_co(sleeper, 2000));
    }
    return err;
}
bide_async(parent_of_two);

static int debuggee(void)
{
    bide_start(NULL, bide_co(parent_of_two));
    bide(bide_sleep(0.001));
    if (write(ready_pipe[1], "!", 1) != 1)
        return -1;
    return bide_sleep(1000);
}
bide_async(debuggee);

/* What gdb prints for a command in the process; NULL if gdb cannot be used here. */
static char *ask_gdb(pid_t process, const char *commands)
{
    static char text[32768];
    char command[2048];
    const char *source = getenv("BIDE_SOURCE_DIR");

    snprintf(command, sizeof command,
             "gdb -nx -q -batch -p %d -ex 'set pagination off' -ex 'source %s/tools/gdb-bide.py' %s 2>&1", (int)process,
             source ? source : ".", commands);
    FILE *pipe = popen(command, "r");
    if (!pipe)
        return NULL;
    size_t size = fread(text, 1, sizeof text - 1, pipe);
    text[size] = '\0';
    pclose(pipe);
    return text;
}

unit_test(tree_and_backtrace_of_parked_tasks)
{
    char byte;

#ifdef SANITIZED
    skip("a sanitizer's frames are in the way");
#endif
    if (getenv("BIDE_VALGRIND") ||
        system("gdb --version > /dev/null 2>&1 && gdb -batch -ex 'python print(1)' > /dev/null 2>&1") != 0)
        skip("no gdb with Python here");
    check_eq(pipe(ready_pipe), 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(bide_run(bide_co(debuggee)) != 0);
    }
    check_eq(read(ready_pipe[0], &byte, 1), 1);

    char *text = ask_gdb(child, "-ex bide-tasks -ex 'bide-task sleeper' -ex 'bide-task nobody'");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready_pipe[0]);
    close(ready_pipe[1]);
    if (!text || strstr(text, "ptrace: Operation not permitted"))
        skip("gdb may not attach here");
    if (strstr(text, "No symbol table is loaded"))
        skip("gdb sees an emulator, not the program");
    printf("# %.6000s\n", text);
    check(strstr(text, "'debuggee'"));
    check(strstr(text, "    0x") && strstr(text, "'parent_of_two'") && strstr(text, "waits for its children"));
    check(strstr(text, "waits for the end of its sleep"));
    check(strstr(text, "deep_in_the_sleeper"));
    check(strstr(text, "bide_sleep"));
    check(strstr(text, "no task is called"));
    return 0;
}
