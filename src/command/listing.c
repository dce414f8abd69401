/*
 * The list of a directory's files, as HTML, in the order of their names.
 *
 * Runs in a thread. Costs O(n log n) for n files, of which at most LISTED_MAX are shown. What must never happen: a
 * file name that becomes markup, or a link that leads elsewhere.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/serve.h"

enum { LISTED_MAX = 10000 };

struct names {
    char **list;
    size_t count, capacity;
};

static int add_name(struct names *names, const char *name, bool is_directory)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? names->capacity * 2 : 64;
        char **list = realloc(names->list, capacity * sizeof *list);

        if (!list)
            return -ENOMEM;
        names->list = list;
        names->capacity = capacity;
    }
    char *copy = NULL;
    if (asprintf(&copy, "%s%s", name, is_directory ? "/" : "") < 0)
        return -ENOMEM;
    names->list[names->count++] = copy;
    return 0;
}

static int read_names(DIR *stream, struct names *names)
{
    struct dirent *entry;
    int err = 0;

    while (err == 0 && names->count < LISTED_MAX && (entry = readdir(stream))) {
        struct stat status;
        bool is_directory = entry->d_type == DT_DIR;

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (entry->d_type == DT_UNKNOWN && fstatat(dirfd(stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
            is_directory = S_ISDIR(status.st_mode);
        err = add_name(names, entry->d_name, is_directory);
    }
    return err;
}

static int add_escaped(struct text *html, const char *text)
{
    int err = 0;

    for (; *text && err == 0; text++) {
        const char *entity = *text == '<'   ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '&' ? "&amp;"
                             : *text == '"' ? "&quot;"
                                            : NULL;

        err = entity ? text_add(html, entity, strlen(entity)) : text_add(html, text, 1);
    }
    return err;
}

/* "./" in front, so that a name with a colon is not taken for a scheme. */
static int add_link(struct text *html, const char *name)
{
    int err = text_add(html, "<li><a href=\"./", 15);

    for (const char *at = name; *at && err == 0; at++) {
        if (isalnum((unsigned char)*at) || strchr("-._~/", *at))
            err = text_add(html, at, 1);
        else
            err = text_add_format(html, "%%%02X", (unsigned)(unsigned char)*at);
    }
    if (err == 0)
        err = text_add(html, "\">", 2);
    if (err == 0)
        err = add_escaped(html, name);
    return err < 0 ? err : text_add(html, "</a></li>\n", 10);
}

static int write_html(struct text *html, const char *title, const struct names *names)
{
    int err = text_add_format(html, "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>");

    if (err == 0)
        err = add_escaped(html, title);
    if (err == 0)
        err = text_add_format(html, "</title>\n<ul>\n");
    for (size_t i = 0; i < names->count && err == 0; i++)
        err = add_link(html, names->list[i]);
    if (err == 0 && names->count == LISTED_MAX)
        err = text_add_format(html, "<li>... (only the first %d are listed)</li>\n", LISTED_MAX);
    return err < 0 ? err : text_add_format(html, "</ul>\n");
}

static int compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

int listing_write(int directory, const char *title, struct text *html)
{
    struct names names = { 0 };
    DIR *stream = fdopendir(directory);

    if (!stream) {
        int err = -errno;

        close(directory);
        return err;
    }
    int err = read_names(stream, &names);
    closedir(stream);
    if (err == 0) {
        if (names.count > 0)
            qsort(names.list, names.count, sizeof names.list[0], compare);
        err = write_html(html, title, &names);
    }
    for (size_t i = 0; i < names.count; i++)
        free(names.list[i]);
    free(names.list);
    return err;
}
