/*
 * Addresses: as text, from text, and for a host name. Numeric ones are read in place, names are asked of the resolver
 * (resolver.c), in threads of its own.
 */
#include "io/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>

#include "io/resolver.h"
#include "task/wait.h"

void bide__address_text(const union bide__address *address, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN];

    if (address->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof host);
        snprintf(text, size, "[%s]:%d", host, ntohs(address->v6.sin6_port));
    } else if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof host);
        snprintf(text, size, "%s:%d", host, ntohs(address->v4.sin_port));
    } else {
        snprintf(text, size, "?");
    }
}

int bide__address_port(const union bide__address *address)
{
    return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

void bide__address_set_port(union bide__address *address, int port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons((uint16_t)port);
    else
        address->v4.sin_port = htons((uint16_t)port);
}

/* The number of an interface, by its name or as a number; 0: there is none. */
static uint32_t parse_scope(const char *text)
{
    uint32_t scope = if_nametoindex(text);
    size_t length = strspn(text, "0123456789");

    if (!scope && length && length < 10 && !text[length])
        scope = (uint32_t)strtoul(text, NULL, 10);
    return scope;
}

bool bide__address_parse(const char *text, union bide__address *ret_address)
{
    char host[INET6_ADDRSTRLEN];
    const char *scope = strchr(text, '%');
    size_t length = scope ? (size_t)(scope - text) : 0;

    memset(ret_address, 0, sizeof *ret_address);
    if (inet_pton(AF_INET, text, &ret_address->v4.sin_addr) == 1) {
        ret_address->v4.sin_family = AF_INET;
        return true;
    }
    if (scope) {
        if (length >= sizeof host || !(ret_address->v6.sin6_scope_id = parse_scope(scope + 1)))
            return false;
        memcpy(host, text, length);
        host[length] = '\0';
        text = host;
    }
    ret_address->v6.sin6_family = AF_INET6;
    return inet_pton(AF_INET6, text, &ret_address->v6.sin6_addr) == 1;
}

static struct bide__addresses *make_list(size_t count, const char *host)
{
    struct bide__addresses *addresses = malloc(sizeof *addresses + count * sizeof addresses->list[0]);

    if (!addresses) {
        bide_fail(-ENOMEM, "resolve '%s': no memory", host ? host : "*");
        return NULL;
    }
    addresses->count = 0;
    return addresses;
}

static int resolve_by_name(struct bide__record *task, const char *host, int port, int passive,
                           struct bide__addresses **ret_addresses)
{
    const struct bide__query query = { .host = host,
                                       .type = SOCK_STREAM,
                                       .flags = passive ? AI_PASSIVE : AI_ADDRCONFIG };
    struct bide__answer *answer;
    int err = bide__resolver_ask(task, &query, &answer);

    if (err < 0)
        return err;
    if (answer->count) {
        struct bide__addresses *addresses = make_list(answer->count, host);

        err = addresses ? 0 : -ENOMEM;
        for (size_t i = 0; addresses && i < answer->count; i++) {
            addresses->list[i] = answer->items[i].address;
            bide__address_set_port(&addresses->list[i], port);
            addresses->count++;
        }
        if (addresses)
            *ret_addresses = addresses;
    } else {
        err = bide__answer_explain(answer, host, NULL);
    }
    bide__answer_release(answer);
    return err;
}

int bide__resolve(const char *host, int port, int passive, struct bide__addresses **ret_addresses)
{
    struct bide__record *task;
    union bide__address address = { .v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT } };
    int err = bide__checkpoint(&task);

    if (err < 0)
        return err;
    if (port < (passive ? 0 : 1) || port > 65535)
        return bide_fail(-EINVAL, "port %d is out of range %d..65535", port, passive ? 0 : 1);
    if (!host && !passive)
        return bide_fail(-EINVAL, "no host to resolve");
    if (host && strlen(host) > BIDE__HOST_MAX)
        return bide_fail(-EINVAL, "a host name of %zu bytes; at most %d", strlen(host), BIDE__HOST_MAX);
    if (host && !bide__address_parse(host, &address))
        return resolve_by_name(task, host, port, passive, ret_addresses);
    struct bide__addresses *addresses = make_list(1, host);
    if (!addresses)
        return -ENOMEM;
    addresses->count = 1;
    addresses->list[0] = address;
    bide__address_set_port(&addresses->list[0], port);
    *ret_addresses = addresses;
    return 0;
}
