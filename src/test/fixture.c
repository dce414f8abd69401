/*
 * Fixtures and cleanups.
 *
 * A fixture is a function with a memory: its first call in a test makes it, the others return the same. In the runner
 * only the fixtures of the program are made; the tests, forked from it, inherit them. Cleanups are a stack of
 * coroutine values with copies of their arguments; running one pops it first, so one that registers another works
 * too.
 */
#include "test/fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test/fault.h"
#include "test/report.h"

#define CLEANUP_SECONDS 5

struct cleanup {
    struct cleanup *next;
    bide_coroutine coroutine;
    char arguments[] __attribute__((aligned(16)));
};

static struct cleanup *cleanups;
static struct bide__fixture *fixtures;

void bide__fixture_register(struct bide__fixture *fixture)
{
    struct bide__fixture **end = &fixtures;

    while (*end)
        end = &(*end)->next;
    *end = fixture;
}

void *bide__fixture_get(struct bide__fixture *fixture)
{
    if (fixture->it)
        return fixture->it;
    bide__quiet++;
    void *it = calloc(1, fixture->size ? fixture->size : 1); /* the library's: not freed, no leak */
    int quiet = bide__quiet;
    bide__quiet = 0;
    bide__fault_pause(); /* what a test needs is not what it tests */
    int result = it ? fixture->make(it) : -ENOMEM;
    bide__fault_go_on();
    bide__quiet = quiet;
    if (result < 0) {
        bide__finding(fixture->file, fixture->line, "fixture '%s' failed with %s: %s\n", fixture->name,
                      bide_error_name(result), bide_strerror(result));
        bide__say_tasks();
        bide__end_process(BIDE__FAILED);
    }
    bide__quiet--;
    fixture->it = it;
    return it;
}

bool bide__fixtures_of_program(void)
{
    for (struct bide__fixture *fixture = fixtures; fixture; fixture = fixture->next)
        if (fixture->of_program)
            bide__fixture_get(fixture);
    return true;
}

void bide_test_cleanup(bide_coroutine coroutine)
{
    bide__quiet++;
    struct cleanup *cleanup = malloc(sizeof *cleanup + coroutine.size);
    if (!cleanup) {
        bide__say("no memory for a cleanup\n");
        bide__end_process(BIDE__FAILED);
    }
    if (coroutine.size)
        memcpy(cleanup->arguments, coroutine.arguments, coroutine.size);
    coroutine.arguments = cleanup->arguments;
    cleanup->coroutine = coroutine;
    cleanup->next = cleanups;
    cleanups = cleanup;
    bide__quiet--;
}

static int call(const bide_coroutine *coroutine, bool in_task)
{
    void *arguments = (void *)(uintptr_t)coroutine->arguments;
    int err = 0;

    if (!in_task)
        return coroutine->entry(arguments);
    bide_shield (CLEANUP_SECONDS) {
        bide_timeout (CLEANUP_SECONDS, err) {
            err = coroutine->entry(arguments);
        }
    }
    return err;
}

void bide__cleanups_run(bool in_task)
{
    while (cleanups) {
        struct cleanup *cleanup = cleanups;
        int result;

        cleanups = cleanup->next;
        result = call(&cleanup->coroutine, in_task);
        if (result < 0)
            bide__finding(cleanup->coroutine.file, cleanup->coroutine.line, "cleanup '%s' failed with %s: %s\n",
                          cleanup->coroutine.name, bide_error_name(result), bide_strerror(result));
        bide__quiet++;
        free(cleanup);
        bide__quiet--;
    }
}
