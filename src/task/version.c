/* The version of the library that is linked. */
#include <bide/version.h>

const char *bide_version(void)
{
    return BIDE_VERSION;
}
