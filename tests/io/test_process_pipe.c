/* Processes with pipes: reading and writing them, communicate, and what is lost when it is cut short: nothing. */
#include "support_io.h"
#include "support_process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const bide_process_options all_pipes = { .stdin_from = BIDE_PIPE,
                                                .stdout_to = BIDE_PIPE,
                                                .stderr_to = BIDE_PIPE };

bide_test(pipes_are_streams)
{
    bide_process *process = start_script("read line; echo \"got $line\"; echo oops >&2", &all_pipes);
    char line[64];

    check_eq(bide_write(bide_process_stdin(process), "hello\n", 6), 6);
    check_eq(bide_read_line(bide_process_stdout(process), line, sizeof line), 9);
    check_str(line, "got hello");
    check_eq(bide_read_line(bide_process_stderr(process), line, sizeof line), 4);
    check_str(line, "oops");
    check_eq(bide_read_line(bide_process_stdout(process), line, sizeof line), BIDE_EOF);
    check_message(BIDE_EOF, "stdout of '");
    check_eq(bide_process_wait(process, NULL), 0);
    bide_process_close(process);
    return 0;
}

bide_test(without_pipes_there_are_no_streams)
{
    bide_process *process = start_script("exit 0", NULL);

    check_eq((void *)bide_process_stdin(process), NULL);
    check_eq((void *)bide_process_stdout(process), NULL);
    check_eq((void *)bide_process_stderr(process), NULL);
    check_eq(bide_process_communicate(process, "x", 1, NULL), 0);
    check_eq(bide_process_returncode(process), 0);
    bide_process_close(process);
    return 0;
}

bide_test(the_child_s_ends_block_and_ours_do_not)
{
    bide_process *process = start_script("grep flags /proc/$$/fdinfo/[012] | cut -f2", &all_pipes);
    bide_process_output output;

    check_eq(bide_process_communicate(process, NULL, 0, &output), 0);
    check_eq(output.errors_size, 0);
    long flags[3] = { 0 };
    check_eq(sscanf(output.text, "%lo %lo %lo", &flags[0], &flags[1], &flags[2]), 3);
    for (int i = 0; i < 3; i++)
        check_eq(flags[i] & O_NONBLOCK, 0);
    bide_process_output_free(&output);
    bide_process_close(process);
    return 0;
}

/* S1 */
bide_test(communicate_moves_more_than_the_pipes_hold)
{
    enum { SIZE = 1 << 20 };
    bide_process *process = start_script("tee /dev/stderr", &all_pipes);
    char *input = malloc(SIZE);
    bide_process_output output = { 0 };

    check(input != NULL);
    fill_sequence(input, SIZE, 0);
    check_eq(bide_process_communicate(process, input, SIZE, &output), 0);
    check_eq(bide_process_returncode(process), 0);
    check_eq(output.size, (size_t)SIZE);
    check_eq(output.errors_size, (size_t)SIZE);
    check_mem(output.text, input, SIZE);
    check_mem(output.errors, input, SIZE);
    check_eq(output.text[SIZE], 0);
    bide_process_output_free(&output);
    bide_process_output_free(&output);
    free(input);
    bide_process_close(process);
    return 0;
}

bide_test(communicate_with_a_program_that_does_not_read)
{
    enum { SIZE = 1 << 20 };
    char *input = calloc(1, SIZE);
    bide_process_output output = { 0 };

    check(input != NULL);
    bide_process *process = start_script("exec 0<&-; echo done; exit 3", &all_pipes);
    check_eq(bide_process_communicate(process, input, SIZE, &output), 0);
    check_str(output.text, "done\n");
    check_str(output.errors, "");
    check_eq(bide_process_returncode(process), 3);
    bide_process_output_free(&output);
    bide_process_close(process);
    process = start_script("head -c 100000 >/dev/null; exit 4", &all_pipes);
    check_eq(bide_process_communicate(process, input, SIZE, NULL), 0);
    check_eq(bide_process_returncode(process), 4);
    bide_process_close(process);
    process = start_script("cat", &all_pipes); /* its input was ended before */
    check_eq(bide_write(bide_process_stdin(process), "x", 1), 1);
    check_eq(bide_write_eof(bide_process_stdin(process)), 0);
    check_eq(bide_process_communicate(process, input, SIZE, &output), 0);
    check_str(output.text, "x");
    bide_process_output_free(&output);
    bide_process_close(process);
    free(input);
    return 0;
}

