/* Watching: what happens is told, in order, with its path. */
#include "support_file.h"

#include <bide/path.h>
#include <bide/watch.h>
#include <sys/stat.h>

enum { STEPS = 6 };

static const char *text_of(const bide_watch_event *event)
{
    static char text[600];
    const char *path = event->path ? event->path : "";
    size_t length = strlen(bide_test_directory());

    if (!strncmp(path, bide_test_directory(), length))
        path += length;
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s%s%s%s", event->mask & IN_CREATE ? "create" : "",
             event->mask & IN_DELETE ? "delete" : "", event->mask & IN_MODIFY ? "modify" : "",
             event->mask & IN_CLOSE_WRITE ? "close" : "", event->mask & IN_MOVED_FROM ? "from" : "",
             event->mask & IN_MOVED_TO ? "to" : "", event->mask & IN_DELETE_SELF ? "gone" : "",
             event->mask & IN_Q_OVERFLOW ? "overflow" : "", event->is_directory ? " directory " : " ", path);
    return text;
}

static const char *next(bide_watch *watch)
{
    bide_watch_event *event;

    check_eq(bide_watch_next(watch, &event), 1);
    return text_of(event);
}

bide_test(what_happens_is_told_in_order)
{
    bide_auto(watch) *watch = NULL;
    bide_watch_event *event;

    check_eq(bide_watch_open(0, &watch), 0);
    check_eq(bide_watch_add(watch, bide_test_directory(), IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVE),
             0);
    store("file", "x", 1);
    check_eq(mkdir(in_directory("folder"), 0700), 0);
    check_eq(rename(in_directory("file"), in_directory("new")), 0);
    check_eq(remove(in_directory("new")), 0);
    check_str(next(watch), "create /file");
    check_str(next(watch), "modify /file");
    check_str(next(watch), "close /file");
    check_str(next(watch), "create directory /folder");
    check_eq(bide_watch_next(watch, &event), 1);
    check_str(text_of(event), "from /file");
    check_str(event->name, "file");
    uint32_t cookie = event->cookie;
    check_eq(bide_watch_next(watch, &event), 1);
    check_str(text_of(event), "to /new");
    check_eq(event->cookie, cookie);
    check_str(next(watch), "delete /new");
    return 0;
}

static int change(void)
{
    bide(bide_sleep(0.01));
    store("file", "y", 1);
    return 0;
}
bide_async(change);

bide_test(it_is_waited_for)
{
    bide_auto(watch) *watch = NULL;

    store("file", "x", 1);
    check_eq(bide_watch_open(0, &watch), 0);
    check_eq(bide_watch_add(watch, in_directory("file"), IN_CLOSE_WRITE), 0);
    bide_start(NULL, bide_co(change));
    check_str(next(watch), "close /file");
    return 0;
}

bide_test(removed_paths_are_silent)
{
    bide_auto(watch) *watch = NULL;

    check_eq(mkdir(in_directory("a"), 0700), 0);
    check_eq(mkdir(in_directory("b"), 0700), 0);
    check_eq(bide_watch_open(0, &watch), 0);
    check_eq(bide_watch_add(watch, in_directory("a"), IN_CREATE), 0);
    check_eq(bide_watch_add(watch, in_directory("b"), IN_CREATE), 0);
    check_eq(bide_watch_count(watch), 2U);
    store("a/1", "", 0);
    store("b/2", "", 0);
    check_eq(bide_watch_remove(watch, in_directory("a")), 0);
    check_error(bide_watch_remove(watch, in_directory("a")), ENOENT, "is not watched");
    check_eq(bide_watch_count(watch), 1U);
    check_str(next(watch), "create /b/2");
    return 0;
}

