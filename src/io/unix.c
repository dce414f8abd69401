/*
 * Unix sockets: addresses, the files they leave, connecting, and pairs.
 *
 * A path is a file that outlives its socket. One that nobody listens on any more is replaced: whether somebody does is
 * found out by connecting to it. What was bound here is removed at the end, unless another file has taken its place,
 * which its inode tells. A name that begins with '@' (in the kernel: with a zero byte) is abstract and leaves nothing.
 *
 * Must never happen: the file of a server that lives is removed by one that starts, or by one that ends.
 */
#include "io/unix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>
#include <bide/unix.h>

#include "io/listener.h"
#include "io/stream.h"
#include "task/wait.h"

int bide__unix_address(const char *action, const char *path, struct bide__unix_address *ret_address)
{
    struct sockaddr_un *address = &ret_address->address;
    size_t length = strlen(path), limit = sizeof address->sun_path - 1;

    if (length == 0 || !strcmp(path, "@"))
        return bide_fail(-EINVAL, "%s unix:%s: the path is empty", action, path);
    if (length > limit)
        return bide_fail(-EINVAL, "%s unix:%s: a path of %zu bytes, at most %zu", action, path, length, limit);
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    ret_address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    if (*path == '@') {
        address->sun_path[0] = '\0';
        ret_address->size--; /* all bytes of an abstract name count */
    }
    return 0;
}

void bide__unix_address_text(const struct sockaddr_un *address, socklen_t address_size, char *text, size_t size)
{
    size_t begin = offsetof(struct sockaddr_un, sun_path), length = address_size > begin ? address_size - begin : 0;

    if (length > sizeof address->sun_path)
        length = sizeof address->sun_path;
    if (length && !address->sun_path[0])
        snprintf(text, size, "unix:@%.*s", (int)(length - 1), address->sun_path + 1);
    else
        snprintf(text, size, "unix:%.*s", (int)length, address->sun_path);
}

void bide__socket_file_remove(struct bide__socket_file *file)
{
    struct stat now;

    if (file && lstat(file->path, &now) == 0 && now.st_dev == file->device && now.st_ino == file->inode)
        unlink(file->path);
    free(file);
}

static int open_socket(int type)
{
    int descriptor = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return descriptor < 0 ? -errno : descriptor;
}

