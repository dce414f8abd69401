/* Lines of files: every kind of end, limits, and the position between them. */
#include "support_file.h"

static bide_file *opened(const char *content, size_t size)
{
    bide_file *file = NULL;

    store("lines", content, size);
    check_eq(bide_file_open(in_directory("lines"), "r+", &file), 0);
    return file;
}

static const struct {
    const char *content, *lines; /* each line ended by '|' */
} contents[] = {
    { "", "" },
    { "\n", "|" },
    { "one", "one|" },
    { "one\n", "one|" },
    { "one\ntwo", "one|two|" },
    { "one\r\ntwo\r\n", "one|two|" },
    { "\n\n\n", "|||" },
    { "a\rb\n\r\n\r", "a\rb||\r|" },
};

bide_test_each(every_kind_of_end, contents)
{
    bide_auto(file) *file = opened(it->content, strlen(it->content));
    char found[64] = "";
    int err;

    bide_for (char *line, bide_file_next_line(file, &line), err) {
        strcat(found, line);
        strcat(found, "|");
    }
    check_eq(err, 0);
    check_str(found, it->lines);
    check_eq(bide_file_tell(file), (int64_t)strlen(it->content));

    check_eq(bide_file_seek(file, 0, SEEK_SET), 0);
    found[0] = '\0';
    char buffer[16];
    ssize_t length;
    while ((length = bide_file_read_line(file, buffer, sizeof buffer)) >= 0) {
        check_eq((size_t)length, strlen(buffer));
        strcat(found, buffer);
        strcat(found, "|");
    }
    check_error(length, BIDE_EOF, "it has ended");
    check_str(found, it->lines);
    return 0;
}

bide_test(the_position_is_behind_the_line)
{
    bide_auto(file) *file = opened("one\ntwo\nthree\nfour\n", 19);
    char *line, data[32] = "";

    check_eq(bide_file_next_line(file, &line), 1);
    check_str(line, "one");
    check_eq(bide_file_tell(file), 4);
    check_eq(bide_file_read(file, data, 4), 4);
    check_mem(data, "two\n", 4);
    check_eq(bide_file_next_line(file, &line), 1);
    check_str(line, "three");
    check_eq(bide_file_write(file, "FOUR", 4), 4);
    check_eq(bide_file_next_line(file, &line), 1);
    check_str(line, "");
    check_eq(bide_file_next_line(file, &line), 0);
    check_eq(bide_file_seek(file, 4, SEEK_SET), 4);
    check_eq(bide_file_next_line(file, &line), 1);
    check_eq(bide_file_read_exactly(file, data, 11), 0);
    check_str(data, "three\nFOUR\n");
    return 0;
}

bide_test(what_was_written_meanwhile_is_read)
{
    bide_auto(file) *file = opened("one\ntwo\n", 8);
    char *line;

    check_eq(bide_file_next_line(file, &line), 1);
    check_eq(bide_file_write_at(file, "TWO\nend", 7, 4), 7);
    check_eq(bide_file_next_line(file, &line), 1);
    check_str(line, "TWO");
    check_eq(bide_file_next_line(file, &line), 1);
    check_str(line, "end");
    check_eq(bide_file_next_line(file, &line), 0);
    check_eq(bide_file_write(file, "\nmore", 5), 5);
    check_eq(bide_file_seek(file, -4, SEEK_CUR), 12);
    check_eq(bide_file_next_line(file, &line), 1);
    check_str(line, "more");
    return 0;
}

bide_test(a_line_that_is_too_long)
{
    bide_auto(file) *file = opened("0123456789\nnext\n", 16);
    char buffer[11], *line;

    check_error(bide_file_read_line(file, buffer, 10), BIDE_ELIMIT, "no line end within 9 bytes");
    check_eq(bide_file_tell(file), 0);
    check_eq(bide_file_read_line(file, buffer, 11), 10);
    check_str(buffer, "0123456789");
    bide_file_set_line_limit(file, 3);
    check_error(bide_file_next_line(file, &line), BIDE_ELIMIT, "within 3 bytes");
    bide_file_set_line_limit(file, 4);
    check_eq(bide_file_next_line(file, &line), 1);
    check_str(line, "next");
    check_error(bide_file_read_line(file, buffer, 0), BIDE_ELIMIT);
    return 0;
}

enum { LONG = 100000, LINES = 5000 };

bide_test(long_lines_and_many)
{
    char *content = malloc(LONG + 1 + LINES * 6), *end = content + LONG;
    int number = 0, err;

    memset(content, 'x', LONG);
    *end++ = '\n';
    for (int i = 0; i < LINES; i++)
        end += sprintf(end, "%d\n", i);
    bide_auto(file) *file = opened(content, (size_t)(end - content));
    char *first;
    check_error(bide_file_next_line(file, &first), BIDE_ELIMIT, "within 65536 bytes");
    bide_file_set_line_limit(file, LONG);
    check_eq(bide_file_next_line(file, &first), 1);
    check_eq(strlen(first), (size_t)LONG);
    bide_for (char *line, bide_file_next_line(file, &line), err)
        check_eq(atoi(line), number++);
    check_eq(err, 0);
    check_eq(number, LINES);
    free(content);
    return 0;
}
