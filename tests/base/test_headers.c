/*
 * The public headers as a user's compiler sees them: each alone, every macro in every C dialect we promise, without a
 * warning, with gcc and clang; and misuse that must not compile.
 */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND = 2048 };

static const char *source_dir(void)
{
    const char *folder = getenv("BIDE_SOURCE_DIR");

    if (!folder)
        skip("BIDE_SOURCE_DIR is not set");
    return folder;
}

static int run(const char *command)
{
    fflush(NULL);
    int status = system(command);

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void need(const char *compiler)
{
    char command[COMMAND];

    snprintf(command, sizeof command, "%s --version >/dev/null 2>&1", compiler);
    if (run(command) != 0)
        skip("this compiler is not installed");
}

/* Compiles `code`; true when the compiler takes it. What it says is shown when it was to take it. */
static bool compiles(const char *compiler, const char *flags, const char *code, bool expected)
{
    char command[COMMAND], path[] = "/tmp/bide-headers-XXXXXX.c";
    int file = mkstemps(path, 2);

    check(file >= 0);
    check_eq(write(file, code, strlen(code)), (ssize_t)strlen(code));
    close(file);
    snprintf(command, sizeof command, "%s %s -I'%s/include' -O1 -c -o /dev/null %s %s", compiler, flags, source_dir(),
             path, expected ? "" : "2>/dev/null");
    bool taken = run(command) == 0;
    unlink(path);
    return taken;
}

#define STRICT "-Wall -Wextra -Wpedantic -Wshadow -Werror "

static const char *const dialects[] = { "-std=c11 " STRICT, "-std=gnu11 " STRICT, "-std=gnu17 " STRICT,
                                        "-std=c2x " STRICT };

static const char every_macro[] =
    "#include <bide.h>\n"
    "#include <stdio.h>\n"
    "static int none(void) { bide(bide_sleep(0)); return 0; }\n"
    "bide_async(none);\n"
    "static int one(double seconds) { bide(bide_sleep(seconds)); return 0; }\n"
    "bide_async(one, double);\n"
    "static int two(const char *text, int (*call)(void)) { return text && call ? call() : 0; }\n"
    "bide_async(two, const char *, int (*)(void));\n"
    "struct point { int x, y; };\n"
    "static int many(struct point p, int a, int b, int c, int d, int e, int f, int g, int h, int i, long j, char *ret_k)\n"
    "{ *ret_k = (char)j; return p.x + p.y + a + b + c + d + e + f + g + h + i; }\n"
    "bide_async(many, struct point, int, int, int, int, int, int, int, int, int, long, char *);\n"
    "static int unused(int a) { return a; }\n"
    "bide_async(unused, int);\n"
    "int blocks(bide_group *outer);\n"
    "int blocks(bide_group *outer)\n"
    "{\n"
    "    int err, inner;\n"
    "    char k;\n"
    "    struct point p = { 1, 2 };\n"
    "    bide_timeout(1, err) { err = bide_sleep(1); }\n"
    "    bide_timeout(1, err) err = bide_sleep(1);\n"
    "    bide_timeout_at(bide_time() + 1, err) { bide(bide_sleep(1)); bide(bide_sleep(2)); }\n"
    "    bide_task_group(tg, err) {\n"
    "        bide(bide_start(tg, bide_co(one, 1)));\n"
    "        bide_task_group(tg2, inner) {\n"
    "            bide_start(tg2, bide_co(many, p, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10L, &k));\n"
    "            bide_timeout(1, inner) { bide_shield(1) { bide(bide_sleep(1)); } break; }\n"
    "            bide_group_cancel(tg);\n"
    "        }\n"
    "        if (inner < 0) continue;\n"
    "        if (err < 0) return err;\n"
    "    }\n"
    "    for (int i = 0; i < 2; i++)\n"
    "        bide_timeout(1, err) { if (i) break; else continue; }\n"
    "    bide_shield(5) bide_sleep(0.1);\n"
    "    bide_task *task = bide_create_task(outer, bide_co(two, \"x\", none));\n"
    "    bide_coroutine value = bide_co(none);\n"
    "    bide(bide_gather(value, bide_co(none), bide_co(one, 1.5)));\n"
    "    bide(bide_wait_for(bide_co(one, 2), 1));\n"
    "    bide(bide_to_thread(bide_co(none)));\n"
    "    long n = bide((long)bide_join(task));\n"
    "    return (int)n;\n"
    "}\n"
    "int main(void) { return bide_run(bide_co(none)); }\n";

static void check_dialects(const char *compiler)
{
    need(compiler);
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++)
        check(compiles(compiler, dialects[i], every_macro, true));
    check(compiles(compiler, "-std=gnu17 -O0 -Wconversion " STRICT, every_macro, true));
}

unit_test(every_macro_in_every_dialect_gcc)
{
    check_dialects("gcc");
    return 0;
}

unit_test(every_macro_in_every_dialect_clang)
{
    check_dialects("clang");
    return 0;
}

