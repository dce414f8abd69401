/*
 * Call chains.
 *
 * Recording one walks the stack by its unwind tables, which works across tasks' stacks and signal frames, needs no
 * frame pointers, and costs some microseconds. Names are looked up only when something is reported, by addr2line in
 * the runner: it is a fork of the same program, so the addresses mean the same there. Without addr2line, the dynamic
 * symbol and the offset are shown.
 */
#include "test/place.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unwind.h>

#include "test/report.h"

struct walk {
    struct bide__calls *calls;
    int skipped, count;
    uintptr_t from; /* leave out what comes before this address; 0: nothing */
};

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *argument)
{
    struct walk *walk = argument;
    uintptr_t address = _Unwind_GetIP(context);

    if (walk->from && address == walk->from)
        walk->from = 0;
    if (walk->from)
        return _URC_NO_REASON;
    if (walk->skipped-- > 0)
        return _URC_NO_REASON;
    if (!address || walk->count == BIDE__PLACE_FRAMES)
        return _URC_END_OF_STACK;
    walk->calls->frames[walk->count++] = (void *)address;
    return _URC_NO_REASON;
}

__attribute__((noinline)) void bide__calls_here(struct bide__calls *ret_calls, int skipped)
{
    struct walk walk = { .calls = ret_calls, .skipped = skipped + 2 };

    memset(ret_calls, 0, sizeof *ret_calls);
    bide__quiet++;
    _Unwind_Backtrace(step, &walk);
    bide__quiet--;
}

void bide__calls_from(struct bide__calls *ret_calls, const void *caller)
{
    struct walk walk = { .calls = ret_calls, .from = (uintptr_t)caller };

    memset(ret_calls, 0, sizeof *ret_calls);
    bide__quiet++;
    _Unwind_Backtrace(step, &walk);
    if (!walk.count)
        ret_calls->frames[0] = (void *)(uintptr_t)caller;
    bide__quiet--;
}

void bide__calls_interrupted(struct bide__calls *ret_calls, const void *context)
{
    const ucontext_t *state = context;
    struct walk walk = { .calls = ret_calls };

#if defined(__x86_64__)
    walk.from = (uintptr_t)state->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    walk.from = (uintptr_t)state->uc_mcontext.pc;
#endif
    memset(ret_calls, 0, sizeof *ret_calls);
    bide__quiet++;
    ret_calls->frames[0] = (void *)(walk.from + 1); /* as if it were a return address */
    walk.count = 1;
    walk.skipped = 1;
    _Unwind_Backtrace(step, &walk);
    bide__quiet--;
}

void bide__say_calls(const struct bide__calls *calls)
{
    char line[BIDE__PLACE_FRAMES * 20 + 4] = { BIDE__PLACE_MARK };
    size_t length = 1;

    for (int i = 0; i < BIDE__PLACE_FRAMES && calls->frames[i]; i++)
        length += (size_t)snprintf(line + length, sizeof line - length, " %" PRIxPTR, (uintptr_t)calls->frames[i]);
    if (length == 1)
        return;
    if (bide__say_descriptor() >= 0) {
        bide__say("%s\n", line);
        return;
    }
    bide__quiet++; /* nobody reads what is said here but the user */
    fflush(stdout);
    bide__print_calls(stdout, "", line + 1);
    fflush(stdout);
    bide__quiet--;
}

/* The frames below the test's own code: of no use to its reader. */
static bool is_machinery(const char *name)
{
    static const char *const ends[] = { "call_body",        "call_borrowed", "bide__fixture_get", "bide__test_call_",
                                        "bide__make_call_", "bide__run_",    "trampoline",        "bide__test_entry" };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strncmp(name, ends[i], strlen(ends[i])) == 0)
            return true;
    return false;
}

/* Asks addr2line about one address; false if it does not know. */
static bool look_up(const char *file, uintptr_t address, char *ret_name, char *ret_place, size_t size)
{
    char command[1024];
    FILE *answer;
    bool known;

    snprintf(command, sizeof command,
             "{ addr2line -f -e '%s' 0x%" PRIxPTR " || llvm-addr2line -f -e '%s' 0x%" PRIxPTR "; } 2>/dev/null", file,
             address, file, address);
    answer = popen(command, "re");
    if (!answer)
        return false;
    known = fgets(ret_name, (int)size, answer) && fgets(ret_place, (int)size, answer);
    pclose(answer);
    if (!known)
        return false;
    ret_name[strcspn(ret_name, "\n")] = '\0';
    ret_place[strcspn(ret_place, " \n")] = '\0';
    return strcmp(ret_name, "??") != 0;
}

/* The last two parts of a path are enough to find a file. */
static const char *short_path(const char *path)
{
    const char *slash = strrchr(path, '/');

    while (slash && slash > path && *--slash != '/')
        ;
    return slash && *slash == '/' ? slash + 1 : path;
}

/* Prints one frame; false when the rest is machinery. */
static bool print_frame(FILE *out, const char *prefix, uintptr_t address)
{
    char name[512], place[512];
    struct link_map *map = NULL;
    Dl_info info;

    if (!dladdr1((void *)(address - 1), &info, (void **)&map, RTLD_DL_LINKMAP) || !info.dli_fname) {
        fprintf(out, "%s    at 0x%" PRIxPTR "\n", prefix, address);
        return true;
    }
    const char *file = map && *map->l_name ? map->l_name : "/proc/self/exe";
    if (map && !*map->l_name)
        file = info.dli_fname;
    if (look_up(file, address - 1 - (map ? map->l_addr : 0), name, place, sizeof name)) {
        if (is_machinery(name))
            return false;
        if (strncmp(name, "bide__", 6) == 0)
            return true;
        if (place[0] != '?')
            fprintf(out, "%s    at %s (%s)\n", prefix, name, short_path(place));
        else
            fprintf(out, "%s    at %s (%s)\n", prefix,
                    info.dli_sname && strstr(info.dli_fname, ".so") ? info.dli_sname : name,
                    short_path(info.dli_fname));
        return true;
    }
    if (info.dli_sname)
        fprintf(out, "%s    at %s (%s)\n", prefix, info.dli_sname, short_path(info.dli_fname));
    else
        fprintf(out, "%s    at 0x%" PRIxPTR " (%s)\n", prefix, address, short_path(info.dli_fname));
    return true;
}

void bide__print_calls(FILE *out, const char *prefix, const char *line)
{
    char *end;

    for (uintptr_t address; (address = (uintptr_t)strtoull(line, &end, 16)) != 0 && end != line; line = end)
        if (!print_frame(out, prefix, address))
            break;
}
