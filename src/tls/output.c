/*
 * Sending what OpenSSL has produced.
 *
 * Whoever has the lock sends until the output is empty, also what others put in meanwhile. What is encrypted cannot be
 * taken back, for each record has its number. So when its sender is cancelled it stays in the output and is sent
 * nevertheless: by a task of its own, the flusher, if the kernel does not take it at once. The same serves what comes
 * up while a task only reads (answers to key updates), and the goodbye of a stream that is closed while the kernel
 * takes no more: then the flusher closes it in the end.
 *
 * Must never happen: two that send; a state that is freed while the flusher runs; a flusher without an end.
 */
#include "tls/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FAREWELL_SECONDS = 30 /* that the rest of a closed stream gets, once or twice */ };

int bide__tls_flush(struct bide__tls *tls)
{
    int64_t result = bide_lock_acquire(&tls->sending);

    if (result < 0)
        return (int)result;
    while (bide__tls_bytes_size(&tls->output) && result >= 0) {
        result = tls->below.transport->send(&tls->below, tls->output.block + tls->output.start,
                                            bide__tls_bytes_size(&tls->output));
        if (result > 0)
            bide__tls_bytes_consume(tls, &tls->output, (size_t)result);
    }
    bide_lock_release(&tls->sending);
    return result < 0 ? (int)result : 0;
}

/* Sends what goes at once. Nobody has the lock. */
static void flush_now(struct bide__tls *tls)
{
    int64_t count = 1;

    while (count > 0 && tls->below.transport->try_send && bide__tls_bytes_size(&tls->output)) {
        count = tls->below.transport->try_send(&tls->below, tls->output.block + tls->output.start,
                                               bide__tls_bytes_size(&tls->output));
        if (count > 0)
            bide__tls_bytes_consume(tls, &tls->output, (size_t)count);
    }
    if (count < 0 && count != -EAGAIN) { /* nobody will receive it; what has come can still be read */
        tls->output_failure = (int)count;
        bide__tls_bytes_consume(tls, &tls->output, bide__tls_bytes_size(&tls->output));
    }
}

/* The flusher. A stream that is closed meanwhile has a limit of time. */
static int tls_flusher(struct bide__tls *tls)
{
    bool was_closing;
    int err;

    do {
        was_closing = tls->closing;
        bide_timeout (FAREWELL_SECONDS, err)
            err = bide__tls_flush(tls);
    } while (err == -ETIMEDOUT && !(was_closing && tls->closing));
    bide_forget(tls->flusher);
    tls->flusher = NULL;
    tls->flushing = false;
    if (tls->closing)
        bide__tls_destroy(tls, tls->aborting);
    return 0;
}
bide_async(tls_flusher, struct bide__tls *);

void bide__tls_flush_later(struct bide__tls *tls)
{
    if (!bide__tls_bytes_size(&tls->output) || tls->flushing || bide_lock_locked(&tls->sending))
        return;
    flush_now(tls);
    if (!bide__tls_bytes_size(&tls->output) || bide_get_running_loop() != tls->below.loop)
        return;
    tls->flushing = true;
    bide_task *task = bide_create_task(NULL, bide_co(tls_flusher, tls));
    if (!task)
        tls->flushing = false;
    else if (tls->flushing)
        tls->flusher = task;
    else /* tasks start at once in this loop, and it has ended */
        bide_forget(task);
}

void bide__tls_destroy(struct bide__tls *tls, bool abort)
{
    if (tls->flushing) {
        tls->closing = true;
        tls->aborting = abort;
        if (abort)
            bide_cancel(tls->flusher);
        return;
    }
    bide_block_give(tls->below.loop, tls->input.block);
    bide_block_give(tls->below.loop, tls->output.block);
    SSL_free(tls->openssl);
    tls->below.transport->close(&tls->below, abort);
    bide__tls_setup_release(tls->chosen);
    bide__tls_setup_release(tls->setup);
    bide__tls_context_release(tls->context);
    free(tls->reason);
    free(tls->host);
    free(tls->peer);
    free(tls->alpn);
    free(tls->session_peer);
    free(tls);
}
