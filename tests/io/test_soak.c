/*
 * A soak: connections of every kind coming and going, well-behaved and not, over TCP and Unix sockets; afterwards
 * descriptors, tasks, stacks and memory are where they were. BIDE_SOAK: how many (tools/ci-stages/soak asks for many).
 */
#include "support_io.h"

#include <stdio.h>
#include <stdlib.h>

enum { AT_ONCE = 100, SHORT_FORM = 1000, BIG = 100 * 1000 };

struct service {
    bide_server *server;
    int port, started, ended;
    char path[64];
};

/* Echoes; every ninth fails, every eleventh leaves early. */
static int echo(bide_stream *stream, void *argument)
{
    struct service *service = argument;
    int number = service->started++;
    char buffer[4000];
    ssize_t count = 1;

    for (int round = 0; count > 0 && !(number % 11 == 0 && round == 1); round++) {
        count = bide_read(stream, buffer, sizeof buffer);
        if (count > 0)
            count = bide_write(stream, buffer, (size_t)count);
    }
    service->ended++;
    if (number % 9 == 0)
        return bide_fail(-EIO, "a handler that fails");
    return count < 0 ? (int)count : 0;
}

static int send_big(bide_stream *stream)
{
    static char data[BIG];

    for (size_t sent = 0; sent < sizeof data;) {
        ssize_t count = bide_write(stream, data + sent, sizeof data - sent);

        if (count <= 0)
            return 0; /* the server has left early */
        sent += (size_t)count;
    }
    (void)bide_write_eof(stream);
    return 0;
}
bide_async(send_big, bide_stream *);

static int exchange_big(bide_stream *stream)
{
    char buffer[5000];
    int err;

    bide_task_group (group, err) {
        bide(bide_start(group, bide_co(send_big, stream)));
        while (bide_read(stream, buffer, sizeof buffer) > 0)
            continue;
        bide_group_cancel(group);
    }
    return err;
}

static void trickle(bide_stream *stream)
{
    char byte;

    for (int i = 0; i < 6 && bide_write(stream, "x", 1) == 1 && bide_read(stream, &byte, 1) == 1; i++)
        bide_sleep(0);
}

static void exchange(bide_stream *stream)
{
    char text[16];

    if (bide_write(stream, "hello, server", 13) == 13)
        (void)bide_read_exactly(stream, text, 13);
}

/* One client of a kind. What goes wrong for it is none of the soak's business, only what it leaves. */
static int client(struct service *service, int kind)
{
    bide_stream *stream;
    char byte;
    int err = kind % 2 ? bide_open_connection("127.0.0.1", service->port, &stream)
                       : bide_open_unix_connection(service->path, &stream);

    if (err < 0)
        return err == -ECANCELED || err == -ECONNREFUSED ? 0 : err;
    switch (kind / 2) {
    case 0:
        exchange(stream);
        break;
    case 1: /* half-closes, and reads to the end */
        (void)bide_write(stream, "last words", 10);
        (void)bide_write_eof(stream);
        while (bide_read(stream, &byte, 1) > 0)
            continue;
        break;
    case 2: /* resets in the middle */
        (void)bide_write(stream, "never", 5);
        bide_abort(stream);
        return 0;
    case 3: /* stalls and goes */
        bide_sleep(0.001);
        break;
    case 4:
        trickle(stream);
        break;
    case 5:
        err = exchange_big(stream);
        break;
    default: /* gives up waiting for what never comes */
        bide_timeout (0.001, err)
            err = (int)bide_read(stream, &byte, 1);
        err = err == -ETIMEDOUT || err == -ECONNRESET ? 0 : err;
    }
    bide_close(stream);
    return err == -ECANCELED ? 0 : err;
}
bide_async(client, struct service *, int);

static void soak(struct service *service, int count)
{
    enum { KINDS = 14 };

    for (int done = 0; done < count; done += AT_ONCE) {
        int err;

        bide_task_group (group, err) {
            for (int i = 0; i < AT_ONCE; i++)
                bide_start(group, bide_co(client, service, (done + i) % KINDS));
        }
        check_eq(err, 0);
    }
    while (bide_server_connections(service->server) > 0)
        check_eq(bide_sleep(0.001), 0);
}

static void start_service(struct service *service)
{
    const bide_serve_options options = { .connections_max = 70, .quiet = true };
    const char *const paths[] = { service->path, NULL };
    bide_listener *listener;

    snprintf(service->path, sizeof service->path, "@bide-soak-%d", (int)getpid());
    check_eq(bide_listen_with("127.0.0.1", 0, &(bide_listen_options){ .paths = paths }, &listener), 0);
    service->port = bide_listener_port(listener);
    check_eq(bide_start_server(NULL, listener, echo, service, &options, &service->server), 0);
}

bide_test(soak_leaves_descriptors_tasks_and_memory_where_they_were)
{
    const char *wanted = getenv("BIDE_SOAK");
    int count = wanted ? (int)strtol(wanted, NULL, 10) : SHORT_FORM;
    struct service service = { 0 };
    bide_loop_facts before, after;

    start_service(&service);
    soak(&service, SHORT_FORM / 2); /* what is made once is there now */
    size_t memory = memory_in_use(), tasks = bide_task_count();
    int descriptors = count_descriptors();
    bide_loop_information(bide_get_running_loop(), &before);
    soak(&service, count);
    bide_loop_information(bide_get_running_loop(), &after);
    printf("# %d connections; memory %zu, then %zu bytes\n", service.ended, memory, memory_in_use());
    check_eq(count_descriptors(), descriptors);
    check_eq(bide_task_count(), tasks);
    check_eq(after.stacks_live, before.stacks_live);
    check(memory_in_use() <= memory + 64 * 1024);
    check_eq(service.started, service.ended);
    check(service.ended >= count * 9 / 10);
    bide_server_shutdown(service.server);
    check_eq(bide_server_wait_closed(service.server), 0);
    bide_server_release(service.server);
    return 0;
}
