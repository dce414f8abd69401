#ifndef BIDE_PROTO_HTTP1_H
#define BIDE_PROTO_HTTP1_H

/*
 * HTTP/1.0 and HTTP/1.1 without input or output: bytes in, a parsed head and body pieces out.
 *
 * A message is read in two steps. bide__http1_parse_head() looks at a contiguous buffer that the caller fills as bytes
 * arrive and says when the head is complete; everything it reports is an offset into that buffer, so the buffer may
 * grow and move between two calls. bide__http1_body_decode() then takes the bytes after the head, at any split, and
 * hands back slices of them which are body data. Nothing here allocates, waits or keeps a pointer to the caller's
 * bytes.
 *
 *     bide__http1_parser_init(&parser, BIDE__HTTP1_REQUEST, NULL, headers, 128);
 *     while ((used = bide__http1_parse_head(&parser, buffer, length)) == 0)
 *         ... append more bytes to the buffer ...
 *     bide__http1_body_init(&body, &parser);
 *     while (!body.done) {
 *         n = bide__http1_body_decode(&body, bytes, length, &data, &data_length);
 *         ... use the data, go on n bytes further ...
 *     }
 *
 * The parser is strict. Every rule has a name in enum bide__http1_error and a test in tests/proto. What it tolerates:
 * one CRLF before a request (RFC 9112 2.2), a status line without the space after the status, bytes from 0x80 on in
 * values. A tab around the values of Content-Length and Transfer-Encoding is refused, as common parsers disagree about
 * it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Which half of a conversation is parsed. */
enum bide__http1_mode {
    BIDE__HTTP1_REQUEST,
    BIDE__HTTP1_RESPONSE,
};

/* The methods that change how a message is framed; all others are the same to the parser. */
enum bide__http1_method {
    BIDE__HTTP1_METHOD_OTHER,
    BIDE__HTTP1_METHOD_HEAD,
    BIDE__HTTP1_METHOD_CONNECT,
    BIDE__HTTP1_METHOD_OPTIONS,
};

/* How the end of the body is found. */
enum bide__http1_framing {
    BIDE__HTTP1_NO_BODY,
    BIDE__HTTP1_FIXED, /* Content-Length bytes */
    BIDE__HTTP1_CHUNKED,
    BIDE__HTTP1_UNTIL_CLOSE, /* responses only: until the peer closes the connection */
};

/*
 * Every way a message can be refused: X(name, status a server should answer, text). The texts are part of the
 * interface: they end up in error messages of the client and the server.
 */
