/* command/serve.h - what `bide serve` answers with: the files of a directory. */
#ifndef BIDE_COMMAND_SERVE_H
#define BIDE_COMMAND_SERVE_H

#include <bide/http.h>
#include <stddef.h>
#include <stdint.h>

#include "command/output.h"

/* One answer, for the access log. */
struct answer {
    int status;
    uint64_t bytes;
};

/*
 * serve_file - answers GET and HEAD with a file, the index.html of a directory, or a list of its files. directory: a
 * descriptor; nothing outside of it is ever opened, by ".." or by symbolic links. 0 and *ret_answer, or the error of
 * the connection. A file is read in pieces, in place or by threads, so a slow disk stops nobody.
 */
int serve_file(bide_http_exchange *exchange, int directory, struct answer *ret_answer);

/* serve_status - answers with a status and its reason as text. */
int serve_status(bide_http_exchange *exchange, int status, struct answer *ret_answer);

/*
 * path_decode - the path of a request as a path of the file system, relative to the directory ("." for "/"). size: of
 * `path`. 0; 400: malformed or with a NUL in it, 403: it has a "..", 404: too long.
 */
int path_decode(const char *encoded, char *path, size_t size);

/* listing_write - writes the HTML list of a directory's files. Takes the descriptor. 0, or -errno. Blocks. */
int listing_write(int directory, const char *title, struct text *html);

/* media_type - the Content-Type of a file name, by its ending. */
const char *media_type(const char *name);

#endif
