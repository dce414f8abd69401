/*
 * Watching: an inotify descriptor that is read like a pipe, and a table from the kernel's numbers to paths.
 *
 * The table is an array in the order of the numbers, which grow, so most are appended: adding and finding are O(log
 * n), removing moves what is behind. Events are read some hundred at once (16 KiB) and given out one by one; those of
 * a number that is not in the table any more are left out, so a removed path is silent at once. Adding looks a path
 * up and is done by a thread.
 *
 * Must never happen: a path that is watched and not in the table (its events would have no name). So the place is made
 * before the kernel is asked, and an event that comes before the thread that added its path waits for it.
 */
#include <bide/watch.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/file.h"
#include "sync/step.h"
#include "task/debug.h"

enum { BLOCK_BYTES = 16 * 1024 };

struct watched {
    int number;
    char *path;
};

struct bide_watch {
    struct bide_loop *loop;
    int descriptor;
    bool busy;
    size_t adding;                  /* calls that are under way */
    struct bide__wait_list waiting; /* for those calls: an event came before its path */
    size_t limit, count, capacity;
    struct watched *table;
    char *path; /* of the last event */
    size_t path_capacity;
    bide_watch_event event;
    size_t start, end; /* in block: events not given out yet */
    char block[BLOCK_BYTES] __attribute__((aligned(8)));
};

int bide_watch_open(size_t limit, bide_watch **ret_watch)
{
    struct bide_watch *watch = bide__current() ? malloc(sizeof *watch) : NULL;

    if (!watch)
        return bide__current() ? bide_fail(-ENOMEM, "watch: no memory")
                               : bide_fail(-EPERM, "bide_watch_open was called outside of a task");
    memset(watch, 0, offsetof(struct bide_watch, block));
    watch->descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->descriptor < 0) {
        int err = -errno;

        free(watch);
        return bide_fail(err, "watch: %s%s", strerror(-err),
                         err == -EMFILE ? " (or too many watches of this user: fs.inotify.max_user_instances)" : "");
    }
    watch->loop = bide__loop;
    watch->limit = limit;
    if (__builtin_expect(watch->loop->debug, 0))
        bide__debug_opened(watch, "watch", NULL);
    *ret_watch = watch;
    return 0;
}