#define BIDE__HTTP1_ERRORS(X)                                                                                          \
    X(BARE_CR, 400, "a CR that is not followed by LF")                                                                 \
    X(BARE_LF, 400, "a line that ends in LF alone instead of CRLF")                                                    \
    X(BAD_METHOD, 400, "the method has a character that is not allowed")                                               \
    X(BAD_REQUEST_LINE, 400, "the request line is not 'METHOD target HTTP/1.1'")                                       \
    X(BAD_TARGET_CHARACTER, 400, "the request target has a control character, a '#' or a non-ASCII byte")              \
    X(BAD_TARGET, 400, "the request target has a form that the method does not allow")                                 \
    X(REQUEST_LINE_TOO_LONG, 414, "the request line is longer than the limit")                                         \
    X(BAD_VERSION, 400, "the protocol version is malformed")                                                           \
    X(UNSUPPORTED_VERSION, 505, "the protocol version is neither HTTP/1.0 nor HTTP/1.1")                               \
    X(BAD_STATUS_LINE, 502, "the status line is not 'HTTP/1.1 200 reason'")                                            \
    X(STATUS_LINE_TOO_LONG, 502, "the status line is longer than the limit")                                           \
    X(EMPTY_HEADER_NAME, 400, "a header line that starts with a colon")                                                \
    X(BAD_HEADER_NAME, 400, "a header name has a character that is not allowed")                                       \
    X(SPACE_BEFORE_COLON, 400, "a space between a header name and its colon")                                          \
    X(NO_COLON, 400, "a header line without a colon")                                                                  \
    X(FOLDED_HEADER, 400, "a header line that starts with a space (obsolete line folding)")                            \
    X(BAD_HEADER_VALUE, 400, "a header value has a control character")                                                 \
    X(HEADER_LINE_TOO_LONG, 431, "a header line is longer than the limit")                                             \
    X(TOO_MANY_HEADERS, 431, "more header lines than the limit")                                                       \
    X(HEAD_TOO_LARGE, 431, "the message head is larger than the limit")                                                \
    X(MISSING_HOST, 400, "an HTTP/1.1 request without a Host header")                                                  \
    X(DUPLICATE_HOST, 400, "more than one Host header")                                                                \
    X(BAD_HOST, 400, "the Host header is not 'name' or 'name:port'")                                                   \
    X(BAD_CONTENT_LENGTH, 400, "the Content-Length is not a decimal number")                                           \
    X(CONTENT_LENGTH_OVERFLOW, 413, "the Content-Length is larger than any body can be")                               \
    X(DUPLICATE_CONTENT_LENGTH, 400, "more than one Content-Length header")                                            \
    X(LENGTH_AND_ENCODING, 400, "both a Content-Length and a Transfer-Encoding header")                                \
    X(BAD_TRANSFER_ENCODING, 400, "the Transfer-Encoding does not end in exactly one 'chunked'")                       \
    X(DUPLICATE_TRANSFER_ENCODING, 400, "more than one Transfer-Encoding header")                                      \
    X(UNSUPPORTED_TRANSFER_ENCODING, 501, "a Transfer-Encoding other than 'chunked'")                                  \
    X(TRANSFER_ENCODING_IN_HTTP_1_0, 400, "a Transfer-Encoding in an HTTP/1.0 message")                                \
    X(BODY_ON_CONNECT, 400, "a CONNECT request with a body")                                                           \
    X(BODY_TOO_LARGE, 413, "the body is larger than the limit")                                                        \
    X(BAD_CHUNK_SIZE, 400, "a chunk size that is not a hexadecimal number")                                            \
    X(CHUNK_SIZE_OVERFLOW, 413, "a chunk size larger than any body can be")                                            \
    X(BAD_CHUNK_EXTENSION, 400, "a malformed chunk extension")                                                         \
    X(CHUNK_EXTENSION_TOO_LONG, 400, "a chunk extension longer than the limit")                                        \
    X(BAD_CHUNK_END, 400, "chunk data that is not followed by CRLF")                                                   \
    X(FORBIDDEN_TRAILER, 400, "a trailer that would change how the message is framed or routed")                       \
    X(TOO_MANY_TRAILERS, 431, "more trailer lines than the limit")                                                     \
    X(TRAILERS_TOO_LARGE, 431, "the trailers are larger than the limit")                                               \
    X(INCOMPLETE_BODY, 400, "the connection was closed before the end of the body")

/* Why a message was refused; BIDE__HTTP1_OK is 0. The names and texts are in BIDE__HTTP1_ERRORS above. */
enum bide__http1_error {
    BIDE__HTTP1_OK,
#define BIDE__HTTP1_ERROR_ENUM(name, status, text) BIDE__HTTP1_##name,
    BIDE__HTTP1_ERRORS(BIDE__HTTP1_ERROR_ENUM)
#undef BIDE__HTTP1_ERROR_ENUM
    /* clang-format off */
    BIDE__HTTP1_ERROR_COUNT,
    /* clang-format on */
};

/* The text of an error, in English, without a full stop; "no error" for BIDE__HTTP1_OK. Static storage. */
const char *bide__http1_error_text(enum bide__http1_error error);

/* The status with which a server answers a request refused for that error (400, 413, 414, 431, 501, 505); 502 is for
 * errors that only a response can have: what a gateway answers then. 0 for BIDE__HTTP1_OK. */
int bide__http1_error_status(enum bide__http1_error error);

/* A range of the caller's buffer, in bytes from its start. */
struct bide__http1_slice {
    uint32_t offset;
    uint32_t length;
};

/* One header or trailer line: the name as it was sent, the value without the white space around it. */
struct bide__http1_header {
    struct bide__http1_slice name;
    struct bide__http1_slice value;
};

/* What a message may cost, in bytes unless the name says a count. Lengths of lines do not count their CRLF. */
struct bide__http1_limits {
    size_t start_line;      /* request or status line */
    size_t header_line;     /* one header line */
    size_t header_count;    /* header lines; also trailer lines */
    size_t head;            /* the whole head with its last CRLF; at most UINT32_MAX */
    size_t chunk_extension; /* extensions of one chunk */
    size_t trailers;        /* the whole trailer section */
    uint64_t body;          /* body data without its framing; at most INT64_MAX */
};

