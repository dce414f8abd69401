/* command/command.h - the `bide` program: one file for each subcommand, and what they share. */
#ifndef BIDE_COMMAND_COMMAND_H
#define BIDE_COMMAND_COMMAND_H

#include <stddef.h>

/* Each gets its own arguments (argv[0] is its name) and returns the exit status. */
int command_fetch(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_info(int argc, char **argv);

/* Exit statuses besides 0 (all fine) and 1 (something failed). Those of a signal are what a shell would say. */
enum { EXIT_USAGE = 2, EXIT_INTERRUPTED = 130, EXIT_TERMINATED = 143 };

/*
 * raise_descriptor_limit - raises the soft limit of open descriptors to the hard one and returns what it is now
 * (SIZE_MAX: no limit). A program that waits for ten thousand sockets at once meets this limit first.
 */
size_t raise_descriptor_limit(void);

#endif
