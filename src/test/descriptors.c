/*
 * Open descriptors. Which are open is asked of the kernel (/proc/self/fd), so none is missed however it came; the
 * wrappers of the system calls that make descriptors add where. One array by number; descriptors beyond its end are
 * seen, without their places.
 */
#include "test/descriptors.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/place.h"
#include "test/report.h"

enum { DESCRIPTORS_MAX = 65536, PLACES_MAX = 4096 };

static bool before[DESCRIPTORS_MAX], after[DESCRIPTORS_MAX], ours[DESCRIPTORS_MAX];
static struct bide__calls made[PLACES_MAX];
static bool watching;

static void look(bool *open_descriptors)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;

    memset(open_descriptors, 0, DESCRIPTORS_MAX * sizeof *open_descriptors);
    while (directory && (entry = readdir(directory)) != NULL) {
        long number = strtol(entry->d_name, NULL, 10);

        if (entry->d_name[0] != '.' && number >= 0 && number < DESCRIPTORS_MAX && number != dirfd(directory))
            open_descriptors[number] = true;
    }
    if (directory)
        closedir(directory);
}

void bide__descriptors_mark(void)
{
    bide__quiet++;
    look(before);
    watching = true;
    bide__quiet--;
}

int bide__descriptors_made(int descriptor)
{
    if (watching && bide__quiet == 0 && descriptor >= 0 && descriptor < PLACES_MAX)
        bide__calls_here(&made[descriptor], 1);
    return descriptor;
}

void bide__descriptors_ours(int descriptor)
{
    if (descriptor >= 0 && descriptor < DESCRIPTORS_MAX)
        ours[descriptor] = true;
}

void bide__descriptors_closed(int descriptor)
{
    if (!watching || descriptor < 0 || descriptor >= PLACES_MAX)
        return;
    made[descriptor].frames[0] = NULL;
    ours[descriptor] = false;
}

void bide__descriptors_check(void)
{
    bide__quiet++;
    look(after);
    for (int i = 0; i < DESCRIPTORS_MAX; i++) {
        char name[64], target[160] = "?";

        if (before[i] == after[i] || ours[i] || i == bide__say_descriptor())
            continue;
        if (!after[i]) {
            bide__finding(NULL, 0, "descriptor %d was open before the test and is closed now\n", i);
            continue;
        }
        snprintf(name, sizeof name, "/proc/self/fd/%d", i);
        ssize_t length = readlink(name, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        bide__finding(NULL, 0, "descriptor %d (%s) was left open%s\n", i, target,
                      i < PLACES_MAX && made[i].frames[0] ? ", made here:" : "");
        if (i < PLACES_MAX)
            bide__say_calls(&made[i]);
    }
    bide__quiet--;
}
