/*
 * bide/dns.h - names and addresses: looking them up without stopping the loop
 *
 * The C library's resolver blocks, so lookups run in threads of their own (never in those of bide_to_thread or of
 * files: a dead name server must not stop them). It decides as it does for every other program of the machine: by
 * nsswitch.conf, /etc/hosts, resolv.conf, mDNS where that is set up. On top of it there is, for each loop: one lookup
 * for all who ask the same at the same time; and a cache of answers. bide_open_connection, bide_listen and all that
 * takes a host name use both.
 */
#ifndef BIDE_DNS_H
#define BIDE_DNS_H

#include <netdb.h>
#include <stddef.h>
#include <sys/socket.h>

#include <bide/export.h>

struct addrinfo; /* complete with _DEFAULT_SOURCE or _POSIX_C_SOURCE: a strict -std=c11 hides it */

/*
 * bide_getaddrinfo - getaddrinfo(3) for tasks: the addresses of a host and service.
 *
 * host: a name or a numeric address, at most 1024 bytes; service: "443", "https" or NULL; one of both may be NULL.
 * hints: family, socket type, protocol and flags as in getaddrinfo(3); NULL: all zero, which gives each address three
 * times, once for each socket type. *ret_list: in the resolver's order (RFC 6724), the caller's, given back with
 * bide_freeaddrinfo and nothing else. Numeric addresses and services are answered in place. Waits. 0; BIDE_ERESOLVE:
 * the message names the host and the reason ("Name or service not known"); -EINVAL (a name that is too long, or both
 * NULL); -ENOMEM; -EAGAIN: no thread can be started, or queue_max lookups wait already; -ECANCELED at once: the lookup
 * goes on in its thread for others who wait for it, and for the cache. Follows loop.getaddrinfo.
 */
BIDE_EXPORT int bide_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                                 struct addrinfo **ret_list);

/* bide_freeaddrinfo - gives a list of bide_getaddrinfo back; NULL is ignored. */
BIDE_EXPORT void bide_freeaddrinfo(struct addrinfo *list);

/*
 * bide_getnameinfo - getnameinfo(3) for tasks: the name of an address, and of its port.
 *
 * host, service: where they are written, with '\0' (NI_MAXHOST and NI_MAXSERV bytes hold all of them); NULL with size
 * 0: not wanted. flags: NI_NUMERICHOST, NI_NUMERICSERV (both: answered in place), NI_NAMEREQD, NI_DGRAM. Waits; not
 * cached. 0; BIDE_ERESOLVE with the address and the reason; -ENOSPC: it does not fit; -EINVAL: not an address;
 * -ENOMEM; -EAGAIN; -ECANCELED at once, nothing is written then or later. Follows loop.getnameinfo.
 */
BIDE_EXPORT int bide_getnameinfo(const struct sockaddr *address, socklen_t address_size, char *host, size_t host_size,
                                 char *service, size_t service_size, int flags);

/* How names are looked up. Zeroed means the defaults. */
typedef struct bide_dns_options {
    /*
     * seconds that an answer is used again; 0: 10; negative: never. What could not be resolved is asked again each
     * time. The time that the name server says is not known to getaddrinfo(3)
     */
    double time_to_live;
    size_t cache_max;   /* answers kept, the ones used last; 0: 1000 */
    size_t threads_max; /* lookups in progress at once, 1..1000; 0: 8 */
    size_t queue_max;   /* lookups that wait for a thread; one more is -EAGAIN. 0: no limit but the number of tasks */
} bide_dns_options;

/*
 * bide_set_dns_options - sets how this loop looks names up, from now on. options: NULL: the defaults. 0; -EINVAL with
 * a message; -EALREADY: threads_max cannot change after the first lookup; -ENOMEM; -EPERM outside of a loop. Does not
 * wait. Follows aiohttp's ttl_dns_cache.
 */
BIDE_EXPORT int bide_set_dns_options(const bide_dns_options *options);

/*
 * bide_clear_dns_cache - forgets the answers for a host (NULL: all); lookups in progress are not used for the cache
 * either. For programs that learn that the network has changed. Follows aiohttp's clear_dns_cache.
 */
BIDE_EXPORT void bide_clear_dns_cache(const char *host);

#endif
