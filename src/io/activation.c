/*
 * Socket activation: the environment of this process says which descriptors, from 3 on, are sockets that were opened
 * for it (LISTEN_PID: for whom, LISTEN_FDS: how many, LISTEN_FDNAMES: their names, joined by ':').
 *
 * Each is taken once. The environment is left as it is: to change it is not safe while threads run, and LISTEN_PID
 * keeps children from taking it for theirs.
 */
#include "io/activation.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int bide__activation_first = 3;

static _Atomic uint64_t taken;

/* Whether name number `index` of a list joined by ':' is `name`. */
static bool is_named(const char *names, size_t index, const char *name)
{
    for (; names && index; index--) {
        names = strchr(names, ':');
        if (names)
            names++;
    }
    size_t length = strlen(name);

    return names && !strncmp(names, name, length) && (names[length] == ':' || names[length] == '\0');
}

size_t bide__activation_take(const char *name, int descriptors[BIDE__PASSED_MAX])
{
    const char *process = getenv("LISTEN_PID"), *number = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
    size_t count = 0;

    if (!process || !number || strtol(process, NULL, 10) != (long)getpid())
        return 0;
    long passed = strtol(number, NULL, 10);
    for (int i = 0; i < passed && i < BIDE__PASSED_MAX; i++) {
        uint64_t bit = (uint64_t)1 << i;

        if (name && !is_named(names, (size_t)i, name))
            continue;
        if (!(atomic_fetch_or(&taken, bit) & bit))
            descriptors[count++] = bide__activation_first + i;
    }
    return count;
}

void bide__activation_give_back(const int *descriptors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        atomic_fetch_and(&taken, ~((uint64_t)1 << (descriptors[i] - bide__activation_first)));
}