bide_test(what_is_deleted_is_not_watched_any_more)
{
    bide_auto(watch) *watch = NULL;

    check_eq(mkdir(in_directory("a"), 0700), 0);
    check_eq(mkdir(in_directory("b"), 0700), 0);
    check_eq(bide_watch_open(0, &watch), 0);
    check_eq(bide_watch_add(watch, in_directory("a"), IN_DELETE_SELF), 0);
    check_eq(bide_watch_add(watch, in_directory("b"), IN_CREATE), 0);
    check_eq(rmdir(in_directory("a")), 0);
    store("b/1", "", 0);
    check_str(next(watch), "gone /a");
    check_str(next(watch), "create /b/1");
    check_eq(bide_watch_count(watch), 1U);
    return 0;
}

bide_test(limits_and_errors)
{
    bide_auto(watch) *watch = NULL;

    check_eq(mkdir(in_directory("a"), 0700), 0);
    check_eq(bide_watch_open(1, &watch), 0);
    check_error(bide_watch_add(watch, in_directory("none"), IN_CREATE), ENOENT, "watch '");
    check_error(bide_watch_add(watch, in_directory("a"), 0), EINVAL);
    check_eq(bide_watch_add(watch, in_directory("a"), IN_CREATE), 0);
    check_error(bide_watch_add(watch, bide_test_directory(), IN_CREATE), BIDE_ELIMIT, "1 paths are watched");
    bide_watch_close(NULL);
    return 0;
}

static int wait_for_event(bide_watch *watch, int *ret_result)
{
    bide_watch_event *event;

    *ret_result = bide_watch_next(watch, &event);
    return *ret_result < 0 ? *ret_result : 0;
}
bide_async(wait_for_event, bide_watch *, int *);

/* Cancelled at every step around the event: either it was taken, or the next call gets it. */
bide_test(no_event_is_lost_by_a_cancellation)
{
    bide_auto(watch) *watch = NULL;

    check_eq(bide_watch_open(0, &watch), 0);
    check_eq(bide_watch_add(watch, bide_test_directory(), IN_CREATE), 0);
    for (unsigned i = 0; i < STEPS; i++) {
        char name[16];
        int result = 7;

        snprintf(name, sizeof name, "%u", i);
        bide_task *task = bide_create_task(NULL, bide_co(wait_for_event, watch, &result));
        steps(1);
        store(name, "", 0);
        steps(i);
        bide_cancel(task);
        bide_join(task);
        check(result == 1 || result == -ECANCELED);
        if (result == -ECANCELED) {
            char expected[24];

            snprintf(expected, sizeof expected, "create /%s", name);
            check_str(next(watch), expected);
        }
    }
    return 0;
}

bide_test(two_at_once)
{
    bide_auto(watch) *watch = NULL;
    bide_watch_event *event;
    int result = 0;

    check_eq(bide_watch_open(0, &watch), 0);
    bide_task *task = bide_create_task(NULL, bide_co(wait_for_event, watch, &result));
    steps(2);
    check_error(bide_watch_next(watch, &event), EBUSY, "another task waits");
    bide_cancel(task);
    bide_join(task);
    check_eq(result, -ECANCELED);
    return 0;
}

/* More events than the kernel keeps: it says that some are lost, and goes on. */
bide_test(overflow_is_said)
{
    bide_auto(watch) *watch = NULL;
    bide_watch_event *event;
    char *text, *first = strdup(in_directory("a")), *second = strdup(in_directory("b"));
    unsigned seen = 0;

    check(bide_read_file("/proc/sys/fs/inotify/max_queued_events", 100, &text) > 0);
    unsigned limit = (unsigned)atoi(text);
    free(text);
    if (limit > 100000)
        skip("fs.inotify.max_queued_events is too large to fill");
    check_eq(bide_watch_open(0, &watch), 0);
    check_eq(bide_watch_add(watch, bide_test_directory(), IN_MOVE), 0);
    store("a", "", 0);
    for (unsigned i = 0; i < limit / 2 + 10; i++)
        check_eq(i % 2 ? rename(second, first) : rename(first, second), 0);
    do {
        check_eq(bide_watch_next(watch, &event), 1);
        seen++;
    } while (!(event->mask & IN_Q_OVERFLOW));
    check_eq((void *)event->path, NULL);
    check(seen > limit / 2);
    free(first);
    free(second);
    return 0;
}
