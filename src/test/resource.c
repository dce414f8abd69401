/*
 * What tests need from the machine: a directory, ports, their own output.
 *
 * The directory is made by the test and removed by the runner, which survives crashes. A port is reserved by a lock
 * that the kernel drops with the process: a local socket in the abstract name space, called after the port's number,
 * so that no two tests of any test program on the machine get the same one.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/descriptors.h"
#include "test/report.h"

enum { FIRST_PORT = 20000, PORTS = 12000 };

static _Noreturn void give_up(const char *what)
{
    bide__say("%s: %s\n", what, strerror(errno));
    bide__end_process(BIDE__FAILED);
}

const char *bide_test_directory(void)
{
    const char *parent = getenv("TMPDIR");

    bide__quiet++;
    if (!*bide__report->directory) {
        snprintf(bide__report->directory, sizeof bide__report->directory, "%s/bide-test-XXXXXX",
                 parent && *parent ? parent : "/tmp");
        if (!mkdtemp(bide__report->directory)) {
            *bide__report->directory = '\0';
            give_up("bide_test_directory");
        }
    }
    bide__quiet--;
    return bide__report->directory;
}

/* True if the number is ours now: the lock stays open until the process ends. */
static bool lock_port(int port)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "bide-test-port-%d", port);
    int lock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (lock < 0)
        return false;
    if (bind(lock, (const struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0) {
        bide__descriptors_ours(lock);
        return true;
    }
    close(lock);
    return false;
}

static bool is_free(int port, int type)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
    struct sockaddr_in old_address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int one = 1, off = 0, descriptor = socket(AF_INET6, type | SOCK_CLOEXEC, 0), result;

    if (descriptor >= 0) {
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        result = bind(descriptor, (const struct sockaddr *)&address, sizeof address);
    } else {
        descriptor = socket(AF_INET, type | SOCK_CLOEXEC, 0);
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        result = bind(descriptor, (const struct sockaddr *)&old_address, sizeof old_address);
    }
    if (result == 0 && type == SOCK_STREAM)
        result = listen(descriptor, 1);
    close(descriptor);
    return result == 0;
}

int bide_test_port(void)
{
    static int next;

    bide__quiet++;
    if (!next)
        next = (int)((unsigned)getpid() * 7919u % PORTS);
    for (int i = 0; i < PORTS; i++) {
        int port = FIRST_PORT + next;

        next = (next + 1) % PORTS;
        if (lock_port(port) && is_free(port, SOCK_STREAM) && is_free(port, SOCK_DGRAM)) {
            bide__quiet--;
            return port;
        }
    }
    errno = EADDRINUSE;
    give_up("bide_test_port");
}

static int captured = -1, real_stdout = -1, real_stderr = -1;
static char *captured_text;

void bide_test_capture(void)
{
    bide__quiet++;
    free(captured_text);
    captured_text = NULL;
    if (captured < 0) {
        fflush(stdout);
        captured = memfd_create("captured output", MFD_CLOEXEC);
        real_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 512);
        real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 512);
        if (captured < 0 || real_stdout < 0 || real_stderr < 0)
            give_up("bide_test_capture");
        if (bide__say_descriptor() < 0)
            bide__say_to(real_stdout);
        dup2(captured, STDOUT_FILENO);
        dup2(captured, STDERR_FILENO);
        bide__descriptors_ours(captured);
        bide__descriptors_ours(real_stdout);
        bide__descriptors_ours(real_stderr);
    }
    bide__quiet--;
}

const char *bide_test_captured(void)
{
    if (captured < 0)
        return NULL;
    bide__quiet++;
    fflush(stdout);
    fflush(stderr);
    if (bide__say_descriptor() == real_stdout)
        bide__say_to(-1);
    dup2(real_stdout, STDOUT_FILENO);
    dup2(real_stderr, STDERR_FILENO);
    off_t size = lseek(captured, 0, SEEK_END);
    captured_text = malloc((size_t)size + 1);
    if (!captured_text || pread(captured, captured_text, (size_t)size, 0) != size)
        give_up("bide_test_captured");
    captured_text[size] = '\0';
    close(real_stdout);
    close(real_stderr);
    close(captured);
    captured = -1;
    bide__quiet--;
    return captured_text;
}
