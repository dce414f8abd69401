/* Streams: read_until and next_line, whatever the pieces in which the bytes come. */
#include <bide/test.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/stream.h"

static void steps(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        check_eq(bide_sleep(0), 0);
}

/* Writes a text in pieces, each when the one before has been looked at, then ends the output. */
static int trickle(bide_stream *stream, const char *text, size_t size, size_t piece)
{
    for (size_t sent = 0; sent < size; sent += piece) {
        bide(bide_write(stream, text + sent, size - sent < piece ? size - sent : piece));
        bide(bide_sleep(1));
    }
    return bide_write_eof(stream);
}
bide_async(trickle, bide_stream *, const char *, size_t, size_t);

/* What read_until gives, joined by '|'; at last the error, and after BIDE_ELIMIT or BIDE_EOF what is left. */
static void parts_of(const char *text, size_t piece, const char *separator, size_t size, size_t limit, char *result)
{
    bide_stream *near, *far;
    char buffer[64], *at = result;
    int err;

    check_eq(bide_stream_pair(0, &near, &far), 0);
    if (limit)
        bide_set_read_limit(near, limit);
    bide_task_group (group, err) {
        bide_start(group, bide_co(trickle, far, text, strlen(text), piece));
        ssize_t count;
        while ((count = bide_read_until(near, separator, strlen(separator), buffer, size)) >= 0)
            at += sprintf(at, "%.*s|", (int)count, buffer);
        at += sprintf(at, "%s:", bide_error_name((int)count));
        while ((count = bide_read(near, buffer, sizeof buffer)) > 0)
            at += sprintf(at, "%.*s", (int)count, buffer);
    }
    check_eq(err, 0);
    bide_close(near);
    bide_close(far);
}

static const struct {
    const char *text, *separator;
    size_t size, limit;
    const char *expected;
} cases[] = {
    { "one;two;", ";", 64, 0, "one;|two;|BIDE_EOF:" },
    { "one;two;rest", ";", 64, 0, "one;|two;|BIDE_EOF:rest" },
    { "", ";", 64, 0, "BIDE_EOF:" },
    { ";;", ";", 64, 0, ";|;|BIDE_EOF:" },
    { "a--b-c--", "--", 64, 0, "a--|b-c--|BIDE_EOF:" },
    { "aabaaab", "aab", 64, 0, "aab|aaab|BIDE_EOF:" }, /* a beginning that turns out to be none */
    { "12345;678;", ";", 64, 5, "12345;|678;|BIDE_EOF:" },
    { "123456;78;", ";", 64, 5, "BIDE_ELIMIT:123456;78;" },
    { "123456789", ";", 64, 5, "BIDE_ELIMIT:123456789" },
    { "12345\r\n6", "\r\n", 7, 0, "12345\r\n|BIDE_EOF:6" },
    { "123456\r\n7", "\r\n", 7, 0, "BIDE_ELIMIT:123456\r\n7" },
    { "a;b", ";", 2, 0, "a;|BIDE_EOF:b" },
};

bide_test_each(read_until_gives_the_same_in_all_pieces, cases)
{
    char result[256];

    for (size_t piece = 1; piece < 12; piece++) {
        parts_of(it->text, piece, it->separator, it->size, it->limit, result);
        check_str(result, it->expected);
    }
    return 0;
}

bide_test(read_until_finds_zero_bytes)
{
    bide_stream *near, *far;
    char buffer[8];

    check_eq(bide_stream_pair(0, &near, &far), 0);
    check_eq(bide_write(far, "ab\0cd", 5), 5);
    check_eq(bide_read_until(near, "\0", 1, buffer, sizeof buffer), 3);
    check_mem(buffer, "ab", 3);
    check_error(bide_read_until(near, "", 0, buffer, sizeof buffer), EINVAL);
    check_error(bide_read_until(near, "abc", 3, buffer, 2), EINVAL, "a separator of 3 bytes and room for 2");
    bide_close(near);
    bide_close(far);
    return 0;
}

static int until_semicolon(bide_stream *stream)
{
    char buffer[16];

    return (int)bide_read_until(stream, ";", 1, buffer, sizeof buffer);
}
bide_async(until_semicolon, bide_stream *);

bide_test(read_until_cancelled_at_any_step_loses_nothing)
{
    bide_stream *near, *far;

    check_eq(bide_stream_pair(0, &near, &far), 0);
    for (unsigned count = 0; count < 8; count++) {
        bide_task *task = bide_create_task(NULL, bide_co(until_semicolon, near));

        check_eq(bide_write(far, "ab", 2), 2);
        steps(count / 2);
        if (count % 2 == 0)
            bide_cancel(task);
        check_eq(bide_write(far, "c;", 2), 2);
        bide_cancel(task);
        int err = bide_join(task);
        bide_forget(task);
        if (err == -ECANCELED)
            err = until_semicolon(near);
        check_eq(err, 4);
    }
    bide_close(near);
    bide_close(far);
    return 0;
}

