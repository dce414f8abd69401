/* The `bide` program: bide's own user. Chooses the subcommand. */
#include <stdio.h>
#include <string.h>

#include <bide.h>

#include "command/command.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    { "fetch", command_fetch, "fetch many URLs concurrently" },
    { "serve", command_serve, "serve the files of a directory, or answer after a delay" },
    { "info", command_info, "print the version, the backend and why, and what the kernel offers" },
};

static void print_help(FILE *to)
{
    fprintf(to, "usage: bide COMMAND [OPTION...]\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
    fprintf(
        to,
        "\n`bide COMMAND --help` explains a command. BIDE_BACKEND=epoll|io_uring chooses what the loop waits with.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_help(stdout);
        return 0;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("bide %s\n", bide_version());
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "bide: unknown command '%s'; see `bide --help`\n", argv[1]);
    return EXIT_USAGE;
}
