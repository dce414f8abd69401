/* Servers: handlers in tasks of their own, how a server ends, and what it does when something runs out. */
#include "support_io.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { WAIT = 20 };

/* A server in a task, and what its handlers count. */
struct service {
    bide_listener *listener;
    bide_serve_options options;
    int (*handler)(bide_stream *stream, void *argument);
    int port, started, ended, cancelled, most;
    int result;
};

static int serve(struct service *service)
{
    service->result = bide_serve_listener(service->listener, service->handler, service, &service->options);
    return service->result;
}
bide_async(serve, struct service *);

static void prepare(struct service *service, int (*handler)(bide_stream *, void *))
{
    service->handler = handler;
    service->result = 1;
    check_eq(bide_listen("127.0.0.1", 0, &service->listener), 0);
    service->port = bide_listener_port(service->listener);
}

static bide_task *start(struct service *service, int (*handler)(bide_stream *, void *))
{
    prepare(service, handler);
    bide_task *task = bide_create_task(NULL, bide_co(serve, service));
    check(task != NULL);
    return task;
}

/* Cancels it and waits for its end. */
static void stop(struct service *service, bide_task *task)
{
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    check_eq(service->result, -ECANCELED);
}

static int echo(bide_stream *stream, void *argument)
{
    struct service *service = argument;
    char buffer[512];
    ssize_t count;

    service->started++;
    if (service->started - service->ended > service->most)
        service->most = service->started - service->ended;
    while ((count = bide_read(stream, buffer, sizeof buffer)) > 0)
        count = bide_write(stream, buffer, (size_t)count);
    service->ended++;
    service->cancelled += count == -ECANCELED;
    return (int)count;
}

/* One exchange with an echo server; the stream is closed. */
static int exchange(int port, int number)
{
    bide_auto(stream) *stream = NULL;
    char text[32], answer[32];
    int length = snprintf(text, sizeof text, "exchange %d", number);

    bide(bide_open_connection("127.0.0.1", port, &stream));
    bide(bide_write(stream, text, (size_t)length));
    bide(bide_read_exactly(stream, answer, (size_t)length));
    check_mem(answer, text, (size_t)length);
    return 0;
}
bide_async(exchange, int, int);

static void wait_until(const int *value, int wanted)
{
    for (double end = bide_time() + WAIT * check_slowness(); *value < wanted && bide_time() < end;)
        step(1);
    check_eq(*value, wanted);
}

bide_test(serve_runs_a_handler_for_each_connection)
{
    struct service service = { 0 };
    bide_task *task = start(&service, echo);

    for (int i = 0; i < 20; i++)
        check_eq(exchange(service.port, i), 0);
    check_eq(bide_gather(bide_co(exchange, service.port, 1), bide_co(exchange, service.port, 2),
                         bide_co(exchange, service.port, 3)),
             0);
    wait_until(&service.ended, 23);
    check_eq(service.started, 23);
    check_eq(service.cancelled, 0);
    stop(&service, task);
    return 0;
}

bide_test(serve_cancelled_cancels_the_handlers_and_closes_their_streams)
{
    struct service service = { 0 };
    int before = count_descriptors(), plain[3];
    bide_task *task = start(&service, echo);
    char byte;

    for (int i = 0; i < 3; i++)
        plain[i] = plain_connect(service.port);
    wait_until(&service.started, 3);
    stop(&service, task);
    check_eq(service.cancelled, 3);
    check_eq(service.ended, 3);
    for (int i = 0; i < 3; i++) {
        check_eq(take_some(plain[i], &byte, 1), 0);
        close(plain[i]);
    }
    check_eq(count_descriptors(), before);
    bide_stream *stream = NULL;
    check_error(bide_open_connection("127.0.0.1", service.port, &stream), ECONNREFUSED);
    return 0;
}

