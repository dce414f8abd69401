/*
 * Answering with a file: it is opened beneath the directory, and read in pieces as they are sent.
 *
 * A file that the kernel has in its memory is answered without a thread. A request holds one descriptor and one buffer
 * of at most PIECE_BYTES; both are given back on every way out. What must never happen: a byte from outside of the
 * directory, a blocking call in the loop's thread, or an answer that claims to be complete when the file shrank.
 */
#include <bide.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "command/serve.h"

enum { PIECE_BYTES = 64 * 1024, DATE_BYTES = 32 };

/* What was found at a path. */
struct found {
    bide_file *file;
    struct stat status;
    bool needs_slash; /* a directory whose URL does not end in one: relative links in it would go wrong */
    bool is_listing;
    struct text listing;
};

bide_async(listing_write, int, const char *, struct text *);

/* Opens what a path leads to; the file that was found before is closed. 0 or an error. */
static int open_at(int directory, const char *path, struct found *found)
{
    bide_file *file;
    int err = bide_file_open_beneath(directory, path, &file);

    if (err < 0)
        return err;
    bide_file_close(found->file);
    found->file = file;
    return bide_file_stat(file, &found->status);
}

/* found is a directory: its index.html, or a list of what is in it. */
static int find_in_directory(int directory, const char *path, const char *title, struct found *found)
{
    char index[PATH_MAX];

    if (snprintf(index, sizeof index, "%s/index.html", path) >= (int)sizeof index)
        return -ENAMETOOLONG;
    int err = open_at(directory, index, found);
    if (err == 0)
        return S_ISREG(found->status.st_mode) ? 0 : -EACCES;
    if (err != -ENOENT)
        return err;
    int copy = fcntl(bide_file_descriptor(found->file), F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return -errno;
    found->is_listing = true;
    err = bide_to_thread(bide_co(listing_write, copy, title, &found->listing)); /* closes it, when it runs */
    if (err == -ECANCELED && !found->listing.data)
        close(copy);
    return err;
}

static int find(int directory, const char *path, const char *title, struct found *found)
{
    int err = open_at(directory, path, found);

    if (err < 0 || S_ISREG(found->status.st_mode))
        return err;
    if (!S_ISDIR(found->status.st_mode))
        return -EACCES;
    if (title[strlen(title) - 1] == '/')
        return find_in_directory(directory, path, title, found);
    found->needs_slash = true;
    return 0;
}

/* The status that tells a client about an error of the file system. */
static int status_of(int err)
{
    switch (err) {
    case -ENOENT:
    case -ENOTDIR:
    case -ENAMETOOLONG:
        return 404;
    case -EACCES:
    case -EPERM:
    case -EXDEV: /* a link that leads out */
    case -ELOOP:
    case -ENXIO:
        return 403;
    case -EMFILE:
    case -ENFILE:
    case -EAGAIN:
    case -ENOMEM:
        return 503;
    default:
        return 500;
    }
}

int serve_status(bide_http_exchange *exchange, int status, struct answer *ret_answer)
{
    const char *text = status == 301   ? "301 moved\n"
                       : status == 400 ? "400 bad request\n"
                       : status == 403 ? "403 forbidden\n"
                       : status == 404 ? "404 not found\n"
                       : status == 405 ? "405 method not allowed\n"
                       : status == 503 ? "503 too busy\n"
                                       : "500 internal error\n";

    *ret_answer = (struct answer){ status, strlen(text) };
    return bide_http_reply_text(exchange, status, text);
}

static int answer_with_slash(bide_http_exchange *exchange, struct answer *ret_answer)
{
    const char *path = bide_http_exchange_path(exchange);
    char location[PATH_MAX + 2];

    while (path[0] == '/' && path[1] == '/') /* "//host" would lead to another host */
        path++;
    snprintf(location, sizeof location, "%s/", path);
    bide(bide_http_reply_header(exchange, "Location", location));
    return serve_status(exchange, 301, ret_answer);
}

/* Sets Last-Modified. True if the client's copy is as new as the file. */
static bool is_unchanged(bide_http_exchange *exchange, time_t modified)
{
    const char *since = bide_http_exchange_header(exchange, "If-Modified-Since");
    char text[DATE_BYTES];
    struct tm date;

    if (!gmtime_r(&modified, &date) || !strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &date))
        return false;
    if (bide_http_reply_header(exchange, "Last-Modified", text) < 0 || !since)
        return false;
    date = (struct tm){ 0 };
    const char *end = strptime(since, "%a, %d %b %Y %H:%M:%S GMT", &date);
    return end && !*end && timegm(&date) >= modified;
}

