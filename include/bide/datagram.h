/*
 * bide/datagram.h - datagrams: UDP and Unix sockets
 *
 * An endpoint sends and receives whole messages. Tasks receive as they read a stream: the call waits for the next
 * datagram. Any number of tasks may receive, or send, on one endpoint; they are served in the order in which they came.
 * A call that is cancelled has taken nothing. Datagrams may be lost on the way, and when the kernel's buffer is full.
 */
#ifndef BIDE_DATAGRAM_H
#define BIDE_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <bide/address.h>
#include <bide/export.h>

typedef struct bide_datagram bide_datagram;

/* Which endpoint. Zeroed: UDP, bound to a free port of all addresses. All texts are borrowed. */
typedef struct bide_datagram_options {
    const char *local_host;  /* name or numeric address to receive at; NULL: all addresses, IPv6 and IPv4 */
    int local_port;          /* 0: a free one */
    const char *remote_host; /* the only peer to talk to: the endpoint is connected; NULL: anybody */
    int remote_port;
    const char *local_path;  /* Unix sockets instead: the path or abstract name ("@name") to receive at */
    const char *remote_path; /* and that of the only peer */
    mode_t mode;             /* permissions of the file at local_path; 0: as the umask leaves them */
    int family;              /* AF_INET or AF_INET6: only this one; 0: both */
    bool reuse_port;         /* others may be bound to the same port (SO_REUSEPORT); for multicast, all receive */
    bool allow_broadcast;    /* may send to broadcast addresses */
    int receive_buffer;      /* bytes that the kernel keeps for the endpoint (it caps them); 0: as it likes */
    int send_buffer;
} bide_datagram_options;

/*
 * bide_create_datagram_endpoint - opens an endpoint. options: NULL: all zero.
 *
 * The first combination of addresses that can be bound and connected is taken. An endpoint for all addresses speaks
 * IPv4 and IPv6; the peers that it sees and that it is given are plain addresses of either. A Unix socket's file that
 * nobody receives at any more is replaced; it is removed at the close, unless another has taken its place.
 * ret_datagram: the caller closes it. Waits for the resolver only. Errors, with a message: -EADDRINUSE,
 * -EADDRNOTAVAIL, -EACCES, BIDE_ERESOLVE, -ECONNREFUSED or -ENOENT (nobody at the remote path), -EINVAL (a port out of
 * range, paths beside hosts, a path that is too long), -EMFILE, -ENOMEM; -ECANCELED. Follows
 * loop.create_datagram_endpoint.
 */
BIDE_EXPORT int bide_create_datagram_endpoint(const bide_datagram_options *options, bide_datagram **ret_datagram);

/*
 * bide_datagram_of_descriptor - an endpoint for a datagram socket that was made elsewhere; it owns it from now on, and
 * makes it non-blocking and close-on-exec. 0; -EINVAL: it is no datagram socket; -EBADF, -ENOMEM; -EPERM outside of a
 * loop: it is still the caller's. Does not wait. Follows create_datagram_endpoint(sock=...).
 */
BIDE_EXPORT int bide_datagram_of_descriptor(int descriptor, bide_datagram **ret_datagram);

/*
 * bide_datagram_receive_from - waits for the next datagram. Returns its length, which may be 0; more than `size` if it
 * was cut: the rest of it is lost. ret_from: who sent it, size 0 if it has no address; NULL: not wanted. Errors:
 * -ECONNREFUSED (connected endpoints: something that was sent before found nobody there; the endpoint stays usable),
 * other errors that the network reports, -ECANCELED: nothing was taken. bide_datagram_receive - the same without the
 * address. Follows datagram_received and error_received.
 */
BIDE_EXPORT ssize_t bide_datagram_receive_from(bide_datagram *datagram, void *buffer, size_t size,
                                               bide_address *ret_from);
BIDE_EXPORT ssize_t bide_datagram_receive(bide_datagram *datagram, void *buffer, size_t size);

/*
 * bide_datagram_send_to - sends a datagram to an address; waits only while the kernel's buffer (for Unix sockets, the
 * receiver's) is full. Returns size. Errors: -EMSGSIZE: too long for the protocol; -EDESTADDRREQ: `to` is no address
 * and the endpoint is not connected; -EISCONN; -EAFNOSUPPORT; -ENETUNREACH; -EACCES (broadcast was not allowed);
 * -ECONNREFUSED as above, this one was not sent; -ECANCELED: it was not sent. bide_datagram_send - to the peer of a
 * connected endpoint. Follows DatagramTransport.sendto, which never waits.
 */