/* The lines joined by '|', and how the loop ended. */
static void lines_of(const char *text, size_t piece, size_t limit, char *result)
{
    bide_stream *near, *far;
    char *at = result;
    int err, loop_err;

    check_eq(bide_stream_pair(0, &near, &far), 0);
    if (limit)
        bide_set_read_limit(near, limit);
    bide_task_group (group, err) {
        bide_start(group, bide_co(trickle, far, text, strlen(text), piece));
        bide_for (char *line, bide_next_line(near, &line), loop_err)
            at += sprintf(at, "%s|", line);
        sprintf(at, "%s", loop_err ? bide_error_name(loop_err) : "end");
        bide_group_cancel(group);
    }
    check_eq(err, 0);
    bide_close(near);
    bide_close(far);
}

bide_test(next_line_gives_the_same_in_all_pieces)
{
    char result[256];

    for (size_t piece = 1; piece < 20; piece++) {
        lines_of("one\ntwo\r\n\nfour", piece, 0, result);
        check_str(result, "one|two||four|end");
        lines_of("", piece, 0, result);
        check_str(result, "end");
        lines_of("a\r\n", piece, 0, result);
        check_str(result, "a|end");
        lines_of("12345\r\n123456\n", piece, 5, result);
        check_str(result, "12345|BIDE_ELIMIT");
        lines_of("12345\n12345", piece, 5, result);
        check_str(result, "12345|12345|end");
    }
    return 0;
}

bide_test(next_line_can_be_mixed_with_other_reads)
{
    bide_stream *near, *far;
    char *line, text[8];
    const void *data;

    check_eq(bide_stream_pair(0, &near, &far), 0);
    check_eq(bide_write(far, "head\nbodytail\n", 14), 14);
    check_eq(bide_next_line(near, &line), 1);
    check_str(line, "head");
    check_eq(bide_read_exactly(near, text, 4), 0);
    check_mem(text, "body", 4);
    check_eq(bide_next_line(near, &line), 1);
    check_str(line, "tail");
    check(bide_stream_is_alive(near));
    check_eq(bide_write(far, "more", 4), 4);
    check_eq(bide_peek(near, 4, &data), 4);
    bide_consume(near, 4);
    check_eq(bide_write(far, "x\n", 2), 2);
    check_eq(bide_next_line(near, &line), 1);
    check_eq(bide_write(far, "y", 1), 1);
    check_eq(bide_read(near, text, 1), 1);
    check_eq(text[0], 'y');
    check(near->input.data == NULL); /* an idle stream holds no memory */
    bide_close(near);
    bide_close(far);
    return 0;
}

bide_test(next_line_at_the_end_of_a_full_buffer)
{
    bide_stream *near, *far;
    size_t size = BIDE__BUFFER_BYTES;
    char *line, *text = malloc(size);

    check(text != NULL);
    memset(text, 'x', size);
    check_eq(bide_stream_pair(0, &near, &far), 0);
    check_eq(bide_write(far, text, size), (ssize_t)size);
    check_eq(bide_write_eof(far), 0);
    check_eq(bide_next_line(near, &line), 1);
    check_eq(strlen(line), size);
    check_eq(bide_next_line(near, &line), 0);
    bide_close(near);
    bide_close(far);
    free(text);
    return 0;
}

bide_test(read_all_reads_to_the_end)
{
    bide_stream *near, *far;
    char *data;
    int err;

    for (size_t piece = 1; piece < 9; piece++) {
        check_eq(bide_stream_pair(0, &near, &far), 0);
        bide_task_group (group, err) {
            bide_start(group, bide_co(trickle, far, "line\nthe rest", 13, piece));
            char *line;
            check_eq(bide_next_line(near, &line), 1);
            check_eq(bide_read_all(near, 8, &data), 8);
        }
        check_str(data, "the rest");
        free(data);
        check_eq(bide_read_all(near, 8, &data), 0); /* the end, again */
        check_str(data, "");
        free(data);
        bide_close(near);
        bide_close(far);
    }
    return 0;
}

bide_test(read_all_beyond_the_limit_or_given_up_takes_nothing)
{
    bide_stream *near, *far;
    char *data = NULL, text[8] = "";
    int err;

    check_eq(bide_stream_pair(0, &near, &far), 0);
    check_eq(bide_write(far, "12345", 5), 5);
    bide_timeout (1, err)
        err = (int)bide_read_all(near, 5, &data);
    check_error(err, ETIMEDOUT);
    check_error(bide_read_all(near, 4, &data), BIDE_ELIMIT, "more than 4 bytes");
    check(data == NULL);
    check_eq(bide_read(near, text, sizeof text), 5);
    check_str(text, "12345");
    bide_close(near);
    bide_close(far);
    return 0;
}
