/*
 * The parsers against those of Node (llhttp, and ada for URLs) on thousands of mutated messages.
 *
 * The rule: what we accept, Node accepts too and understands the same. Where we refuse what Node accepts, the reason
 * must stand in the table of differences below. Skipped where there is no node. BIDE_DIFFERENTIAL_SEED chooses other
 * messages.
 */

#include "check.h"
#include "http1_transcript.h"
#include "proto/url.h"

#include <arpa/inet.h>
#include <ctype.h>

/* Where we are stricter than Node, on purpose. */
static const struct {
    enum bide__http1_error error;
    const char *reason;
} stricter[] = {
    { BIDE__HTTP1_MISSING_HOST, "llhttp leaves Host to the server" },
    { BIDE__HTTP1_DUPLICATE_HOST, "llhttp leaves Host to the server" },
    { BIDE__HTTP1_BAD_HOST, "llhttp leaves Host to the server" },
    { BIDE__HTTP1_BAD_TARGET,
      "llhttp does not match target forms with methods, and takes any scheme and user information" },
    { BIDE__HTTP1_BAD_TARGET_CHARACTER, "llhttp accepts a fragment in a target, and bytes from 0x80 on" },
    { BIDE__HTTP1_BAD_REQUEST_LINE, "llhttp skips any number of empty lines and accepts HTTP/0.9 (no version)" },
    { BIDE__HTTP1_BARE_LF, "llhttp skips LF before a message" },
    { BIDE__HTTP1_BARE_CR, "llhttp skips CR before a message" },
    { BIDE__HTTP1_BAD_VERSION, "llhttp skips empty lines before a response, and spaces before the version" },
    { BIDE__HTTP1_BAD_STATUS_LINE, "llhttp accepts control characters in the reason, and any three digits" },
    { BIDE__HTTP1_UNSUPPORTED_TRANSFER_ENCODING, "llhttp hands codings before chunked to the application" },
    { BIDE__HTTP1_BAD_TRANSFER_ENCODING, "llhttp reads a response with an unknown coding until the connection closes" },
    { BIDE__HTTP1_DUPLICATE_TRANSFER_ENCODING, "llhttp joins repeated Transfer-Encoding headers" },
    { BIDE__HTTP1_BAD_CHUNK_EXTENSION, "llhttp accepts empty extensions and values" },
    { BIDE__HTTP1_FORBIDDEN_TRAILER, "llhttp hands all trailers on" },
    { BIDE__HTTP1_BAD_CONTENT_LENGTH, "llhttp accepts a tab before the number" },
};

/* llhttp knows a list of methods; by RFC 9110 any token is one, and the server answers 501 to those it does not
 * know. */
static bool is_method_of_node(const char *method, size_t length)
{
    static const char known[] =
        " DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND "
        "REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR "
        "LINK UNLINK SOURCE QUERY ";
    char word[40];

    snprintf(word, sizeof word, " %.*s ", (int)length, method);
    return length < 30 && strstr(known, word) != NULL;
}

static struct transcript ours;

/* What we make of one message, in the form of differential_http1.js. Returns whether it is complete and accepted. */
static enum bide__http1_error understand(enum bide__http1_mode mode, const char *bytes, size_t length,
                                         bool *ret_complete, bool *ret_known_method)
{
    struct bide__http1_header headers[TRANSCRIPT_HEADERS], trailers[TRANSCRIPT_HEADERS];
    struct bide__http1_parser parser;
    struct bide__http1_body body;
    char trailer_bytes[4000];
    size_t data_length;
    const char *data;
    ssize_t used;

    ours.length = 0;
    *ret_complete = false;
    bide__http1_parser_init(&parser, mode, NULL, headers, TRANSCRIPT_HEADERS);
    used = bide__http1_parse_head(&parser, bytes, length);
    if (used <= 0)
        return parser.error;
    *ret_known_method =
        mode == BIDE__HTTP1_RESPONSE || is_method_of_node(bytes + parser.method.offset, parser.method.length);
    if (mode == BIDE__HTTP1_REQUEST) {
        transcript_slice(&ours, "", bytes, parser.method, " ");
        transcript_slice(&ours, "", bytes, parser.target, "");
    } else {
        transcript_print(&ours, "%d ", parser.status);
        transcript_slice(&ours, "", bytes, parser.reason, "");
    }
    transcript_print(&ours, " 1.%d%s\n", parser.minor_version, parser.keep_alive ? " keep-alive" : "");
    for (size_t i = 0; i < parser.header_count; i++) {
        transcript_slice(&ours, "", bytes, headers[i].name, ": ");
        transcript_slice(&ours, "", bytes, headers[i].value, "\n");
    }
    transcript_print(&ours, "\n");
    bide__http1_body_init(&body, &parser);
    bide__http1_body_keep_trailers(&body, trailer_bytes, sizeof trailer_bytes, trailers, TRANSCRIPT_HEADERS);
    for (size_t at = (size_t)used; !body.done && at < length; at += (size_t)used) {
        used = bide__http1_body_decode(&body, bytes + at, length - at, &data, &data_length);
        if (used < 0)
            return body.error;
        transcript_add(&ours, data, data_length);
    }
    bide__http1_body_close(&body);
    transcript_print(&ours, "\n");
    for (size_t i = 0; i < body.trailer_count; i++) {
        transcript_slice(&ours, "", trailer_bytes, trailers[i].name, ": ");
        transcript_slice(&ours, "", trailer_bytes, trailers[i].value, "\n");
    }
    *ret_complete = body.done;
    return BIDE__HTTP1_OK;
}

