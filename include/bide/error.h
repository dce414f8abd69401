/*
 * bide/error.h - errors: codes, messages and return traces
 *
 * Every function that can fail returns a negative code: -errno, or one of bide's own codes below -4096. The code says
 * what to do; the message says what happened, where, and after how long. The message belongs to the running task
 * (outside of a task: to the thread) and is bound to its code, so bide_strerror(err) is never stale and never
 * missing.
 */
#ifndef BIDE_ERROR_H
#define BIDE_ERROR_H

#pragma GCC system_header /* the block macros shadow one helper name on purpose; see bide/scope.h */

#include <errno.h>
#include <stddef.h>

#include <bide/export.h>

/*
 * bide's own error codes. They never collide with -errno, and their low byte is never zero, so main() may return
 * them.
 */
enum {
    BIDE_EOF = -4097,       /* the peer ended the stream before what was asked for had come */
    BIDE_ELIMIT = -4098,    /* a limit set by the user was reached (a line, a header, a body, a queue, ...) */
    BIDE_EPROTOCOL = -4099, /* the peer sent something its protocol does not allow */
    BIDE_ERESOLVE = -4100,  /* a host name could not be resolved */
    BIDE_EURL = -4101,      /* a URL is malformed or of a kind that is not supported */
    BIDE_EBROKEN = -4102,   /* a barrier was broken: aborted, or reset while tasks waited at it */
    BIDE_ESHUTDOWN = -4103, /* a queue was shut down */
    BIDE_ETLS = -4104       /* TLS: the peer was refused, has refused us, or broke off; see bide/tls.h */
};

/*
 * bide_fail - reports an error: sets the message of the running task to the formatted text, bound to `code`, and
 * returns `code`.
 *
 *     return bide_fail(-EINVAL, "port %d is out of range 1..65535", port);
 *
 * code: negative. format: as printf; the text is cut at 511 bytes, no line end. A message that was there before is
 * replaced. Never waits; when there is no memory for the message the code alone is returned.
 */
BIDE_EXPORT int bide_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * bide_strerror - the message for an error that a bide call just gave to the running task (or, after bide_run(), to
 * this thread).
 *
 * Returns the text that was set with this code; when the last message belongs to another code, the code's general
 * text, like strerror(). The pointer is valid until the task's next failing call. For err >= 0 the answer is "no
 * error". Never NULL, never waits.
 */
BIDE_EXPORT const char *bide_strerror(int err);

/*
 * bide_error_count - how many errors stand behind `err`: more than one when it came from a group in which several
 * children failed. 0 for err >= 0. bide_error_at - the message of number `index` (0: that of err itself), and its
 * code; in the order they happened. NULL beyond the last. Follows ExceptionGroup.exceptions.
 */
BIDE_EXPORT size_t bide_error_count(int err);
BIDE_EXPORT const char *bide_error_at(int err, size_t index, int *ret_code);

/*
 * bide_error_name - "ECONNREFUSED" for -ECONNREFUSED, "BIDE_EOF" for BIDE_EOF, "error 12345" for what it does not
 * know. For logs and tests.
 */
BIDE_EXPORT const char *bide_error_name(int err);

/*
 * bide_print_error - prints the message for `err` and its return trace to stderr, the way Python prints a traceback:
 *
 *     bide: connect to 127.0.0.1:6379: Connection refused
 *         in fetch(url) (main.c:41)
 *         in task 'app' (main.c:50)
 */
BIDE_EXPORT void bide_print_error(int err);

struct bide_scope;

/*
 * The innermost block (bide_timeout, bide_task_group, bide_shield) that encloses this line of this function. The
 * blocks shadow it.
 */
static struct bide_scope *const bide__enclosing __attribute__((unused)) = NULL;

BIDE_EXPORT int bide__return_error(int err, struct bide_scope *enclosing, const char *expression, const char *file,
                                   int line);

/*
 * bide(expression) - C's `await`: evaluates a call that may wait; if the result is negative, returns it from the
 * enclosing function.
 *
 *     bide(bide_sleep(1));
 *     ssize_t n = bide(bide_read(stream, buffer, sizeof buffer));
 *
 * The enclosing function must return an integer type. On an error the line is added to the return trace of the error
 * (except for -ECANCELED, which is not a fault). Inside a bide_timeout or bide_task_group block the block is closed
 * first, as by `break`, and the error that is returned is the one the block ends with: -ETIMEDOUT, or the error of
 * the child that failed.
 */
#define bide(expression) BIDE__AWAIT(expression, #expression, BIDE__JOIN(bide__result_, __COUNTER__))
#define BIDE__AWAIT(expression, text, result)                                                                          \
    __extension__({                                                                                                    \
        __typeof__(expression) result = (expression);                                                                  \
        if (__builtin_expect(result < 0, 0))                                                                           \
            return bide__return_error((int)result, bide__enclosing, text, __FILE__, __LINE__);                         \
        result;                                                                                                        \
    })

#endif
