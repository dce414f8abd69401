/* io/unix.h - addresses and files of Unix sockets. */
#ifndef BIDE_IO_UNIX_H
#define BIDE_IO_UNIX_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* An address of a Unix socket as system calls take it. */
struct bide__unix_address {
    struct sockaddr_un address;
    socklen_t size;
};

/*
 * Makes the address of a path, or of an abstract name when it begins with '@'. -EINVAL with a message that begins with
 * `action` ("connect to"): it is empty, or too long.
 */
int bide__unix_address(const char *action, const char *path, struct bide__unix_address *ret_address);

/* "unix:/path", "unix:@name", "unix:" when it is bound to nothing; cut at size - 1. */
void bide__unix_address_text(const struct sockaddr_un *address, socklen_t address_size, char *text, size_t size);

/* A socket's file: which one it is, so that it is removed only if nobody has put another in its place. */
struct bide__socket_file {
    dev_t device;
    ino_t inode;
    char path[];
};

/* Removes the file, if it is still the one, and frees the memory. NULL is ignored. */
void bide__socket_file_remove(struct bide__socket_file *file);

/*
 * Binds a socket of this type (SOCK_STREAM, SOCK_DGRAM) to a path or an abstract name; a file that nobody uses any more
 * is replaced. mode: as below. 0 and *ret_file (NULL for an abstract name), or -errno: no file is left.
 */
int bide__unix_bind(int descriptor, int type, const struct bide__unix_address *address, mode_t mode,
                    struct bide__socket_file **ret_file);

/*
 * Opens a socket that listens on a path or an abstract name; a file that nobody listens on is replaced. mode: the
 * file's permissions; 0: as the umask leaves them. A descriptor and *ret_file (NULL for an abstract name), or an error
 * with a message.
 */
int bide__unix_listen(const char *path, int backlog, mode_t mode, struct bide__socket_file **ret_file);

#endif
