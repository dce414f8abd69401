/*
 * Threads. pthread_create, join and detach are wrapped, so a thread that nobody joins is known with the place where
 * it was started, whether it runs or has ended. Threads that come another way (timer_create with SIGEV_THREAD, ...)
 * are counted by the kernel's list.
 */
#include "test/threads.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "test/place.h"
#include "test/report.h"
#include "test/wrap.h"

enum { THREADS_MAX = 512, LOOKS = 200 };

struct thread {
    pthread_t id;
    bool owed; /* it is to be joined or detached */
    struct bide__calls made;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct thread threads[THREADS_MAX];
static int count_before;
static bool watching;

static int count_threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    struct dirent *entry;
    int count = 0;

    while (directory && (entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    if (directory)
        closedir(directory);
    return count;
}

void bide__threads_mark(void)
{
    bide__quiet++;
    count_before = count_threads();
    watching = true;
    bide__quiet--;
}

static void forget(pthread_t id)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < THREADS_MAX; i++)
        if (threads[i].owed && pthread_equal(threads[i].id, id))
            threads[i].owed = false;
    pthread_mutex_unlock(&lock);
}

BIDE__WRAP(int, pthread_create, pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*run)(void *),
           void *argument)
{
    BIDE__REAL(pthread_create);
    int err = real(ret_thread, attributes, run, argument), detached = PTHREAD_CREATE_JOINABLE;

    if (err || !watching || bide__quiet)
        return err;
    if (attributes)
        pthread_attr_getdetachstate(attributes, &detached);
    pthread_mutex_lock(&lock);
    for (int i = 0; detached == PTHREAD_CREATE_JOINABLE && i < THREADS_MAX; i++) {
        if (!threads[i].owed) {
            threads[i] = (struct thread){ .id = *ret_thread, .owed = true };
            bide__calls_here(&threads[i].made, 0);
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    return 0;
}

BIDE__WRAP(int, pthread_join, pthread_t thread, void **ret_value)
{
    BIDE__REAL(pthread_join);

    forget(thread); /* before: afterwards the id may be another thread's */
    return real(thread, ret_value);
}

BIDE__WRAP(int, pthread_detach, pthread_t thread)
{
    BIDE__REAL(pthread_detach);

    forget(thread);
    return real(thread);
}

bool bide__threads_are_known(size_t known)
{
    bool are_known = false;

    bide__quiet++;
    for (int i = 0; i < LOOKS && !(are_known = count_threads() <= count_before + (int)known); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    bide__quiet--;
    return are_known;
}

void bide__threads_check(void)
{
    int count = count_threads(), reported = 0;

    bide__quiet++;
    for (int i = 0; i < THREADS_MAX; i++) {
        if (!threads[i].owed)
            continue;
        reported++;
        bide__finding(NULL, 0, "a thread was neither joined nor detached, started here:\n");
        bide__say_calls(&threads[i].made);
    }
    /* one that was joined just now, or is about to end by itself, may stand in the kernel's list a moment longer */
    for (int i = 0; i < LOOKS && reported == 0 && !bide__thread_sanitized() && (count = count_threads()) > count_before;
         i++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    if (reported == 0 && count > count_before && !bide__thread_sanitized())
        bide__finding(NULL, 0, "threads that are still running and were not there before: %d\n", count - count_before);
    bide__quiet--;
}
