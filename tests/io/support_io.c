/* What the tests of streams share. Nothing here is tested; whatever goes wrong here fails the test at once. */
#include "support_io.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "stack/sanitizer.h"

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int listen_with(int backlog, int receive_bytes, int *ret_port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    check(listener >= 0);
    if (receive_bytes)
        check(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes) == 0);
    check(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    check(listen(listener, backlog) == 0);
    check(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    *ret_port = ntohs(address.sin_port);
    return listener;
}

int plain_listener(int backlog, int *ret_port)
{
    return listen_with(backlog, 0, ret_port);
}

int plain_connect(int port)
{
    const int on = 1;
    struct sockaddr_in address = loopback(port);
    int plain = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    check(plain >= 0);
    check(setsockopt(plain, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    check(connect(plain, (struct sockaddr *)&address, sizeof address) == 0);
    return plain;
}

struct connection open_connection(int receive_bytes)
{
    const int on = 1;
    struct connection connection;
    int port, listener = listen_with(1, receive_bytes, &port);

    check_eq(bide_open_connection("127.0.0.1", port, &connection.stream), 0);
    connection.peer = accept(listener, NULL, NULL);
    check(connection.peer >= 0);
    check(setsockopt(connection.peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    close(listener);
    return connection;
}

struct both_ends open_both_ends(void)
{
    struct both_ends ends;
    bide_listener *listener;

    check_eq(bide_listen("127.0.0.1", 0, &listener), 0);
    check_eq(bide_open_connection("127.0.0.1", bide_listener_port(listener), &ends.near), 0);
    check_eq(bide_accept(listener, &ends.far), 0);
    bide_listener_close(listener);
    return ends;
}

void put(int socket, const void *data, size_t size)
{
    size_t sent = 0;

    while (sent < size) {
        ssize_t count = send(socket, (const char *)data + sent, size - sent, MSG_NOSIGNAL);

        check(count > 0);
        sent += (size_t)count;
    }
}

void put_text(int socket, const char *text)
{
    put(socket, text, strlen(text));
}

void take(int socket, void *data, size_t size)
{
    if (size)
        check_eq(recv(socket, data, size, MSG_WAITALL), (ssize_t)size);
}

ssize_t take_some(int socket, void *data, size_t size)
{
    ssize_t count = recv(socket, data, size, MSG_DONTWAIT);

    return count < 0 ? -errno : count;
}

void fill_sequence(void *data, size_t size, size_t offset)
{
    unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        bytes[i] = sequence_at(offset + i);
}

void check_sequence(const void *data, size_t size, size_t offset)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != sequence_at(offset + i)) {
            printf("# byte %zu of the sequence differs (byte %zu of this piece of %zu)\n", offset + i, i, size);
            check_eq(bytes[i], sequence_at(offset + i));
        }
}

void step(unsigned number)
{
    check_eq(bide_sleep(number % 2 ? 1e-9 : 0), 0);
}

void steps(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        step(i);
}

void check_message(int err, const char *text)
{
    const char *message = bide_strerror(err);

    if (!strstr(message, text)) {
        printf("# the message is \"%s\"\n", message);
        check_str(strstr(message, text), text);
    }
}

int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = -1; /* the directory's own */

    check(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

bool under_valgrind(void)
{
    return bide__valgrind_running() > 0;
}

size_t memory_in_use(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return 0;
#else
    return under_valgrind() ? 0 : mallinfo2().uordblks + mallinfo2().hblkhd;
#endif
#else
    return under_valgrind() ? 0 : mallinfo2().uordblks + mallinfo2().hblkhd;
#endif
}

static int caught = -1, real_stderr = -1;

void catch_stderr(void)
{
    fflush(stderr);
    caught = memfd_create("stderr", MFD_CLOEXEC);
    real_stderr = fcntl(2, F_DUPFD_CLOEXEC, 3);
    check(caught >= 0 && real_stderr >= 0);
    check(dup2(caught, 2) == 2);
}

void release_stderr(char *text, size_t size)
{
    fflush(stderr);
    ssize_t count = pread(caught, text, size - 1, 0);

    check(count >= 0);
    text[count] = '\0';
    check(dup2(real_stderr, 2) == 2);
    close(real_stderr);
    close(caught);
}

size_t count_text(const char *where, const char *what)
{
    size_t count = 0;

    for (const char *at = where; (at = strstr(at, what)); at += strlen(what))
        count++;
    return count;
}

int watchdog(double seconds)
{
    check_eq(bide_sleep(seconds * check_slowness()), -ECANCELED);
    return 0;
}
