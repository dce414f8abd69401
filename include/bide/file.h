/*
 * bide/file.h - files: open, read, write, whole files, temporary files
 *
 * What is in the memory of the kernel already is read in place, in about a microsecond; everything that would wait
 * for a disk is done by io_uring or by threads that nothing else uses (run option file_thread_limit), so a slow disk
 * or a dead file server stops only the tasks that wait for it. What lies under these calls is not buffered: what was
 * written is in the kernel when the call returns. Only lines are read ahead.
 *
 * A file has a position for bide_file_read, bide_file_write and their kin; they exclude each other: a second task in
 * the middle of one gets -EBUSY. bide_file_read_at and bide_file_write_at name their own place; any number of tasks
 * may use them at once. All calls belong to the thread of the loop.
 *
 * Cancellation: what no thread and no device has begun is taken back (-ECANCELED, nothing happened); what has begun
 * cannot be stopped, so the call returns when it has ended (R5), and says what happened (R2): bytes that were read or
 * written before, fewer than asked for; the cancellation comes with the next call. Pieces are at most 1 MiB, so that
 * is soon, unless the disk is stuck.
 */
#ifndef BIDE_FILE_H
#define BIDE_FILE_H

#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <bide/export.h>
#include <bide/stream.h> /* bide_auto */

typedef struct bide_file bide_file;

/*
 * bide_file_open - opens a file. mode: as in fopen and in Python: "r" read; "w" write, what was there is lost; "a"
 * append; "x" create, -EEXIST if it is there; each with "+" to do both. A "b" is allowed and means nothing. New files
 * get the permissions 0666 less the umask.
 *
 *     bide_auto(file) *file = NULL;
 *     bide(bide_file_open("notes.txt", "w", &file));
 *     bide(bide_file_write(file, "hello\n", 6));
 *
 * Letters, because nearly all files are opened in one of these six ways and every reader of C knows them; a wrong one
 * is told at the first run. For the rest there is bide_file_open_flags. ret_file: the caller closes it. Waits.
 * Errors: those of open(2) (-ENOENT, -EACCES, -EMFILE, ...); -EINVAL for a mode that there is not; -EAGAIN when no
 * thread can be started; -ENOMEM; -ECANCELED: no file is left open. Follows aiofiles.open.
 *
 * What is not a file but a FIFO, a terminal or another device is opened without waiting for its other end (as with
 * O_NONBLOCK): writing to a FIFO that nobody reads is -ENXIO. Reading it then waits for input, without a thread.
 */
BIDE_EXPORT int bide_file_open(const char *path, const char *mode, bide_file **ret_file);

/*
 * bide_file_open_flags - the same with the flags of open(2) (O_RDWR | O_CREAT | O_DSYNC, O_DIRECT, O_NOFOLLOW, ...)
 * and the permissions of a new file. O_CLOEXEC is always set. With O_DIRECT buffers and offsets must be aligned, as
 * the kernel demands.
 */
BIDE_EXPORT int bide_file_open_flags(const char *path, int flags, mode_t permissions, bide_file **ret_file);

/*
 * bide_file_open_beneath - opens a file for reading by a path, relative to a directory, that comes from outside and
 * must not lead out of it: neither by "..", nor by an absolute path, nor by a symbolic link (one that stays inside is
 * followed). directory: its descriptor, of open(path, O_PATH | O_DIRECTORY) or of bide_file_descriptor(). -EXDEV: the
 * path leads out; other errors as bide_file_open. For servers of files.
 */
BIDE_EXPORT int bide_file_open_beneath(int directory, const char *path, bide_file **ret_file);

/*
 * bide_file_close - closes the file and frees it; NULL is ignored (0). Always closes (R6). A file that was written to
 * is closed by a thread, because some file systems write to the disk only then: waits for that, and returns what it
 * said: 0; -EIO, -ENOSPC, -EDQUOT: something that was written is lost. A cancelled task does not wait: 0, and the
 * thread closes it soon. No task may be in the middle of a call on it (asserted). 0 does not mean that the data are
 * on the disk: see bide_file_fsync.
 */
BIDE_EXPORT int bide_file_close(bide_file *file);
static inline void bide__auto_file(bide_file **file)
{
    bide_file_close(*file);
}

/*
 * bide_file_read - reads at most `size` bytes at the file's position. Returns how many: fewer only at the end of the
 * file (0: nothing is left), or when it was cancelled or failed meanwhile (then that comes with the next call). From
 * a FIFO or a terminal: what is there, at least one byte. Errors: -EIO, -EISDIR, -EBADF (not opened for reading),
 * -EBUSY (another task is at it), -ECANCELED (nothing was read). Follows read(n).
 */
BIDE_EXPORT ssize_t bide_file_read(bide_file *file, void *buffer, size_t size);

/*
 * bide_file_read_exactly - reads `size` bytes: 0; BIDE_EOF when the file ends before; -ECANCELED and other errors as
 * bide_file_read. In a regular file all or nothing: the position has moved only if it returns 0.
 */
BIDE_EXPORT int bide_file_read_exactly(bide_file *file, void *buffer, size_t size);

/*
 * bide_file_read_at - bide_file_read at an offset from the beginning, without the file's position. -ESPIPE for what
 * has no offsets. -EINVAL: a negative offset. Follows os.pread.
 */
BIDE_EXPORT ssize_t bide_file_read_at(bide_file *file, void *buffer, size_t size, int64_t offset);

