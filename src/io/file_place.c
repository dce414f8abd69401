/*
 * What a loop has learned of where files live.
 *
 * An open of a path that the kernel has cached (openat2, RESOLVE_CACHED) does not wait for a disk; but on a network
 * file system, or one that a program answers (FUSE), the open itself is a question to somebody who may be slow or
 * dead. So the first file of a directory is opened by a thread, which also looks where it lies; if that is a disk or
 * memory, later ones beside it are opened in place. A device with a major number is a disk; for the anonymous ones
 * the kind of file system decides.
 *
 * Two small tables of the latest, in which a newer entry displaces an older one: hashes of directory names, and
 * anonymous devices. A false entry (two names of one hash, something mounted over a directory) costs one open that
 * may wait, and is corrected by it. 1.3 KiB for a loop that uses files.
 */
#include "io/file_place.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

enum { DIRECTORIES = 128, DEVICES = 16 };

struct places {
    uint64_t directories[DIRECTORIES]; /* hashes of those that are near; 0: none */
    struct {
        unsigned minor;
        enum bide__file_place place;
    } devices[DEVICES];
};

int bide__file_status_get(int descriptor, struct bide__file_status *ret_status)
{
    struct stat status;

    if (fstat(descriptor, &status) < 0)
        return -errno;
    *ret_status = (struct bide__file_status){ .size = (uint64_t)status.st_size,
                                              .device_major = major(status.st_dev),
                                              .device_minor = minor(status.st_dev),
                                              .mode = status.st_mode };
    return 0;
}

/* FNV-1a over the path up to its last '/'. Never 0. */
static uint64_t hash_of_directory(int directory, const char *path)
{
    const char *end = strrchr(path, '/');
    uint64_t hash = 14695981039346656037U ^ (unsigned)directory;

    for (const char *at = path; end && at < end; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211U;
    return hash ? hash : 1;
}

enum bide__file_place bide__place_of(const struct bide_loop *loop, const struct bide__file_status *status)
{
    const struct places *places = loop->file_places;

    if (status->device_major)
        return BIDE__PLACE_LOCAL;
    if (!places || places->devices[status->device_minor % DEVICES].minor != status->device_minor)
        return BIDE__PLACE_UNKNOWN;
    return places->devices[status->device_minor % DEVICES].place;
}

enum bide__file_place bide__place_look(int descriptor, const struct bide__file_status *status)
{
    struct statfs about;

    if (status->device_major)
        return BIDE__PLACE_LOCAL;
    if (fstatfs(descriptor, &about) < 0)
        return BIDE__PLACE_REMOTE;
    switch ((unsigned long)about.f_type) {
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
        return BIDE__PLACE_MEMORY;
    case BTRFS_SUPER_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
    case 0x2fc12fc1: /* ZFS */
        return BIDE__PLACE_LOCAL;
    default:
        return BIDE__PLACE_REMOTE;
    }
}

void bide__place_note(struct bide_loop *loop, int directory, const char *path, const struct bide__file_status *status,
                      enum bide__file_place place)
{
    struct places *places = loop->file_places;
    uint64_t hash = hash_of_directory(directory, path);
    /* opening a device or a FIFO may wait, wherever its name lies (/dev is in memory) */
    bool near =
        (place == BIDE__PLACE_LOCAL || place == BIDE__PLACE_MEMORY) && (S_ISREG(status->mode) || S_ISDIR(status->mode));

    if (!places) {
        places = loop->file_places = calloc(1, sizeof *places);
        if (!places)
            return; /* then every open is made by a thread */
    }
    uint64_t *slot = &places->directories[hash % DIRECTORIES];
    if (near)
        *slot = hash;
    else if (*slot == hash)
        *slot = 0;
    if (!status->device_major) {
        places->devices[status->device_minor % DEVICES].minor = status->device_minor;
        places->devices[status->device_minor % DEVICES].place = place;
    }
}

bool bide__place_is_near(const struct bide_loop *loop, int directory, const char *path)
{
    const struct places *places = loop->file_places;
    uint64_t hash = places ? hash_of_directory(directory, path) : 0;

    return places && places->directories[hash % DIRECTORIES] == hash;
}
