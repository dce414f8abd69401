/*
 * Processes: starting programs, waiting for them, signals, and the end.
 *
 * A process is its number, what the kernel gives us to watch it by, its return code once that is known, and a list of
 * the tasks that wait for it. Starting takes the time in which the kernel loads the program, and is one step: there is
 * no moment at which a cancellation could leave half a process. Waiting costs nothing while the program runs; all who
 * wait are woken by one look.
 *
 * Must never happen: a zombie, or a descriptor of ours in the child; an error of the child's first steps that is taken
 * for an exit code.
 */
#include "io/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>
#include <bide/task.h>

#include "io/process_start.h"
#include "task/debug.h"
#include "task/wait.h"

enum { OUTPUT_LIMIT = 64 << 20 };

static const bide_process_options defaults;

/* A process that is being made. */
struct making {
    const char *const *arguments;
    const bide_process_options *options;
    struct bide_process *process;
    int *inherited; /* sorted */
    const char **paths;
    int opened[3]; /* descriptors of ours that become standard streams; -1: none */
    struct bide__start start;
};

/* ---- Starting ---- */

static int explain(const struct making *making, int err)
{
    const struct bide__start *start = &making->start;
    const char *name = making->process->name, *program = making->paths[0], *reason = strerror(-err);

    switch (start->step) {
    case BIDE__START_DESCRIPTOR:
        return bide_fail(err, "start '%s': descriptor %d: %s", name, start->detail, reason);
    case BIDE__START_SESSION:
        return bide_fail(err, "start '%s': a new session: %s", name, reason);
    case BIDE__START_GROUP:
        return bide_fail(err, "start '%s': process group %d: %s", name, start->detail, reason);
    case BIDE__START_DIRECTORY:
        return bide_fail(err, "start '%s': directory '%s': %s", name, start->directory, reason);
    case BIDE__START_EXECUTE:
        if (err == -ENOENT && (making->paths[1] || access(program, F_OK) < 0))
            return bide_fail(err, "start '%s': no such program", name);
        if (err == -ENOENT)
            return bide_fail(err, "start '%s': what it needs to run, an interpreter or loader, is not there", name);
        if (err == -ENOEXEC)
            return bide_fail(err, "start '%s': not a program (a script begins with #!)", name);
        return bide_fail(err, "start '%s': %s", name, reason);
    default:
        return bide_fail(err, "start '%s': %s", name, err == -EAGAIN ? "no more processes are allowed" : reason);
    }
}

static int ascending(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;

    return (left > right) - (left < right);
}

/* The descriptors that the child gets, in order, without the standard ones and repetitions. */
static int sort_inherited(struct making *making)
{
    const bide_process_options *options = making->options;
    size_t count = 0;

    making->inherited = malloc((options->inherit_count + 1) * sizeof *making->inherited);
    if (!making->inherited)
        return -ENOMEM;
    for (size_t i = 0; i < options->inherit_count; i++) {
        if (options->inherit[i] < 0)
            return bide_fail(-EBADF, "start '%s': descriptor %d cannot be inherited", making->process->name,
                             options->inherit[i]);
        if (options->inherit[i] > STDERR_FILENO)
            making->inherited[count++] = options->inherit[i];
    }
    qsort(making->inherited, count, sizeof *making->inherited, ascending);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!kept || making->inherited[kept - 1] != making->inherited[i])
            making->inherited[kept++] = making->inherited[i];
    making->start.inherited = making->inherited;
    making->start.inherited_count = kept;
    return 0;
}

static int open_null_device(void)
{
    int descriptor = bide__above_standard(open("/dev/null", O_RDWR | O_CLOEXEC));

    return descriptor < 0 ? -errno : descriptor;
}

/* Decides what one standard stream of the child is; what must be opened for that is opened. */
static int choose_standard(struct making *making, int number, int wanted)
{
    static const char *const names[] = { "stdin", "stdout", "stderr" };
    int *place = &making->start.standard[number], opened = 0;

    if (wanted > 0)
        *place = wanted;
    else if (wanted == BIDE_INHERIT)
        *place = BIDE__START_KEEP;
    else if (wanted == BIDE_STDOUT && number == STDERR_FILENO)
        *place = BIDE__START_AS_OUTPUT;
    else if (wanted == BIDE_PIPE)
        opened = *place = making->opened[number] = bide__process_open_pipe(making->process, number);
    else if (wanted == BIDE_DEVNULL)
        opened = *place = making->opened[number] = open_null_device();
    else
        return bide_fail(-EINVAL, "start '%s': %s cannot be %d", making->process->name, names[number], wanted);
    if (opened < 0)
        return bide_fail(opened, "start '%s': %s: %s", making->process->name, names[number], strerror(-opened));
    return 0;
}

