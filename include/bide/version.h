/* bide/version.h - which bide this is. */
#ifndef BIDE_VERSION_H
#define BIDE_VERSION_H

#include <bide/export.h>

#define BIDE_VERSION "0.1.0"
#define BIDE_VERSION_NUMBER 100 /* major * 10000 + minor * 100 + patch */

/* bide_version - the version of the library that is linked, to compare with BIDE_VERSION of the headers. */
BIDE_EXPORT const char *bide_version(void);

#endif
