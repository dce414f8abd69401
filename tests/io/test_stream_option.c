/* What can be asked of the socket under a stream, set on it, and taking it away. */
#include <bide/test.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ends {
    bide_stream *near, *far;
    bide_listener *listener;
};

static struct ends open_ends(void)
{
    struct ends ends;

    check_eq(bide_listen("127.0.0.1", 0, &ends.listener), 0);
    check_eq(bide_open_connection("127.0.0.1", bide_listener_port(ends.listener), &ends.near), 0);
    check_eq(bide_accept(ends.listener, &ends.far), 0);
    return ends;
}

static void close_ends(struct ends ends)
{
    bide_close(ends.near);
    bide_close(ends.far);
    bide_listener_close(ends.listener);
}

static int option(const bide_stream *stream, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    check(getsockopt(bide_stream_descriptor(stream), level, name, &value, &size) == 0);
    return value;
}

bide_test(addresses_of_both_ends)
{
    struct ends ends = open_ends();
    struct sockaddr_storage address;
    socklen_t size;
    char near[64], text[16];

    check_eq(bide_local_name(ends.near, near, sizeof near), 0);
    check_str(bide_peer_name(ends.far), near); /* what accept said, and what the other end says of itself */
    check_eq(bide_local_name(ends.far, near, sizeof near), 0);
    check_str(bide_peer_name(ends.near), near);
    check_eq(bide_peer_address(ends.near, &address, &size), 0);
    check_eq(size, (socklen_t)sizeof(struct sockaddr_in));
    check_eq(ntohs(((struct sockaddr_in *)&address)->sin_port), bide_listener_port(ends.listener));
    check_eq(bide_local_address(ends.near, &address, NULL), 0);
    check_eq(bide_local_name(ends.near, text, sizeof text), 0);
    check_eq(strlen(text), (size_t)15); /* cut */
    close_ends(ends);
    bide_stream *one, *other;
    check_eq(bide_stream_pair(0, &one, &other), 0);
    check_error(bide_local_name(one, text, sizeof text), EBADF);
    check_eq(bide_stream_descriptor(one), -1);
    bide_close(one);
    bide_close(other);
    return 0;
}

bide_test(no_delay_is_set_at_both_ends)
{
    struct ends ends = open_ends();

    check_eq(option(ends.near, IPPROTO_TCP, TCP_NODELAY), 1);
    check_eq(option(ends.far, IPPROTO_TCP, TCP_NODELAY), 1); /* as the listener handed it down */
    check_eq(bide_set_no_delay(ends.near, false), 0);
    check_eq(option(ends.near, IPPROTO_TCP, TCP_NODELAY), 0);
    close_ends(ends);
    return 0;
}

bide_test(keep_alive)
{
    struct ends ends = open_ends();

    check_eq(bide_set_keep_alive(ends.near, 59.5, 0.1, 3), 0);
    check_eq(option(ends.near, SOL_SOCKET, SO_KEEPALIVE), 1);
    check_eq(option(ends.near, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    check_eq(option(ends.near, IPPROTO_TCP, TCP_KEEPINTVL), 1);
    check_eq(option(ends.near, IPPROTO_TCP, TCP_KEEPCNT), 3);
    check_eq(bide_set_keep_alive(ends.near, 0, 0, 0), 0);
    check_eq(option(ends.near, SOL_SOCKET, SO_KEEPALIVE), 0);
    check_error(bide_set_keep_alive(ends.near, 1e9, 1, 1), EINVAL, "keep-alive of the stream to 127.0.0.1:");
    check_error(bide_set_keep_alive(ends.near, 1, -1, 1), EINVAL);
    check_error(bide_set_keep_alive(ends.near, 1, 1, 128), EINVAL);
    close_ends(ends);
    return 0;
}

static int read_byte(bide_stream *stream)
{
    char byte;

    return (int)bide_read(stream, &byte, 1);
}
bide_async(read_byte, bide_stream *);

bide_test(detached_stream_leaves_its_descriptor)
{
    struct ends ends = open_ends();
    char text[8] = "";
    const void *data;

    bide_task *task = bide_create_task(NULL, bide_co(read_byte, ends.near));
    bide(bide_sleep(1));
    check_error(bide_stream_detach(ends.near), EBUSY, "a task reads or writes");
    check_eq(bide_write(ends.far, "x12", 3), 3);
    check_eq(bide_join(task), 1);
    check_eq(bide_peek(ends.near, 2, &data), 2);
    check_error(bide_stream_detach(ends.near), EBUSY, "2 bytes were read ahead");
    bide_consume(ends.near, 2);
    int descriptor = bide_stream_detach(ends.near);
    check(descriptor >= 0);
    check_eq(bide_write(ends.far, "more", 4), 4);
    check_eq(bide_wait_readable(descriptor), 0); /* the loop knows nothing of it any more */
    check_eq(recv(descriptor, text, 8, 0), 4);
    close(descriptor);
    check_eq(bide_read(ends.far, text, 1), 0);
    bide_close(ends.far);
    bide_listener_close(ends.listener);
    bide_stream *one, *other;
    check_eq(bide_stream_pair(0, &one, &other), 0);
    check_error(bide_stream_detach(one), EOPNOTSUPP);
    bide_close(one);
    bide_close(other);
    return 0;
}
