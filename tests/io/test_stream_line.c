/* Streams: lines. Every line must be found, or refused, in the same way however it was cut into chunks. */
#include "support_io.h"

#include <stdio.h>
#include <stdlib.h>

enum { WAIT = 20 }; /* seconds after which a call that should not wait has failed */

/* Puts a text into the socket in pieces of `piece` bytes with steps between, then ends the stream. */
static int trickle(int peer, const char *text, size_t piece)
{
    for (size_t length = strlen(text); length;) {
        size_t size = piece < length ? piece : length;

        put(peer, text, size);
        steps(2);
        text += size;
        length -= size;
    }
    check(shutdown(peer, SHUT_WR) == 0);
    return 0;
}
bide_async(trickle, int, const char *, size_t);

/*
 * What reading lines into `size` bytes gives: lines joined by '|', errors by name; after an error the rest as
 * "<...>".
 */
static void lines_of(const char *text, size_t piece, size_t size, size_t limit, char *result, size_t result_size)
{
    struct connection c = open_connection(0);
    char *line = malloc(size ? size : 1), rest[256];
    size_t used = 0;
    int err;

    check(line != NULL);
    if (limit)
        bide_set_read_limit(c.stream, limit);
    bide_task_group (group, err) {
        bide_start(group, bide_co(trickle, c.peer, text, piece));
        ssize_t length;
        while ((length = bide_read_line(c.stream, line, size)) >= 0) {
            check_eq((size_t)length, strlen(line));
            used += (size_t)snprintf(result + used, result_size - used, "%s|", line);
        }
        used += (size_t)snprintf(result + used, result_size - used, "%s", bide_error_name((int)length));
        while (length == BIDE_ELIMIT && (length = bide_read(c.stream, rest, sizeof rest - 1)) > 0) {
            used += (size_t)snprintf(result + used, result_size - used, "<%.*s>", (int)length, rest);
            length = BIDE_ELIMIT;
        }
    }
    check_eq(err, 0);
    check(used < result_size);
    free(line);
    bide_close(c.stream);
    close(c.peer);
}

/* Fails unless the text gives these lines in every way of cutting it. */
static void check_lines(const char *text, size_t size, size_t limit, const char *expected)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        char result[512] = "";

        lines_of(text, piece, size, limit, result, sizeof result);
        if (strcmp(result, expected) != 0)
            printf("# pieces of %zu bytes\n", piece);
        check_str(result, expected);
    }
}

/* The same where the line is refused: nothing must be taken, so all comes out of read, in whatever pieces. */
static void check_refused(const char *text, size_t size, size_t limit)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        char result[512] = "", joined[512] = "";

        lines_of(text, piece, size, limit, result, sizeof result);
        if (strncmp(result, "BIDE_ELIMIT", 11) != 0) {
            printf("# pieces of %zu bytes\n", piece);
            check_str(result, "BIDE_ELIMIT...");
        }
        for (char *from = result + 11, *to = joined; *from; from++)
            if (*from != '<' && *from != '>')
                *to++ = *from;
        check_str(joined, text);
    }
}

bide_test(lines_end_with_lf_or_crlf)
{
    check_lines("one\ntwo\r\nthree\n", 64, 0, "one|two|three|BIDE_EOF");
    return 0;
}

bide_test(lines_may_be_empty)
{
    check_lines("\n\r\n\n", 64, 0, "|||BIDE_EOF");
    return 0;
}

bide_test(lines_keep_a_lone_cr)
{
    check_lines("a\rb\r\r\nc\r", 64, 0, "a\rb\r|c\r|BIDE_EOF");
    return 0;
}

bide_test(the_last_line_needs_no_end)
{
    check_lines("one\ntwo", 64, 0, "one|two|BIDE_EOF");
    return 0;
}

bide_test(lines_of_an_empty_stream)
{
    check_lines("", 64, 0, "BIDE_EOF");
    return 0;
}

bide_test(lines_up_to_the_size_fit)
{
    check_lines("1234567\n12345678\n123456789\r\n", 10, 0, "1234567|12345678|123456789|BIDE_EOF");
    check_lines("123456789", 10, 0, "123456789|BIDE_EOF");
    return 0;
}

bide_test(lines_over_the_size_are_refused_and_nothing_is_taken)
{
    check_refused("1234567890\n", 10, 0);
    check_refused("1234567890\r\n", 10, 0);
    check_refused("1234567890", 10, 0);
    check_refused("123456789\rx\n", 10, 0);
    check_refused("a\n", 1, 0);
    return 0;
}

bide_test(lines_up_to_the_read_limit_fit)
{
    check_lines("1234567\n12345678\n123456789\r\n", 64, 9, "1234567|12345678|123456789|BIDE_EOF");
    return 0;
}

bide_test(lines_over_the_read_limit_are_refused_however_they_come)
{
    check_refused("1234567890\n", 64, 9);
    check_refused("1234567890\r\n", 64, 9);
    check_refused("12345678901234567890", 64, 9);
    return 0;
}

bide_test(lines_of_size_1_and_0)
{
    struct connection c = open_connection(0);
    char byte[2] = "x";

    check_lines("\n\r\n", 1, 0, "||BIDE_EOF");
    put_text(c.peer, "\n");
    check_eq(bide_read_line(c.stream, byte, 0), BIDE_ELIMIT);
    check_eq(byte[0], 'x');
    check_eq(bide_read_line(c.stream, byte, 1), 0);
    check_eq(byte[0], '\0');
    bide_close(c.stream);
    close(c.peer);
    return 0;
}

/* A peer that sends too long a line and then waits for an answer must get one. */
bide_test(a_line_that_is_too_long_is_refused_without_waiting_for_more)
{
    struct connection c = open_connection(0);
    char line[10];
    ssize_t result = 0;
    int err;

    put_text(c.peer, "1234567890");
    bide_timeout (WAIT, err)
        result = bide_read_line(c.stream, line, sizeof line);
    check_eq(err, 0);
    check_eq(result, BIDE_ELIMIT);
    check_message(BIDE_ELIMIT, "9 bytes");
    check_message(BIDE_ELIMIT, bide_peer_name(c.stream));
    bide_close(c.stream);
    close(c.peer);
    return 0;
}

bide_test(a_large_line_is_read_whole)
{
    enum { SIZE = 60000 };
    struct both_ends ends = open_both_ends();
    char *sent = malloc(SIZE + 2), *line = malloc(SIZE + 1);

    check(sent && line);
    memset(sent, 'x', SIZE);
    memcpy(sent + SIZE, "\r\n", 2);
    check_eq(bide_write(ends.near, sent, SIZE + 2), SIZE + 2);
    check_eq(bide_read_line(ends.far, line, SIZE + 1), SIZE);
    check_mem(line, sent, SIZE);
    check_eq(line[SIZE], '\0');
    free(sent);
    free(line);
    bide_close(ends.near);
    bide_close(ends.far);
    return 0;
}
