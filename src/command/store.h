/* command/store.h - a directory that bodies are stored in: a file has its final name only when it is complete. */
#ifndef BIDE_COMMAND_STORE_H
#define BIDE_COMMAND_STORE_H

#include <stddef.h>
#include <stdint.h>

/* A directory, and for each name that was wanted the number that comes next. */
struct store {
    const char *path;
    int directory;
    unsigned long opened; /* files so far, for their temporary names */
    struct name_count {
        uint64_t hash; /* of the name; 0: an empty place */
        unsigned long next;
    } * names;
    size_t name_count, name_capacity;
};

enum { STORE_NAME_BYTES = 240, STORE_TEMPORARY_BYTES = 64 };

/* A file that is being written. Zeroed: none. */
struct stored_file {
    struct store *store;
    int descriptor; /* -1: not opened yet */
    char temporary[STORE_TEMPORARY_BYTES];
    char wanted[STORE_NAME_BYTES]; /* the name that the URL asks for */
    unsigned long number;          /* "name-2" has 2, "name" 1 */
    char name[STORE_NAME_BYTES + 24];
};

/*
 * store_open - uses a directory; makes it if it is not there (its parent must be). 0, or -errno with a message.
 * Blocks.
 */
int store_open(struct store *store, const char *path);

/* store_close - closes and frees. No file may be open in it. */
void store_close(struct store *store);

/*
 * store_name - the file name that a URL asks for: the last segment of its path, percent-decoded; "index.html" for a
 * directory. Never empty, never with a '/', a control character, or "." and "..": those bytes become '_'. At most 200
 * bytes.
 */
void store_name(const char *url, char name[STORE_NAME_BYTES]);

/*
 * store_begin - reserves a name for a URL; the second file of the same name becomes "name-2.ext". Opens nothing, does
 * not wait.
 */
void store_begin(struct store *store, const char *url, struct stored_file *ret_file);

/* store_write - writes a piece, in a thread. 0, or -errno with a message; -ECANCELED. */
int store_write(struct stored_file *file, const void *data, size_t size);

/*
 * store_finish - writes the last piece and gives the file its name; a file that is there already is never replaced:
 * the next free number is taken. 0, or as store_write; then store_discard() is still needed.
 */
int store_finish(struct stored_file *file, const void *data, size_t size);

/* store_discard - removes a file that was not finished; harmless otherwise. Works in a cancelled task too. */
void store_discard(struct stored_file *file);

#endif
