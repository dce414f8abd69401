/* `bide info`: what bide is and runs on here. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bide.h>

#include "command/arguments.h"
#include "command/command.h"

static void print_backend(const char *name)
{
    char reason[160];

    if (bide_probe_backend(name, reason, sizeof reason) == 0)
        printf("  %-15s yes\n", name);
    else
        printf("  %-15s no: %s\n", name, reason);
}

static int nothing(void)
{
    return bide_sleep(0);
}
bide_async(nothing);

static int print_facts(void)
{
    bide_loop_facts facts;

    bide(bide_gather(bide_co(nothing))); /* how a stack is guarded is known once a task has run */
    bide_loop_information(bide_get_running_loop(), &facts);
    printf("backend           %s (%s)\n", facts.backend, facts.backend_reason);
    printf("stack             %zu KiB of address space for a task, committed as it is touched\n",
           facts.stack_size / 1024);
    printf("stack guard       %s\n", facts.stack_guard);
    return 0;
}
bide_async(print_facts);

int command_info(int argc, char **argv)
{
    struct utsname system;
    struct rlimit descriptors;

    if (argc > 1) {
        int is_help = !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h");

        if (!is_help)
            return usage_error("info", "it takes no arguments");
        puts("usage: bide info\n\nPrints the version, the backend and why, the kernel's features, and the stack size.");
        return 0;
    }
    printf("bide              %s (headers %s)\n", bide_version(), BIDE_VERSION);
    int err = bide_run(bide_co(print_facts));
    if (uname(&system) == 0)
        printf("kernel            %s %s, %s\n", system.sysname, system.release, system.machine);
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0)
        printf("descriptors       %llu now, %llu at most (fetch and serve raise it themselves)\n",
               (unsigned long long)descriptors.rlim_cur, (unsigned long long)descriptors.rlim_max);
    printf("processors        %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
    printf("usable backends\n");
    print_backend("epoll");
    print_backend("io_uring");
    return err < 0;
}
