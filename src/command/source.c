/*
 * A source of URLs: a cursor that all workers share, over the arguments or over a window of a file.
 *
 * A worker that finds the window empty reads on (in a thread, so neither a slow disk nor a terminal stops the
 * others), those that come meanwhile wait for it. So a list of a million lines costs one window of memory. What must
 * never happen: a line given out twice, or torn.
 */
#include "command/source.h"

#include <bide.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WINDOW_BYTES = 128 * 1024, READ_BYTES = WINDOW_BYTES / 2 };

int source_open(struct source *source, const char *path)
{
    bool is_input = !strcmp(path, "-");

    *source = (struct source){ .name = is_input ? "standard input" : path, .close_descriptor = !is_input };
    source->buffer = malloc(WINDOW_BYTES);
    if (!source->buffer)
        return bide_fail(-ENOMEM, "%s: no memory", source->name);
    source->descriptor = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (source->descriptor < 0) {
        int err = bide_fail(-errno, "%s: %s", path, strerror(errno));

        free(source->buffer);
        source->buffer = NULL;
        return err;
    }
    return 0;
}

void source_close(struct source *source)
{
    if (source->close_descriptor && source->buffer)
        close(source->descriptor);
    free(source->buffer);
    source->buffer = NULL;
}

/* In a thread. Returns how many bytes, 0 at the end. */
static int read_some(const struct source *source, char *buffer, size_t size)
{
    ssize_t count;

    do {
        count = read(source->descriptor, buffer, size);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return bide_fail(-errno, "reading %s: %s", source->name, strerror(errno));
    return (int)count;
}
bide_async(read_some, const struct source *, char *, size_t);

/* Makes room and reads what is there. Only one task at a time. */
static int fill(struct source *source)
{
    memmove(source->buffer, source->buffer + source->start, source->end - source->start);
    source->end -= source->start;
    source->start = 0;
    if (WINDOW_BYTES - source->end < READ_BYTES)
        return bide_fail(BIDE_ELIMIT, "%s: line %zu is longer than %d bytes", source->name, source->line + 1,
                         READ_BYTES);
    bide(bell_wait_readable(source->descriptor));
    int count = bide(bide_to_thread(bide_co(read_some, source, source->buffer + source->end, (size_t)READ_BYTES)));
    source->end += (size_t)count;
    source->ended = count == 0;
    return 0;
}

/* Takes a line out of the window: false if there is no whole one. The last line needs no line end. */
static bool take_line(struct source *source, char **ret_line, size_t *ret_length)
{
    char *line = source->buffer + source->start;
    size_t length = source->end - source->start;
    char *end = memchr(line, '\n', length);

    if (!end && !(source->ended && length > 0))
        return false;
    if (end)
        length = (size_t)(end - line);
    source->start += length + (end != NULL);
    source->line++;
    *ret_line = line;
    *ret_length = length;
    return true;
}

/* Drops the spaces around a line. True if a URL is left, false for a blank line or a comment. */
static bool trim(char **line, size_t *length)
{
    while (*length > 0 && isspace((unsigned char)**line)) {
        ++*line;
        --*length;
    }
    while (*length > 0 && isspace((unsigned char)(*line)[*length - 1]))
        --*length;
    return *length > 0 && **line != '#';
}

/* A copy as a string. A NUL in it may not end it early: it becomes another character that no URL may have. */
static char *copy_line(const char *line, size_t length)
{
    char *copy = malloc(length + 1);

    for (size_t i = 0; copy && i < length; i++)
        copy[i] = line[i] ? line[i] : '\1';
    if (copy)
        copy[length] = '\0';
    return copy;
}

static int give(const char *line, size_t length, char **ret_url)
{
    char *url = copy_line(line, length);

    if (!url)
        return bide_fail(-ENOMEM, "no memory for a URL");
    *ret_url = url;
    return 1;
}

int source_next(struct source *source, char **ret_url)
{
    size_t length;
    char *line;

    if (!source->name) {
        if (source->next_url == source->url_count)
            return 0;
        line = source->urls[source->next_url++];
        return give(line, strlen(line), ret_url);
    }
    for (;;) {
        if (source->filling) {
            bide(bell_wait(&source->filled));
        } else if (take_line(source, &line, &length)) {
            if (trim(&line, &length))
                return give(line, length, ret_url);
        } else if (source->ended) {
            return 0;
        } else {
            source->filling = true;
            int err = fill(source);
            source->filling = false;
            bell_ring(&source->filled);
            bide(err);
        }
    }
}

/* In a thread. Counts what source_next() will give out. */
static int count_lines(const struct source *source, off_t at, size_t *ret_count)
{
    enum { SPACE, URL, COMMENT } state = SPACE;
    size_t urls = 0;
    ssize_t count = 0;
    char *buffer = malloc(WINDOW_BYTES);

    while (buffer && (count = pread(source->descriptor, buffer, WINDOW_BYTES, at)) > 0) {
        at += count;
        for (ssize_t i = 0; i < count; i++) {
            if (buffer[i] == '\n') {
                state = SPACE;
            } else if (state == SPACE && !isspace((unsigned char)buffer[i])) {
                state = buffer[i] == '#' ? COMMENT : URL;
                urls += state == URL;
            }
        }
    }
    int code = buffer ? errno : ENOMEM;
    bool is_complete = buffer && count == 0;
    free(buffer);
    if (!is_complete)
        return bide_fail(-code, "reading %s: %s", source->name, strerror(code));
    *ret_count = urls;
    return 1;
}
bide_async(count_lines, const struct source *, off_t, size_t *);

int source_count(struct source *source, size_t *ret_count)
{
    struct stat status;

    if (!source->name) {
        *ret_count = source->url_count;
        return 1;
    }
    if (fstat(source->descriptor, &status) < 0 || !S_ISREG(status.st_mode))
        return 0;
    off_t at = lseek(source->descriptor, 0, SEEK_CUR);
    if (at < 0)
        return 0;
    return bide_to_thread(bide_co(count_lines, source, at, ret_count));
}
