/*
 * bide/path.h - the file system: stat, rename, remove, directories, links, copies
 *
 * The calls of os, os.path, shutil and tempfile under their own names. What the kernel has at hand is answered in
 * place; the rest is done by the threads of files (see bide/file.h), so no disk or file server can stop the loop.
 * Every call may wait. Each gives the error of the system call it is named after, with a message that names the path;
 * -ECANCELED from a call that takes one step means that it was not taken, and a step that has begun is waited for and
 * its result returned. Calls of many steps (copy, rmtree, makedirs) stop between two of them when they are cancelled.
 */
#ifndef BIDE_PATH_H
#define BIDE_PATH_H

#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include <bide/export.h>
#include <bide/file.h>

/*
 * bide_stat - what there is to know about a file; bide_lstat - about a symbolic link itself. 0; -ENOENT, -EACCES,
 * ... Follow os.stat, os.lstat.
 */
BIDE_EXPORT int bide_stat(const char *path, struct stat *ret_status);
BIDE_EXPORT int bide_lstat(const char *path, struct stat *ret_status);

/*
 * bide_exists - 1 when there is something at the path (a link that leads nowhere does not count), 0 when not; other
 * errors than that (-EACCES on the way, ...) as they are. Follows os.path.exists.
 */
BIDE_EXPORT int bide_exists(const char *path);

/*
 * bide_access - whether this process may do that: mode is R_OK, W_OK, X_OK together, or F_OK. 0, or -EACCES, -ENOENT,
 * ... Follows os.access.
 */
BIDE_EXPORT int bide_access(const char *path, int mode);

/* bide_statvfs - size and free space of the file system at the path. Follows os.statvfs. */
BIDE_EXPORT int bide_statvfs(const char *path, struct statvfs *ret_status);

/* bide_rename - renames; what is at `to` is replaced, in one step. Follows os.rename and os.replace. */
BIDE_EXPORT int bide_rename(const char *from, const char *to);

/* bide_remove - removes a file or a link. Follows os.remove. */
BIDE_EXPORT int bide_remove(const char *path);

/* bide_mkdir - makes a directory with these permissions less the umask. -EEXIST, ... Follows os.mkdir. */
BIDE_EXPORT int bide_mkdir(const char *path, mode_t permissions);

/*
 * bide_makedirs - makes a directory and those on the way that are missing; one that is there already is fine. What
 * was made before an error stays. Follows os.makedirs(exist_ok=True).
 */
BIDE_EXPORT int bide_makedirs(const char *path, mode_t permissions);

/* bide_rmdir - removes an empty directory: -ENOTEMPTY otherwise. Follows os.rmdir. */
BIDE_EXPORT int bide_rmdir(const char *path);

/*
 * bide_rmtree - removes a directory with all that is in it; links in it are removed, never followed. When it fails,
 * or is cancelled, half of it may be gone. Follows shutil.rmtree.
 */
BIDE_EXPORT int bide_rmtree(const char *path);

/* bide_link - makes `path` another name of the file `target`. Follows os.link. */
BIDE_EXPORT int bide_link(const char *target, const char *path);

/* bide_symlink - makes `path` a symbolic link that says `target`. Follows os.symlink. */
BIDE_EXPORT int bide_symlink(const char *target, const char *path);

/*
 * bide_readlink - stores what a symbolic link says, ended by '\0', in buffer; returns its length. BIDE_ELIMIT when it
 * does not fit into `size` bytes. Follows os.readlink.
 */
BIDE_EXPORT ssize_t bide_readlink(const char *path, char *buffer, size_t size);

/*
 * bide_copy_file - copies a file's bytes and permissions; returns how many bytes. What was at `to` is overwritten. The
 * kernel moves the bytes (copy_file_range: a file system that can share them does, in no time). A copy that fails or
 * is cancelled removes what it has made: -ECANCELED, -ENOSPC, ...; -EINVAL: both are one file. Follows shutil.copy.
 */
BIDE_EXPORT int64_t bide_copy_file(const char *from, const char *to);

