/*
 * Datagrams sent and received.
 *
 * A call makes its system call at once; only when that would have to wait it waits until the socket is ready, and
 * tries again. So a cancellation finds a task between two tries, and never with a datagram in the hands of the kernel.
 * The one that waits holds the lock of its direction and the others queue behind it: first come, first served.
 *
 * A Unix socket that is not connected is always "writable", however full its receiver is. Then a socket is connected to
 * the receiver for the time of the wait: of a connected one the kernel tells.
 *
 * Costs: one system call for a datagram, or for 32 of them; nothing is allocated. Must never happen: a datagram taken
 * by a call that says -ECANCELED; one sent twice.
 */
#include "io/datagram.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/descriptor.h>
#include <bide/error.h>

#include "io/address.h"
#include "sync/step.h"
#include "task/debug.h"

/* System calls to come for one endpoint: `count` datagrams. */
struct call {
    struct bide_datagram *datagram;
    struct mmsghdr *headers;
    unsigned count;
    bool sends;
};

/* What several datagrams need for a system call. */
struct batch {
    struct mmsghdr headers[BIDE_DATAGRAM_BATCH];
    struct iovec pieces[BIDE_DATAGRAM_BATCH];
    struct sockaddr_in6 mapped[BIDE_DATAGRAM_BATCH];
};

/* ---- IPv4 over an IPv6 socket ---- */

static const unsigned char mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* Has a message go to an address; `mapped` holds it if the kernel wants another form. */
static void set_address(const struct bide_datagram *datagram, const bide_address *to, struct sockaddr_in6 *mapped,
                        struct msghdr *message)
{
    if (!to || !to->size)
        return;
    message->msg_name = (void *)(uintptr_t)&to->u;
    message->msg_namelen = to->size;
    if (!datagram->maps || to->u.any.sa_family != AF_INET)
        return;
    *mapped = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = to->u.v4.sin_port };
    memcpy(mapped->sin6_addr.s6_addr, mapped_prefix, sizeof mapped_prefix);
    memcpy(mapped->sin6_addr.s6_addr + sizeof mapped_prefix, &to->u.v4.sin_addr, sizeof to->u.v4.sin_addr);
    message->msg_name = mapped;
    message->msg_namelen = sizeof *mapped;
}

/* Makes what the kernel has written a value: its size, and plain IPv4. */
static void take_address(const struct bide_datagram *datagram, bide_address *from, socklen_t size)
{
    const struct sockaddr_in6 v6 = from->u.v6;

    from->size = size < sizeof from->u ? size : (socklen_t)sizeof from->u;
    if (!datagram->maps || size < sizeof v6 || memcmp(v6.sin6_addr.s6_addr, mapped_prefix, sizeof mapped_prefix) != 0)
        return;
    from->u.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = v6.sin6_port };
    memcpy(&from->u.v4.sin_addr, v6.sin6_addr.s6_addr + sizeof mapped_prefix, sizeof from->u.v4.sin_addr);
    from->size = sizeof from->u.v4;
}

/* ---- waiting ---- */

