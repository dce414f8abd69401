/*
 * getaddrinfo and freeaddrinfo of the test programs. What they give out is one block of memory for each list, so the
 * C library's own lists can be told from ours by a mark.
 */
#include "support_resolver.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mark[] = "made by the tests";
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool released;
static atomic_int waiting, calls;

struct entry {
    struct addrinfo info;
    struct sockaddr_in6 address;
};

void resolver_release(void)
{
    pthread_mutex_lock(&lock);
    released = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

int resolver_waiting(void)
{
    return waiting;
}

int resolver_calls(void)
{
    return calls;
}

static void wait_for_release(void)
{
    waiting++;
    pthread_mutex_lock(&lock);
    while (!released)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    waiting--;
}

static int answer(const char *const *addresses, const char *service, const struct addrinfo *hints,
                  struct addrinfo **ret_list)
{
    uint16_t port = htons((uint16_t)(service ? atoi(service) : 0));
    size_t count = 0;

    while (addresses[count])
        count++;
    struct entry *entries = calloc(count, sizeof *entries);
    if (!entries)
        return EAI_MEMORY;
    for (size_t i = 0; i < count; i++) {
        struct addrinfo *info = &entries[i].info;
        struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&entries[i].address;

        info->ai_canonname = (char *)(uintptr_t)mark;
        info->ai_addr = (struct sockaddr *)&entries[i].address;
        info->ai_next = i + 1 < count ? &entries[i + 1].info : NULL;
        info->ai_socktype = hints && hints->ai_socktype ? hints->ai_socktype : SOCK_STREAM;
        if (inet_pton(AF_INET, addresses[i], &v4->sin_addr) == 1) {
            info->ai_family = v4->sin_family = AF_INET;
            info->ai_addrlen = sizeof *v4;
            v4->sin_port = port;
        } else if (inet_pton(AF_INET6, addresses[i], &entries[i].address.sin6_addr) == 1) {
            info->ai_family = entries[i].address.sin6_family = AF_INET6;
            info->ai_addrlen = sizeof entries[i].address;
            entries[i].address.sin6_port = port;
        } else { /* of a family that nobody asked for */
            info->ai_family = AF_UNIX;
            info->ai_addrlen = sizeof(sa_family_t);
        }
    }
    *ret_list = &entries[0].info;
    return 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);

    return length >= size && !strcmp(text + length - size, end);
}

/* "127.0.0.1_::1.list.test" */
static int answer_list(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret_list)
{
    char text[256];
    const char *addresses[32] = { NULL };
    size_t count = 0;

    snprintf(text, sizeof text, "%.*s", (int)(strlen(host) - strlen(".list.test")), host);
    for (char *at = strtok(text, "_"); at && count < 31; at = strtok(NULL, "_"))
        addresses[count++] = at;
    return answer(addresses, service, hints, ret_list);
}

/* A function of the C library behind ours. */
static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

__attribute__((visibility("default"))) int getaddrinfo(const char *host, const char *service,
                                                       const struct addrinfo *hints, struct addrinfo **ret_list)
{
    static const char *const two[] = { "127.0.0.2", "127.0.0.1", NULL }, *const six[] = { "::1", "127.0.0.1", NULL },
                             *const one[] = { "127.0.0.1", NULL }, *const none[] = { "unix", NULL };
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    char counted[32];

    calls++;
    if (!host || !ends_with(host, ".test")) {
        void *function = next("getaddrinfo");

        memcpy(&real, &function, sizeof real);
        return real(host, service, hints, ret_list);
    }
    if (!strncmp(host, "slow", 4)) {
        wait_for_release();
        return answer(one, service, hints, ret_list);
    }
    if (ends_with(host, "count.test")) {
        snprintf(counted, sizeof counted, "10.0.%d.%d", calls / 256, calls % 256);
        return answer((const char *[]){ counted, NULL }, service, hints, ret_list);
    }
    if (ends_with(host, ".list.test"))
        return answer_list(host, service, hints, ret_list);
    if (!strcmp(host, "two.test"))
        return answer(two, service, hints, ret_list);
    if (!strcmp(host, "six.test"))
        return answer(six, service, hints, ret_list);
    if (!strcmp(host, "empty.test"))
        return answer(none, service, hints, ret_list);
    errno = EIO;
    return !strcmp(host, "broken.test") ? EAI_SYSTEM : EAI_NONAME;
}

__attribute__((visibility("default"))) void freeaddrinfo(struct addrinfo *list)
{
    void (*real)(struct addrinfo *);

    if (list && list->ai_canonname == mark) {
        free(list);
        return;
    }
    void *function = next("freeaddrinfo");
    memcpy(&real, &function, sizeof real);
    real(list);
}

/* 127.9.0.1 is slow.test, 127.9.0.2 is nobody, 127.9.0.3 an error of the system. */
__attribute__((visibility("default"))) int getnameinfo(const struct sockaddr *address, socklen_t size, char *host,
                                                       socklen_t host_size, char *service, socklen_t service_size,
                                                       int flags)
{
    int (*real)(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int);
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
    uint32_t number = address->sa_family == AF_INET ? ntohl(v4->sin_addr.s_addr) : 0;

    calls++;
    if (!(flags & NI_NUMERICHOST) && number >> 16 == (127 << 8 | 9)) {
        if ((number & 255) == 1)
            wait_for_release();
        errno = EIO;
        if ((number & 255) == 2 || (number & 255) == 3)
            return (number & 255) == 2 ? EAI_NONAME : EAI_SYSTEM;
        if (host)
            snprintf(host, host_size, (number & 255) == 1 ? "slow.test" : "fast.test");
        if (service)
            snprintf(service, service_size, "%d", ntohs(v4->sin_port));
        return 0;
    }
    void *function = next("getnameinfo");
    memcpy(&real, &function, sizeof real);
    return real(address, size, host, host_size, service, service_size, flags);
}
