/*
 * Whole files: read into memory, written, replaced, in one call.
 *
 * What is in the kernel's memory is read in place: open, look at the size, read, close, some 3 us for a small file.
 * Else one thread does all of it for a file of up to a piece (1 MiB): one hand-over instead of four; larger ones are
 * read and written in pieces, so that a cancellation is heard. Writing always needs a thread, as it creates.
 *
 * Replacing never shows anybody half a file: the new one is written beside the old one under a temporary name, is on
 * the disk before it gets the name, and the name is on the disk before the call returns. Must never happen: a
 * temporary file that stays after an error or a cancellation (one that a crash leaves is called .NAME.XXXXXX.tmp).
 */
#include <bide/file.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/behind.h"
#include "io/file.h"
#include "sync/step.h"

enum { FIRST_BYTES = 4096 };

/* ---- reading ---- */

/* A file on its way into memory. */
struct reading {
    const char *path;
    size_t limit;
    char *data;
    size_t size, capacity;
    int descriptor;
    uint8_t in_place;
    bool regular;
};

/* Makes room for more than there is. 0, -ENOMEM, or BIDE_ELIMIT: there is as much as is allowed. */
static int make_room(struct reading *reading)
{
    size_t capacity = reading->capacity ? reading->capacity * 2 : FIRST_BYTES;

    if (reading->size + 1 < reading->capacity)
        return 0;
    if (capacity > reading->limit + 2) /* one more than allowed, to see that there is more; and the '\0' */
        capacity = reading->limit + 2;
    if (capacity <= reading->size + 1)
        return BIDE_ELIMIT;
    char *data = realloc(reading->data, capacity);
    if (!data)
        return -ENOMEM;
    reading->data = data;
    reading->capacity = capacity;
    return 0;
}

/* Reads to the end. `expected`: the size the file says it has; then that is the end. */
static int64_t read_to_end(struct reading *reading, size_t expected)
{
    for (;;) {
        if (expected && reading->size == expected)
            return 0;
        int64_t result = make_room(reading);
        if (result < 0)
            return result;
        size_t room = reading->capacity - reading->size - 1;
        result = bide__descriptor_transfer(reading->descriptor, BIDE__OP_READ_AT, reading->data + reading->size,
                                           expected ? expected - reading->size : room, (int64_t)reading->size,
                                           reading->regular ? &reading->in_place : NULL);
        if (result <= 0)
            return result;
        reading->size += (size_t)result;
        if (reading->size > reading->limit)
            return BIDE_ELIMIT;
    }
}

static int64_t read_opened(struct reading *reading, const struct bide__opened *opened)
{
    uint64_t size = S_ISREG(opened->status.mode) ? opened->status.size : 0;

    if (size > reading->limit)
        return BIDE_ELIMIT;
    if (opened->content) {
        reading->data = opened->content;
        reading->size = opened->content_size;
        return 0;
    }
    if (size) {
        reading->data = malloc(size + 1);
        if (!reading->data)
            return -ENOMEM;
        reading->capacity = size + 1;
    }
    reading->descriptor = opened->descriptor;
    reading->regular = bide__opened_is_regular(opened);
    reading->in_place = bide__opened_in_place(opened, 0, 0);
    int64_t err = read_to_end(reading, size);
    if (!reading->regular)
        bide__loop->backend->forget(bide__loop, opened->descriptor);
    return err;
}

static size_t clipped(size_t size)
{
    return size < BIDE__FILE_PIECE_BYTES ? size : BIDE__FILE_PIECE_BYTES;
}

ssize_t bide_read_file(const char *path, size_t limit, char **ret_data)
{
    struct reading reading = { .path = path, .limit = limit < SSIZE_MAX - 2 ? limit : SSIZE_MAX - 2 };
    struct bide__opened opened = { .content_limit = clipped(reading.limit) };
    int64_t err = bide__file_open_descriptor(AT_FDCWD, path, O_RDONLY, 0, &opened);

    if (err < 0)
        return (ssize_t)bide__file_explain("open", path, err);
    err = read_opened(&reading, &opened);
    close(opened.descriptor);
    if (err == 0 && !reading.data)
        err = make_room(&reading);
    if (err < 0) {
        free(reading.data);
        return err == BIDE_ELIMIT ? bide_fail(BIDE_ELIMIT, "read '%s': it has more than %zu bytes", path, limit)
                                  : (ssize_t)bide__file_explain("read", path, err);
    }
    reading.data[reading.size] = '\0';
    *ret_data = reading.data;
    return (ssize_t)reading.size;
}

/* ---- writing ---- */

struct write_call {
    struct bide__file_op base;
    const char *path;
    const char *data;
    size_t size;
};

static int write_descriptor(int descriptor, const char *data, size_t size)
{
    while (size) {
        ssize_t count = write(descriptor, data, size);

        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > 0) {
            data += count;
            size -= (size_t)count;
        }
    }
    return 0;
}

static int64_t write_by_thread(struct bide__file_op *file_op)
{
    const struct write_call *call = (const struct write_call *)(void *)file_op;
    int descriptor;

    do {
        descriptor = open(call->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0666);
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0)
        return -errno;
    int err = write_descriptor(descriptor, call->data, call->size);
    if (close(descriptor) < 0 && errno != EINTR && err == 0)
        err = -errno;
    return err;
}

