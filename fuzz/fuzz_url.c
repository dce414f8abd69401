/*
 * URLs. An accepted one has a normal form that parses to itself, a target and a host that the HTTP/1 writer takes, and
 * resolves any reference to something accepted or refused with a text.
 */

#include "proto/http1_writer.h"
#include "proto/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static char *written(size_t (*builder)(const struct bide__url *, char *, size_t), const struct bide__url *url)
{
    size_t length = builder(url, NULL, 0);
    char *text = malloc(length + 1);

    demand(builder(url, text, length + 1) == length && strlen(text) == length, "the size is what is written");
    return text;
}

static void check_error(const struct bide__url_error *error, size_t size)
{
    demand(error->position <= size, "the error is within the text");
    demand(strlen(error->text) > 8 && strlen(error->text) < sizeof error->text, "the error has a text");
    for (const char *byte = error->text; *byte; byte++)
        demand(*byte >= 0x20 && *byte < 0x7f, "the error is printable");
}

static void check_url(const struct bide__url *url)
{
    char *full = written(bide__url_format, url), *again_full;
    char *target = written(bide__url_target, url), *host = written(bide__url_host_header, url);
    struct bide__http1_writer writer;
    struct bide__url again;

    bide__http1_writer_init(&writer, NULL, 0);
    bide__http1_write_request_line(&writer, "GET", 3, target, strlen(target));
    bide__http1_write_header_text(&writer, "Host", host);
    demand(bide__http1_writer_finish(&writer) > 0, "the pieces can be sent");
    demand(target[0] == '/' && url->port > 0, "the target has a path and there is a port");
    demand(bide__url_parse(full, strlen(full), &again, NULL) == 0, "the normal form is accepted");
    again_full = written(bide__url_format, &again);
    demand(strcmp(full, again_full) == 0, "the normal form is its own normal form");
    bide__url_free(&again);
    free(again_full);
    free(full);
    free(target);
    free(host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char base_text[] = "http://u:p@a:81/b/c?d";
    const char *text = (const char *)data;
    struct bide__url_error error;
    struct bide__url url, base;

    if (bide__url_parse(text, size, &url, &error) == 0) {
        check_url(&url);
        bide__url_free(&url);
    } else {
        check_error(&error, size);
    }
    demand(bide__url_parse(base_text, sizeof base_text - 1, &base, NULL) == 0, "the base is accepted");
    if (bide__url_resolve(&base, text, size, &url, &error) == 0) {
        check_url(&url);
        bide__url_free(&url);
    } else {
        check_error(&error, size + sizeof base_text);
    }
    bide__url_free(&base);
    return 0;
}