/* Makes the system call: how many datagrams, or -errno, -EAGAIN when it would have to wait. */
static int64_t attempt(const struct call *call)
{
    struct mmsghdr *first = &call->headers[0];
    const int descriptor = call->datagram->descriptor;
    ssize_t result;

    do {
        if (call->count > 1 && call->sends)
            result = sendmmsg(descriptor, first, call->count, MSG_DONTWAIT | MSG_NOSIGNAL);
        else if (call->count > 1)
            result = recvmmsg(descriptor, first, call->count, MSG_DONTWAIT | MSG_TRUNC, NULL);
        else if (call->sends)
            result = sendmsg(descriptor, &first->msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
        else
            result = recvmsg(descriptor, &first->msg_hdr, MSG_DONTWAIT | MSG_TRUNC);
    } while (result < 0 && errno == EINTR);
    if (result < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    if (call->count > 1)
        return result;
    first->msg_len = (unsigned)result;
    return 1;
}

int bide__datagram_connect(int descriptor, const void *address, socklen_t size)
{
    int result;

    do
        result = connect(descriptor, address, size);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

/* Waits until a Unix socket takes more. */
static int wait_for_receiver(const struct msghdr *message)
{
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return -errno;
    int err = bide__datagram_connect(descriptor, message->msg_name, message->msg_namelen);
    if (err == 0)
        err = bide_wait_writable(descriptor);
    close(descriptor);
    return err;
}

static int64_t wait_until_ready(const struct call *call)
{
    struct bide_datagram *datagram = call->datagram;
    struct bide__op op = { .kind = call->sends ? BIDE__OP_WRITABLE : BIDE__OP_READABLE,
                           .descriptor = datagram->descriptor };

    if (call->sends && datagram->family == AF_UNIX && call->headers[0].msg_hdr.msg_name)
        return wait_for_receiver(&call->headers[0].msg_hdr);
    return bide__op_run(&op);
}

/* Moves at least one datagram: how many, or an error. */
static int64_t run(const struct call *call)
{
    bide_lock *lock = call->sends ? &call->datagram->sending : &call->datagram->receiving;
    struct bide__record *task;
    int err = bide__checkpoint(&task);
    int64_t result;

    if (err < 0)
        return err;
    bool tried = !bide_lock_locked(lock);
    if (tried && (result = attempt(call)) != -EAGAIN) {
        bide__step_end(task, 0);
        return result;
    }
    err = bide_lock_acquire(lock);
    if (err < 0)
        return err;
    result = tried ? -EAGAIN : attempt(call);
    while (result == -EAGAIN) {
        result = wait_until_ready(call);
        if (result >= 0)
            result = attempt(call);
    }
    bide_lock_release(lock);
    return result;
}

/* ---- the calls ---- */

static ssize_t explain(const struct bide_datagram *datagram, bool sends, int64_t err, const bide_address *to)
{
    char text[BIDE_ADDRESS_TEXT];
    const char *why = strerror((int)-err);

    if (err == -ECANCELED || err == -EPERM)
        return (ssize_t)err; /* without a message, or with one that says it */
    if (err == -ECONNREFUSED && datagram->family != AF_UNIX)
        why = "Connection refused: nobody received what was sent before";
    if (sends)
        return bide_fail((int)err, "send to %s: %s",
                         bide_address_format(to && to->size ? to : &datagram->peer, text, sizeof text), why);
    return bide_fail((int)err, "receive at %s: %s", bide_address_format(&datagram->local, text, sizeof text), why);
}

ssize_t bide_datagram_receive_from(bide_datagram *datagram, void *buffer, size_t size, bide_address *ret_from)
{
    struct iovec piece = { .iov_base = buffer, .iov_len = size };
    bide_address from = { 0 };
    struct mmsghdr header = {
        .msg_hdr = { .msg_name = &from.u, .msg_namelen = sizeof from.u, .msg_iov = &piece, .msg_iovlen = 1 }
    };
    const struct call call = { .datagram = datagram, .headers = &header, .count = 1 };
    int64_t result = run(&call);

    if (result < 0)
        return explain(datagram, false, result, NULL);
    if (ret_from) {
        take_address(datagram, &from, header.msg_hdr.msg_namelen);
        *ret_from = from;
    }
    return header.msg_len;
}

ssize_t bide_datagram_receive(bide_datagram *datagram, void *buffer, size_t size)
{
    return bide_datagram_receive_from(datagram, buffer, size, NULL);
}

ssize_t bide_datagram_send_to(bide_datagram *datagram, const void *data, size_t size, const bide_address *to)
{
    struct iovec piece = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
    struct mmsghdr header = { .msg_hdr = { .msg_iov = &piece, .msg_iovlen = 1 } };
    const struct call call = { .datagram = datagram, .headers = &header, .count = 1, .sends = true };
    struct sockaddr_in6 mapped;

    set_address(datagram, to, &mapped, &header.msg_hdr);
    int64_t result = run(&call);
    return result < 0 ? explain(datagram, true, result, to) : (ssize_t)size;
}

ssize_t bide_datagram_send(bide_datagram *datagram, const void *data, size_t size)
{
    return bide_datagram_send_to(datagram, data, size, NULL);
}

ssize_t bide_datagram_receive_many(bide_datagram *datagram, bide_datagram_message *messages, size_t count)
{
    struct batch batch;
    const struct call call = { .datagram = datagram,
                               .headers = batch.headers,
                               .count = count < BIDE_DATAGRAM_BATCH ? (unsigned)count : BIDE_DATAGRAM_BATCH };

    if (!count)
        return bide_fail(-EINVAL, "bide_datagram_receive_many: no room for a datagram");
    for (unsigned i = 0; i < call.count; i++) {
        batch.pieces[i] = (struct iovec){ .iov_base = messages[i].data, .iov_len = messages[i].size };
        batch.headers[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &messages[i].address.u,
                                                          .msg_namelen = sizeof messages[i].address.u,
                                                          .msg_iov = &batch.pieces[i],
                                                          .msg_iovlen = 1 } };
    }
    int64_t result = run(&call);
    if (result < 0)
        return explain(datagram, false, result, NULL);
    for (int64_t i = 0; i < result; i++) {
        take_address(datagram, &messages[i].address, batch.headers[i].msg_hdr.msg_namelen);
        messages[i].length = batch.headers[i].msg_len;
    }
    return (ssize_t)result;
}

ssize_t bide_datagram_send_many(bide_datagram *datagram, const bide_datagram_message *messages, size_t count)
{
    struct batch batch;
    size_t sent = 0;

    while (sent < count) {
        size_t left = count - sent;
        const struct call call = { .datagram = datagram,
                                   .headers = batch.headers,
                                   .count = left < BIDE_DATAGRAM_BATCH ? (unsigned)left : BIDE_DATAGRAM_BATCH,
                                   .sends = true };

        for (unsigned i = 0; i < call.count; i++) {
            const bide_datagram_message *message = &messages[sent + i];

            batch.pieces[i] = (struct iovec){ .iov_base = message->data, .iov_len = message->size };
            batch.headers[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &batch.pieces[i], .msg_iovlen = 1 } };
            set_address(datagram, &message->address, &batch.mapped[i], &batch.headers[i].msg_hdr);
        }
        int64_t result = run(&call);
        if (result < 0 && sent == 0)
            return explain(datagram, true, result, &messages[0].address);
        if (result < 0)
            break;
        sent += (size_t)result;
    }
    return (ssize_t)sent;
}

/* ---- the endpoint ---- */

static void find_addresses(struct bide_datagram *datagram)
{
    socklen_t local = sizeof datagram->local.u, peer = sizeof datagram->peer.u;

    if (getsockname(datagram->descriptor, &datagram->local.u.any, &local) == 0)
        take_address(datagram, &datagram->local, local);
    if (getpeername(datagram->descriptor, &datagram->peer.u.any, &peer) == 0)
        take_address(datagram, &datagram->peer, peer);
}

struct bide_datagram *bide__datagram_new(struct bide_loop *loop, int descriptor)
{
    struct bide_datagram *datagram = calloc(1, sizeof *datagram);
    char text[BIDE_ADDRESS_TEXT];
    int only = 1;
    socklen_t size = sizeof only;

    if (!datagram)
        return NULL;
    datagram->loop = loop;
    datagram->descriptor = descriptor;
    find_addresses(datagram);
    datagram->family = datagram->local.size ? datagram->local.u.any.sa_family : AF_UNSPEC;
    datagram->maps =
        datagram->family == AF_INET6 && getsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) == 0 && !only;
    if (datagram->maps)
        find_addresses(datagram);
    bide__debug_opened(datagram, "datagram endpoint", bide_address_format(&datagram->local, text, sizeof text));
    return datagram;
}

const bide_address *bide_datagram_local_address(const bide_datagram *datagram)
{
    return &datagram->local;
}

const bide_address *bide_datagram_peer_address(const bide_datagram *datagram)
{
    return &datagram->peer;
}

int bide_datagram_descriptor(const bide_datagram *datagram)
{
    return datagram->descriptor;
}

void bide_datagram_close(bide_datagram *datagram)
{
    if (!datagram)
        return;
    assert(!bide_lock_locked(&datagram->receiving) && !bide_lock_locked(&datagram->sending) &&
           "a datagram endpoint was closed while a task waits on it");
    bide__debug_closed(datagram);
    datagram->loop->backend->forget(datagram->loop, datagram->descriptor);
    close(datagram->descriptor);
    bide__socket_file_remove(datagram->file);
    free(datagram);
}