BIDE_EXPORT ssize_t bide_datagram_send_to(bide_datagram *datagram, const void *data, size_t size,
                                          const bide_address *to);
BIDE_EXPORT ssize_t bide_datagram_send(bide_datagram *datagram, const void *data, size_t size);

/* One of several datagrams. */
typedef struct bide_datagram_message {
    void *data;
    size_t size;          /* to send: its length; to receive: room for it */
    size_t length;        /* received: its length, more than size if it was cut */
    bide_address address; /* received: who sent it; to send: to whom, size 0: the peer of a connected endpoint */
} bide_datagram_message;

enum { BIDE_DATAGRAM_BATCH = 32 /* datagrams that one system call moves */ };

/*
 * bide_datagram_receive_many - waits for the next datagram and takes those that are there too, by one system call: at
 * most `count` (>= 1), and BIDE_DATAGRAM_BATCH. Returns how many; errors as bide_datagram_receive_from.
 */
BIDE_EXPORT ssize_t bide_datagram_receive_many(bide_datagram *datagram, bide_datagram_message *messages, size_t count);

/*
 * bide_datagram_send_many - sends all of them, BIDE_DATAGRAM_BATCH by one system call. Returns how many were sent: less
 * than count when one failed, or the task was cancelled, after at least one; the reason comes with the next call.
 * Errors as bide_datagram_send_to, of the first one.
 */
BIDE_EXPORT ssize_t bide_datagram_send_many(bide_datagram *datagram, const bide_datagram_message *messages,
                                            size_t count);

/*
 * bide_datagram_join_group, bide_datagram_leave_group - begins and ends to receive what is sent to a multicast address
 * (its port does not matter) on an interface ("eth0"; NULL: the kernel chooses). 0; -EINVAL: no multicast address;
 * -ENODEV: no such interface; -EADDRINUSE, -EADDRNOTAVAIL: joined already, not joined. Does not wait.
 */
BIDE_EXPORT int bide_datagram_join_group(bide_datagram *datagram, const bide_address *group, const char *interface);
BIDE_EXPORT int bide_datagram_leave_group(bide_datagram *datagram, const bide_address *group, const char *interface);

/*
 * bide_datagram_set_multicast_hops - how many networks what is sent to groups may cross: 0 (this machine) to 255; 1 at
 * first. bide_datagram_set_multicast_loop - whether this machine's members receive it too; true at first.
 * bide_datagram_set_multicast_interface - where it goes out; NULL: the kernel chooses. 0, -EINVAL, -ENODEV, or the
 * error of the kernel, with a message. Do not wait.
 */
BIDE_EXPORT int bide_datagram_set_multicast_hops(bide_datagram *datagram, int hops);
BIDE_EXPORT int bide_datagram_set_multicast_loop(bide_datagram *datagram, bool loop);
BIDE_EXPORT int bide_datagram_set_multicast_interface(bide_datagram *datagram, const char *interface);

/*
 * bide_datagram_local_address - where it receives: host and port, or path. bide_datagram_peer_address - whom it is
 * connected to; size 0: nobody. bide_datagram_descriptor - its socket, for options that have no function here; it
 * stays the endpoint's. All valid as long as the endpoint.
 */
BIDE_EXPORT const bide_address *bide_datagram_local_address(const bide_datagram *datagram);
BIDE_EXPORT const bide_address *bide_datagram_peer_address(const bide_datagram *datagram);
BIDE_EXPORT int bide_datagram_descriptor(const bide_datagram *datagram);

/*
 * bide_datagram_close - closes the endpoint and frees it; NULL is ignored. Never waits and always closes (R6). No task
 * may be waiting on it (asserted). bide_auto(datagram) *d = NULL; closes it when it goes out of scope.
 */
BIDE_EXPORT void bide_datagram_close(bide_datagram *datagram);
static inline void bide__auto_datagram(bide_datagram **datagram)
{
    bide_datagram_close(*datagram);
}

#endif
