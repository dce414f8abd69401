/* io/activation.h - sockets that a service manager has passed to this process. */
#ifndef BIDE_IO_ACTIVATION_H
#define BIDE_IO_ACTIVATION_H

#include <stddef.h>

enum { BIDE__PASSED_MAX = 64 };

/*
 * Takes the passed sockets of that name (NULL: all) that nobody has taken yet, and stores them. How many there are. From
 * any thread.
 */
size_t bide__activation_take(const char *name, int descriptors[BIDE__PASSED_MAX]);

/* They can be taken again. */
void bide__activation_give_back(const int *descriptors, size_t count);

/* The number of the first one; for tests, which cannot use descriptor 3. */
extern int bide__activation_first;

#endif
