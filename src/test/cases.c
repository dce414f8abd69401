/*
 * Cases: the tests of the program, multiplied by the elements of bide_test_each, the backends and the repetitions;
 * and the attempts that one case consists of.
 *
 * A case with faults goes through the kinds of faults, and for each through n = 1, 2, ... until an attempt ends in
 * which nothing was left to make fail. A case with seeds goes through the seeds.
 */
#include "test/cases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MAX = 1000 };

static struct bide__test *first_test, **end_of_tests = &first_test;

void bide__test_register(struct bide__test *test)
{
    *end_of_tests = test;
    end_of_tests = &test->next;
}

static void name_case(struct bide__case *one, const struct bide__test *test, size_t index, const char *backend)
{
    size_t length = (size_t)snprintf(one->name, sizeof one->name, "%s", test->name);

    if (length >= sizeof one->name)
        return;
    if (test->parameters && test->label == BIDE__LABEL_STRING)
        length += (size_t)snprintf(one->name + length, sizeof one->name - length, "[%s]",
                                   ((const char *const *)test->parameters)[index]);
    else if (test->parameters)
        length += (size_t)snprintf(one->name + length, sizeof one->name - length, "[%lld]",
                                   test->label == BIDE__LABEL_INT ? ((const int *)test->parameters)[index]
                                                                  : (long long)index);
    if (backend && length < sizeof one->name)
        snprintf(one->name + length, sizeof one->name - length, " [%s]", backend);
    for (char *at = one->name; *at; at++) /* a name is one line, and has no `#`, which begins a remark */
        if ((unsigned char)*at < ' ' || *at == '#')
            *at = '?';
}

static bool is_wanted(const struct bide__test_command *command, const char *name)
{
    return (!command->filter || strstr(name, command->filter)) && (!command->only || strcmp(name, command->only) == 0);
}

static int add(struct bide__cases *cases, const struct bide__case *one)
{
    if ((cases->count & (cases->count - 1)) == 0) {
        size_t capacity = cases->count ? 2 * cases->count : 1;
        struct bide__case *grown = realloc(cases->first, capacity * sizeof *grown);

        if (!grown)
            return -ENOMEM;
        cases->first = grown;
    }
    cases->first[cases->count++] = *one;
    return 0;
}

static int add_test(struct bide__cases *cases, const struct bide__test_command *command, const struct bide__test *test,
                    const char *backend)
{
    for (size_t i = 0; i < test->count; i++) {
        struct bide__case one = { .attempt = { .test = test, .backend = backend } };

        if (test->parameters)
            one.attempt.parameter = (const char *)test->parameters + i * test->size;
        name_case(&one, test, i, command->backend && strcmp(command->backend, "all") == 0 && backend ? backend : NULL);
        if (command->fault &&
            (test->kind == BIDE__TEST_FAULTS || test->kind == BIDE__TEST_CANCEL || test->kind == BIDE__TEST_TIMEOUT)) {
            one.attempt.fault = command->fault;
            one.attempt.n = command->n;
        }
        for (int repetition = 0; is_wanted(command, one.name) && repetition < command->repeat; repetition++) {
            if (command->seeded && command->seed && test->options.seeds >= 0)
                one.attempt.seed = command->seed + (uint64_t)repetition;
            else if (test->options.seeds > 0 && !command->seeded)
                one.attempt.seed = 1;
            if (add(cases, &one) < 0)
                return -ENOMEM;
        }
    }
    return 0;
}

int bide__cases_make(struct bide__cases *cases, const struct bide__test_command *command)
{
    int err = 0;

    *cases = (struct bide__cases){ 0 };
    for (const struct bide__test *test = first_test; test && err == 0; test = test->next) {
        if (command->backend && strcmp(command->backend, "all") == 0 && test->kind != BIDE__TEST_PLAIN &&
            !test->options.run.backend) {
            err = add_test(cases, command, test, "epoll");
            if (err == 0)
                err = add_test(cases, command, test, "io_uring");
        } else {
            err = add_test(cases, command, test,
                           command->backend && strcmp(command->backend, "all") != 0 ? command->backend : NULL);
        }
    }
    return err;
}

void bide__cases_free(struct bide__cases *cases)
{
    for (size_t i = 0; i < cases->count; i++)
        free(cases->first[i].text);
    free(cases->first);
}

static bool has_fault(const struct bide__test *test, enum bide__fault kind)
{
    const char *wanted = test->options.faults ? test->options.faults : "memory eintr eagain short";

    if (test->kind == BIDE__TEST_CANCEL)
        return kind == BIDE__FAULT_CANCEL;
    if (test->kind == BIDE__TEST_TIMEOUT)
        return kind == BIDE__FAULT_TIMEOUT;
    if (test->kind != BIDE__TEST_FAULTS || kind > BIDE__FAULT_ERROR)
        return false;
    for (; *wanted; wanted += strcspn(wanted, " "), wanted += strspn(wanted, " "))
        if (bide__fault_named(wanted) == kind)
            return true;
    return false;
}

bool bide__case_next(struct bide__case *one, const struct bide__test_command *command, bool fired)
{
    struct bide__attempt *attempt = &one->attempt;
    unsigned points_max =
        attempt->test->options.points_max > 0 ? (unsigned)attempt->test->options.points_max : POINTS_MAX;

    if (command->fault)
        return false; /* that one only */
    if (attempt->fault && fired && attempt->n < points_max) {
        attempt->n++;
        return true;
    }
    for (enum bide__fault kind = attempt->fault + 1; kind <= BIDE__FAULT_TIMEOUT; kind++) {
        if (has_fault(attempt->test, kind)) {
            attempt->fault = kind;
            attempt->n = 1;
            return true;
        }
    }
    if (!command->seeded && attempt->seed && (int)attempt->seed < attempt->test->options.seeds) {
        attempt->seed++;
        attempt->fault = BIDE__FAULT_NONE;
        attempt->n = 0;
        return true;
    }
    return false;
}