/* The place of a number in the table, or where it would be. */
static size_t place_of(const struct bide_watch *watch, int number)
{
    size_t low = 0, high = watch->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (watch->table[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct watched *find(const struct bide_watch *watch, int number)
{
    size_t place = place_of(watch, number);

    return place < watch->count && watch->table[place].number == number ? &watch->table[place] : NULL;
}

static void drop(struct bide_watch *watch, struct watched *watched)
{
    size_t place = (size_t)(watched - watch->table);

    free(watched->path);
    watch->count--;
    memmove(watched, watched + 1, (watch->count - place) * sizeof *watched);
}

/* Makes room for one more beside those that are being added. 0 or -ENOMEM. */
static int reserve(struct bide_watch *watch)
{
    if (watch->count + watch->adding < watch->capacity)
        return 0;
    size_t capacity = watch->capacity ? watch->capacity * 2 : 8;
    struct watched *table = realloc(watch->table, capacity * sizeof *table);
    if (!table)
        return -ENOMEM;
    watch->table = table;
    watch->capacity = capacity;
    return 0;
}

/* Takes the path. */
static void note(struct bide_watch *watch, int number, char *path)
{
    size_t place = place_of(watch, number);

    if (place < watch->count && watch->table[place].number == number) {
        free(watch->table[place].path);
    } else {
        memmove(&watch->table[place + 1], &watch->table[place], (watch->count - place) * sizeof watch->table[0]);
        watch->count++;
    }
    watch->table[place] = (struct watched){ number, path };
}

struct add_call {
    struct bide__file_op base;
    int descriptor;
    const char *path;
    uint32_t mask;
};

static int64_t add_by_thread(struct bide__file_op *file_op)
{
    const struct add_call *call = (const struct add_call *)(void *)file_op;
    int number = inotify_add_watch(call->descriptor, call->path, call->mask);

    return number < 0 ? -errno : number;
}

int bide_watch_add(bide_watch *watch, const char *path, uint32_t mask)
{
    struct add_call call = { .descriptor = watch->descriptor, .path = path, .mask = mask };

    if (watch->limit && watch->count + watch->adding >= watch->limit)
        return bide_fail(BIDE_ELIMIT, "watch '%s': %zu paths are watched, that is the limit", path, watch->limit);
    char *copy = strdup(path);
    if (!copy || reserve(watch) < 0) {
        free(copy);
        return bide_fail(-ENOMEM, "watch '%s': no memory", path);
    }
    watch->adding++;
    int64_t number = bide__file_call(&call.base, add_by_thread);
    watch->adding--;
    if (number >= 0)
        note(watch, (int)number, copy);
    for (struct bide__waiter *waiter; (waiter = bide__wait_list_take(&watch->waiting));)
        bide__wake(waiter, 0);
    if (number >= 0)
        return 0;
    free(copy);
    if (number == -ENOSPC)
        return bide_fail(-ENOSPC, "watch '%s': the kernel allows no more (fs.inotify.max_user_watches)", path);
    return (int)bide__file_explain("watch", path, number);
}

int bide_watch_remove(bide_watch *watch, const char *path)
{
    for (size_t i = 0; i < watch->count; i++) {
        if (strcmp(watch->table[i].path, path) != 0)
            continue;
        inotify_rm_watch(watch->descriptor, watch->table[i].number);
        drop(watch, &watch->table[i]);
        return 0;
    }
    return bide_fail(-ENOENT, "watch: '%s' is not watched", path);
}

size_t bide_watch_count(const bide_watch *watch)
{
    return watch->count;
}

/* "PATH/NAME", or PATH. NULL without memory. */
static char *make_path(struct bide_watch *watch, const char *path, const char *name)
{
    size_t length = strlen(path), size = length + strlen(name) + 2;

    if (size > watch->path_capacity) {
        char *larger = realloc(watch->path, size * 2);

        if (!larger)
            return NULL;
        watch->path = larger;
        watch->path_capacity = size * 2;
    }
    memcpy(watch->path, path, length + 1);
    if (*name) {
        if (length && path[length - 1] != '/')
            watch->path[length++] = '/';
        memcpy(watch->path + length, name, strlen(name) + 1);
    }
    return watch->path;
}

/* Takes the first event of the block. 1, 0: it is none to give out, or an error: it is still there. */
static int take_event(struct bide_watch *watch, struct bide__record *task)
{
    const struct inotify_event *found = (const struct inotify_event *)(const void *)(watch->block + watch->start);
    struct watched *watched = find(watch, found->wd);
    const char *name = found->len ? found->name : "";
    bool overflow = found->mask & IN_Q_OVERFLOW;
    size_t size = sizeof *found + found->len;

    if (!watched && !overflow) {
        if (watch->adding) {
            watch->busy = true;
            int err = bide__wait_in(&watch->waiting, task, "a path to be watched");
            watch->busy = false;
            return err;
        }
        watch->start += size;
        return 0;
    }
    if (watched && found->mask & IN_IGNORED) {
        drop(watch, watched);
        watch->start += size;
        return 0;
    }
    char *path = watched ? make_path(watch, watched->path, name) : NULL;
    if (watched && !path)
        return bide_fail(-ENOMEM, "watch '%s': no memory for an event", watched->path);
    watch->event = (bide_watch_event){
        .path = path,
        .name = path && *name ? path + strlen(path) - strlen(name) : "",
        .mask = found->mask & ~(uint32_t)IN_ISDIR,
        .cookie = found->cookie,
        .is_directory = found->mask & IN_ISDIR,
    };
    watch->start += size;
    return 1;
}

int bide_watch_next(bide_watch *watch, bide_watch_event **ret_event)
{
    struct bide__record *task;
    int result = bide__checkpoint(&task);

    if (result < 0)
        return result;
    if (watch->busy)
        return bide_fail(-EBUSY, "watch: another task waits for the next event");
    while (result == 0) {
        if (watch->start == watch->end) {
            struct bide__op op = { .kind = BIDE__OP_READ,
                                   .descriptor = watch->descriptor,
                                   .u.buffer = watch->block,
                                   .size = sizeof watch->block };

            watch->busy = true;
            int64_t count = bide__op_run(&op);
            watch->busy = false;
            if (count < 0)
                return count == -ECANCELED ? -ECANCELED : bide_fail((int)count, "watch: %s", strerror((int)-count));
            watch->start = 0;
            watch->end = (size_t)count;
        }
        result = take_event(watch, task);
    }
    if (result < 0)
        return result;
    *ret_event = &watch->event;
    return bide__step_end(task, 1);
}

void bide_watch_close(bide_watch *watch)
{
    if (!watch)
        return;
    assert(!watch->busy && !watch->adding && "a watch was closed while a task waits on it");
    if (__builtin_expect(watch->loop->debug, 0))
        bide__debug_closed(watch);
    watch->loop->backend->forget(watch->loop, watch->descriptor);
    close(watch->descriptor);
    for (size_t i = 0; i < watch->count; i++)
        free(watch->table[i].path);
    free(watch->table);
    free(watch->path);
    free(watch);
}
