/* main() of a test program; alone in its file, so that a program with a main of its own does not get this one. */
#include <bide/test.h>

int main(int count, char **arguments)
{
    return bide_test_main(count, arguments);
}
