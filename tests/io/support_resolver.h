/*
 * support_resolver.h - a name server for the tests: getaddrinfo and getnameinfo of this program, for names that end in
 * ".test" and addresses that begin with 127.9.
 *
 *     two.test         127.0.0.2 and 127.0.0.1
 *     six.test         ::1 and 127.0.0.1
 *     A_B_C.list.test  the addresses A, B and C (any number of them)
 *     unknown.test     no such name
 *     broken.test      a system error (EIO)
 *     empty.test       a name with no address
 *     slowN.test       127.0.0.1, but not before resolver_release(); N is anything
 *
 *     Ncount.test      10.0.0.C (from 256 on 10.0.1.0, ...), where C says how many lookups there have been with this one; N is anything
 *     127.9.0.1        slow.test, not before resolver_release()
 *     127.9.0.4        fast.test
 *     127.9.0.2        no such name
 *     127.9.0.3        a system error (EIO)
 *
 * A numeric service is the port. All other names go to the C library.
 */
#ifndef BIDE_TESTS_SUPPORT_RESOLVER_H
#define BIDE_TESTS_SUPPORT_RESOLVER_H

/* Lets the slow lookups end, those to come too. */
void resolver_release(void);

/* How many slow lookups are in progress, and how many lookups have been made at all. */
int resolver_waiting(void);
int resolver_calls(void);

#endif
