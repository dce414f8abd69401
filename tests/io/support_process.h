/* support_process.h - what the tests of processes share: short scripts, what they print, zombies counted. */
#ifndef BIDE_TESTS_SUPPORT_PROCESS_H
#define BIDE_TESTS_SUPPORT_PROCESS_H

#include <stddef.h>

#include <bide/process.h>

/* Fails the test unless the script ends with this return code. */
void check_script(const char *script, const bide_process_options *options, int code);

/* What a script prints, without the last line end; its return code must be 0. Valid until the next call. */
const char *output_of(const char *script, const bide_process_options *options);

/* Starts a script that must start. */
bide_process *start_script(const char *script, const bide_process_options *options);

/* A child that does nothing until it is killed. */
bide_process *start_sleeper(void);

/* How many children of this process there are, zombies included. */
int count_children(void);

/* Waits until the process is a zombie, or gone, without the loop's knowing. */
void await_zombie(pid_t pid);

#endif