/*
 * bide_listdir - the names in a directory, without "." and "..", in no order. Returns how many; *ret_names is a block
 * of pointers and text to be freed by one free(). limit: at most so many names, BIDE_ELIMIT beyond. Follows
 * os.listdir.
 */
BIDE_EXPORT ssize_t bide_listdir(const char *path, size_t limit, char ***ret_names);

/* One entry of a directory. */
typedef struct bide_directory_entry {
    const char *name; /* without the directory */
    const char *path; /* with it, as it was given */
    mode_t type;      /* for S_ISREG, S_ISDIR, S_ISLNK, ...; no permissions */
    uint64_t inode;
    unsigned depth; /* of bide_walk: 0 in the directory itself */
} bide_directory_entry;

/* A directory that is being read, or a tree. */
typedef struct bide_directory bide_directory;

/*
 * bide_scandir - opens a directory for reading its entries one after the other. bide_walk - for reading a whole tree:
 * each directory comes before what is in it; links are not followed; entries that vanish meanwhile are left out. At
 * most one descriptor is open. The caller closes it.
 *
 *     bide_auto(directory) *directory = NULL;
 *     bide(bide_scandir(".", &directory));
 *     bide_for(bide_directory_entry *entry, bide_directory_next(directory, &entry), err) puts(entry->name);
 *
 * 0; -ENOENT, -ENOTDIR, -EACCES, -EMFILE, ... Follow os.scandir, os.walk.
 */
BIDE_EXPORT int bide_scandir(const char *path, bide_directory **ret_directory);
BIDE_EXPORT int bide_walk(const char *path, bide_directory **ret_directory);

/*
 * bide_directory_next - the next entry: 1; 0: there is none any more; an error: of a directory that cannot be read
 * (-EACCES: in a walk that directory is left out, and the next call goes on). The entry is valid until the next call,
 * in no order, without "." and "..". One task at a time: -EBUSY.
 */
BIDE_EXPORT int bide_directory_next(bide_directory *directory, bide_directory_entry **ret_entry);

/* bide_directory_skip - in a walk, right after a directory was returned: what is in it is left out. */
BIDE_EXPORT void bide_directory_skip(bide_directory *directory);

/* bide_directory_close - closes and frees; NULL is ignored. Does not wait. */
BIDE_EXPORT void bide_directory_close(bide_directory *directory);
static inline void bide__auto_directory(bide_directory **directory)
{
    bide_directory_close(*directory);
}

/*
 * bide_temporary_file - opens a file without a name for reading and writing; it is gone when it is closed. directory:
 * where, NULL: the environment's TMPDIR, else /tmp. Follows tempfile.TemporaryFile.
 */
BIDE_EXPORT int bide_temporary_file(const char *directory, bide_file **ret_file);

/*
 * bide_named_temporary_file - the same with a name (bide_file_path), which nobody else had, and only this user can
 * open; removed when it is closed. Follows tempfile.NamedTemporaryFile.
 */
BIDE_EXPORT int bide_named_temporary_file(const char *directory, bide_file **ret_file);

/* A directory that is removed, with all that is in it, when it is closed. */
typedef struct bide_temporary_directory bide_temporary_directory;

/*
 * bide_temporary_directory_open - makes one, which only this user can enter; bide_temporary_directory_path - where.
 * bide_temporary_directory_close - removes it; NULL is ignored (0). Waits for that and returns what went wrong; a
 * cancelled task does not wait: 0, and a thread does it soon. Follow tempfile.TemporaryDirectory.
 */
BIDE_EXPORT int bide_temporary_directory_open(const char *directory, bide_temporary_directory **ret_directory);
BIDE_EXPORT const char *bide_temporary_directory_path(const bide_temporary_directory *directory);
BIDE_EXPORT int bide_temporary_directory_close(bide_temporary_directory *directory);
static inline void bide__auto_temporary_directory(bide_temporary_directory **directory)
{
    bide_temporary_directory_close(*directory);
}

#endif