/* Whether the path is a socket that nobody listens on. */
static bool is_stale(const struct bide__unix_address *address, int type)
{
    struct stat status;

    if (lstat(address->address.sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
        return false;
    int descriptor = open_socket(type);
    if (descriptor < 0)
        return false;
    bool refused =
        connect(descriptor, (const struct sockaddr *)&address->address, address->size) < 0 && errno == ECONNREFUSED;
    close(descriptor);
    return refused;
}

static int bind_path(int descriptor, int type, const struct bide__unix_address *address)
{
    const struct sockaddr *any = (const struct sockaddr *)&address->address;

    if (bind(descriptor, any, address->size) == 0)
        return 0;
    int err = -errno;
    if (err != -EADDRINUSE || !address->address.sun_path[0] || !is_stale(address, type))
        return err;
    unlink(address->address.sun_path);
    return bind(descriptor, any, address->size) < 0 ? -errno : 0;
}

/* Notes which file it is. NULL without memory. */
static struct bide__socket_file *note_file(const char *path)
{
    struct bide__socket_file *file = malloc(sizeof *file + strlen(path) + 1);
    struct stat status = { 0 };

    if (!file)
        return NULL;
    lstat(path, &status);
    file->device = status.st_dev;
    file->inode = status.st_ino;
    memcpy(file->path, path, strlen(path) + 1);
    return file;
}

int bide__unix_bind(int descriptor, int type, const struct bide__unix_address *address, mode_t mode,
                    struct bide__socket_file **ret_file)
{
    const char *path = address->address.sun_path;
    int err = bind_path(descriptor, type, address);

    *ret_file = NULL;
    if (err < 0)
        return err;
    if (*path && !(*ret_file = note_file(path))) {
        unlink(path);
        return -ENOMEM;
    }
    if (*path && mode && chmod(path, mode) < 0) {
        err = -errno;
        bide__socket_file_remove(*ret_file);
        *ret_file = NULL;
    }
    return err;
}

/* Binds and listens. 0 or -errno; the file is removed again when something fails after it was made. */
static int bind_and_listen(int descriptor, const struct bide__unix_address *address, int backlog, mode_t mode,
                           struct bide__socket_file **ret_file)
{
    int err = bide__unix_bind(descriptor, SOCK_STREAM, address, mode, ret_file);

    if (err == 0 && listen(descriptor, backlog ? backlog : BIDE__BACKLOG) < 0) {
        err = -errno;
        bide__socket_file_remove(*ret_file);
        *ret_file = NULL;
    }
    return err;
}

int bide__unix_listen(const char *path, int backlog, mode_t mode, struct bide__socket_file **ret_file)
{
    struct bide__unix_address address = { .size = 0 };
    int err = bide__unix_address("listen on", path, &address);

    if (err < 0)
        return err;
    int descriptor = open_socket(SOCK_STREAM);
    if (descriptor >= 0) {
        err = bind_and_listen(descriptor, &address, backlog, mode, ret_file);
        if (err == 0)
            return descriptor;
        close(descriptor);
        descriptor = err;
    }
    return bide_fail(descriptor, "listen on unix:%s: %s", path, strerror(-descriptor));
}

/* A stream over a connected socket, which is closed when there is no memory. */
static int open_stream(int descriptor, const char *path, bide_stream **ret_stream)
{
    const bide_channel channel = { .transport = &bide__transport_socket, .loop = bide__loop, .descriptor = descriptor };
    char peer[BIDE__ADDRESS_TEXT] = "unix:";

    strncat(peer, path, sizeof peer - sizeof "unix:");
    bide_stream *stream = bide__stream_over(&channel, peer);
    if (!stream) {
        bide__loop->backend->forget(bide__loop, descriptor);
        close(descriptor);
        return bide_fail(-ENOMEM, "unix:%s: no memory for the stream", path);
    }
    *ret_stream = stream;
    return 0;
}

int bide_open_unix_connection(const char *path, bide_stream **ret_stream)
{
    struct bide__unix_address address = { .size = 0 };
    struct bide__record *task;
    int64_t err = bide__checkpoint(&task);

    if (err == 0)
        err = bide__unix_address("connect to", path, &address);
    if (err < 0)
        return (int)err;
    int descriptor = open_socket(SOCK_STREAM);
    if (descriptor < 0)
        return bide_fail(descriptor, "connect to unix:%s: %s", path, strerror(-descriptor));
    struct bide__op op = { .kind = BIDE__OP_CONNECT,
                           .descriptor = descriptor,
                           .u.address = (const struct sockaddr *)&address.address,
                           .size = address.size };
    err = bide__op_run(&op);
    if (err == 0)
        return open_stream(descriptor, path, ret_stream);
    task->loop->backend->forget(task->loop, descriptor);
    close(descriptor);
    return err == -ECANCELED ? -ECANCELED : bide_fail((int)err, "connect to unix:%s: %s", path, strerror((int)-err));
}

int bide_open_socket_pair(bide_stream **ret_one, bide_stream **ret_other)
{
    int ends[2];

    if (!bide__loop)
        return bide_fail(-EPERM, "bide_open_socket_pair: no loop runs in this thread");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return bide_fail(-errno, "bide_open_socket_pair: %s", strerror(errno));
    bide_stream *one = NULL, *other = NULL;
    int err = open_stream(ends[0], "a pair", &one);
    if (err < 0) {
        close(ends[1]);
        return err;
    }
    err = open_stream(ends[1], "a pair", &other);
    if (err < 0) {
        bide_close(one);
        return err;
    }
    *ret_one = one;
    *ret_other = other;
    return 0;
}

int bide_peer_credentials(bide_stream *stream, bide_credentials *ret_credentials)
{
    struct ucred credentials;
    socklen_t size = sizeof credentials;

    if (getsockopt(stream->descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return bide_fail(-errno, "credentials of %s: %s", bide_peer_name(stream), strerror(errno));
    if (credentials.pid == 0 && credentials.uid == (uid_t)-1)
        return bide_fail(-EOPNOTSUPP, "credentials of %s: it is no Unix socket", bide_peer_name(stream));
    *ret_credentials =
        (bide_credentials){ .process = credentials.pid, .user = credentials.uid, .group = credentials.gid };
    return 0;
}
