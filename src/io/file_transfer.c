/*
 * Reading and writing files, at the position or at an offset.
 *
 * A call moves its bytes in pieces: as long as they are in the kernel's memory 256 KiB at a time, in place, else what
 * the ring or a thread moves at once. So a cancellation is heard between two pieces; what was moved before is the
 * result. A regular file is read until it is full or ends; what has no offsets gives what is there.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/file.h"
#include "sync/step.h"

int64_t bide__descriptor_transfer(int descriptor, uint8_t kind, void *buffer, size_t size, int64_t offset,
                                  uint8_t *in_place)
{
    struct bide__file_op file_op = {
        .op = { .kind = kind, .descriptor = descriptor, .u.buffer = buffer, .size = size },
        .offset = offset,
    };

    if (in_place) {
        file_op.in_place = *in_place;
    } else {
        file_op.op.kind = kind == BIDE__OP_READ_AT ? BIDE__OP_READ : BIDE__OP_WRITE;
    }
    int64_t result = bide__op_run(&file_op.op);
    if (in_place)
        *in_place = file_op.in_place;
    return result;
}

int64_t bide__file_transfer(struct bide_file *file, uint8_t kind, void *buffer, size_t size, int64_t offset)
{
    bool reads = kind == BIDE__OP_READ_AT;

    if (!reads)
        file->written = true;
    return bide__descriptor_transfer(file->descriptor, kind, buffer, size, offset,
                                     !file->regular ? NULL
                                     : reads        ? &file->reads_in_place
                                                    : &file->writes_in_place);
}

/*
 * Moves bytes at an offset until all are moved or nothing more comes: then *ret_reason is 0 for the end, or the error.
 * How many; before the first, the reason.
 */
static int64_t transfer_all(struct bide_file *file, uint8_t kind, void *buffer, size_t size, int64_t offset,
                            int64_t *ret_reason)
{
    size_t done = 0;
    int64_t result = 0;

    while (done < size) {
        int64_t at = offset < 0 ? offset : offset + (int64_t)done;

        result = bide__file_transfer(file, kind, (char *)buffer + done, size - done, at);
        if (result <= 0)
            break;
        done += (size_t)result;
        if (!file->regular && kind == BIDE__OP_READ_AT)
            break;
    }
    *ret_reason = result;
    return done ? (int64_t)done : result;
}

/* What every call at the position begins with. */
static int64_t enter(struct bide_file *file)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (file->busy)
        return -EBUSY;
    file->busy = true;
    return 0;
}

/* First what was read ahead, then the file. *ret_reason: as transfer_all. */
static int64_t read_here(struct bide_file *file, void *buffer, size_t size, int64_t *ret_reason)
{
    size_t there = file->line_end - file->line_start, count = there < size ? there : size;

    if (count) {
        memcpy(buffer, file->lines + file->line_start, count);
        bide__file_take_lines(file, count);
        if (count == size || !file->regular)
            return (int64_t)count;
    }
    int64_t more = transfer_all(file, BIDE__OP_READ_AT, (char *)buffer + count, size - count,
                                file->regular ? file->position : BIDE__FILE_CURRENT, ret_reason);
    if (more > 0)
        file->position += more;
    return more > 0 ? (int64_t)count + more : count ? (int64_t)count : more;
}

ssize_t bide_file_read(bide_file *file, void *buffer, size_t size)
{
    int64_t result = enter(file), reason;

    if (result == 0) {
        result = read_here(file, buffer, size, &reason);
        file->busy = false;
    }
    return (ssize_t)bide__file_explain("read", file->path, result);
}

static int64_t read_all_here(struct bide_file *file, void *buffer, size_t size)
{
    int64_t result;

    if (file->regular) {
        int64_t start = file->position, reason = 0;

        result = read_here(file, buffer, size, &reason);
        if (result < 0 || (size_t)result == size)
            return result;
        bide__file_forget_lines(file);
        file->position = start;
        return reason < 0 ? reason : result;
    }
    result = bide__file_fill_lines(file, size);
    if (result < 0 || (size_t)result < size)
        return result;
    memcpy(buffer, file->lines + file->line_start, size);
    bide__file_take_lines(file, size);
    return (int64_t)size;
}

int bide_file_read_exactly(bide_file *file, void *buffer, size_t size)
{
    int64_t result = size ? enter(file) : 0;

    if (result == 0 && size) {
        result = read_all_here(file, buffer, size);
        file->busy = false;
    }
    if (result >= 0 && (size_t)result < size)
        return bide_fail(BIDE_EOF, "read '%s': it ended after %lld of %zu bytes", file->path, (long long)result, size);
    return result < 0 ? (int)bide__file_explain("read", file->path, result) : 0;
}

static ssize_t transfer_at(struct bide_file *file, uint8_t kind, void *buffer, size_t size, int64_t offset)
{
    const char *action = kind == BIDE__OP_READ_AT ? "read" : "write";

    if (offset < 0)
        return bide_fail(-EINVAL, "%s '%s' at %lld: before the beginning", action, file->path, (long long)offset);
    if (!file->regular)
        return (ssize_t)bide__file_explain(action, file->path, -ESPIPE);
    int64_t reason;
    file->at_once++;
    int64_t result = transfer_all(file, kind, buffer, size, offset, &reason);
    file->at_once--;
    return (ssize_t)bide__file_explain(action, file->path, result);
}

ssize_t bide_file_read_at(bide_file *file, void *buffer, size_t size, int64_t offset)
{
    return transfer_at(file, BIDE__OP_READ_AT, buffer, size, offset);
}

ssize_t bide_file_write_at(bide_file *file, const void *data, size_t size, int64_t offset)
{
    if (!file->busy)
        bide__file_forget_lines(file);
    return transfer_at(file, BIDE__OP_WRITE_AT, (void *)(uintptr_t)data, size, offset);
}

static int64_t write_here(struct bide_file *file, const void *data, size_t size)
{
    int64_t reason;

    if (file->regular) /* what was read ahead of a stream is input and stays */
        bide__file_forget_lines(file);
    int64_t result = transfer_all(file, BIDE__OP_WRITE_AT, (void *)(uintptr_t)data, size,
                                  file->appends || !file->regular ? BIDE__FILE_CURRENT : file->position, &reason);
    if (result > 0)
        file->position =
            file->appends && file->regular ? lseek(file->descriptor, 0, SEEK_CUR) : file->position + result;
    return result;
}

ssize_t bide_file_write(bide_file *file, const void *data, size_t size)
{
    int64_t result = enter(file);

    if (result == 0) {
        result = write_here(file, data, size);
        file->busy = false;
    }
    return (ssize_t)bide__file_explain("write", file->path, result);
}
