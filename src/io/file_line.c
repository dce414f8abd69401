/*
 * Lines of a file: what is read ahead, and the lines in it.
 *
 * 16 KiB are read at a time, into a buffer that exists from the first line until the file is closed or all of it was
 * taken; it grows up to the longest line allowed. Each byte is looked at once. What was read ahead counts as not read:
 * the position is that of the first byte which no call has given out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>

#include "io/file.h"
#include "sync/step.h"

enum { AHEAD_BYTES = 16 * 1024 };

void bide__file_forget_lines(struct bide_file *file)
{
    free(file->lines);
    file->lines = NULL;
    file->line_start = file->line_end = file->line_capacity = 0;
}

void bide__file_take_lines(struct bide_file *file, size_t count)
{
    file->line_start += count;
    file->position += (int64_t)count;
    if (file->line_start == file->line_end)
        file->line_start = file->line_end = 0;
}

/* Makes room for AHEAD_BYTES and one more, the '\0' of a last line. 0 or -ENOMEM. */
static int make_room(struct bide_file *file)
{
    size_t there = file->line_end - file->line_start;

    if (file->line_capacity - file->line_end > AHEAD_BYTES)
        return 0;
    if (file->line_start) {
        memmove(file->lines, file->lines + file->line_start, there);
        file->line_start = 0;
        file->line_end = there;
    }
    if (file->line_capacity - there > AHEAD_BYTES)
        return 0;
    size_t capacity = file->line_capacity * 2 > there + AHEAD_BYTES ? file->line_capacity * 2 : there + AHEAD_BYTES + 1;
    char *lines = realloc(file->lines, capacity);
    if (!lines)
        return -ENOMEM;
    file->lines = lines;
    file->line_capacity = capacity;
    return 0;
}

/* Bytes that came, 0 at the end, or an error. */
static int64_t read_ahead(struct bide_file *file)
{
    int err = make_room(file);

    if (err < 0)
        return err;
    int64_t offset = file->position + (int64_t)(file->line_end - file->line_start);
    int64_t count =
        bide__file_transfer(file, BIDE__OP_READ_AT, file->lines + file->line_end,
                            file->line_capacity - file->line_end - 1, file->regular ? offset : BIDE__FILE_CURRENT);
    if (count > 0)
        file->line_end += (size_t)count;
    return count;
}

int64_t bide__file_fill_lines(struct bide_file *file, size_t wanted)
{
    while (file->line_end - file->line_start < wanted) {
        int64_t count = read_ahead(file);

        if (count < 0)
            return count;
        if (count == 0)
            break;
    }
    return (int64_t)(file->line_end - file->line_start);
}

/*
 * Finds the next line, of at most `limit` bytes without its end, and stores how many bytes it and its end take. Its
 * length, BIDE_EOF, BIDE_ELIMIT or another error. Nothing is taken.
 */
static int64_t find_line(struct bide_file *file, size_t limit, size_t *ret_taken)
{
    size_t seen = 0;

    for (;;) {
        int64_t there = bide__file_fill_lines(file, seen + 1);
        if (there <= 0)
            return there < 0 ? there : BIDE_EOF;
        const char *data = file->lines + file->line_start, *end = memchr(data + seen, '\n', (size_t)there - seen);
        bool last = (size_t)there <= seen; /* the end of the file */
        size_t length = end ? (size_t)(end - data) : (size_t)there;

        *ret_taken = end ? length + 1 : length;
        if (end && length && data[length - 1] == '\r')
            length--;
        if (end || last)
            return length > limit ? BIDE_ELIMIT : (int64_t)length;
        if (length > limit + 1 || (length == limit + 1 && data[limit] != '\r'))
            return BIDE_ELIMIT;
        seen = (size_t)there;
    }
}

/* As find_line; the line is ended by '\0' in place, and taken: *ret_line is valid until the next call on the file. */
static int64_t take_line(struct bide_file *file, size_t limit, char **ret_line)
{
    struct bide__record *task;
    size_t taken = 0;
    int64_t length = bide__checkpoint(&task);

    if (length < 0)
        return length;
    if (file->busy)
        return bide__file_explain("read", file->path, -EBUSY);
    file->busy = true;
    length = find_line(file, limit, &taken);
    file->busy = false;
    if (length == BIDE_ELIMIT)
        return bide_fail(BIDE_ELIMIT, "read '%s': no line end within %zu bytes", file->path, limit);
    if (length == BIDE_EOF)
        return BIDE_EOF;
    if (length < 0)
        return bide__file_explain("read", file->path, length);
    char *line = file->lines + file->line_start;
    line[length] = '\0';
    *ret_line = line;
    bide__file_take_lines(file, taken);
    return bide__step_end(task, 0) + length;
}

ssize_t bide_file_read_line(bide_file *file, char *buffer, size_t size)
{
    char *line = NULL;

    if (!size)
        return bide_fail(BIDE_ELIMIT, "read '%s': no line fits into 0 bytes", file->path);
    int64_t length = take_line(file, size - 1, &line);
    if (length == BIDE_EOF)
        return bide_fail(BIDE_EOF, "read '%s': it has ended", file->path);
    if (length >= 0 && line)
        memcpy(buffer, line, (size_t)length + 1);
    return (ssize_t)length;
}

int bide_file_next_line(bide_file *file, char **ret_line)
{
    int64_t length = take_line(file, file->line_limit, ret_line);

    return length == BIDE_EOF ? 0 : length < 0 ? (int)length : 1;
}

void bide_file_set_line_limit(bide_file *file, size_t bytes)
{
    file->line_limit = bytes;
}
