/*
 * What can be asked of, and set on, the socket under a stream; and taking it away.
 *
 * These are single system calls that never wait. They work on the descriptor at the bottom, also when a layer stands on
 * it.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include <bide/error.h>

#include "io/stream.h"
#include "io/unix.h"
#include "task/debug.h"

static int set_option(bide_stream *stream, const char *what, int level, int option, int value)
{
    if (setsockopt(stream->descriptor, level, option, &value, sizeof value) < 0)
        return bide_fail(-errno, "%s of the stream to %s: %s", what, bide_peer_name(stream), strerror(errno));
    return 0;
}

int bide_set_no_delay(bide_stream *stream, bool on)
{
    return set_option(stream, "no-delay", IPPROTO_TCP, TCP_NODELAY, on);
}

/* Whole seconds, rounded up; 0: out of range. */
static int whole_seconds(double seconds)
{
    if (!(seconds > 0 && seconds <= 32767))
        return 0;
    int whole = (int)seconds;
    return whole < seconds ? whole + 1 : whole; /* ceil() would need the mathematics library */
}

int bide_set_keep_alive(bide_stream *stream, double idle, double interval, int count)
{
    static const char what[] = "keep-alive";
    int idle_seconds = whole_seconds(idle), interval_seconds = whole_seconds(interval);

    if (idle <= 0)
        return set_option(stream, what, SOL_SOCKET, SO_KEEPALIVE, 0);
    if (!idle_seconds || !interval_seconds || count < 1 || count > 127)
        return bide_fail(
            -EINVAL, "keep-alive of the stream to %s: idle %g s, interval %g s, count %d; at most 32767, 32767, 127",
            bide_peer_name(stream), idle, interval, count);
    int err = set_option(stream, what, IPPROTO_TCP, TCP_KEEPIDLE, idle_seconds);
    if (err == 0)
        err = set_option(stream, what, IPPROTO_TCP, TCP_KEEPINTVL, interval_seconds);
    if (err == 0)
        err = set_option(stream, what, IPPROTO_TCP, TCP_KEEPCNT, count);
    return err == 0 ? set_option(stream, what, SOL_SOCKET, SO_KEEPALIVE, 1) : err;
}

static int get_address(const bide_stream *stream, int (*get)(int, struct sockaddr *, socklen_t *),
                       struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof address;

    if (get(stream->descriptor, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    *ret_address = address;
    if (ret_size)
        *ret_size = size;
    return 0;
}

static int get_local(int descriptor, struct sockaddr *address, socklen_t *size)
{
    return getsockname(descriptor, address, size);
}

static int get_peer(int descriptor, struct sockaddr *address, socklen_t *size)
{
    return getpeername(descriptor, address, size);
}

int bide_local_address(const bide_stream *stream, struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
    return get_address(stream, get_local, ret_address, ret_size);
}

int bide_peer_address(const bide_stream *stream, struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
    return get_address(stream, get_peer, ret_address, ret_size);
}

int bide_local_name(const bide_stream *stream, char *ret_text, size_t size)
{
    union {
        struct sockaddr_storage any;
        struct sockaddr_un local;
        union bide__address inet;
    } address = { .any = { .ss_family = AF_UNSPEC } };
    socklen_t length = 0;
    int err = bide_local_address(stream, &address.any, &length);

    if (err < 0)
        return err;
    if (address.any.ss_family == AF_UNIX)
        bide__unix_address_text(&address.local, length, ret_text, size);
    else
        bide__address_text(&address.inet, ret_text, size);
    return 0;
}

int bide_stream_descriptor(const bide_stream *stream)
{
    return stream->descriptor;
}

int bide_stream_detach(bide_stream *stream)
{
    int descriptor = stream->channel.descriptor;

    if (stream->channel.transport != &bide__transport_socket && stream->channel.transport != &bide__transport_pipe)
        return bide_fail(-EOPNOTSUPP, "detach the stream to %s: it is not just a descriptor", bide_peer_name(stream));
    if (stream->reading || stream->writing || stream->server)
        return bide_fail(-EBUSY, "detach the stream to %s: %s", bide_peer_name(stream),
                         stream->server ? "it is its server's" : "a task reads or writes");
    if (bide__buffer_size(&stream->input))
        return bide_fail(-EBUSY, "detach the stream to %s: %zu bytes were read ahead", bide_peer_name(stream),
                         bide__buffer_size(&stream->input));
    stream->channel.loop->backend->forget(stream->channel.loop, descriptor);
    bide__stream_discard(stream);
    return descriptor;
}