/*
 * bide_file_write - writes all of it at the file's position (with "a": at its end). Returns size. When it fails or is
 * cancelled after some was written: how much that was (less than size; the reason comes with the next call); before:
 * -ENOSPC, -EIO, -EFBIG, -EBADF (not opened for writing), -EBUSY, -ECANCELED (nothing was written). Follows write(b).
 * There is no flush: the kernel has it.
 */
BIDE_EXPORT ssize_t bide_file_write(bide_file *file, const void *data, size_t size);

/*
 * bide_file_write_at - bide_file_write at an offset, without the file's position. In a file opened with "a" the
 * kernel appends all the same. Follows os.pwrite.
 */
BIDE_EXPORT ssize_t bide_file_write_at(bide_file *file, const void *data, size_t size, int64_t offset);

/*
 * bide_file_read_line - reads a line into buffer, ends it with '\0' instead of "\n" or "\r\n". Returns its length;
 * BIDE_EOF when nothing is left (a last line without a line end counts as a line); BIDE_ELIMIT when no line end comes
 * within size - 1 bytes (nothing is taken); other errors as bide_file_read. Follows readline.
 */
BIDE_EXPORT ssize_t bide_file_read_line(bide_file *file, char *buffer, size_t size);

/*
 * bide_file_next_line - the next line, for bide_for:
 *
 *     bide_for(char *line, bide_file_next_line(file, &line), err) puts(line);
 *
 * *ret_line: ended by '\0' instead of "\n" or "\r\n"; it lies in the file's buffer, may be changed, and is valid
 * until the next call on this file. Returns 1; 0 at the end; BIDE_ELIMIT when the line is longer than
 * bide_file_set_line_limit allows; other errors as bide_file_read. Follows `async for line in f`.
 */
BIDE_EXPORT int bide_file_next_line(bide_file *file, char **ret_line);

/* bide_file_set_line_limit - the longest line bide_file_next_line reads, in bytes; 64 KiB at first. */
BIDE_EXPORT void bide_file_set_line_limit(bide_file *file, size_t bytes);

/*
 * bide_file_seek - sets the file's position: whence is SEEK_SET, SEEK_CUR or SEEK_END. Returns the new position.
 * -ESPIPE for what has none; -EINVAL: it would be negative, or a wrong whence; -EBUSY. Waits only for SEEK_END on a
 * file system that must be asked. bide_file_tell - the position. Follow seek and tell.
 */
BIDE_EXPORT int64_t bide_file_seek(bide_file *file, int64_t offset, int whence);
BIDE_EXPORT int64_t bide_file_tell(const bide_file *file);

/*
 * bide_file_truncate - makes the file so many bytes long, cutting it or adding zeroes; the position stays. 0; -EINVAL
 * (negative, or not opened for writing), -EFBIG, -EIO, -ECANCELED (it is as long as before). Follows truncate(size).
 */
BIDE_EXPORT int bide_file_truncate(bide_file *file, int64_t size);

/*
 * bide_file_fsync - waits until what was written is on the disk, with the file's size and times; bide_file_fdatasync
 * - without the times. 0; -EIO, -ENOSPC: something that was written is lost (the kernel says so once: do not try
 * again, write again); -ECANCELED. Follow os.fsync, os.fdatasync.
 */
BIDE_EXPORT int bide_file_fsync(bide_file *file);
BIDE_EXPORT int bide_file_fdatasync(bide_file *file);

/* bide_file_stat - what there is to know about the open file; see bide_stat. 0, -ECANCELED, ... Follows os.fstat. */
BIDE_EXPORT int bide_file_stat(bide_file *file, struct stat *ret_status);

/* bide_file_path - the path it was opened with. Valid as long as the file. Follows f.name. */
BIDE_EXPORT const char *bide_file_path(const bide_file *file);

/*
 * bide_file_descriptor - its descriptor, which stays the file's: for what this header does not have (flock, fcntl,
 * ioctl). Do not close it. Follows fileno.
 */
BIDE_EXPORT int bide_file_descriptor(const bide_file *file);

/*
 * bide_read_file - reads a whole file into memory. Returns its size; *ret_data ends in one more byte, '\0', and is
 * given back with free(). limit: BIDE_ELIMIT when the file has more bytes; nothing is kept then. Other errors as
 * bide_file_open and bide_file_read. Follows pathlib's read_bytes and read_text.
 */
BIDE_EXPORT ssize_t bide_read_file(const char *path, size_t limit, char **ret_data);

/*
 * bide_write_file - makes a file with this content, or puts it in the place of what was in it. 0; errors as
 * bide_file_open, bide_file_write, bide_file_close: the file may then hold a part of it, as it may after a
 * cancellation of more than 1 MiB (less: -ECANCELED means that nothing happened). Follows pathlib's write_bytes.
 */
BIDE_EXPORT int bide_write_file(const char *path, const void *data, size_t size);

/*
 * bide_replace_file - bide_write_file in one step: who opens the file sees the old content or the new one, also after
 * a crash, and when it returns 0 the new one is on the disk. It is written beside the file under a temporary name
 * (which is removed after an error or a cancellation), synced, renamed, and the directory synced. Permissions are
 * those of the file that was there; a symbolic link is replaced by the file. -ECANCELED: the old content is there.
 */
BIDE_EXPORT int bide_replace_file(const char *path, const void *data, size_t size);

#endif