bide_test(serve_cancelled_before_its_first_step_closes_the_listener)
{
    struct service service = { 0 };
    int before = count_descriptors();
    bide_task *task = start(&service, echo);

    stop(&service, task);
    check_eq(count_descriptors(), before);
    return 0;
}

bide_test(serve_cancelled_anywhere_while_connections_arrive_leaves_nothing)
{
    int before = count_descriptors(), served = 0;
    size_t tasks = bide_task_count();

    for (unsigned round = 0; round < 120; round++) {
        struct service service = { .options = { .connections_max = round % 4, .grace = round % 3 ? 0 : 0.001 } };
        bide_task *task = start(&service, echo);
        int plain[3];
        char byte;

        for (unsigned i = 0; i < 3; i++) {
            plain[i] = plain_connect(service.port);
            for (unsigned j = 0; j < round % 7; j++)
                step(i + j + round / 7);
        }
        stop(&service, task);
        bide_forget(task);
        check_eq(service.started, service.ended);
        served += service.started;
        for (unsigned i = 0; i < 3; i++) { /* served: the end; not accepted: reset by the end of the listener */
            ssize_t count = recv(plain[i], &byte, 1, 0);

            check(count == 0 || (count < 0 && errno == ECONNRESET));
            close(plain[i]);
        }
        check_eq(bide_task_count(), tasks);
    }
    check(served > 0 && served < 360);
    check_eq(count_descriptors(), before);
    return 0;
}

static int finish_soon(bide_stream *stream, void *argument)
{
    struct service *service = argument;
    char byte;

    service->started++;
    int err = (int)bide_read(stream, &byte, 1); /* the client answers during the grace */
    if (err > 0)
        err = (int)bide_write(stream, "done", 4);
    service->ended++;
    service->cancelled += err == -ECANCELED;
    return err < 0 ? err : 0;
}

bide_test(serve_grace_lets_handlers_finish)
{
    struct service service = { .options = { .grace = WAIT } };
    bide_task *task = start(&service, finish_soon);
    bide_stream *late = NULL;
    char text[5] = "";
    int plain = plain_connect(service.port);

    wait_until(&service.started, 1);
    double began = bide_time();
    bide_cancel(task);
    steps(6);
    check(!bide_done(task));
    check_error(bide_open_connection("127.0.0.1", service.port, &late),
                ECONNREFUSED); /* the listener is closed first */
    put_text(plain, "x");
    check_error(bide_join(task), ECANCELED);
    check(bide_time() - began < WAIT / 2);
    check_eq(service.cancelled, 0);
    take(plain, text, 4);
    check_str(text, "done");
    close(plain);
    return 0;
}

bide_test(serve_grace_ends)
{
    struct service service = { .options = { .grace = 0.1 } };
    bide_task *task = start(&service, echo);
    int plain = plain_connect(service.port);
    char byte;

    wait_until(&service.started, 1);
    double began = bide_time();
    stop(&service, task);
    double took = bide_time() - began;
    check(took >= 0.1);
    check(took < 0.1 + 2 * check_slowness());
    check_eq(service.cancelled, 1);
    check_eq(take_some(plain, &byte, 1), 0);
    close(plain);
    return 0;
}

bide_test(serve_respects_connections_max_and_the_queue_goes_on)
{
    enum { CLIENTS = 30 };
    struct service service = { .options = { .connections_max = 4 } };
    bide_task *task = start(&service, echo);
    int err;

    int held[4];
    for (int i = 0; i < 4; i++)
        held[i] = plain_connect(service.port);
    wait_until(&service.started, 4);
    bide_task_group (group, err) {
        for (int i = 0; i < CLIENTS; i++)
            bide_start(group, bide_co(exchange, service.port, i));
        steps(40);
        check_eq(service.started, 4);
        for (int i = 0; i < 4; i++)
            close(held[i]);
    }
    check_eq(err, 0);
    wait_until(&service.ended, CLIENTS + 4);
    check_eq(service.most, 4);
    int last = plain_connect(service.port);
    wait_until(&service.started, CLIENTS + 5);
    stop(&service, task);
    close(last);
    return 0;
}

