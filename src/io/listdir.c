/* The names in a directory at once, in one block of memory: pointers in front, text behind. */
#include <bide/path.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>
#include <bide/generator.h>

#include "io/file.h"

struct names {
    char *text; /* one after the other, each ended by '\0' */
    size_t size, capacity, count;
};

static int add(struct names *names, const char *name)
{
    size_t length = strlen(name) + 1;

    if (names->size + length > names->capacity) {
        size_t capacity = (names->size + length) * 2 + 256;
        char *text = realloc(names->text, capacity);

        if (!text)
            return -ENOMEM;
        names->text = text;
        names->capacity = capacity;
    }
    memcpy(names->text + names->size, name, length);
    names->size += length;
    names->count++;
    return 0;
}

static char **to_block(const struct names *names)
{
    size_t pointers = (names->count + 1) * sizeof(char *);
    char **block = malloc(pointers + names->size), *text = (char *)block + pointers;

    if (!block)
        return NULL;
    if (names->size)
        memcpy(text, names->text, names->size);
    for (size_t i = 0; i < names->count; i++) {
        block[i] = text;
        text += strlen(text) + 1;
    }
    block[names->count] = NULL;
    return block;
}

ssize_t bide_listdir(const char *path, size_t limit, char ***ret_names)
{
    bide_auto(directory) *directory = NULL;
    struct names names = { 0 };
    char **block = NULL;
    int err = bide_scandir(path, &directory);

    if (err < 0)
        return err;
    bide_for (bide_directory_entry *entry, bide_directory_next(directory, &entry), err) {
        if (names.count == limit)
            err = bide_fail(BIDE_ELIMIT, "list '%s': more than %zu names", path, limit);
        else if (add(&names, entry->name) < 0)
            err = bide_fail(-ENOMEM, "list '%s': no memory for more than %zu names", path, names.count);
        if (err < 0)
            break;
    }
    if (err == 0) {
        block = to_block(&names);
        if (!block)
            err = bide_fail(-ENOMEM, "list '%s': no memory for %zu names", path, names.count);
    }
    free(names.text);
    if (err < 0)
        return err;
    *ret_names = block;
    return (ssize_t)names.count;
}
