/* command/command.h - the `bide` program: one file for each subcommand. */
#ifndef BIDE_COMMAND_COMMAND_H
#define BIDE_COMMAND_COMMAND_H

/* Each gets its own arguments (argv[0] is its name) and returns the exit status. */
int command_fetch(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_info(int argc, char **argv);

enum { EXIT_USAGE = 2 };

#endif
