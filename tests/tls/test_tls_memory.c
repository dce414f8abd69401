/*
 * Allocations fail, one in each run, those of OpenSSL too: an error comes out, nothing crashes or hangs. (OpenSSL itself
 * loses some of its own memory then. With points_max at 1500 it is all of them, which takes minutes.)
 */
#include "support_tls.h"

#include <errno.h>
#include <string.h>

bide_test_faults(no_memory_anywhere, .time_limit = 120, .faults = "memory",
                 .allow = BIDE_ALLOW_TASKS | BIDE_ALLOW_MEMORY, .points_max = 200)
{
    struct ends ends;
    int err;

    zoo();
    bide(bide_stream_pair(0, &ends.client, &ends.server));
    err = bide_gather(bide_co(bide_start_tls, ends.client, zoo()->trusting, "example.test"),
                      bide_co(bide_tls_accept, ends.server, zoo()->serving));
    if (err >= 0)
        err = bide_gather(bide_co(send_sequence, ends.client, 5000), bide_co(receive_sequence, ends.server, 5000));
    close_ends(ends);
    return err;
}
