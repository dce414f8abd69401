/*
 * Connecting: resolve, then race the addresses until one answers (Happy Eyeballs, RFC 8305).
 *
 * With one address, or when they are to be tried in turn, the caller connects itself. Otherwise each attempt is a task
 * of a group, and the caller only starts them: the next one when the last one has failed, or after the delay. The
 * first that connects leaves its socket as the winner and cancels the group; a second one that was as fast closes its
 * own. The group ends when all attempts have, so whatever happens, one socket is left or none. A socket exists only
 * inside its attempt: cancelled at any point, it is closed and nothing is left registered. One message names each
 * address with its reason.
 *
 * Costs: a task for each attempt that is begun. Must never happen: two winners; a winner that is lost because the
 * caller was cancelled at the same time.
 */
#include <bide/connect.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>
#include <bide/task.h>

#include "io/stream.h"
#include "task/wait.h"

enum { REASONS_BYTES = 400 };
static const double DELAY = 0.25;

/* A call of bide_open_connection. */
struct race {
    struct bide_loop *loop;
    bide_connect_options options;
    struct bide__addresses *addresses; /* in the order in which they are tried */
    struct bide__addresses *local;     /* to connect from; NULL: any address */
    int winner;                        /* the connected socket, -1: none yet */
    size_t last;                       /* the attempt begun last */
    bool given_up;                     /* a wait of the caller was cancelled: there is to be no winner (R1) */
    bide_group *group;                 /* of the attempts, while there is one */
    struct bide__wait_list waiting;    /* the caller, for the end of the last attempt */
    int *errors;                       /* of each attempt; 0: not ended, or not begun */
    int one_error;                     /* what `errors` points to when there is one address */
};

/* ---- one attempt ---- */

static void drop(const struct race *race, int descriptor)
{
    race->loop->backend->forget(race->loop, descriptor);
    close(descriptor);
}

static int bind_local(const struct race *race, int descriptor, const union bide__address *address)
{
    union bide__address any = { .any.sa_family = address->any.sa_family }; /* zero is "any" in both families */
    const int on = 1;
    int err = -EADDRNOTAVAIL;

    if (!race->local) {
        bide__address_set_port(&any, race->options.local_port);
        return bind(descriptor, &any.any, bide__address_size(&any)) == 0 ? 0 : -errno;
    }
    if (!race->options.local_port) /* the port is then chosen when the other end is known: more connections fit */
        setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    for (size_t i = 0; i < race->local->count; i++) {
        const union bide__address *local = &race->local->list[i];

        if (local->any.sa_family != address->any.sa_family)
            continue;
        if (bind(descriptor, &local->any, bide__address_size(local)) == 0)
            return 0;
        err = -errno;
    }
    return err;
}

static int connect_to(const struct race *race, const union bide__address *address, int *ret_descriptor)
{
    const int on = 1;
    int descriptor = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return -errno;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct bide__op op = { .kind = BIDE__OP_CONNECT,
                           .descriptor = descriptor,
                           .u.address = &address->any,
                           .size = bide__address_size(address) };
    int64_t err = race->local || race->options.local_port ? bind_local(race, descriptor, address) : 0;
    if (err == 0)
        err = bide__op_run(&op);
    if (err < 0) {
        drop(race, descriptor);
        return (int)err;
    }
    *ret_descriptor = descriptor;
    return 0;
}

/* Ends the wait of the caller for the attempt begun last. */
static void wake_caller(struct race *race)
{
    struct bide__waiter *waiter = bide__wait_list_take(&race->waiting);

    if (waiter)
        bide__wake(waiter, 0);
}

