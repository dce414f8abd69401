/*
 * System calls with faults.
 *
 * A test program has its own versions of the C library's wrappers for what waits, moves bytes or makes descriptors.
 * Each hands on to the real one, unless its turn has come to be interrupted, to say that it would block, to move one
 * byte only, or to fail. What bide asks of an io_uring is not seen here.
 *
 * A faked "would block" or short transfer breaks what an edge-triggered epoll promises (that an edge comes when more
 * is there), so the descriptor is armed again afterwards: registrations are noted on their way through epoll_ctl.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "test/descriptors.h"
#include "test/fault.h"
#include "test/report.h"
#include "test/wrap.h"

enum { REGISTRATIONS_MAX = 4096 };

static struct registration {
    int epoll; /* 0: none */
    struct epoll_event event;
} registrations[REGISTRATIONS_MAX];

BIDE__WRAP(int, epoll_ctl, int epoll, int operation, int descriptor, struct epoll_event *event)
{
    BIDE__REAL(epoll_ctl);
    int result = real(epoll, operation, descriptor, event);

    if (result == 0 && descriptor >= 0 && descriptor < REGISTRATIONS_MAX) {
        if (operation == EPOLL_CTL_DEL)
            registrations[descriptor].epoll = 0;
        else
            registrations[descriptor] = (struct registration){ epoll, *event };
    }
    return result;
}

/* Makes an edge-triggered registration look at its descriptor again. */
static void arm_again(int descriptor)
{
    if (descriptor < 0 || descriptor >= REGISTRATIONS_MAX || !registrations[descriptor].epoll)
        return;
    int saved = errno;
    epoll_ctl(registrations[descriptor].epoll, EPOLL_CTL_MOD, descriptor, &registrations[descriptor].event);
    errno = saved;
}

static bool is_stream(int descriptor)
{
    struct stat status;
    int type = 0;
    socklen_t size = sizeof type;

    if (fstat(descriptor, &status) < 0)
        return false;
    if (S_ISFIFO(status.st_mode))
        return true;
    return S_ISSOCK(status.st_mode) && getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           type == SOCK_STREAM;
}

/* What may say that it would block though it was ready: streams, and datagrams whose checksum was wrong. */
static bool may_say_again(int descriptor)
{
    int type = 0;
    socklen_t size = sizeof type;

    return is_stream(descriptor) ||
           (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM);
}

static bool is_socket(int descriptor)
{
    struct stat status;

    return fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode);
}

static bool fail_with(int code)
{
    errno = code;
    return true;
}

/* A call that may wait: true if it is to fail now, with errno set. */
static bool interrupted(int descriptor, int code)
{
    int saved = errno;

    if (bide__fault_now(BIDE__FAULT_EINTR))
        return fail_with(EINTR);
    if (code && bide__fault_now(BIDE__FAULT_ERROR))
        return fail_with(code);
    if (descriptor >= 0 && (fcntl(descriptor, F_GETFL) & O_NONBLOCK) && may_say_again(descriptor) &&
        bide__fault_now(BIDE__FAULT_EAGAIN)) {
        arm_again(descriptor);
        return fail_with(EAGAIN);
    }
    errno = saved;
    return false;
}

/* How many bytes this transfer moves at most. */
static size_t shortened(int descriptor, size_t size)
{
    int saved = errno;

    if (size > 1 && is_stream(descriptor) && bide__fault_now(BIDE__FAULT_SHORT))
        size = 1;
    errno = saved;
    return size;
}

/* After a transfer: if it was a shortened one, more may be there. */
static ssize_t moved(int descriptor, ssize_t result, size_t wanted, size_t size)
{
    if (size != wanted)
        arm_again(descriptor);
    return result;
}

/* How a transfer fails; 0: it cannot. What has no type is an eventfd or the like, which knows no such failure. */
static int code_of(int descriptor)
{
    struct stat status;
    int saved = errno, code = ECONNRESET;

    if (!is_socket(descriptor))
        code = fstat(descriptor, &status) == 0 && !(status.st_mode & S_IFMT) ? 0 : EIO;
    errno = saved;
    return code;
}

