/*
 * bide/watch.h - watching the file system for changes (inotify)
 *
 *     bide_auto(watch) *watch = NULL;
 *     bide(bide_watch_open(0, &watch));
 *     bide(bide_watch_add(watch, "etc", IN_CLOSE_WRITE | IN_MOVED_TO));
 *     bide_for(bide_watch_event *event, bide_watch_next(watch, &event), err) reload(event->path);
 *
 * The kernel tells what other programs, and this one, do to what is watched on this machine; what others do to a
 * network file system it does not see. A directory is watched with the names in it, not with the directories in it.
 */
#ifndef BIDE_WATCH_H
#define BIDE_WATCH_H

#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/inotify.h> /* IN_CREATE, IN_DELETE, IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, ... */

#include <bide/export.h>
#include <bide/stream.h> /* bide_auto */

typedef struct bide_watch bide_watch;

/* What happened. */
typedef struct bide_watch_event {
    const char *path; /* as it was added, and behind it the name; NULL: IN_Q_OVERFLOW */
    const char *name; /* in a directory: which entry; "": the watched thing itself */
    uint32_t mask;    /* IN_... */
    uint32_t cookie;  /* the same for the IN_MOVED_FROM and the IN_MOVED_TO of one rename */
    bool is_directory;
} bide_watch_event;

/*
 * bide_watch_open - begins watching nothing. limit: how many paths may be added, 0: as many as the kernel allows (the
 * sysctl fs.inotify.max_user_watches). The caller closes it. 0; -EMFILE: too many descriptors, or too many watches of
 * this kind for this user (fs.inotify.max_user_instances); -ENOMEM; -EPERM outside of a task. Does not wait.
 */
BIDE_EXPORT int bide_watch_open(size_t limit, bide_watch **ret_watch);

/*
 * bide_watch_add - adds a path; mask: which of the IN_... are told, IN_ALL_EVENTS for all (also IN_ONLYDIR,
 * IN_DONT_FOLLOW, IN_MASK_ADD, ...). A path that is there already gets the new mask; two paths of one file are one,
 * called by the later. Copied. Waits (a thread looks the path up). 0; -ENOENT, -EACCES, -EINVAL (mask 0);
 * BIDE_ELIMIT: the limit of this watch; -ENOSPC: the kernel's; -ECANCELED: not added.
 */
BIDE_EXPORT int bide_watch_add(bide_watch *watch, const char *path, uint32_t mask);

/*
 * bide_watch_remove - no more events of this path, written as it was added; events of it that have come and were not
 * taken yet are dropped. 0, -ENOENT: it is not watched. Does not wait.
 */
BIDE_EXPORT int bide_watch_remove(bide_watch *watch, const char *path);

/*
 * bide_watch_next - waits for the next event: 1. Valid until the next call. In the order in which things happened,
 * equal ones in a row once. IN_Q_OVERFLOW with path NULL: events came faster than they were taken (beyond the sysctl
 * fs.inotify.max_queued_events) and some are lost: look at everything again. What is deleted is no longer watched
 * after its IN_DELETE_SELF. -EBUSY: another task waits; -ECANCELED: no event was taken.
 */
BIDE_EXPORT int bide_watch_next(bide_watch *watch, bide_watch_event **ret_event);

/* bide_watch_count - how many paths are watched. */
BIDE_EXPORT size_t bide_watch_count(const bide_watch *watch);

/* bide_watch_close - ends it and frees it; NULL is ignored. Does not wait. No task may wait for an event (asserted). */
BIDE_EXPORT void bide_watch_close(bide_watch *watch);
static inline void bide__auto_watch(bide_watch **watch)
{
    bide_watch_close(*watch);
}

#endif