static size_t from_hex(char *hex)
{
    size_t length = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;

    for (size_t i = 0; i < length; i++) {
        unsigned byte = 0;

        sscanf(hex + 2 * i, "%2x", &byte);
        hex[i] = (char)byte;
    }
    hex[length] = '\0';
    return length;
}

static void show(const char *what, const char *bytes, size_t length)
{
    printf("# %s: ", what);
    for (size_t i = 0; i < length; i++)
        printf(isprint((unsigned char)bytes[i]) ? "%c" : "\\x%02x", (unsigned char)bytes[i]);
    printf("\n");
}

/* Where Node is wrong or more trusting although both accept, or we alone do. Each as narrow as can be. */
static bool is_known_difference(enum bide__http1_mode mode, const char *theirs, size_t their_length, bool known_method)
{
    const char *end = memchr(ours.text, '\n', ours.length);
    size_t line = end ? (size_t)(end - ours.text) : 0, rest = ours.length - line;
    static const char kept[] = " keep-alive";

    if (!theirs && mode == BIDE__HTTP1_REQUEST)
        return !known_method; /* a method that is not in Node's list, see above */
    if (!theirs)
        return ours.text[0] == '1'; /* RFC 9112 6.3: no 1xx has a body; llhttp gives one to some */
    /* "close" and "keep-alive" in two headers of one HTTP/1.0 message: we close, which is always safe. */
    return their_length == ours.length + sizeof kept - 1 && memcmp(ours.text, theirs, line) == 0 &&
           memcmp(theirs + line, kept, sizeof kept - 1) == 0 &&
           memcmp(theirs + line + sizeof kept - 1, ours.text + line, rest) == 0 && strstr(ours.text, ": close\n");
}

static int stricter_hits[sizeof stricter / sizeof stricter[0]];
static int accepted_by_both, refused_by_both, stricter_count, differences;

static void compare_http(enum bide__http1_mode mode, const char *bytes, size_t length, const char *theirs,
                         size_t their_length)
{
    bool complete, known_method = true, allowed = false;
    enum bide__http1_error error = understand(mode, bytes, length, &complete, &known_method);

    if (complete && theirs && ours.length == their_length && memcmp(ours.text, theirs, their_length) == 0) {
        accepted_by_both++;
    } else if (!complete && !theirs) {
        refused_by_both++;
    } else if (complete) {
        if (is_known_difference(mode, theirs, their_length, known_method)) {
            stricter_count++;
            return;
        }
        differences++;
        show(theirs ? "understood differently" : "accepted, but not by Node", bytes, length);
        show("ours", ours.text, ours.length);
        show("Node", theirs ? theirs : "", their_length);
    } else {
        for (size_t i = 0; i < sizeof stricter / sizeof stricter[0]; i++) {
            if (stricter[i].error == error) {
                stricter_hits[i]++;
                allowed = true;
            }
        }
        stricter_count += allowed;
        differences += !allowed;
        if (!allowed) {
            printf("# refused for %s without a listed reason\n", transcript_error_names[error]);
            show("message", bytes, length);
            show("Node", theirs, their_length);
        }
    }
}