bide_test(communicate_of_some_pipes)
{
    const bide_process_options only_errors = { .stdout_to = BIDE_DEVNULL, .stderr_to = BIDE_PIPE },
                               together = { .stdout_to = BIDE_PIPE, .stderr_to = BIDE_STDOUT };
    bide_process_output output;
    bide_process *process = start_script("echo out; echo errors >&2", &only_errors);

    check_eq(bide_process_communicate(process, NULL, 0, &output), 0);
    check_eq((void *)output.text, NULL);
    check_str(output.errors, "errors\n");
    bide_process_output_free(&output);
    bide_process_close(process);
    process = start_script("echo out; echo errors >&2", &together);
    check_eq(bide_process_communicate(process, NULL, 0, &output), 0);
    check_str(output.text, "out\nerrors\n");
    check_eq((void *)output.errors, NULL);
    bide_process_output_free(&output);
    bide_process_close(process);
    return 0;
}

bide_test(communicate_collects_no_more_than_its_limit)
{
    bide_process_options options = { .stdout_to = BIDE_PIPE, .output_limit = 10000 };
    bide_process_output output = { 0 };
    bide_process *process = start_script("head -c 10000 /dev/zero", &options);

    check_eq(bide_process_communicate(process, NULL, 0, &output), 0);
    check_eq(output.size, 10000U);
    bide_process_output_free(&output);
    bide_process_close(process);
    process = start_script("head -c 10001 /dev/zero; sleep 1000", &options);
    check_error(bide_process_communicate(process, NULL, 0, &output), BIDE_ELIMIT, "more than 10000 bytes");
    check_error(bide_process_communicate(process, NULL, 0, &output), BIDE_ELIMIT, "stdout of '");
    check_eq(bide_process_returncode(process), BIDE_RUNNING);
    check_eq((void *)output.text, NULL);
    bide_process_close(process);
    return 0;
}

static int communicate(bide_process *process)
{
    return bide_process_communicate(process, NULL, 0, NULL);
}
bide_async(communicate, bide_process *);

bide_test(two_that_communicate_with_one_process)
{
    bide_process *process = start_script("cat; sleep 1000", &all_pipes);
    int err;

    bide_task_group (group, err) {
        bide_start(group, bide_co(communicate, process));
        steps(2);
        check_error(bide_process_communicate(process, NULL, 0, NULL), EBUSY, "another task");
        bide_group_cancel(group);
    }
    check_eq(err, 0);
    bide_process_close(process);
    return 0;
}

/* S3: cut short again and again, and every byte arrives all the same. */
bide_test(a_cancelled_communicate_goes_on_where_it_stopped)
{
    enum { SIZE = 300000 };
    bide_process *process = start_script("head -c 100000; sleep 0.02; head -c 100000; sleep 0.02; cat", &all_pipes);
    bide_process_output output = { 0 };
    char *input = malloc(SIZE);
    int err, rounds = 0;

    check(input != NULL);
    for (size_t i = 0; i < SIZE; i++)
        input[i] = i % 100 == 99 ? '\n' : (char)('a' + i / 100 % 26);
    do {
        bide_timeout (0.005, err) {
            err = bide_process_communicate(process, input, SIZE, &output);
        }
        rounds++;
    } while (err == -ETIMEDOUT);
    check_eq(err, 0);
    check(rounds > 1);
    check_eq(bide_process_returncode(process), 0);
    check_eq(output.size, (size_t)SIZE);
    check_mem(output.text, input, SIZE);
    bide_process_output_free(&output);
    free(input);
    bide_process_close(process);
    return 0;
}

/* S5 */
bide_test(output_is_there_after_the_end)
{
    bide_process *process = start_script("head -c 60000 /dev/zero; echo last >&2", &all_pipes);
    char *data = malloc(60000), byte, line[16];

    check(data != NULL);
    check_eq(bide_process_wait(process, NULL), 0);
    check_eq(bide_read_exactly(bide_process_stdout(process), data, 60000), 0);
    check_eq(bide_read(bide_process_stdout(process), &byte, 1), 0);
    check_eq(bide_read_line(bide_process_stderr(process), line, sizeof line), 4);
    check_str(line, "last");
    free(data);
    bide_process_close(process);
    return 0;
}

/* S6 */
bide_test(writing_to_a_dead_program_fails)
{
    enum { SIZE = 1 << 20 };
    bide_process *process = start_script("exit 0", &all_pipes);
    char *data = calloc(1, SIZE);

    check(data != NULL);
    check_eq(bide_process_wait(process, NULL), 0);
    check_error(bide_write(bide_process_stdin(process), data, SIZE), EPIPE, "write to stdin of 'exit 0'");
    bide_process_close(process);
    process = start_sleeper();
    bide_process_close(process);
    process = start_script("sleep 0.02", &all_pipes); /* it dies while we wait for room */
    ssize_t count = bide_write(bide_process_stdin(process), data, SIZE);
    check(count > 0 && count < SIZE);
    check_error(bide_write(bide_process_stdin(process), data, SIZE), EPIPE);
    free(data);
    bide_process_close(process);
    return 0;
}