bide_test(serve_of_one_connection_at_a_time_can_be_cancelled_while_full)
{
    struct service service = { .options = { .connections_max = 1 } };
    bide_task *task = start(&service, echo);
    int first = plain_connect(service.port), second = plain_connect(service.port);

    wait_until(&service.started, 1);
    steps(6);
    check_eq(service.started, 1);
    stop(&service, task);
    check_eq(service.started, 1);
    close(first);
    close(second);
    return 0;
}

static int fail(bide_stream *stream, void *argument)
{
    struct service *service = argument;

    (void)stream;
    service->started++;
    return bide_fail(-EIO, "the disk is on fire");
}

bide_test(serve_reports_a_failing_handler_and_lives)
{
    struct service service = { 0 };
    char text[4096], byte;

    catch_stderr();
    bide_task *task = start(&service, fail);
    for (int i = 0; i < 3; i++) {
        int plain = plain_connect(service.port);

        wait_until(&service.started, i + 1);
        steps(2);
        check_eq(recv(plain, &byte, 1, 0), 0); /* its stream was closed */
        close(plain);
    }
    stop(&service, task);
    release_stderr(text, sizeof text);
    check_eq(count_text(text, "bide: connection from 127.0.0.1:"), (size_t)3);
    check_eq(count_text(text, "the disk is on fire"), (size_t)3);
    check_eq(count_text(text, "failed: bide:"), (size_t)0); /* one prefix is enough */
    return 0;
}

bide_test(serve_quiet_and_cancelled_handlers_report_nothing)
{
    struct service service = { .options = { .quiet = true } }, other = { 0 };
    char text[512];

    catch_stderr();
    bide_task *task = start(&service, fail), *second = start(&other, echo);
    int plain = plain_connect(service.port), silent = plain_connect(other.port);
    wait_until(&service.started, 1);
    wait_until(&other.started, 1);
    stop(&service, task);
    stop(&other, second); /* its handler ends with -ECANCELED */
    release_stderr(text, sizeof text);
    check_str(text, "");
    close(plain);
    close(silent);
    return 0;
}