/* The same IPv6 address may be written in several ways. */
static void normalise_ipv6(const char *host, char *ret_host)
{
    struct in6_addr address;
    char copy[100];

    snprintf(copy, sizeof copy, "%s", host);
    if (inet_pton(AF_INET6, copy, &address) == 1)
        inet_ntop(AF_INET6, &address, ret_host, 100);
}

static void compare_url(const char *text, size_t length, const char *theirs)
{
    char mine[3000], host[300], *their_copy = theirs ? strdup(theirs) : NULL;
    struct bide__url_error error;
    struct bide__url url;
    int result = bide__url_parse(text, length, &url, &error);

    if (result < 0) {
        refused_by_both += !theirs;
        stricter_count += theirs != NULL; /* the doc of bide__url_parse() says where */
        free(their_copy);
        return;
    }
    snprintf(host, sizeof host, "%s", url.host);
    if (url.is_ipv6)
        normalise_ipv6(url.host, host);
    snprintf(mine, sizeof mine, "%s %s %u %s %s", url.secure ? "https:" : "http:", host, url.port, url.path,
             url.query ? url.query : "");
    if (their_copy && strchr(their_copy, '[') && strchr(their_copy, '[') == strchr(their_copy, ' ') + 1) {
        char address[100] = "", scheme[8], bare[100];
        int after = 0;

        if (sscanf(their_copy, "%7s [%99[^]]]%n", scheme, bare, &after) == 2 && after > 0) {
            normalise_ipv6(bare, address);
            their_copy = realloc(their_copy, strlen(theirs) + 200);
            snprintf(their_copy, strlen(theirs) + 200, "%s %s%s", scheme, address, theirs + after);
        }
    }
    if (their_copy && strcmp(mine, their_copy) == 0) {
        accepted_by_both++;
    } else if (theirs && strstr(theirs, "/../")) {
        stricter_count++; /* ada in Node 20 forgets to remove ".." where an earlier segment starts with a dot */
    } else {
        differences++;
        show(theirs ? "URL understood differently" : "URL accepted, but not by Node", text, length);
        show("ours", mine, strlen(mine));
        show("Node", theirs ? theirs : "", theirs ? strlen(theirs) : 0);
    }
    bide__url_free(&url);
    free(their_copy);
}

static void compare_kind(char kind)
{
    static char line[1 << 16], script[1000];
    const char *slash = strrchr(__FILE__, '/');
    const char *seed = getenv("BIDE_DIFFERENTIAL_SEED");
    char *message, *verdict, *theirs;
    FILE *node;

    if (system("node -e 0 >/dev/null 2>&1") != 0)
        skip("there is no node");
    snprintf(script, sizeof script, "node --no-deprecation '%.*s/differential_http1.js' %ld",
             slash ? (int)(slash - __FILE__) : 1, slash ? __FILE__ : ".", seed ? atol(seed) : 1L);
    node = popen(script, "r");
    check(node != NULL);
    while (fgets(line, sizeof line, node)) {
        size_t length, their_length = 0;

        message = strtok(line + 2, " \n");
        verdict = strtok(NULL, " \n");
        theirs = strtok(NULL, " \n");
        check(message && verdict);
        if (line[0] != kind)
            continue;
        length = from_hex(message);
        if (theirs)
            their_length = from_hex(theirs);
        if (kind == 'U')
            compare_url(message, length, theirs);
        else
            compare_http(kind == 'Q' ? BIDE__HTTP1_REQUEST : BIDE__HTTP1_RESPONSE, message, length, theirs,
                         their_length);
    }
    check_eq(pclose(node), 0);
    printf("# %d accepted by both, %d refused by both, %d where we are stricter, %d not allowed\n", accepted_by_both,
           refused_by_both, stricter_count, differences);
    for (size_t i = 0; i < sizeof stricter / sizeof stricter[0]; i++)
        if (stricter_hits[i] > 0)
            printf("# stricter %d times: %s: %s\n", stricter_hits[i], transcript_error_names[stricter[i].error],
                   stricter[i].reason);
    check(accepted_by_both > 100);
    check(refused_by_both > 100);
    check_eq(differences, 0);
}

unit_test(requests_as_node_reads_them)
{
    compare_kind('Q');
    return 0;
}

unit_test(responses_as_node_reads_them)
{
    compare_kind('S');
    return 0;
}

unit_test(urls_as_node_reads_them)
{
    compare_kind('U');
    return 0;
}
