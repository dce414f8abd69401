/* Responses, as answers to GET, HEAD and CONNECT: the same however they are cut, written and read again the same. */

#include "fuzz_http1_common.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bide__http1_limits small = {
        .start_line = 18,
        .header_line = 24,
        .header_count = 3,
        .head = 80,
        .chunk_extension = 5,
        .trailers = 20,
        .body = 9,
    };
    struct feeding feeding = { .mode = BIDE__HTTP1_RESPONSE };

    if (size > 2000)
        return 0;
    demand_same_in_pieces(feeding, (const char *)data, size);
    feeding.response_to = size % 2 ? BIDE__HTTP1_METHOD_HEAD : BIDE__HTTP1_METHOD_CONNECT;
    demand_same_in_pieces(feeding, (const char *)data, size);
    feeding.response_to = BIDE__HTTP1_METHOD_OTHER;
    feeding.limits = &small;
    demand_same_in_pieces(feeding, (const char *)data, size);
    demand_round_trip(BIDE__HTTP1_RESPONSE, (const char *)data, size);
    return 0;
}
