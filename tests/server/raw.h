/* A server beside the test, and a client that sends whatever bytes it is told to. */
#ifndef BIDE_TESTS_SERVER_RAW_H
#define BIDE_TESTS_SERVER_RAW_H

#include <bide.h>
#include <bide/http.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

struct served {
    bide_listener *listener;
    bide_http_handler handler;
    void *argument;
    bide_http_serve_options options;
    bide_task *task;
    int port;
    char url[64];
};

static int serve(struct served *served)
{
    int err = bide_http_serve_listener(served->listener, served->handler, served->argument, &served->options);

    return err == -ECANCELED ? 0 : err;
}
bide_async(serve, struct served *);

__attribute__((unused)) static bool start_serving(struct served *served, bide_group *group)
{
    check_eq(bide_listen("127.0.0.1", 0, &served->listener), 0);
    served->port = bide_listener_port(served->listener);
    snprintf(served->url, sizeof served->url, "http://127.0.0.1:%d/", served->port);
    served->task = bide_create_task(group, bide_co(serve, served));
    check(served->task != NULL);
    return true;
}

/* with_server(name, err, handler, argument, options...) { ... } - the block runs beside a server, `struct served
 * name`. */
#define with_server(name, err, given_handler, given_argument, ...)                                                     \
    for (struct served                                                                                                 \
             name = { .handler = (given_handler), .argument = (given_argument), .options = { __VA_ARGS__ } },          \
             *name##_once = &name;                                                                                     \
         name##_once; name##_once = NULL)                                                                              \
        bide_task_group (name##_group, err)                                                                            \
            for (bool name##_begun = start_serving(&name, name##_group); name##_begun;                                 \
                 bide_group_cancel(name##_group), name##_begun = false)

static void do_nothing(void *argument)
{
    (void)argument;
}

/* One turn of the loop that also looks at what has come from the kernel, which a turn by itself need not. */
__attribute__((unused)) static int turn(void)
{
    int err = bide_call_soon_threadsafe(bide_get_running_loop(), do_nothing, NULL);

    return err < 0 ? err : bide_sleep(0);
}

__attribute__((unused)) static bide_stream *dial(const struct served *served)
{
    bide_stream *stream = NULL;

    check_eq(bide_open_connection("127.0.0.1", served->port, &stream), 0);
    return stream;
}

__attribute__((unused)) static void send_text(bide_stream *stream, const char *text)
{
    check_eq(bide_write(stream, text, strlen(text)), (ssize_t)strlen(text));
}

/* Reads until the text ends with `end`, or with NULL until the connection ends; the text is in a static buffer. */
__attribute__((unused)) static const char *receive(bide_stream *stream, const char *end)
{
    static char text[65536];
    size_t length = 0;

    text[0] = '\0';
    for (;;) {
        if (end && length >= strlen(end) && !strcmp(text + length - strlen(end), end))
            return text;
        check(length < sizeof text - 1);
        ssize_t count = bide_read(stream, text + length, sizeof text - 1 - length);
        if (count <= 0) {
            if (end)
                printf("# ended with %zd instead of '%s' after '%s'\n", count, end, text);
            check(end == NULL);
            return text;
        }
        length += (size_t)count;
        text[length] = '\0';
    }
}

/* Sends the bytes on a connection of its own and returns all that comes back until the server closes. */
__attribute__((unused)) static const char *ask(const struct served *served, const char *request)
{
    bide_stream *stream = dial(served);

    send_text(stream, request);
    const char *answer = receive(stream, NULL);
    bide_close(stream);
    return answer;
}

__attribute__((unused)) static void check_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        printf("# no '%s' in '%s'\n", part, text);
    check(strstr(text, part) != NULL);
}

__attribute__((unused)) static void check_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        printf("# '%s' in '%s'\n", part, text);
    check(strstr(text, part) == NULL);
}

__attribute__((unused)) static void check_begins(const char *text, const char *part)
{
    if (strncmp(text, part, strlen(part)) != 0)
        printf("# '%s' does not begin with '%s'\n", text, part);
    check(strncmp(text, part, strlen(part)) == 0);
}

/* How often `part` is in the text. */
__attribute__((unused)) static int count_of(const char *text, const char *part)
{
    int count = 0;

    while ((text = strstr(text, part)) != NULL) {
        count++;
        text += strlen(part);
    }
    return count;
}

#endif