static void check_each_alone(const char *compiler)
{
    char folder[512];
    struct dirent *entry;
    int headers = 0;

    need(compiler);
    snprintf(folder, sizeof folder, "%s/include/bide", source_dir());
    DIR *directory = opendir(folder);
    check(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        char code[1024];
        size_t length = strlen(entry->d_name);

        if (length < 3 || strcmp(entry->d_name + length - 2, ".h") != 0)
            continue;
        headers++;
        /* twice, and with something after it: a file may not be empty */
        snprintf(code, sizeof code, "#include <bide/%s>\n#include <bide/%s>\nint after;\n", entry->d_name,
                 entry->d_name);
        printf("# %s\n", entry->d_name);
        check(compiles(compiler, "-std=c11 " STRICT, code, true));
    }
    closedir(directory);
    check(headers >= 6);
}

unit_test(every_header_alone_gcc)
{
    check_each_alone("gcc");
    return 0;
}

unit_test(every_header_alone_clang)
{
    check_each_alone("clang");
    return 0;
}

unit_test(functions_can_be_called_from_cplusplus)
{
    need("g++");
    const char *code =
        "#include <bide/coro.h>\n#include <bide/task.h>\n#include <bide/thread.h>\n#include <bide/loop.h>\n"
        "double now() { return bide_time(); }\nint nap() { return bide_sleep(1); }\n"
        "int message(char *out) { out[0] = bide_strerror(-1)[0]; return bide_fail(-1, \"%d\", 5); }\n";
    char command[COMMAND], path[] = "/tmp/bide-headers-XXXXXX.cc";
    int file = mkstemps(path, 3);

    check(file >= 0);
    check_eq(write(file, code, strlen(code)), (ssize_t)strlen(code));
    close(file);
    snprintf(command, sizeof command, "g++ -std=c++17 -Wall -Wextra -Werror -I'%s/include' -c -o /dev/null %s",
             source_dir(), path);
    int result = run(command);
    unlink(path);
    check_eq(result, 0);
    return 0;
}

/* ---- misuse: the first of each pair compiles, so that the second fails for the right reason ---- */

#define BEGIN                                                                                                          \
    "#include <bide.h>\nstruct point { int x; };\n"                                                                    \
    "static int f(double a, const char *b) { return a > 0 && b; }\n"

static const struct {
    const char *right, *wrong;
} misuses[] = {
    /* a missing argument, one too many, a wrong type */
    { BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_gather(bide_co(f, 1, \"x\")); }\n",
      BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_gather(bide_co(f, 1)); }\n" },
    { BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_gather(bide_co(f, 1, \"x\")); }\n",
      BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_gather(bide_co(f, 1, \"x\", 2)); }\n" },
    { BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_gather(bide_co(f, 1, \"x\")); }\n",
      BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_gather(bide_co(f, \"x\", \"x\")); }\n" },
    { BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_gather(bide_co(f, 1, \"x\")); }\n", BEGIN
      "bide_async(f, double, const char *);\nint g(struct point p) { return bide_gather(bide_co(f, p, \"x\")); }\n" },
    { BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_gather(bide_co(f, 1, \"x\")); }\n",
      BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_gather(bide_co(f)); }\n" },
    /* a bide_async line that does not fit the function */
    { BEGIN "bide_async(f, double, const char *);\n", BEGIN "bide_async(f, double);\n" },
    { BEGIN "bide_async(f, double, const char *);\n", BEGIN "bide_async(f, double, struct point);\n" },
    { BEGIN "bide_async(f, double, const char *);\n", BEGIN "bide_async(f);\n" },
    /* a call instead of a value, a value that is dropped, no bide_async line */
    { BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_wait_for(bide_co(f, 1, \"x\"), 1); }\n",
      BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_wait_for(f(1, \"x\"), 1); }\n" },
    { BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_gather(bide_co(f, 1, \"x\")); }\n",
      BEGIN "bide_async(f, double, const char *);\nint g(void) { bide_co(f, 1, \"x\"); return 0; }\n" },
    { BEGIN "bide_async(f, double, const char *);\nint g(void) { return bide_gather(bide_co(f, 1, \"x\")); }\n",
      BEGIN "int g(void) { return bide_gather(bide_co(f, 1, \"x\")); }\n" },
    /* bide() where no integer is returned; a group that is used outside of its block */
    { "#include <bide.h>\nint g(void) { bide(bide_sleep(1)); return 0; }\n",
      "#include <bide.h>\nconst char *g(void) { bide(bide_sleep(1)); return \"\"; }\n" },
    { "#include <bide.h>\nint g(void) { int e; bide_task_group(tg, e) { bide_group_cancel(tg); } return e; }\n",
      "#include <bide.h>\nint g(void) { int e; bide_task_group(tg, e) { } bide_group_cancel(tg); return e; }\n" },
    /* a message whose arguments do not fit its format */
    { "#include <bide.h>\nint g(void) { return bide_fail(-1, \"%d\", 1); }\n",
      "#include <bide.h>\nint g(void) { return bide_fail(-1, \"%s\", 1); }\n" },
};

static void check_misuse(const char *compiler)
{
    need(compiler);
    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
        printf("# misuse %zu\n", i);
        check(compiles(compiler, "-std=gnu11 -Wall -Wextra -Werror -Wno-unused-function", misuses[i].right, true));
        check(!compiles(compiler, "-std=gnu11 -Wall -Wextra -Werror -Wno-unused-function", misuses[i].wrong, false));
    }
}

unit_test(misuse_does_not_compile_gcc)
{
    check_misuse("gcc");
    return 0;
}

unit_test(misuse_does_not_compile_clang)
{
    check_misuse("clang");
    return 0;
}