/* All that the child needs. */
static int prepare(struct making *making)
{
    const bide_process_options *options = making->options;
    const int wanted[] = { options->stdin_from, options->stdout_to, options->stderr_to };

    making->start = (struct bide__start){
        .arguments = making->arguments,
        .environment = options->environment ? options->environment : (const char *const *)environ,
        .directory = options->directory,
        .inherit_all = options->inherit_all,
        .new_session = options->new_session,
        .changes_group = options->process_group != 0,
        .process_group = options->process_group == BIDE_NEW_GROUP ? 0 : options->process_group,
        .keep_ignored = options->keep_ignored,
        .parent_death_signal = options->parent_death_signal,
    };
    making->paths =
        bide__program_paths(options->program ? options->program : making->arguments[0], making->start.environment);
    if (!making->paths)
        return -ENOMEM;
    making->start.paths = making->paths;
    int err = sort_inherited(making);
    for (int i = 0; i < 3 && err >= 0; i++)
        err = choose_standard(making, i, wanted[i]);
    return err;
}

static int begin(struct making *making)
{
    struct bide_process *process = making->process;
    int err = prepare(making);

    if (err < 0)
        return err == -ENOMEM ? bide_fail(err, "start '%s': no memory", process->name) : err;
    err = bide__process_start(&making->start, &process->pid, &process->descriptor);
    if (err < 0)
        return explain(making, err);
    err = bide__process_watch(process);
    if (err < 0) {
        bide__process_undo(process);
        return bide_fail(err, "start '%s': its end cannot be watched for: %s", process->name, strerror(-err));
    }
    return 0;
}

static void release(struct making *making)
{
    for (int i = 0; i < 3; i++)
        if (making->opened[i] >= 0)
            close(making->opened[i]);
    free(making->inherited);
    free(making->paths);
}

static int create(const char *name, const char *const *arguments, const bide_process_options *options,
                  bide_process **ret_process)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    struct bide_process *process = calloc(1, sizeof *process);
    if (!process)
        return bide_fail(-ENOMEM, "start '%s': no memory", name);
    process->loop = task->loop;
    process->returncode = BIDE_RUNNING;
    process->descriptor = -1;
    snprintf(process->name, sizeof process->name, "%s", name);
    struct making making = {
        .arguments = arguments, .options = options ? options : &defaults, .process = process, .opened = { -1, -1, -1 }
    };
    process->output_limit = making.options->output_limit ? making.options->output_limit : OUTPUT_LIMIT;
    err = begin(&making);
    release(&making);
    if (err < 0) {
        bide__process_close_pipes(process);
        free(process);
        return err;
    }
    bide__debug_opened(process, "process", process->name);
    *ret_process = process;
    return 0;
}

int bide_create_subprocess_exec(const char *const *arguments, const bide_process_options *options,
                                bide_process **ret_process)
{
    if (!arguments || !arguments[0] || !*arguments[0])
        return bide_fail(-EINVAL, "start a program: its name is missing");
    return create(arguments[0], arguments, options, ret_process);
}

int bide_create_subprocess_shell(const char *command, const bide_process_options *options, bide_process **ret_process)
{
    if (!command)
        return bide_fail(-EINVAL, "start a shell: the command is missing");
    return create(command, bide_arguments("/bin/sh", "-c", "--", command), options, ret_process);
}

/* ---- Living with it ---- */

pid_t bide_process_pid(const bide_process *process)
{
    return process->pid;
}

int bide_process_returncode(bide_process *process)
{
    bide__process_look(process);
    return process->returncode;
}

int bide_process_wait(bide_process *process, int *ret_returncode)
{
    struct bide__record *task;
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    bide__process_look(process);
    if (process->returncode == BIDE_RUNNING)
        err = bide__wait_in(&process->waiters, task, "a process to end");
    if (err < 0)
        return err;
    if (ret_returncode)
        *ret_returncode = process->returncode;
    return 0;
}

int bide_process_send_signal(bide_process *process, int signal_number)
{
    int err = process->returncode == BIDE_RUNNING ? bide__process_signal(process, signal_number) : -ESRCH;

    return err < 0 ? bide_fail(err, "signal %d to '%s': %s", signal_number, process->name,
                               err == -ESRCH ? "it has ended" : strerror(-err))
                   : 0;
}

int bide_process_terminate(bide_process *process)
{
    return bide_process_send_signal(process, SIGTERM);
}

int bide_process_kill(bide_process *process)
{
    return bide_process_send_signal(process, SIGKILL);
}

int bide_process_stop(bide_process *process, double grace)
{
    int err = 0;

    if (bide_process_returncode(process) != BIDE_RUNNING)
        return 0;
    if (grace > 0 && !bide_cancelled()) {
        err = bide_process_terminate(process);
        if (err == 0)
            bide_timeout (grace, err) {
                err = bide_process_wait(process, NULL);
            }
    }
    if (bide_process_returncode(process) != BIDE_RUNNING)
        return 0;
    err = bide_process_kill(process);
    if (err < 0 && err != -ESRCH)
        return err;
    bide_shield (INFINITY) {
        err = bide_process_wait(process, NULL);
    }
    return err;
}

/* ---- The end of it ---- */

void bide__process_free(struct bide_process *process)
{
    for (int i = 0; i < 2; i++)
        free(process->collected[i].data);
    free(process);
}

void bide_process_close(bide_process *process)
{
    if (!process)
        return;
    assert(!process->waiters.first && !process->communicating && "a process was closed while a task waits for it");
    bide__debug_closed(process);
    bide__process_close_pipes(process);
    bide__process_finish(process);
}