#define TRANSFER(type, name, parameters, descriptor, size, call)                                                       \
    BIDE__WRAP(type, name, BIDE__UNPACK parameters)                                                                    \
    {                                                                                                                  \
        BIDE__REAL(name);                                                                                              \
        if (bide__quiet)                                                                                               \
            return real call;                                                                                          \
        if (interrupted(descriptor, code_of(descriptor)))                                                              \
            return -1;                                                                                                 \
        size_t wanted = size;                                                                                          \
        size = shortened(descriptor, wanted);                                                                          \
        return moved(descriptor, real call, wanted, size);                                                             \
    }                                                                                                                  \
    _Static_assert(1, "")

TRANSFER(ssize_t, read, (int descriptor, void *buffer, size_t size), descriptor, size, (descriptor, buffer, size));
TRANSFER(ssize_t, write, (int descriptor, const void *buffer, size_t size), descriptor, size,
         (descriptor, buffer, size));
TRANSFER(ssize_t, recv, (int descriptor, void *buffer, size_t size, int flags), descriptor, size,
         (descriptor, buffer, size, flags));
TRANSFER(ssize_t, send, (int descriptor, const void *buffer, size_t size, int flags), descriptor, size,
         (descriptor, buffer, size, flags));
TRANSFER(ssize_t, recvfrom,
         (int descriptor, void *buffer, size_t size, int flags, __SOCKADDR_ARG address, socklen_t *length), descriptor,
         size, (descriptor, buffer, size, flags, address, length));
TRANSFER(ssize_t, sendto,
         (int descriptor, const void *buffer, size_t size, int flags, __CONST_SOCKADDR_ARG address, socklen_t length),
         descriptor, size, (descriptor, buffer, size, flags, address, length));

TRANSFER(ssize_t, sendfile, (int descriptor, int from, off_t *offset, size_t size), descriptor, size,
         (descriptor, from, offset, size));

/* The bytes in some pieces. */
static size_t size_of(const struct iovec *pieces, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += pieces[i].iov_len;
    return size;
}

/* The first byte of the pieces, if this transfer is to be a short one. */
static bool first_byte(int descriptor, const struct iovec *pieces, size_t count, struct iovec *ret_piece)
{
    size_t size = size_of(pieces, count);

    if (shortened(descriptor, size) == size)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].iov_len) {
            *ret_piece = (struct iovec){ pieces[i].iov_base, 1 };
            return true;
        }
    }
    return false;
}

#define VECTOR(name)                                                                                                   \
    BIDE__WRAP(ssize_t, name, int descriptor, const struct iovec *pieces, int count)                                   \
    {                                                                                                                  \
        BIDE__REAL(name);                                                                                              \
        struct iovec piece;                                                                                            \
        if (bide__quiet)                                                                                               \
            return real(descriptor, pieces, count);                                                                    \
        if (interrupted(descriptor, code_of(descriptor)))                                                              \
            return -1;                                                                                                 \
        if (count > 0 && first_byte(descriptor, pieces, (size_t)count, &piece))                                        \
            return moved(descriptor, real(descriptor, &piece, 1), 2, 1);                                               \
        return real(descriptor, pieces, count);                                                                        \
    }                                                                                                                  \
    _Static_assert(1, "")

VECTOR(readv);
VECTOR(writev);

