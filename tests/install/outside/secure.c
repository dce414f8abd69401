/* A program on libbide-tls: its stream is encrypted, its peer refused because nobody vouches for it. */
#include <bide.h>
#include <bide/tls.h>
#include <stdio.h>

static int app(void)
{
    bide_tls_context *context;
    bide_stream *near, *far;
    int err;

    bide(bide_tls_context_open(NULL, &context));
    bide(bide_stream_pair(0, &near, &far));
    bide_timeout (0.1, err) { err = bide_start_tls(near, context, "example.org"); }
    puts(bide_error_name(err));
    bide_close(near);
    bide_close(far);
    bide_tls_context_close(context);
    return 0;
}
bide_async(app);

int main(void) { return bide_run(bide_co(app)); }
