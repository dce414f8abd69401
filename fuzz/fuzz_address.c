/*
 * Addresses. What is accepted has a text that reads back as the same address, if it can be printed; what is not has a
 * message. Any bytes are the address of some socket, and have a text that fits.
 */
#include <bide/address.h>
#include <bide/error.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void check_text(const char *text)
{
    char again[BIDE_ADDRESS_TEXT], cut[9];
    bide_address address, second;

    if (bide_address_parse(text, &address) < 0) {
        demand(strlen(bide_strerror(-EINVAL)) > 10, "the error has a text");
        return;
    }
    demand(address.size > 0 && address.size <= sizeof address.u, "the size is possible");
    bide_address_format(&address, again, sizeof again);
    bide_address_format(&address, cut, sizeof cut);
    demand(strncmp(again, cut, sizeof cut - 1) == 0, "a text that is cut begins the same");
    for (const char *byte = text; *byte; byte++)
        if (*byte < ' ' || *byte > '~')
            return;
    demand(bide_address_parse(again, &second) == 0, "the text is accepted");
    demand(bide_address_equal(&address, &second), "and is the same address");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[BIDE_ADDRESS_TEXT];
    bide_address address = { 0 }, copy;
    char *copied = malloc(size + 1);

    memcpy(copied, data, size);
    copied[size] = '\0';
    check_text(copied);
    free(copied);
    if (size) {
        address.size = data[0]; /* also beyond what there is */
        memcpy(&address.u, data + 1, size - 1 < sizeof address.u ? size - 1 : sizeof address.u);
    }
    demand(strlen(bide_address_format(&address, text, sizeof text)) > 0, "any bytes have a text");
    for (const char *byte = text; *byte; byte++)
        demand(*byte >= ' ' && *byte <= '~', "that can be printed");
    copy = address;
    demand(bide_address_equal(&address, &copy), "equal to itself");
    demand(bide_address_port(&address) <= 65535, "the port is one");
    return 0;
}