/* The limits used where NULL is given: 8190, 8190, 128, 65536, 1024, 8192, INT64_MAX. */
extern const struct bide__http1_limits bide__http1_default_limits;

/*
 * The parser of one message head. Fields above the line are results, valid once bide__http1_parse_head() returned a
 * positive number; `error` and `error_offset` once it returned a negative one.
 */
struct bide__http1_parser {
    enum bide__http1_error error;
    size_t error_offset;                 /* byte of the buffer at which the message stopped being valid */
    struct bide__http1_slice method;     /* requests: the method */
    struct bide__http1_slice target;     /* requests: the target as it was sent */
    struct bide__http1_slice host;       /* requests: authority of the target if it has one, else the Host value */
    struct bide__http1_slice reason;     /* responses: the reason phrase, may be empty */
    enum bide__http1_method method_kind; /* requests: the method where it matters to the framing */
    int status;                          /* responses: 100 to 999 */
    int minor_version;                   /* 0 or 1 */
    uint32_t header_count;               /* filled entries of `headers` */
    int64_t content_length;              /* value of Content-Length, -1 without one */
    enum bide__http1_framing framing;
    bool keep_alive;      /* the connection may be used again after this message */
    bool upgrade;         /* an Upgrade header, and "upgrade" in Connection (HTTP/1.1 only) */
    bool expect_continue; /* "Expect: 100-continue" in an HTTP/1.1 request */

    /* ---- given at initialisation ---- */
    enum bide__http1_mode mode;
    enum bide__http1_method response_to; /* responses: method of the request that is answered */
    const struct bide__http1_limits *limits;
    struct bide__http1_header *headers;
    size_t header_capacity;

    /* ---- private ---- */
    size_t scan; /* everything before it has been looked at */
    size_t line_start;
    uint32_t name_length; /* of the header line being read, 0 while in its name */
    uint32_t seen;        /* which headers and connection options were met */
    bool start_line_done;
};

/*
 * Make a parser ready for a head. `limits` (NULL: the defaults) and the array `headers` of `header_capacity` entries
 * are borrowed until the last use of the parser. A message with more headers than the smaller one of header_capacity
 * and limits->header_count is refused. The same call makes a used parser ready for the next message.
 */
void bide__http1_parser_init(struct bide__http1_parser *parser, enum bide__http1_mode mode,
                             const struct bide__http1_limits *limits, struct bide__http1_header *headers,
                             size_t header_capacity);

/*
 * Say which method the awaited response answers: HEAD has no body, CONNECT has none if it succeeded. Only for parsers
 * of responses, after bide__http1_parser_init(). Without it the response is taken to answer some other method.
 */
void bide__http1_parser_answers(struct bide__http1_parser *parser, enum bide__http1_method method);

/*
 * The kind of a method by its name, exact case ("HEAD", not "head").
 */
enum bide__http1_method bide__http1_method_kind(const char *method, size_t length);

/*
 * Parse a head from the `length` bytes received so far. The first byte of the buffer must stay the first byte of the
 * message (with, for a request, one optional CRLF before it) and bytes once shown must not change, but the buffer may
 * move. Each byte is examined once however many calls it takes.
 *
 * Returns the length of the head, the body starting at buffer + that; 0 if more bytes are needed; or -EBADMSG with
 * parser->error and parser->error_offset set. After an error every call fails the same way.
 */
ssize_t bide__http1_parse_head(struct bide__http1_parser *parser, const char *buffer, size_t length);

/* Whether no byte of a message has been seen, so that the end of the connection here is a clean one. */
static inline bool bide__http1_parser_idle(const struct bide__http1_parser *parser)
{
    return parser->scan == 0;
}

/*
 * The decoder of one message body. `done`, `error`, `error_offset`, `received`, `trailer_count` are for reading.
 */
struct bide__http1_body {
    enum bide__http1_framing framing;
    bool done; /* the message is complete */
    enum bide__http1_error error;
    uint64_t error_offset; /* bytes from the start of the body as sent, framing included */
    uint64_t received;     /* bytes of data handed out so far */
    size_t trailer_count;  /* filled entries of the array given to bide__http1_body_keep_trailers() */

