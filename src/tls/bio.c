/*
 * What OpenSSL reads from and writes to: a BIO of our own over two blocks of memory.
 *
 * It answers "retry" when there is nothing to read, or no room to write. So OpenSSL never waits: the task does, outside
 * of it, and what OpenSSL keeps per thread (its queue of errors) is never seen by another task. A BIO never fails and
 * never ends: what has become of the channel below is the business of channel.c.
 *
 * Costs one copy in each direction. Must never happen: bytes of the output that move while somebody sends them.
 */
#include "tls/tls.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

void bide__tls_bytes_consume(struct bide__tls *tls, struct bide__tls_bytes *bytes, size_t count)
{
    bytes->start += (uint32_t)count;
    if (bytes->start == bytes->end) {
        bide_block_give(tls->below.loop, bytes->block);
        *bytes = (struct bide__tls_bytes){ 0 };
    }
}

int bide__tls_reserve(struct bide__tls *tls)
{
    if (!tls->output.block)
        tls->output.block = bide_block_take(tls->below.loop);
    return tls->output.block ? 0 : -ENOMEM;
}

static int bio_read(BIO *bio, char *data, size_t size, size_t *ret_count)
{
    struct bide__tls *tls = BIO_get_data(bio);
    size_t there = bide__tls_bytes_size(&tls->input), count = there < size ? there : size;

    BIO_clear_retry_flags(bio);
    *ret_count = count;
    if (count == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(data, tls->input.block + tls->input.start, count);
    bide__tls_bytes_consume(tls, &tls->input, count);
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *ret_count)
{
    struct bide__tls *tls = BIO_get_data(bio);
    struct bide__tls_bytes *output = &tls->output;

    BIO_clear_retry_flags(bio);
    *ret_count = 0;
    if (bide__tls_reserve(tls) < 0) {
        BIO_set_retry_write(bio);
        return 0;
    }
    if (output->start && !bide_lock_locked(&tls->sending)) {
        memmove(output->block, output->block + output->start, bide__tls_bytes_size(output));
        output->end -= output->start;
        output->start = 0;
    }
    size_t room = BIDE_BLOCK_BYTES - output->end, count = room < size ? room : size;
    if (count == 0) {
        BIO_set_retry_write(bio);
        return 0;
    }
    memcpy(output->block + output->end, data, count);
    output->end += (uint32_t)count;
    *ret_count = count;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bide");
    if (method && !(BIO_meth_set_read_ex(method, bio_read) && BIO_meth_set_write_ex(method, bio_write) &&
                    BIO_meth_set_ctrl(method, bio_control))) {
        BIO_meth_free(method);
        method = NULL;
    }
}

int bide__tls_bio_prepare(void)
{
    pthread_once(&method_once, make_method);
    return method ? 0 : -ENOMEM;
}

BIO *bide__tls_bio_new(struct bide__tls *tls)
{
    BIO *bio = method ? BIO_new(method) : NULL;
    if (bio) {
        BIO_set_data(bio, tls);
        BIO_set_init(bio, 1);
    }
    return bio;
}

__attribute__((destructor)) static void free_method(void)
{
    BIO_meth_free(method);
    method = NULL;
}