/* Files come short too, and what must not wait for one may refuse to. */
#define AT_OFFSET(name)                                                                                                \
    BIDE__WRAP(ssize_t, name, int descriptor, const struct iovec *pieces, int count, off_t offset, int flags)          \
    {                                                                                                                  \
        BIDE__REAL(name);                                                                                              \
        struct iovec piece;                                                                                            \
        if (bide__quiet)                                                                                               \
            return real(descriptor, pieces, count, offset, flags);                                                     \
        if (interrupted(descriptor, code_of(descriptor)))                                                              \
            return -1;                                                                                                 \
        if (flags & RWF_NOWAIT && bide__fault_now(BIDE__FAULT_EAGAIN)) {                                               \
            errno = EAGAIN;                                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
        if (!is_stream(descriptor) && count > 0 && pieces[0].iov_len > 1 && bide__fault_now(BIDE__FAULT_SHORT)) {      \
            piece = (struct iovec){ pieces[0].iov_base, 1 };                                                           \
            return real(descriptor, &piece, 1, offset, flags);                                                         \
        }                                                                                                              \
        if (count > 0 && first_byte(descriptor, pieces, (size_t)count, &piece))                                        \
            return moved(descriptor, real(descriptor, &piece, 1, offset, flags), 2, 1);                                \
        return real(descriptor, pieces, count, offset, flags);                                                         \
    }                                                                                                                  \
    _Static_assert(1, "")

AT_OFFSET(preadv2);
AT_OFFSET(pwritev2);

#define MESSAGE(name, constness)                                                                                       \
    BIDE__WRAP(ssize_t, name, int descriptor, constness struct msghdr *message, int flags)                             \
    {                                                                                                                  \
        BIDE__REAL(name);                                                                                              \
        struct iovec piece;                                                                                            \
        if (bide__quiet)                                                                                               \
            return real(descriptor, message, flags);                                                                   \
        if (interrupted(descriptor, code_of(descriptor)))                                                              \
            return -1;                                                                                                 \
        if (first_byte(descriptor, message->msg_iov, message->msg_iovlen, &piece)) {                                   \
            struct msghdr one = *message;                                                                              \
            one.msg_iov = &piece;                                                                                      \
            one.msg_iovlen = 1;                                                                                        \
            return moved(descriptor, real(descriptor, &one, flags), 2, 1);                                             \
        }                                                                                                              \
        return real(descriptor, message, flags);                                                                       \
    }                                                                                                                  \
    _Static_assert(1, "")

MESSAGE(sendmsg, const);
MESSAGE(recvmsg, );

BIDE__WRAP(int, sendmmsg, int descriptor, struct mmsghdr *messages, unsigned int count, int flags)
{
    BIDE__REAL(sendmmsg);

    return !bide__quiet && interrupted(descriptor, ECONNRESET) ? -1 : real(descriptor, messages, count, flags);
}

BIDE__WRAP(int, recvmmsg, int descriptor, struct mmsghdr *messages, unsigned int count, int flags,
           struct timespec *timeout)
{
    BIDE__REAL(recvmmsg);

    return !bide__quiet && interrupted(descriptor, ECONNRESET) ? -1 : real(descriptor, messages, count, flags, timeout);
}

BIDE__WRAP(int, epoll_wait, int epoll, struct epoll_event *events, int count, int timeout)
{
    BIDE__REAL(epoll_wait);

    return timeout && interrupted(-1, 0)
               ? -1
               : real(epoll, events, count, timeout); /* one that does not wait cannot be interrupted */
}

BIDE__WRAP(int, poll, struct pollfd *descriptors, nfds_t count, int timeout)
{
    BIDE__REAL(poll);

    return timeout && interrupted(-1, 0) ? -1 : real(descriptors, count, timeout);
}

/* An interrupted connect goes on in the kernel, so the real one is done first. */
BIDE__WRAP(int, connect, int descriptor, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    BIDE__REAL(connect);

    if (bide__fault_now(BIDE__FAULT_ERROR)) {
        errno = ECONNREFUSED;
        return -1;
    }
    int result = real(descriptor, address, size);
    if ((result == 0 || errno == EINPROGRESS) && bide__fault_now(BIDE__FAULT_EINTR)) {
        errno = EINTR;
        return -1;
    }
    return result;
}

/* ---- what makes descriptors ---- */

static bool no_more_descriptors(void)
{
    return bide__fault_now(BIDE__FAULT_ERROR) && fail_with(EMFILE);
}

BIDE__WRAP(int, accept4, int listener, __SOCKADDR_ARG address, socklen_t *size, int flags)
{
    BIDE__REAL(accept4);

    return interrupted(listener, EMFILE) ? -1 : bide__descriptors_made(real(listener, address, size, flags));
}

BIDE__WRAP(int, accept, int listener, __SOCKADDR_ARG address, socklen_t *size)
{
    BIDE__REAL(accept);

    return interrupted(listener, EMFILE) ? -1 : bide__descriptors_made(real(listener, address, size));
}

#define MAKER(name, parameters, call)                                                                                  \
    BIDE__WRAP(int, name, BIDE__UNPACK parameters)                                                                     \
    {                                                                                                                  \
        BIDE__REAL(name);                                                                                              \
        return no_more_descriptors() ? -1 : bide__descriptors_made(real call);                                         \
    }                                                                                                                  \
    _Static_assert(1, "")

MAKER(socket, (int domain, int type, int protocol), (domain, type, protocol));
MAKER(epoll_create1, (int flags), (flags));
MAKER(dup, (int descriptor), (descriptor));
MAKER(eventfd, (unsigned int value, int flags), (value, flags));

#define PAIR(name, parameters, call, pair)                                                                             \
    BIDE__WRAP(int, name, BIDE__UNPACK parameters)                                                                     \
    {                                                                                                                  \
        BIDE__REAL(name);                                                                                              \
        int result = no_more_descriptors() ? -1 : real call;                                                           \
        if (result == 0) {                                                                                             \
            bide__descriptors_made(pair[0]);                                                                           \
            bide__descriptors_made(pair[1]);                                                                           \
        }                                                                                                              \
        return result;                                                                                                 \
    }                                                                                                                  \
    _Static_assert(1, "")

PAIR(socketpair, (int domain, int type, int protocol, int pair[2]), (domain, type, protocol, pair), pair);
PAIR(pipe, (int pair[2]), (pair), pair);
PAIR(pipe2, (int pair[2], int flags), (pair, flags), pair);

/* The mode is there only with O_CREAT; reading it always is harmless, as it comes in a register. */
__attribute__((visibility("default"))) int open(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    va_list arguments;

    if (!real)
        *(void **)(void *)&real = dlsym(RTLD_NEXT, "open");
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return no_more_descriptors() ? -1 : bide__descriptors_made(real(path, flags, mode));
}

__attribute__((visibility("default"))) int openat(int folder, const char *path, int flags, ...)
{
    static int (*real)(int, const char *, int, ...);
    va_list arguments;

    if (!real)
        *(void **)(void *)&real = dlsym(RTLD_NEXT, "openat");
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return no_more_descriptors() ? -1 : bide__descriptors_made(real(folder, path, flags, mode));
}

/* ---- files ---- */

/* A call of the file system: true if it is to fail now, with errno set. can_wait: it may be interrupted. */
static bool disk_fails(bool can_wait)
{
    int saved = errno;

    if (can_wait && bide__fault_now(BIDE__FAULT_EINTR))
        return fail_with(EINTR);
    if (bide__fault_now(BIDE__FAULT_ERROR))
        return fail_with(EIO);
    errno = saved;
    return false;
}

#define DISK(name, can_wait, parameters, call)                                                                         \
    BIDE__WRAP(int, name, BIDE__UNPACK parameters)                                                                     \
    {                                                                                                                  \
        BIDE__REAL(name);                                                                                              \
        return !bide__quiet && disk_fails(can_wait) ? -1 : real call;                                                  \
    }                                                                                                                  \
    _Static_assert(1, "")

DISK(fsync, true, (int descriptor), (descriptor));
DISK(fdatasync, true, (int descriptor), (descriptor));
DISK(ftruncate, true, (int descriptor, off_t size), (descriptor, size));
DISK(rename, false, (const char *from, const char *to), (from, to));
DISK(mkdir, false, (const char *path, mode_t mode), (path, mode));
DISK(statx, false, (int folder, const char *path, int flags, unsigned mask, struct statx *status),
     (folder, path, flags, mask, status));

BIDE__WRAP(int, close, int descriptor)
{
    BIDE__REAL(close);

    bide__descriptors_closed(descriptor);
    if (descriptor >= 0 && descriptor < REGISTRATIONS_MAX)
        registrations[descriptor].epoll = 0;
    return real(descriptor);
}
