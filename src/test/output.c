/*
 * What the user sees. In a pipe: TAP, a line for each case in the order of the source, with what a failing one said
 * before it. On a terminal: only failures, as they happen, and a line of progress. At the end, in both, `N passed, N
 * failed, N skipped`.
 */
#include "test/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test/place.h"

static size_t printed; /* TAP: how many cases have their lines */
static bool progress_shown;

static const char *color(const struct bide__test_command *command, const char *code)
{
    return command->color ? code : "";
}

void bide__output_text(FILE *out, const char *prefix, const char *text)
{
    while (text && *text) {
        size_t length = strcspn(text, "\n");

        if (*text == BIDE__PLACE_MARK) {
            char line[512];

            snprintf(line, sizeof line, "%.*s", (int)length - 1, text + 1);
            bide__print_calls(out, prefix, line);
        } else {
            fprintf(out, "%s%.*s\n", prefix, (int)length, text);
        }
        text += length + (text[length] == '\n');
    }
}

static void clear_progress(void)
{
    if (progress_shown)
        fputs("\r\033[K", stdout);
    progress_shown = false;
}

static size_t count_ended(const struct bide__cases *cases)
{
    size_t count = 0;

    for (size_t i = 0; i < cases->count; i++)
        count += cases->first[i].ended;
    return count;
}

void bide__output_progress(const struct bide__cases *cases, const struct bide__test_command *command,
                           const struct bide__case *one)
{
    if (!command->progress || command->tap)
        return;
    clear_progress();
    printf("[%zu/%zu] %.60s", count_ended(cases), cases->count, one->name);
    fflush(stdout);
    progress_shown = true;
}

static void print_tap(const struct bide__test_command *command, const struct bide__case *one)
{
    bool failed = one->outcome == BIDE__FAILED;

    if (failed || command->verbose)
        bide__output_text(stdout, "# ", one->text);
    printf("%s%sok%s %zu - %s", failed ? color(command, "\033[31m") : color(command, "\033[32m"), failed ? "not " : "",
           color(command, "\033[0m"), printed, one->name);
    if (one->outcome == BIDE__SKIPPED)
        printf(" # SKIP %s", one->reason);
    else if (*one->reason)
        printf(" # %s", one->reason);
    putchar('\n');
}

static void print_failure(const struct bide__test_command *command, const struct bide__case *one)
{
    bool failed = one->outcome == BIDE__FAILED;

    clear_progress();
    if (!failed && !command->verbose)
        return;
    printf("%s%s%s %s%s%s\n", color(command, failed ? "\033[31;1m" : "\033[32m"),
           failed                          ? "FAILED"
           : one->outcome == BIDE__SKIPPED ? "skipped"
                                           : "passed",
           color(command, "\033[0m"), one->name, *one->reason ? ": " : "", one->reason);
    bide__output_text(stdout, "  ", one->text);
}

void bide__output_case(const struct bide__cases *cases, const struct bide__test_command *command,
                       const struct bide__case *one)
{
    if (!command->tap)
        print_failure(command, one);
    while (command->tap && printed < cases->count && cases->first[printed].ended) {
        const struct bide__case *next = &cases->first[printed++];

        print_tap(command, next);
    }
    fflush(stdout);
}

size_t bide__output_summary(const struct bide__cases *cases, const struct bide__test_command *command)
{
    size_t passed = 0, failed = 0, skipped = 0;

    clear_progress();
    if (command->tap)
        printf("1..%zu\n", cases->count);
    for (size_t i = 0; i < cases->count; i++) {
        passed += cases->first[i].outcome == BIDE__PASSED;
        failed += cases->first[i].outcome == BIDE__FAILED;
        skipped += cases->first[i].outcome == BIDE__SKIPPED;
        if (!command->tap && cases->first[i].outcome == BIDE__SKIPPED)
            printf("skipped %s: %s\n", cases->first[i].name, cases->first[i].reason);
    }
    printf("%s%zu passed, %zu failed, %zu skipped%s\n",
           failed ? color(command, "\033[31;1m") : color(command, "\033[32;1m"), passed, failed, skipped,
           color(command, "\033[0m"));
    return failed;
}

/* Text as XML has it: what XML cannot have becomes `?`. */
static void print_xml(FILE *file, const char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte == '&')
            fputs("&amp;", file);
        else if (byte == '<')
            fputs("&lt;", file);
        else if (byte == '>')
            fputs("&gt;", file);
        else if (byte == '"')
            fputs("&quot;", file);
        else if ((byte < ' ' && byte != '\n' && byte != '\t') || byte >= 127)
            fputc('?', file);
        else
            fputc(byte, file);
    }
}

static void print_junit_case(FILE *file, const struct bide__case *one, const char *program)
{
    char *text = NULL;
    size_t size = 0;
    FILE *buffer = open_memstream(&text, &size);

    if (buffer) {
        bide__output_text(buffer, "", one->text);
        fclose(buffer);
    }
    fputs("  <testcase classname=\"", file);
    print_xml(file, program);
    fputs("\" name=\"", file);
    print_xml(file, one->name);
    fprintf(file, "\" file=\"");
    print_xml(file, one->attempt.test->file);
    fprintf(file, "\" line=\"%d\" time=\"%.3f\">", one->attempt.test->line, one->seconds);
    if (one->outcome == BIDE__SKIPPED) {
        fputs("<skipped message=\"", file);
        print_xml(file, one->reason);
        fputs("\"/>", file);
    } else if (one->outcome == BIDE__FAILED) {
        fputs("<failure message=\"failed\">", file);
        print_xml(file, text ? text : "");
        fputs("</failure>", file);
    }
    fputs("</testcase>\n", file);
    free(text);
}

int bide__output_junit(const struct bide__cases *cases, const char *path, const char *program)
{
    FILE *file = fopen(path, "we");
    const char *slash = strrchr(program, '/');
    size_t failed = 0, skipped = 0;
    double seconds = 0;

    if (!file)
        return -errno;
    if (slash)
        program = slash + 1;
    for (size_t i = 0; i < cases->count; i++) {
        failed += cases->first[i].outcome == BIDE__FAILED;
        skipped += cases->first[i].outcome == BIDE__SKIPPED;
        seconds += cases->first[i].seconds;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"", file);
    print_xml(file, program);
    fprintf(file, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" time=\"%.3f\">\n", cases->count,
            failed, skipped, seconds);
    for (size_t i = 0; i < cases->count; i++)
        print_junit_case(file, &cases->first[i], program);
    fputs("</testsuite>\n", file);
    return fclose(file) == 0 ? 0 : -errno;
}