/* Sends the file piece by piece. */
static int send_pieces(bide_http_exchange *exchange, const struct found *found, char *piece, size_t size)
{
    for (int64_t left = found->status.st_size; left > 0;) {
        ssize_t count = bide(bide_file_read(found->file, piece, left < (int64_t)size ? (size_t)left : size));

        if (count == 0)
            return bide_fail(-EIO, "%s became shorter while it was sent", bide_file_path(found->file));
        bide(bide_http_reply_write(exchange, piece, (size_t)count));
        left -= count;
    }
    return 0;
}

static int send_file(bide_http_exchange *exchange, const struct found *found, const char *type, bool is_head,
                     char *piece, size_t size)
{
    if (!is_head && found->status.st_size <= (off_t)size) {
        ssize_t count = bide(bide_file_read(found->file, piece, size));

        return bide_http_reply(exchange, 200, type, piece, (size_t)count);
    }
    bide(bide_http_reply_start(exchange, 200, type, found->status.st_size));
    return is_head ? 0 : send_pieces(exchange, found, piece, size);
}

static int answer_with_file(bide_http_exchange *exchange, const struct found *found, struct answer *ret_answer)
{
    const char *type = media_type(bide_file_path(found->file));
    bool is_head = !strcmp(bide_http_exchange_method(exchange), "HEAD");
    size_t size = found->status.st_size < PIECE_BYTES ? (size_t)found->status.st_size : PIECE_BYTES;

    if (is_unchanged(exchange, found->status.st_mtime)) {
        *ret_answer = (struct answer){ 304, 0 };
        return bide_http_reply(exchange, 304, NULL, NULL, 0);
    }
    *ret_answer = (struct answer){ 200, is_head ? 0 : (uint64_t)found->status.st_size };
    char *piece = malloc(size ? size : 1);
    if (!piece)
        return serve_status(exchange, 503, ret_answer);
    int err = send_file(exchange, found, type, is_head, piece, size);
    free(piece);
    return err;
}

static int answer_with(bide_http_exchange *exchange, int err, const struct found *found, struct answer *ret_answer)
{
    if (err < 0)
        return serve_status(exchange, status_of(err), ret_answer);
    if (found->needs_slash)
        return answer_with_slash(exchange, ret_answer);
    if (!found->is_listing)
        return answer_with_file(exchange, found, ret_answer);
    *ret_answer = (struct answer){ 200, found->listing.size };
    return bide_http_reply(exchange, 200, "text/html; charset=utf-8", found->listing.data, found->listing.size);
}

int serve_file(bide_http_exchange *exchange, int directory, struct answer *ret_answer)
{
    const char *method = bide_http_exchange_method(exchange), *title = bide_http_exchange_path(exchange);
    struct found found = { .file = NULL };
    char path[PATH_MAX];

    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        bide(bide_http_reply_header(exchange, "Allow", "GET, HEAD"));
        return serve_status(exchange, 405, ret_answer);
    }
    int status = path_decode(title, path, sizeof path);
    if (status)
        return serve_status(exchange, status, ret_answer);
    int err = find(directory, path, title, &found);
    if (err != -ECANCELED)
        err = answer_with(exchange, err, &found, ret_answer);
    bide_file_close(found.file);
    text_free(&found.listing);
    return err;
}
