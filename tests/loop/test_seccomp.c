/*
 * A system that forbids io_uring, as container profiles do: the loop says so, once and clearly, and works with epoll.
 * Each test puts a filter around its own process.
 */
#include "support_loop.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup 425
#define __NR_io_uring_register 427
#endif

enum { ANY = -1, REGISTER_PROBE = 8, REGISTER_RING_DESCRIPTORS = 20 };

static struct bide_loop loop;

/* From now on this system call fails with `error`; only with this second argument, unless that is ANY. */
static void forbid(unsigned call, int second_argument, unsigned error)
{
    struct sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)second_argument, 0, second_argument == ANY ? 0 : 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = sizeof instructions / sizeof instructions[0], .filter = instructions };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        skip("no seccomp here");
}

/* Opens the loop with io_uring asked for; ret_said: what it said on stderr. */
static void open_and_listen(const char *backend, char *ret_said, size_t size)
{
    const struct bide__loop_options options = { .record_size = 64, .backend = backend };
    char reason[160] = "";
    int ends[2], before = dup(STDERR_FILENO);

    open_pipe(ends);
    check_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    int err = bide__loop_open(&loop, &options, reason, sizeof reason);
    check_eq(dup2(before, STDERR_FILENO), STDERR_FILENO);
    ssize_t length = read(ends[0], ret_said, size - 1);
    ret_said[length > 0 ? length : 0] = 0;
    close(before);
    close(ends[0]);
    close(ends[1]);
    check_eq(err, 0);
}

static void check_that_it_works(void)
{
    int pair[2];
    char buffer[8];
    struct trial trial;

    open_pair(pair);
    begin(&loop, &trial, receive_op(pair[0], buffer, sizeof buffer));
    put(pair[1], "abc");
    check_eq(end(&loop, &trial), 3);
    close_both(&loop, pair);
    bide__loop_close(&loop);
}

static void check_refusal(const char *why)
{
    char said[400], expected[400];

    open_and_listen("io_uring", said, sizeof said);
    check_str(bide_backend_name(&loop), "epoll");
    snprintf(expected, sizeof expected, "io_uring refused: %s", why);
    check_str(bide_backend_reason(&loop), expected);
    snprintf(expected, sizeof expected,
             "bide: io_uring was asked for by the run options but cannot be used (%s); using epoll\n", why);
    check_str(said, expected);
    check_that_it_works();
}

unit_test(forbidden)
{
    forbid(__NR_io_uring_setup, ANY, EPERM);
    check_refusal("io_uring_setup: forbidden, usually by the seccomp profile of a container");
    return 0;
}

unit_test(hidden)
{
    forbid(__NR_io_uring_setup, ANY, ENOSYS);
    check_refusal("io_uring_setup: this kernel has no io_uring, or a container profile hides it");
    return 0;
}

unit_test(no_memory)
{
    forbid(__NR_io_uring_setup, ANY, ENOMEM);
    check_refusal("io_uring_setup: no memory; before Linux 5.12 it counts as locked memory: ulimit -l");
    return 0;
}

/* None of the sets of features is accepted. */
unit_test(unknown_features)
{
    forbid(__NR_io_uring_setup, ANY, EINVAL);
    check_refusal("io_uring_setup: Invalid argument");
    return 0;
}

/*
 * The ring itself is allowed, but not to ask what it can do: the half-made ring is closed again (the harness counts
 * descriptors).
 */
unit_test(no_probing)
{
    struct bide_loop *ring = &loop;

    open_loop(ring);
    bide__loop_close(ring);
    forbid(__NR_io_uring_register, REGISTER_PROBE, EPERM);
    check_refusal("io_uring_register, probing the operations: Operation not permitted");
    return 0;
}

/* An older kernel that cannot register the ring's descriptor: works all the same. */
unit_test(no_registered_ring)
{
    char said[400];

    open_loop(&loop);
    bide__loop_close(&loop);
    forbid(__NR_io_uring_register, REGISTER_RING_DESCRIPTORS, EINVAL);
    open_and_listen("io_uring", said, sizeof said);
    check_str(said, "");
    check_str(bide_backend_name(&loop), "io_uring");
    check_that_it_works();
    return 0;
}

unit_test(asked_for_by_the_environment)
{
    char said[400];

    check_eq(setenv("BIDE_BACKEND", "io_uring", 1), 0);
    forbid(__NR_io_uring_setup, ANY, EPERM);
    open_and_listen(NULL, said, sizeof said);
    check_str(said, "bide: io_uring was asked for by BIDE_BACKEND but cannot be used "
                    "(io_uring_setup: forbidden, usually by the seccomp profile of a container); using epoll\n");
    check_str(bide_backend_name(&loop), "epoll");
    check_that_it_works();
    return 0;
}

/* Whoever did not ask for it hears nothing. */
unit_test(not_asked_for)
{
    char said[400];

    check_eq(unsetenv("BIDE_BACKEND"), 0);
    forbid(__NR_io_uring_setup, ANY, EPERM);
    open_and_listen(NULL, said, sizeof said);
    check_str(said, "");
    check_str(bide_backend_name(&loop), "epoll");
    check_str(bide_backend_reason(&loop), "the default");
    check_that_it_works();
    return 0;
}

unit_test(an_unknown_backend_is_an_error)
{
    const struct bide__loop_options options = { .record_size = 64, .backend = "kqueue" };
    char reason[160] = "";

    check_error(bide__loop_open(&loop, &options, reason, sizeof reason), EINVAL);
    check_str(reason, "unknown backend 'kqueue', asked for by the run options (known: epoll, io_uring)");
    return 0;
}