    /* ---- private ---- */
    const struct bide__http1_limits *limits;
    uint64_t remaining; /* bytes left of the fixed body or of the chunk */
    uint64_t consumed;
    size_t section_length; /* bytes of this chunk's extensions, or of the trailers */
    size_t line_count;
    uint8_t state;
    uint8_t digits;
    bool drop_trailer;
    uint8_t name_used;
    char name[32]; /* start of the trailer's name: enough to know the forbidden ones */
    char *trailer_buffer;
    size_t trailer_capacity;
    size_t trailer_used;
    struct bide__http1_header *trailers;
    size_t trailers_capacity;
    struct bide__http1_header trailer; /* the one being read */
};

/* Start on the body of the message whose head `parser` has just completed. Borrows the parser's limits. A message
 * without a body is `done` at once. */
void bide__http1_body_init(struct bide__http1_body *body, const struct bide__http1_parser *parser);

/*
 * Keep the trailers of a chunked body: their bytes go to `buffer` (`capacity` bytes), their places in it to `trailers`
 * (`trailers_capacity` entries); both are borrowed until the body is done. A message whose trailers do not fit is
 * refused. Without this call trailers are checked all the same and forgotten.
 *
 * Trailers that frame or route a message (Content-Length, Transfer-Encoding, Host, Connection, Keep-Alive, TE, Trailer,
 * Upgrade, Expect) make the message invalid. Those that a receiver must not take from a trailer (authentication,
 * cookies, caching and content metadata, see http1_chunked.c) are dropped in silence.
 */
void bide__http1_body_keep_trailers(struct bide__http1_body *body, char *buffer, size_t capacity,
                                    struct bide__http1_header *trailers, size_t trailers_capacity);

/*
 * Take bytes of the body, up to the end of one run of data. Returns how many of the `length` bytes were used and sets
 * *ret_data, *ret_data_length to the data among them (a part of `bytes`, not copied; the length may be 0). Call it
 * again with the rest until all is used or body->done; bytes after the end of the message are never used. Returns 0 for
 * length 0. On an error: -EBADMSG, with body->error and body->error_offset set.
 */
ssize_t bide__http1_body_decode(struct bide__http1_body *body, const char *bytes, size_t length, const char **ret_data,
                                size_t *ret_data_length);

/* Say that the peer closed the connection. Returns 0 if the message is complete (a body until close is complete then),
 * -EBADMSG with body->error == BIDE__HTTP1_INCOMPLETE_BODY if not. */
int bide__http1_body_close(struct bide__http1_body *body);

/*
 * The next header of that name (any case) after `previous`, or the first for NULL; NULL if there is none. `buffer` is
 * the one that the slices of `headers` refer to. To go through repeated headers pass what was returned before.
 */
const struct bide__http1_header *bide__http1_find(const struct bide__http1_header *headers, size_t count,
                                                  const char *buffer, const char *name,
                                                  const struct bide__http1_header *previous);

/*
 * Go through a comma-separated list: returns whether there was another non-empty element, sets *ret_element,
 * *ret_length to it without the white space around it, and *position (0 at the start) to where to go on. Commas within
 * quoted strings do not separate.
 */
bool bide__http1_next_element(const char *value, size_t length, size_t *position, const char **ret_element,
                              size_t *ret_length);

/* Whether the comma-separated list has the element `token` (any case), as in Connection or Accept-Encoding without
 * parameters. */
bool bide__http1_list_has(const char *value, size_t length, const char *token);

/* Whether `length` bytes equal the string `text`, ASCII letters in any case. */
bool bide__http1_equals(const char *bytes, size_t length, const char *text);

/* Whether the bytes are a token (RFC 9110 5.6.2): a valid method or header name. False for no bytes. */
bool bide__http1_is_token(const char *bytes, size_t length);

/* Whether the bytes are a valid header value or reason phrase: no control characters but the tab. True for no bytes. */
bool bide__http1_is_field_value(const char *bytes, size_t length);

/* Whether the bytes may stand as a request target: printable ASCII without space and '#', at least one. */
bool bide__http1_is_target(const char *bytes, size_t length);

#endif
