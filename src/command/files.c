/*
 * Answering with a file: one call in a thread opens it and reads its first piece, further pieces are read as they are
 * sent.
 *
 * A small file costs one thread call and one write. A request holds one descriptor and one buffer of PIECE_BYTES;
 * both are given back on every way out. What must never happen: a blocking call in the loop's thread, or an answer
 * that claims to be complete when the file shrank.
 */
#include <bide.h>
#include <errno.h>
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
    int descriptor;   /* of a file, -1 otherwise */
    bool needs_slash; /* a directory whose URL does not end in one: relative links in it would go wrong */
    bool is_listing;
    int64_t length;
    time_t modified;
    const char *name; /* decides the media type */
    char *piece;      /* the first bytes of the file, up to PIECE_BYTES */
    size_t piece_size;
    struct text listing;
};

static int read_piece(int descriptor, char *piece, size_t size, int64_t at)
{
    ssize_t count;

    do {
        count = pread(descriptor, piece, size, (off_t)at);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : (int)count;
}
bide_async(read_piece, int, char *, size_t, int64_t);

/* Takes the descriptor. */
static int find_file(int descriptor, const struct stat *status, struct found *found)
{
    size_t size = status->st_size < PIECE_BYTES ? (size_t)status->st_size : PIECE_BYTES;

    found->descriptor = descriptor;
    found->length = status->st_size;
    found->modified = status->st_mtime;
    found->piece = malloc(size ? size : 1);
    if (!found->piece)
        return -ENOMEM;
    int count = read_piece(descriptor, found->piece, size, 0);
    if (count < 0)
        return count;
    found->piece_size = (size_t)count;
    return 0;
}

/* Takes the descriptor. */
static int find_in_directory(int descriptor, const char *title, struct found *found)
{
    struct stat status;
    int index = path_open(descriptor, "index.html");

    if (index == -ENOENT) {
        found->is_listing = true;
        return listing_write(descriptor, title, &found->listing);
    }
    close(descriptor);
    if (index < 0)
        return index;
    found->name = "index.html";
    if (fstat(index, &status) == 0 && S_ISREG(status.st_mode))
        return find_file(index, &status, found);
    close(index);
    return -EACCES;
}

/* In a thread. 0, or -errno. */
static int find(int directory, const char *path, const char *title, struct found *found)
{
    struct stat status;
    int descriptor = path_open(directory, path);

    if (descriptor < 0)
        return descriptor;
    found->name = path;
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode))
        return find_file(descriptor, &status, found);
    if (S_ISDIR(status.st_mode) && title[strlen(title) - 1] == '/')
        return find_in_directory(descriptor, title, found);
    found->needs_slash = S_ISDIR(status.st_mode);
    close(descriptor);
    return found->needs_slash ? 0 : -EACCES;
}
bide_async(find, int, const char *, const char *, struct found *);

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

/* The pieces after the first one. */
static int send_rest(bide_http_exchange *exchange, const struct found *found)
{
    for (int64_t at = (int64_t)found->piece_size; at < found->length;) {
        int64_t left = found->length - at;
        size_t size = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        int count = bide(bide_to_thread(bide_co(read_piece, found->descriptor, found->piece, size, at)));

        if (count == 0)
            return bide_fail(-EIO, "%s became shorter while it was sent", found->name);
        bide(bide_http_reply_write(exchange, found->piece, (size_t)count));
        at += count;
    }
    return 0;
}

static int answer_with_file(bide_http_exchange *exchange, const struct found *found, struct answer *ret_answer)
{
    const char *type = media_type(found->name);
    bool is_head = !strcmp(bide_http_exchange_method(exchange), "HEAD");

    if (is_unchanged(exchange, found->modified)) {
        *ret_answer = (struct answer){ 304, 0 };
        return bide_http_reply(exchange, 304, NULL, NULL, 0);
    }
    *ret_answer = (struct answer){ 200, is_head ? 0 : (uint64_t)found->length };
    if ((int64_t)found->piece_size == found->length)
        return bide_http_reply(exchange, 200, type, found->piece, found->piece_size);
    bide(bide_http_reply_start(exchange, 200, type, found->length));
    if (is_head)
        return 0;
    bide(bide_http_reply_write(exchange, found->piece, found->piece_size));
    return send_rest(exchange, found);
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
    struct found found = { .descriptor = -1 };
    char path[PATH_MAX];

    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        bide(bide_http_reply_header(exchange, "Allow", "GET, HEAD"));
        return serve_status(exchange, 405, ret_answer);
    }
    int status = path_decode(title, path, sizeof path);
    if (status)
        return serve_status(exchange, status, ret_answer);
    int err = bide_to_thread(bide_co(find, directory, (const char *)path, title, &found));
    if (err != -ECANCELED)
        err = answer_with(exchange, err, &found, ret_answer);
    if (found.descriptor >= 0)
        close(found.descriptor);
    free(found.piece);
    text_free(&found.listing);
    return err;
}
