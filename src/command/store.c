/*
 * Storing bodies: written under a temporary name in the same directory, linked to the final name when complete.
 *
 * All system calls on files are made by threads; a small body costs one such call. The table of names only remembers
 * which number to try next, as hashes: the file system decides what is free, so a collision of hashes costs a number
 * and nothing else. What must never happen: a half file under a final name, a file outside of the directory, a
 * replaced file.
 */
#include "command/store.h"

#include <bide.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 200 };

int store_open(struct store *store, const char *path)
{
    *store = (struct store){ .path = path };
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return bide_fail(-errno, "%s: %s", path, strerror(errno));
    store->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->directory < 0)
        return bide_fail(-errno, "%s: %s", path, strerror(errno));
    return 0;
}

void store_close(struct store *store)
{
    if (store->path)
        close(store->directory);
    free(store->names);
    *store = (struct store){ 0 };
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

void store_name(const char *url, char name[STORE_NAME_BYTES])
{
    const char *scheme = strstr(url, "://");
    const char *path = scheme ? scheme + 3 : url;
    const char *end = path + strcspn(path, "?#");
    const char *segment = memchr(path, '/', (size_t)(end - path));
    size_t length = 0;

    for (const char *at = segment; at && at < end; at++)
        if (*at == '/')
            segment = at + 1;
    for (const char *at = segment; at && at < end && length < NAME_MAX_BYTES; at++) {
        int byte = (unsigned char)*at;

        if (byte == '%' && end - at > 2 && hex_value(at[1]) >= 0 && hex_value(at[2]) >= 0) {
            byte = hex_value(at[1]) * 16 + hex_value(at[2]);
            at += 2;
        }
        name[length++] = byte < 0x20 || byte == 0x7f || byte == '/' ? '_' : (char)byte;
    }
    name[length] = '\0';
    if (!strcmp(name, ".") || !strcmp(name, ".."))
        memset(name, '_', length);
    if (length == 0)
        snprintf(name, STORE_NAME_BYTES, "index.html");
}

static uint64_t hash_of(const char *name)
{
    uint64_t hash = 14695981039346656037U;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211U;
    return hash ? hash : 1;
}

static struct name_count *find(struct name_count *names, size_t capacity, uint64_t hash)
{
    size_t at = (size_t)hash & (capacity - 1);

    while (names[at].hash && names[at].hash != hash)
        at = (at + 1) & (capacity - 1);
    return &names[at];
}

/* The next number of a name. Without memory it is 1 again, and the file system says that it is taken. */
static unsigned long next_number(struct store *store, const char *name)
{
    uint64_t hash = hash_of(name);

    if (store->name_count * 2 >= store->name_capacity) {
        size_t capacity = store->name_capacity ? store->name_capacity * 2 : 64;
        struct name_count *names = calloc(capacity, sizeof *names);

        if (!names)
            return 1;
        for (size_t i = 0; i < store->name_capacity; i++)
            if (store->names[i].hash)
                *find(names, capacity, store->names[i].hash) = store->names[i];
        free(store->names);
        store->names = names;
        store->name_capacity = capacity;
    }
    struct name_count *count = find(store->names, store->name_capacity, hash);
    if (!count->hash)
        store->name_count++;
    count->hash = hash;
    return ++count->next;
}

/* "name-2.ext" for the second "name.ext". */
static void number_name(struct stored_file *file)
{
    const char *dot = strrchr(file->wanted, '.');
    size_t stem = dot && dot != file->wanted ? (size_t)(dot - file->wanted) : strlen(file->wanted);

    if (file->number == 1)
        snprintf(file->name, sizeof file->name, "%s", file->wanted);
    else
        snprintf(file->name, sizeof file->name, "%.*s-%lu%s", (int)stem, file->wanted, file->number,
                 file->wanted + stem);
}

void store_begin(struct store *store, const char *url, struct stored_file *ret_file)
{
    *ret_file = (struct stored_file){ .store = store, .descriptor = -1 };
    store_name(url, ret_file->wanted);
    ret_file->number = next_number(store, ret_file->wanted);
    number_name(ret_file);
    snprintf(ret_file->temporary, sizeof ret_file->temporary, ".bide-%d-%lu.part", (int)getpid(), ++store->opened);
}

static int fail(const struct stored_file *file, const char *what, int code)
{
    return bide_fail(-code, "%s %s/%s: %s", what, file->store->path, file->name, strerror(code));
}

/* In a thread. */
static int write_piece(struct stored_file *file, const char *data, size_t size)
{
    if (file->descriptor < 0)
        file->descriptor =
            openat(file->store->directory, file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file->descriptor < 0)
        return fail(file, "creating", errno);
    while (size > 0) {
        ssize_t count = write(file->descriptor, data, size);

        if (count < 0 && errno != EINTR)
            return fail(file, "writing", errno);
        if (count > 0) {
            data += count;
            size -= (size_t)count;
        }
    }
    return 0;
}
bide_async(write_piece, struct stored_file *, const char *, size_t);

/*
 * Gives the temporary file its name unless there is such a file. A link never replaces; without links (FAT) we look
 * first.
 */
static int give_name(const struct stored_file *file)
{
    int directory = file->store->directory;

    if (linkat(directory, file->temporary, directory, file->name, 0) == 0) {
        unlinkat(directory, file->temporary, 0);
        return 0;
    }
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
        return -errno;
    if (faccessat(directory, file->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    return renameat(directory, file->temporary, directory, file->name) < 0 ? -errno : 0;
}

/* In a thread. A delayed error of the disk may come with close(), so that is checked as well. */
static int finish(struct stored_file *file, const char *data, size_t size)
{
    int err = write_piece(file, data, size);

    if (err < 0)
        return err;
    int closed = close(file->descriptor);
    file->descriptor = -1;
    if (closed < 0 && errno != EINTR) {
        err = fail(file, "writing", errno);
        unlinkat(file->store->directory, file->temporary, 0);
        return err;
    }
    while ((err = give_name(file)) == -EEXIST) {
        file->number++;
        number_name(file);
    }
    if (err < 0) {
        fail(file, "naming", -err);
        unlinkat(file->store->directory, file->temporary, 0);
    }
    return err;
}
bide_async(finish, struct stored_file *, const char *, size_t);

static int discard(struct stored_file *file)
{
    close(file->descriptor);
    file->descriptor = -1;
    return unlinkat(file->store->directory, file->temporary, 0);
}
bide_async(discard, struct stored_file *);

int store_write(struct stored_file *file, const void *data, size_t size)
{
    return bide_to_thread(bide_co(write_piece, file, (const char *)data, size));
}

int store_finish(struct stored_file *file, const void *data, size_t size)
{
    return bide_to_thread(bide_co(finish, file, (const char *)data, size));
}

void store_discard(struct stored_file *file)
{
    if (!file->store || file->descriptor < 0)
        return;
    bide_shield (5) {
        bide_to_thread(bide_co(discard, file));
    }
    if (file->descriptor >= 0) /* it did not come to that: then here, at the price of a short stop */
        discard(file);
}
