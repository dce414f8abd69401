/* support_session.h - a little of everything that streams do, for tests that make parts of it fail. */
#ifndef BIDE_TESTS_SUPPORT_SESSION_H
#define BIDE_TESTS_SUPPORT_SESSION_H

/*
 * Runs a loop in which a client finds a server by name, connects, and both exchange lines and some 100 KB in either
 * direction with every call that reads or writes. 0 when all came through as it was sent; the error of the first call
 * that failed; -ETIMEDOUT when something hung. message: of that error, size bytes.
 */
int run_session(char *message, unsigned long size);

#endif
