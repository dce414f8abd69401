/* Tests that use what the harness offers, and must pass: test_planted.c runs this program in many ways. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bide/test.h>

/* ---- fixtures, elements, resources ---- */

struct server {
    bide_listener *listener;
    bide_task *task;
    int served;
};

static int echo(bide_stream *peer, void *argument)
{
    struct server *server = argument;
    char text[64];
    ssize_t count;

    while ((count = bide(bide_read(peer, text, sizeof text))) > 0)
        for (ssize_t sent = 0; sent < count;)
            sent += bide(bide_write(peer, text + sent, (size_t)(count - sent)));
    server->served++;
    return 0;
}

static int serve(struct server *server)
{
    bide_serve_options options = { .quiet = true };

    return bide_serve_listener(server->listener, echo, server, &options);
}
bide_async(serve, struct server *);

static int stop_server(struct server *server)
{
    bide_cancel(server->task);
    int err = bide_join(server->task); /* the server closes its listener */
    return err == -ECANCELED ? 0 : err;
}
bide_async(stop_server, struct server *);

bide_fixture(struct server, echo_server)
{
    bide(bide_listen("127.0.0.1", 0, &it->listener));
    it->task = bide_create_task(NULL, bide_co(serve, it));
    if (!it->task) {
        bide_listener_close(it->listener);
        return -ENOMEM;
    }
    bide_test_cleanup(bide_co(stop_server, it));
    return 0;
}

bide_test(a_fixture_is_made_once_and_cleaned_up)
{
    struct server *server = echo_server();
    bide_auto(stream) *stream = NULL;
    char text[6] = "";

    check(echo_server() == server);
    bide(bide_open_connection("127.0.0.1", bide_listener_port(server->listener), &stream));
    check_eq(bide_write(stream, "hello", 5), 5);
    bide(bide_read_exactly(stream, text, 5));
    check_str(text, "hello");
    return 0;
}

bide_program_fixture(int, number_of_the_program)
{
    *it = 42 + (int)getpid() * 0;
    return 0;
}

unit_test(a_fixture_of_the_program_is_inherited)
{
    check_eq(*number_of_the_program(), 42);
    return 0;
}

static const char *const words[] = { "one", "two" };
bide_test_each(each_word, words)
{
    check_eq(strlen(*it), 3u);
    return 0;
}

static const int numbers[] = { 1, 2, 3 };
bide_test_each(each_number, numbers)
{
    check(*it < 4);
    return 0;
}

static const struct {
    int a, b;
} pairs[] = { { 1, 2 }, { 2, 4 } };
bide_test_each(each_pair, pairs)
{
    check_eq(it->b, 2 * it->a);
    return 0;
}

bide_test(a_directory_and_a_port)
{
    struct stat status;
    char path[300];
    bide_listener *listener;
    int port = bide_test_port();

    check(bide_test_port() != port);
    check_eq(stat(bide_test_directory(), &status), 0);
    check(S_ISDIR(status.st_mode));
    snprintf(path, sizeof path, "%s/file", bide_test_directory());
    FILE *file = fopen(path, "w");
    check(file != NULL);
    fputs("text", file);
    fclose(file);
    bide(bide_listen("127.0.0.1", port, &listener));
    check_eq(bide_listener_port(listener), port);
    bide_listener_close(listener);
    return 0;
}

bide_test(output_is_captured)
{
    bide_test_capture();
    printf("to stdout\n");
    fflush(stdout);
    fprintf(stderr, "to stderr\n");
    check_str(bide_test_captured(), "to stdout\nto stderr\n");
    check(bide_test_captured() == NULL);
    return 0;
}

bide_test(known_to_fail, .expect_failure = "bug 42")
{
    check_eq(1, 2);
    return 0;
}

bide_test(not_here, .skip = "there is no such machine")
{
    check(false);
    return 0;
}

bide_test(skips_itself)
{
    skip("it does not want to");
}

/* ---- time, order ---- */

bide_test(the_clock_is_virtual)
{
    double start = bide_time();

    bide(bide_sleep(86400));
    check(bide_time() - start == 86400);
    return 0;
}

bide_test(the_clock_is_real, .real_clock = true)
{
    struct timespec before, after;
    double start = bide_time();

    clock_gettime(CLOCK_MONOTONIC, &before);
    bide(bide_sleep(0.05));
    clock_gettime(CLOCK_MONOTONIC, &after);
    check(bide_time() - start >= 0.05);
    check((double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) * 1e-9 >= 0.05);
    return 0;
}

static int note(const char *what, double delay)
{
    check_event("%s begins", what);
    bide(bide_sleep(delay));
    check_event("%s ends", what);
    return 0;
}
bide_async(note, const char *, double);

bide_test(the_trace_is_in_order, .seeds = -1)
{
    bide(bide_gather(bide_co(note, "a", 2), bide_co(note, "b", 1)));
    check_trace("a begins", "b begins", "b ends", "a ends");
    check_no_trace();
    return 0;
}

bide_test(any_order_will_do, .seeds = 20)
{
    bide(bide_gather(bide_co(note, "a", 1), bide_co(note, "b", 1), bide_co(note, "c", 1)));
    check_trace_sorted("a begins", "a ends", "b begins", "b ends", "c begins", "c ends");
    return 0;
}

unit_test(true_checks_pass)
{
    enum { CONSTANT = 7 } constant = CONSTANT;
    unsigned char small = 200;

    check_eq(small, 200L);
    check_eq(constant, 7);
    check_eq(1.5, 1.5f);
    check_eq(&small, (const void *)&small);
    check_near(1.0, 1.05, 0.1);
    check_str(NULL, NULL);
    check_mem("ab\0c", "ab\0c", 4);
    check_error(bide_fail(-EIO, "no paper left"), EIO, "paper");
    check_error(BIDE_EOF, BIDE_EOF);
    return 0;
}

