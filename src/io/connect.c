/*
 * Connecting: resolve, then try each address in the resolver's order until one answers. The socket exists only inside
 * the attempt: cancelled at any point, it is closed and nothing is left registered. One message names each address
 * with its reason.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/stream.h"
#include "task/wait.h"

enum { REASONS_BYTES = 400 };

static int64_t connect_to(struct bide_loop *loop, const union bide__address *address, int *ret_descriptor)
{
    const int on = 1;
    int descriptor = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return -errno;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct bide__op op = { .kind = BIDE__OP_CONNECT,
                           .descriptor = descriptor,
                           .u.address = &address->any,
                           .size = bide__address_size(address) };
    int64_t err = bide__op_run(&op);
    if (err < 0) {
        loop->backend->forget(loop, descriptor);
        close(descriptor);
        return err;
    }
    *ret_descriptor = descriptor;
    return 0;
}

static void add_reason(char *reasons, const union bide__address *address, int64_t err)
{
    char text[BIDE__ADDRESS_TEXT];
    size_t length = strlen(reasons);

    bide__address_text(address, text, sizeof text);
    snprintf(reasons + length, REASONS_BYTES - length, "%s%s: %s", length ? "; " : "", text, strerror((int)-err));
}

/* One message; an address that was given as such is not said twice. */
static int explain(int err, const char *host, int port, const char *reasons)
{
    char target[BIDE__ADDRESS_TEXT];
    int length = snprintf(target, sizeof target, "%s:%d: ", host, port);

    if (length > 0 && (size_t)length < sizeof target && !strncmp(reasons, target, (size_t)length) &&
        !strchr(reasons, ';'))
        reasons += length;
    return bide_fail(err, "connect to %s:%d: %s", host, port, reasons);
}

static int try_all(const struct bide__addresses *addresses, const char *host, int port, bide_stream **ret_stream)
{
    struct bide_loop *loop = bide__loop;
    char reasons[REASONS_BYTES] = "";
    int64_t err = 0;
    int descriptor = -1;

    for (size_t i = 0; i < addresses->count; i++) {
        err = connect_to(loop, &addresses->list[i], &descriptor);
        if (err == 0)
            break;
        if (err == -ECANCELED)
            return -ECANCELED;
        add_reason(reasons, &addresses->list[i], err);
    }
    if (descriptor < 0)
        return explain((int)err, host, port, reasons);
    struct bide_stream *stream = bide__stream_new(loop, descriptor);
    if (!stream) {
        loop->backend->forget(loop, descriptor);
        close(descriptor);
        return bide_fail(-ENOMEM, "connect to %s:%d: no memory for the stream", host, port);
    }
    *ret_stream = stream;
    return 0;
}

int bide_open_connection(const char *host, int port, bide_stream **ret_stream)
{
    struct bide__addresses *addresses;
    int err = bide__resolve(host, port, 0, &addresses);

    if (err < 0)
        return err;
    err = try_all(addresses, host, port, ret_stream);
    free(addresses);
    return err;
}