/* Tries one address. How it went stands in the race, so only a cancellation is said to the group. */
static int try_address(struct race *race, size_t index)
{
    int descriptor = -1;
    int err = connect_to(race, &race->addresses->list[index], &descriptor);

    if (err == 0 && (race->winner >= 0 || race->given_up)) {
        drop(race, descriptor);
    } else if (err == 0) {
        race->winner = descriptor;
        wake_caller(race); /* before the group is cancelled: what it waited for has happened */
        if (race->group)
            bide_group_cancel(race->group);
    }
    race->errors[index] = err;
    if (index == race->last)
        wake_caller(race);
    return err == -ECANCELED ? err : 0;
}
bide_async(try_address, struct race *, size_t);

/* ---- all of them ---- */

static int try_in_turn(struct race *race)
{
    for (size_t i = 0; i < race->addresses->count && race->winner < 0; i++) {
        int err = try_address(race, i);

        if (err < 0)
            return err;
    }
    return 0;
}

/* Waits until the last attempt has failed, or the delay has passed. 0, -ECANCELED, -ENOMEM. */
static int let_it_try(struct race *race)
{
    int err = 0;

    if (race->errors[race->last] < 0)
        return 0;
    bide_timeout (race->options.happy_eyeballs_delay, err) {
        struct bide__record *task;

        err = bide__checkpoint(&task);
        if (err == 0)
            err = bide__wait_in(&race->waiting, task, "an attempt to connect");
    }
    if (err == -ETIMEDOUT)
        return 0;
    race->given_up = err < 0;
    return err;
}

static int try_side_by_side(struct race *race)
{
    int err;

    bide_task_group (group, err) {
        race->group = group;
        for (size_t i = 0; i < race->addresses->count && race->winner < 0 && err == 0; i++) {
            race->last = i;
            if (bide_start_eager(group, bide_co(try_address, race, i)) < 0)
                err = try_address(race, i); /* no place for one more task */
            else if (race->winner < 0 && i + 1 < race->addresses->count)
                err = let_it_try(race);
        }
    }
    race->group = NULL;
    return err;
}

/* ---- which, and in what order ---- */

/*
 * Puts the addresses into the order of RFC 8305: `first` of the family that the first one has, then one of each in
 * turn. Without memory they stay as they are.
 */
static void interleave(struct bide__addresses *addresses, size_t first)
{
    size_t count = addresses->count, mine = 0, others = 0;
    const union bide__address *from;
    union bide__address *copy = count > 2 ? malloc(count * sizeof *copy) : NULL;

    if (!copy)
        return;
    memcpy(copy, addresses->list, count * sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        while (mine < count && copy[mine].any.sa_family != copy[0].any.sa_family)
            mine++;
        while (others < count && copy[others].any.sa_family == copy[0].any.sa_family)
            others++;
        bool take_mine = others == count || (mine < count && (i < first || (i - first) % 2 == 1));
        from = &copy[take_mine ? mine++ : others++];
        addresses->list[i] = *from;
    }
    free(copy);
}

static void keep_family(struct bide__addresses *addresses, int family)
{
    size_t kept = 0;

    for (size_t i = 0; i < addresses->count; i++)
        if (!family || addresses->list[i].any.sa_family == family)
            addresses->list[kept++] = addresses->list[i];
    addresses->count = kept;
}

/* ---- how it ended ---- */

static void add_reason(char *reasons, const union bide__address *address, int err)
{
    char text[BIDE__ADDRESS_TEXT];
    size_t length = strlen(reasons);

    bide__address_text(address, text, sizeof text);
    snprintf(reasons + length, REASONS_BYTES - length, "%s%s: %s", length ? "; " : "", text, strerror(-err));
}