/* Writes all, or says why not. */
static int write_wholly(bide_file *file, const char *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = bide_file_write(file, data + done, size - done);

        if (count < 0)
            return (int)count;
        done += (size_t)count;
    }
    return 0;
}

int bide_write_file(const char *path, const void *data, size_t size)
{
    if (size <= BIDE__FILE_PIECE_BYTES) {
        struct write_call call = { .path = path, .data = data, .size = size };
        int64_t err = bide__file_call(&call.base, write_by_thread);

        if (err != -EAGAIN) /* a FIFO that is full, or no thread: the long way says which */
            return (int)bide__file_explain("write", path, err);
    }
    bide_file *file;
    int err = bide_file_open(path, "w", &file);
    if (err < 0)
        return err;
    err = write_wholly(file, data, size);
    int closed = bide_file_close(file);
    return err < 0 ? err : closed;
}

/* ---- replacing ---- */

struct replace_call {
    struct bide__file_op base;
    const char *path, *temporary;
    int descriptor;
};

/* ".NAME.XXXXXX.tmp" beside NAME; NULL without memory. */
static char *temporary_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t size = strlen(path) + sizeof "..XXXXXX.tmp";
    char *temporary = malloc(size);

    if (temporary)
        snprintf(temporary, size, "%.*s.%s.XXXXXX.tmp", (int)(name - path), path, name);
    return temporary;
}

/* In a thread. The permissions are those of the file that is replaced; of a new one, as always. */
static int64_t create_temporary(struct bide__file_op *file_op)
{
    struct replace_call *call = (struct replace_call *)(void *)file_op;
    struct stat status;
    mode_t mode = 0666;

    int descriptor = mkostemps((char *)(uintptr_t)call->temporary, (int)sizeof ".tmp" - 1, O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    if (stat(call->path, &status) == 0) {
        mode = status.st_mode & 07777;
    } else {
        /* the umask can be read only by setting it, which other threads would see: a file made with it tells */
        unlink(call->temporary);
        close(descriptor);
        descriptor = open(call->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (descriptor < 0)
            return -errno;
        call->descriptor = descriptor;
        return 0;
    }
    if (fchmod(descriptor, mode) < 0 && errno != EPERM) {
        int err = -errno;

        unlink(call->temporary);
        close(descriptor);
        return err;
    }
    call->descriptor = descriptor;
    return 0;
}

/* In a thread: has the disk remember the names in the directory of a path. */
static int sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int err = 0;

    if (!directory)
        return -ENOMEM;
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    do {
        err = descriptor < 0 || fsync(descriptor) < 0 ? -errno : 0;
    } while (err == -EINTR);
    if (err == -EINVAL && descriptor >= 0)
        err = 0; /* a file system that has nothing to sync there */
    if (descriptor >= 0)
        close(descriptor);
    free(directory);
    return err;
}

/* In a thread. */
static int64_t give_name(struct bide__file_op *file_op)
{
    const struct replace_call *call = (const struct replace_call *)(void *)file_op;

    if (rename(call->temporary, call->path) < 0)
        return -errno;
    return sync_directory(call->path);
}

static int replace_with(const char *path, const char *temporary, const void *data, size_t size, bool *ret_is_made)
{
    struct replace_call call = { .path = path, .temporary = temporary };
    struct bide__opened opened = { .place = BIDE__PLACE_REMOTE, .status = { .mode = S_IFREG } };
    bide_file *file;
    int64_t err = bide__file_call(&call.base, create_temporary);

    if (err < 0)
        return (int)bide__file_explain("replace", path, err);
    *ret_is_made = true;
    opened.descriptor = call.descriptor;
    err = bide__file_new(path, O_RDWR, &opened, &file);
    if (err < 0)
        return (int)err;
    err = write_wholly(file, data, size);
    if (err == 0)
        err = bide_file_fsync(file);
    int closed = bide_file_close(file);
    if (err == 0)
        err = closed;
    if (err < 0)
        return (int)err;
    struct replace_call last = { .path = path, .temporary = temporary };
    err = bide__file_call(&last.base, give_name);
    if (err >= 0)
        *ret_is_made = false;
    return (int)bide__file_explain("replace", path, err);
}

static int64_t remove_temporary(struct bide__file_op *file_op)
{
    return unlink(((struct replace_call *)(void *)file_op)->temporary) < 0 ? -errno : 0;
}

/* Removes what a failure has left: before the call returns, unless it is cancelled. */
static void clean_up(const char *temporary, struct bide__behind *removal)
{
    struct replace_call call = { .temporary = temporary };
    int64_t err = bide__file_call(&call.base, remove_temporary);

    if (err == 0 || err == -ENOENT)
        bide__behind_free(removal);
    else
        bide__behind_run(removal, temporary);
}

int bide_replace_file(const char *path, const void *data, size_t size)
{
    char *temporary = temporary_name(path);
    struct bide__behind *removal = temporary ? bide__behind_new(temporary, false) : NULL;
    bool is_made = false;

    if (!removal) {
        free(temporary);
        return bide_fail(-ENOMEM, "replace '%s': no memory", path);
    }
    int err = replace_with(path, temporary, data, size, &is_made);
    if (is_made)
        clean_up(temporary, removal);
    else
        bide__behind_free(removal);
    free(temporary);
    return err;
}
