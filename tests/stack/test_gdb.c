/*
 * What a debugger sees: the backtrace inside a running flow ends at the start routine, and tools/gdb-bide.py shows the
 * backtrace of a parked one, in a live process and in a core file.
 */
#define _GNU_SOURCE 1
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stack/context.h"

static struct bide__context here;
static struct bide__context parked;
static volatile int entered;

/* Where gdb stops. The asm keeps the calls and their order. */
__attribute__((noinline, used)) static void stop_inside(void)
{
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline, used)) static void stop_outside(void)
{
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static int inner_wait(int depth)
{
    volatile int secret = depth + 4700;

    stop_inside();
    entered++;
    bide__context_switch(&parked, &here);
    return secret;
}

__attribute__((noinline)) static int middle_call(int depth)
{
    volatile int result = inner_wait(depth + 11);

    return result + 1;
}

__attribute__((noinline)) static void flow_entry(void *argument)
{
    volatile int result = middle_call(*(int *)argument);

    for (;;)
        entered += result;
}

/* Runs under gdb below; alone it checks that the flow gets as far as its switch. */
unit_test(debuggee)
{
    int zero = 0;
    size_t size = 64 * 1024;
    char *stack = malloc(size);

    check(stack != NULL);
    bide__context_adopt(&here);
    bide__context_make(&parked, stack, stack + size, flow_entry, &zero);
    bide__context_switch(&here, &parked);
    check_eq(entered, 1);
    stop_outside();
    bide__context_release(&parked);
    free(stack);
    return 0;
}

static void source_folder(char *folder, size_t size)
{
    const char *from_environment = getenv("BIDE_SOURCE_DIR");
    const char *file = __FILE__;
    const char *end = strstr(file, "tests/stack/");

    if (from_environment)
        snprintf(folder, size, "%s", from_environment);
    else if (end && end != file)
        snprintf(folder, size, "%.*s", (int)(end - file), file);
    else
        snprintf(folder, size, ".");
}

/* Runs gdb with `arguments`; its output, or a skip where it cannot trace. */
static void run_gdb(const char *arguments, char *ret_text, size_t size)
{
    char folder[1024], command[4096];
    size_t used = 0, length;
    FILE *gdb;

    source_folder(folder, sizeof folder);
    snprintf(command, sizeof command, "%s/tools/gdb-bide.py", folder);
    if (access(command, R_OK) < 0)
        skip("tools/gdb-bide.py was not found: set BIDE_SOURCE_DIR");
    if (system("gdb --version > /dev/null 2>&1") != 0)
        skip("gdb is not installed");
    snprintf(command, sizeof command,
             "gdb -batch -nx -ex 'set pagination off' -ex 'set style enabled off' -ex 'set width 0' "
             "-ex 'set debuginfod enabled off' -ex 'source %s/tools/gdb-bide.py' %s < /dev/null 2>&1",
             folder, arguments);
    gdb = popen(command, "r");
    check(gdb != NULL);
    while ((length = fread(ret_text + used, 1, size - 1 - used, gdb)) > 0)
        used += length;
    ret_text[used] = '\0';
    pclose(gdb);
    if (strstr(ret_text, "Could not trace") || strstr(ret_text, "ptrace: Operation not permitted") ||
        strstr(ret_text, "Python scripting is not supported"))
        skip("gdb cannot trace or has no Python here");
}

/* Whether `words` stand in `text` one after the other; prints the text if not. */
static bool in_order(const char *text, const char *const *words)
{
    const char *at = text;

    for (; *words; words++) {
        at = strstr(at, *words);
        if (!at) {
            printf("# \"%s\" is missing in:\n%s\n", *words, text);
            return false;
        }
        at += strlen(*words);
    }
    return true;
}

static void skip_under_tools(void)
{
    if (BIDE__ASAN || BIDE__TSAN || bide__valgrind_running() || check_slowness() > 1)
        skip("gdb is tried on plain native builds only");
}

#define DEBUGGEE "--args /proc/%d/exe --no-fork --filter debuggee"

unit_test(backtraces_of_running_and_parked_flows)
{
    static char text[64 * 1024];
    char arguments[2048];
    const char *end;
#ifdef BIDE__SWITCH_UCONTEXT
    const char *const expected[] = { "stop_inside", "inner_wait",   "middle_call", "flow_entry", "=== parked",
                                     "inner_wait",  "middle_call",  "flow_entry",  "=== locals", "secret = 4711",
                                     "=== again",   "stop_outside", "main",        "=== end",    NULL };
#else
    const char *const expected[] = { "stop_inside",    "inner_wait", "middle_call",    "flow_entry",
                                     "context_bottom", "=== parked", "switch_stack",   "inner_wait",
                                     "middle_call",    "flow_entry", "context_bottom", "=== locals",
                                     "secret = 4711",  "=== again",  "stop_outside",   "main",
                                     "=== end",        NULL };
#endif

    skip_under_tools();
    snprintf(arguments, sizeof arguments,
             "-ex 'break stop_inside' -ex 'break stop_outside' -ex run -ex bt -ex continue "
             "-ex 'echo === parked\\n' -ex 'bide-context &parked' -ex 'echo === locals\\n' "
             "-ex 'bide-context &parked bt full' "
             "-ex 'echo === again\\n' -ex bt -ex 'echo === end\\n' -ex kill " DEBUGGEE,
             (int)getpid());
    run_gdb(arguments, text, sizeof text);
    check(in_order(text, expected));
    check(!strstr(text, "corrupt"));
    check(!strstr(text, "Backtrace stopped"));
    end = strstr(text, "=== again");
    check(strstr(text, "main (") > end); /* the flows end at their own bottom, not in main */
    return 0;
}

unit_test(backtraces_from_a_core_file)
{
    static char text[64 * 1024];
    char arguments[2048], core[] = "/tmp/bide-core-XXXXXX";
    const char *const expected[] = { "inner_wait", "middle_call", "flow_entry", "=== end", NULL };
    int fd;

    skip_under_tools();
    fd = mkstemp(core);
    check(fd >= 0);
    close(fd);
    snprintf(arguments, sizeof arguments,
             "-ex 'break stop_outside' -ex run -ex 'generate-core-file %s' -ex kill " DEBUGGEE, core, (int)getpid());
    run_gdb(arguments, text, sizeof text);
    snprintf(arguments, sizeof arguments,
             "-ex 'core-file %s' -ex 'bide-context &parked' -ex 'echo === end\\n' /proc/%d/exe", core, (int)getpid());
    run_gdb(arguments, text, sizeof text);
    unlink(core);
    check(in_order(text, expected));
    return 0;
}