/* One message for all; an address that was given as such is not said twice. */
static int explain(const struct race *race, const char *host, int port)
{
    char target[BIDE__ADDRESS_TEXT], reasons[REASONS_BYTES] = "", *at = reasons;
    const bool is_ipv6 = strchr(host, ':') != NULL;
    int length = snprintf(target, sizeof target, is_ipv6 ? "[%s]:%d: " : "%s:%d: ", host, port), err = 0;

    for (size_t i = 0; i < race->addresses->count; i++) {
        err = race->errors[i];
        add_reason(reasons, &race->addresses->list[i], err);
    }
    if (length > 0 && (size_t)length < sizeof target && !strncmp(reasons, target, (size_t)length) &&
        race->addresses->count == 1)
        at += length;
    return bide_fail(err, is_ipv6 ? "connect to [%s]:%d: %s" : "connect to %s:%d: %s", host, port, at);
}

static int finish(struct race *race, int err, const char *host, int port, bide_stream **ret_stream)
{
    if (race->given_up && race->winner >= 0) { /* it came between the cancellation and its being heard of */
        drop(race, race->winner);
        race->winner = -1;
    }
    if (race->winner < 0 && err == -ENOMEM)
        return bide_fail(-ENOMEM, "connect to %s:%d: no memory for the delay between two addresses", host, port);
    if (race->winner < 0)
        return err < 0 ? err : explain(race, host, port);
    struct bide_stream *stream = bide__stream_new(race->loop, race->winner);
    if (!stream) {
        drop(race, race->winner);
        return bide_fail(-ENOMEM, "connect to %s:%d: no memory for the stream", host, port);
    }
    *ret_stream = stream;
    return 0;
}

/* ---- the calls ---- */

static int run_race(struct race *race, const char *host, int port, bide_stream **ret_stream)
{
    const size_t first = race->options.interleave > 0 ? (size_t)race->options.interleave : 1;
    int err;

    keep_family(race->addresses, race->options.family);
    if (!race->addresses->count)
        return bide_fail(BIDE_ERESOLVE, "resolve '%s': no address of family %d", host, race->options.family);
    if (race->options.interleave >= 0)
        interleave(race->addresses, first);
    race->errors = race->addresses->count > 1 ? calloc(race->addresses->count, sizeof *race->errors) : &race->one_error;
    if (!race->errors)
        return bide_fail(-ENOMEM, "connect to %s:%d: no memory", host, port);
    if (race->addresses->count == 1 || race->options.happy_eyeballs_delay > 1e9)
        err = try_in_turn(race);
    else
        err = try_side_by_side(race);
    err = finish(race, err, host, port, ret_stream);
    if (race->errors != &race->one_error)
        free(race->errors);
    return err;
}

static int check_options(const bide_connect_options *options)
{
    if (!(options->happy_eyeballs_delay >= 0))
        return bide_fail(-EINVAL, "bide_open_connection_with: happy_eyeballs_delay %g; must not be negative",
                         options->happy_eyeballs_delay);
    if (options->family && options->family != AF_INET && options->family != AF_INET6)
        return bide_fail(-EINVAL, "bide_open_connection_with: family %d; must be AF_INET, AF_INET6 or 0",
                         options->family);
    if (options->local_port < 0 || options->local_port > 65535)
        return bide_fail(-EINVAL, "bide_open_connection_with: local_port %d is out of range 0..65535",
                         options->local_port);
    return 0;
}

int bide_open_connection_with(const char *host, int port, const bide_connect_options *options, bide_stream **ret_stream)
{
    struct race race = { .loop = bide__loop, .winner = -1 };
    int err;

    if (options)
        race.options = *options;
    if (race.options.happy_eyeballs_delay == 0)
        race.options.happy_eyeballs_delay = DELAY;
    err = check_options(&race.options);
    if (err == 0)
        err = bide__resolve(host, port, 0, &race.addresses);
    if (err == 0 && race.options.local_host)
        err = bide__resolve(race.options.local_host, race.options.local_port, 1, &race.local);
    if (err == 0)
        err = run_race(&race, host, port, ret_stream);
    free(race.addresses);
    free(race.local);
    return err;
}

int bide_open_connection(const char *host, int port, bide_stream **ret_stream)
{
    return bide_open_connection_with(host, port, NULL, ret_stream);
}