bide_test(a_grandchild_that_holds_the_pipes_delays_reading_not_waiting)
{
    bide_process *process = start_script("sleep 1000 & echo $!", &all_pipes);
    char line[32];
    int err;

    check_eq(bide_process_wait(process, NULL), 0);
    check(bide_read_line(bide_process_stdout(process), line, sizeof line) > 0);
    bide_timeout (0.01, err) {
        err = (int)bide_read(bide_process_stdout(process), line + 16, 1);
    }
    check_eq(err, -ETIMEDOUT);
    check_eq(kill(atoi(line), SIGKILL), 0);
    check_eq(bide_read(bide_process_stdout(process), line, 1), 0);
    bide_process_close(process);
    return 0;
}

/* The ends of one child's pipes in another would keep the first from seeing the end of its input. */
bide_test(children_do_not_hold_each_other_s_pipes)
{
    bide_process *first = start_script("cat", &all_pipes), *second = start_script("cat", &all_pipes);
    bide_process_output output;

    check_eq(bide_process_communicate(first, "one", 3, &output), 0);
    check_str(output.text, "one");
    bide_process_output_free(&output);
    check_eq(bide_process_communicate(second, "two", 3, &output), 0);
    check_str(output.text, "two");
    bide_process_output_free(&output);
    bide_process_close(first);
    bide_process_close(second);
    return 0;
}

/* With our own standard descriptors closed, their numbers are given to what we open. */
bide_test(a_parent_without_standard_descriptors)
{
    int saved[3];
    bide_process *process = NULL;
    bide_process_output output = { 0 };
    const bide_process_options options = { .stdout_to = BIDE_PIPE, .stderr_to = BIDE_DEVNULL };

    for (int i = 0; i < 3; i++) {
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 200);
        close(i);
    }
    int err = bide_create_subprocess_shell("for i in 0 1 2; do if [ -e /proc/$$/fd/$i ]; then echo $i; fi; done",
                                           &options, &process);
    if (err >= 0)
        err = bide_process_communicate(process, NULL, 0, &output);
    for (int i = 0; i < 3; i++)
        if (saved[i] >= 0) {
            dup2(saved[i], i);
            close(saved[i]);
        }
    check_eq(err, 0);
    check_str(output.text, "1\n2\n");
    bide_process_output_free(&output);
    bide_process_close(process);
    return 0;
}

static int session(void)
{
    bide_auto(process) *process = NULL;
    bide_auto(process_output) output = { 0 };
    char text[] = "some bytes\n";

    bide(bide_create_subprocess_exec(bide_arguments("cat"), &all_pipes, &process));
    bide(bide_process_communicate(process, text, sizeof text - 1, &output));
    check_str(output.text, text);
    check_eq(output.errors_size, 0);
    check_eq(bide_process_returncode(process), 0);
    return 0;
}

bide_test_cancel_everywhere(a_session_cancelled_anywhere, .real_clock = true)
{
    int err = session();

    check_eq(count_children(), 0);
    return err;
}

bide_test_timeout_everywhere(a_session_timed_out_anywhere, .real_clock = true)
{
    int err = session();

    check_eq(count_children(), 0);
    return err;
}

bide_test_faults(a_session_with_faults, .real_clock = true, .faults = "memory eintr eagain short error")
{
    int err = session();

    check_eq(count_children(), 0);
    return err;
}

static int stop_one(void)
{
    bide_auto(process) *process = NULL;

    bide(bide_create_subprocess_exec(bide_arguments("sleep", "1000"), NULL, &process));
    bide(bide_process_stop(process, 100));
    return bide_process_wait(process, NULL);
}

bide_test_cancel_everywhere(a_stop_cancelled_anywhere, .real_clock = true)
{
    int err = stop_one();

    check_eq(count_children(), 0);
    return err;
}

bide_test_faults(a_stop_with_faults, .real_clock = true, .faults = "memory eintr error")
{
    int err = stop_one();

    check_eq(count_children(), 0);
    return err;
}

/* The clock of tests stands still while a program works, and does not end the wait for one that was killed. */
bide_test_cancel_everywhere(a_session_on_a_virtual_clock)
{
    int err = session();

    check_eq(count_children(), 0);
    return err;
}
