/*
 * Responses: the head by its parts, the body as a stream.
 *
 * A response holds its connection until the body has been read to its end; then it goes back to the pool, at once,
 * not only when the response is closed. A connection on which anything else happened (an error, a body that was left,
 * bytes behind the end of the body) is closed. Must never happen: two responses on one connection.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <bide/error.h>

#include "client/client.h"

int bide_http_response_status(const bide_http_response *response)
{
    return response->message.parser.status;
}

const char *bide_http_response_reason(const bide_http_response *response)
{
    return bide__http_message_text(&response->message, response->message.parser.reason);
}

int bide_http_response_version(const bide_http_response *response)
{
    return 10 + response->message.parser.minor_version;
}

const char *bide_http_response_header(const bide_http_response *response, const char *name)
{
    return bide__http_message_header(&response->message, name);
}

bool bide_http_response_header_at(const bide_http_response *response, size_t index, bide_http_header *ret_header)
{
    return bide__http_message_header_at(&response->message, index, ret_header);
}

int64_t bide_http_response_length(const bide_http_response *response)
{
    return bide__http_message_length(&response->message);
}

void bide__http_response_detach(bide_http_response *response, bool complete)
{
    const struct bide__http_message *message = &response->message;
    struct bide__http_link *link = response->link;

    response->link = NULL;
    if (link)
        bide__http_pool_release(response->client, link, complete && message->parser.keep_alive && message->ahead == 0);
}

ssize_t bide_http_read(bide_http_response *response, void *buffer, size_t size)
{
    struct bide__http_message *message = &response->message;

    if (message->error)
        return message->error;
    if (size == 0 || message->body.done)
        return 0;
    if (response->reading)
        return bide_fail(-EBUSY, "%s: read the body: another task is doing that already", response->what);
    response->reading = true;
    ssize_t count = bide__http_message_read(message, buffer, size);
    response->reading = false;
    if (count == -ECANCELED)
        return count;
    if (count < 0) {
        bide__http_response_detach(response, false);
        return bide_fail((int)count, "%s: read the body: %s", response->what, bide_strerror((int)count));
    }
    if (message->body.done)
        bide__http_response_detach(response, true);
    return count;
}

static int read_rest(bide_http_response *response, struct bide__http_text *text)
{
    size_t limit = response->client->options.body_max;
    ssize_t count;

    do {
        int err = bide__http_text_reserve(text, &response->message, limit);

        if (err < 0)
            return bide_fail(err, "%s: read the body: %s", response->what, bide_strerror(err));
        count = bide_http_read(response, text->data + text->size, text->capacity - text->size - 1);
        if (count > 0)
            text->size += (size_t)count;
    } while (count > 0 && !response->message.body.done);
    if (count >= 0 && text->size > limit)
        return bide_fail(BIDE_ELIMIT, "%s: read the body: it is larger than the limit of %zu bytes", response->what,
                         limit);
    return (int)count;
}

int bide_http_read_all(bide_http_response *response, char **ret_text, size_t *ret_size)
{
    struct bide__http_text text = { 0 };
    int err = read_rest(response, &text);

    if (err < 0) {
        free(text.data);
        if (!response->message.body.done && !response->message.error)
            response->message.error = err == -ECANCELED ? -ECONNABORTED : err;
        bide__http_response_detach(response, false);
        return err;
    }
    text.data[text.size] = '\0';
    *ret_text = text.data;
    if (ret_size)
        *ret_size = text.size;
    return 0;
}

void bide_http_response_close(bide_http_response *response)
{
    if (!response)
        return;
    assert(!response->reading && "an HTTP response was closed while a task reads it");
    bide__http_response_detach(response, false);
    bide__http_response_give(response);
}