bide_test(serve_without_descriptors_says_so_once_and_recovers)
{
    struct service service = { 0 };
    struct rlimit limit, low;
    char text[2048], byte;

    if (under_valgrind())
        skip("Valgrind accepts a connection that it has no descriptor for, and closes it");
    catch_stderr();
    prepare(&service, echo);
    int plain = plain_connect(service.port), first = dup(plain);
    check(first >= 0);
    close(first);
    check(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    low = limit;
    low.rlim_cur = (rlim_t)first; /* every number below is taken */
    check(setrlimit(RLIMIT_NOFILE, &low) == 0);
    bide_task *task = bide_create_task(
        NULL, bide_co(serve, &service)); /* now: io_uring looks at the limit when it is asked to accept */
    bide_sleep(1.3);                     /* two attempts */
    check_eq(service.started, 0);
    check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    wait_until(&service.started, 1);
    put_text(plain, "x");
    steps(6);
    check_eq(recv(plain, &byte, 1, 0), 1);
    close(plain);
    stop(&service, task);
    release_stderr(text, sizeof text);
    check_eq(count_text(text, "Too many open files"), (size_t)1);
    check_eq(count_text(text, "trying again"), (size_t)1);
    return 0;
}

static int serve_with_few_tasks(void)
{
    struct service service = { 0 };
    char text[2048], byte;

    catch_stderr();
    bide_task *task = start(&service, echo); /* the server, its acceptor: one handler is left */
    int first = plain_connect(service.port), second = plain_connect(service.port);

    wait_until(&service.started, 1);
    steps(6);
    check_eq(recv(second, &byte, 1, 0), 0); /* turned away, not left hanging */
    put_text(first, "x");
    steps(6);
    check_eq(recv(first, &byte, 1, 0), 1);
    stop(&service, task);
    close(first);
    close(second);
    release_stderr(text, sizeof text);
    check_eq(count_text(text, "the limit; trying again"), (size_t)1);
    return 0;
}
bide_async(serve_with_few_tasks);

unit_test(serve_at_the_task_limit_turns_away_and_lives)
{
    return bide_run_with(bide_co(serve_with_few_tasks), &(bide_run_options){ .task_limit = 3 });
}

static void many_exchanges(int port, int count)
{
    enum { AT_ONCE = 50 };

    for (int i = 0; i < count; i += AT_ONCE) {
        int err;

        bide_task_group (group, err) {
            for (int j = 0; j < AT_ONCE; j++)
                bide_start(group, bide_co(exchange, port, i + j));
        }
        check_eq(err, 0);
    }
}

bide_test(serve_2000_connections_coming_and_going_leaves_nothing)
{
    struct service service = { 0 };
    bide_task *task = start(&service, echo);

    many_exchanges(service.port, 500); /* what is made once is there now */
    wait_until(&service.ended, 500);
    steps(4);
    size_t memory = memory_in_use(), tasks = bide_task_count();
    int descriptors = count_descriptors();

    many_exchanges(service.port, 2000);
    wait_until(&service.ended, 2500);
    steps(4);
    check_eq(count_descriptors(), descriptors);
    check_eq(bide_task_count(), tasks);
    check(memory_in_use() <= memory + 4096);
    stop(&service, task);
    check_eq(bide_task_count(), (size_t)1);
    return 0;
}

/* bide_serve outside of a loop runs one, until Ctrl-C. */

static int plain_port;

static int greet(bide_stream *stream)
{
    return bide_write(stream, "hello", 5) == 5 ? 0 : -EIO;
}

/* Connects until somebody listens, reads the greeting, interrupts. */
static void *interrupt_after_a_greeting(void *argument)
{
    struct sockaddr_storage address = *(struct sockaddr_storage *)argument;
    char text[6] = "";

    for (;;) {
        int plain = socket(AF_INET, SOCK_STREAM, 0);

        check(plain >= 0);
        if (connect(plain, (struct sockaddr *)&address, sizeof(struct sockaddr)) == 0) {
            take(plain, text, 5);
            check_str(text, "hello");
            close(plain);
            break;
        }
        close(plain);
        sched_yield();
    }
    kill(getpid(), SIGINT);
    return NULL;
}

unit_test(serve_outside_of_a_loop_until_interrupted)
{
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof address;
    pthread_t thread;
    int listener = plain_listener(1, &plain_port);

    check(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    close(listener);
    check_eq(pthread_create(&thread, NULL, interrupt_after_a_greeting, &address), 0);
    check_error(bide_serve(greet, "127.0.0.1", plain_port), EINTR);
    check_eq(pthread_join(thread, NULL), 0);
    return 0;
}

static int serve_plain(int port)
{
    return bide_serve(greet, "127.0.0.1", port);
}
bide_async(serve_plain, int);

bide_test(serve_inside_of_a_task)
{
    int port, listener = plain_listener(1, &port);
    bide_stream *stream;
    char text[6] = "";

    check_error(bide_serve(greet, "127.0.0.1", port), EADDRINUSE);
    check_message(-EADDRINUSE, "listen on 127.0.0.1:");
    close(listener);
    bide_task *task = bide_create_task(NULL, bide_co(serve_plain, port));
    steps(3);
    check_eq(bide_open_connection("127.0.0.1", port, &stream), 0);
    check_eq(bide_read_exactly(stream, text, 5), 0);
    check_str(text, "hello");
    check_eq(bide_read(stream, text, 1), 0);
    bide_close(stream);
    bide_cancel(task);
    check_error(bide_join(task), ECANCELED);
    return 0;
}