unit_test(what_the_c_library_keeps_is_no_leak)
{
    time_t epoch = 0;

    check(localtime(&epoch) != NULL);
    check(strerror(12345) != NULL);
    check_eq(setenv("BIDE_TEST_ONE", "1", 1), 0);
    check_eq(setenv("BIDE_TEST_TWO", "2", 1), 0);
    check_eq(setenv("BIDE_TEST_ONE", "3", 1), 0);
    printf("%s %f\n", "a buffer for stdout", 1.5);
    return 0;
}

/* ---- everything that may stay behind is allowed to ---- */

static int sleeper(void)
{
    return bide_sleep(3600);
}
bide_async(sleeper);

static int failing(void)
{
    return -EIO;
}
bide_async(failing);

static void *volatile sink;

bide_test(may_leave_all_behind,
          .allow = BIDE_ALLOW_DESCRIPTORS | BIDE_ALLOW_MEMORY | BIDE_ALLOW_TASKS | BIDE_ALLOW_ERRORS)
{
    if (getenv("BIDE_TEST_LEAK_CHECKER"))
        skip("another leak checker would not allow it");
    sink = malloc(10);
    bide(bide_start(NULL, bide_co(sleeper)));
    bide(bide_start(NULL, bide_co(failing)));
    return open("/dev/null", O_RDONLY) < 0;
}

/* ---- faults and cancellation: real network, tasks, threads ---- */

static int exchange(void)
{
    struct server *server = echo_server();
    bide_auto(stream) *stream = NULL;
    char text[11] = "";
    ssize_t sent = 0;

    bide(bide_open_connection("127.0.0.1", bide_listener_port(server->listener), &stream));
    while (sent < 10)
        sent += bide(bide_write(stream, &"0123456789"[sent], (size_t)(10 - sent)));
    bide(bide_read_exactly(stream, text, 10));
    check_str(text, "0123456789");
    bide(bide_write_eof(stream));
    check_eq(bide(bide_read(stream, text, 1)), 0);
    return 0;
}

bide_test_faults(an_exchange_survives_faults, .faults = "eintr eagain short error")
{
    return exchange();
}

bide_test_cancel_everywhere(an_exchange_can_be_cancelled)
{
    return exchange();
}

bide_test_timeout_everywhere(an_exchange_can_time_out)
{
    return exchange();
}

static int worker(int *counter)
{
    bide(bide_sleep(1));
    ++*counter;
    return 0;
}
bide_async(worker, int *);

static int group(void)
{
    int err, counter = 0;

    bide_task_group (tasks, err) {
        for (int i = 0; i < 3; i++)
            (void)bide_start(tasks, bide_co(worker, &counter)); /* a failure is the group's */
        bide(bide_sleep(0));
    }
    bide(err);
    check_eq(counter, 3);
    return 0;
}

bide_test_faults(a_group_survives_faults)
{
    return group();
}

bide_test_cancel_everywhere(a_group_can_be_cancelled)
{
    return group();
}

static int compute(int number, int *ret_square)
{
    *ret_square = number * number;
    return 0;
}
bide_async(compute, int, int *);

bide_test_faults(a_thread_survives_faults)
{
    int square = 0;

    bide(bide_to_thread(bide_co(compute, 7, &square)));
    check_eq(square, 49);
    return 0;
}

bide_test_cancel_everywhere(cancelled_with_a_cleanup)
{
    char *block = malloc(100);
    int err = block ? bide_sleep(1) : -ENOMEM;

    bide_shield (5) {
        bide(bide_sleep(1));
    }
    free(block);
    return err;
}

bide_test_cancel_everywhere(may_turn_cancellation_into_success, .may_swallow = true)
{
    (void)bide_sleep(1);
    return 0;
}

/* ---- what only looks like a deadlock ---- */

struct meeting {
    bide_loop *loop;
    bide_event event;
};

static void set_event(void *meeting)
{
    bide_event_set(&((struct meeting *)meeting)->event);
}

static void *call_later(void *argument)
{
    struct meeting *meeting = argument;

    nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
    bide_call_soon_threadsafe(meeting->loop, set_event, meeting);
    return NULL;
}

bide_test(a_thread_may_still_wake_a_task)
{
    struct meeting meeting = { .loop = bide_get_running_loop() };
    pthread_t thread;

    check_eq(pthread_create(&thread, NULL, call_later, &meeting), 0);
    int err = bide_event_wait(&meeting.event);
    pthread_join(thread, NULL);
    return err;
}

bide_test(a_signal_may_still_wake_a_task)
{
    struct meeting meeting = { .loop = bide_get_running_loop() };

    check_eq(bide_add_signal_handler(meeting.loop, SIGUSR1, set_event, &meeting), 0);
    pid_t child = fork();
    if (child == 0) {
        nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    int err = bide_event_wait(&meeting.event);
    waitpid(child, NULL, 0);
    return err;
}

bide_test(a_descriptor_may_still_wake_a_task)
{
    struct meeting meeting = { .loop = bide_get_running_loop() };
    int ends[2];

    check_eq(pipe(ends), 0);
    check_eq(bide_add_reader(meeting.loop, ends[0], set_event, &meeting), 0);
    pid_t child = fork();
    if (child == 0) {
        nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
        _exit(write(ends[1], "x", 1) != 1);
    }
    int err = bide_event_wait(&meeting.event);
    bide_remove_reader(meeting.loop, ends[0]);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    return err;
}
