/* The client's pool of connections: limits, waiting in line, reuse, stale connections, cancellation at every turn. */
#include "peer.h"

struct fetched {
    int status, turn;
    int *turns; /* a counter that orders the ends */
};

/* GETs the URL, reads the body, notes when it was done. */
static int fetch(bide_http_client *client, const char *url, struct fetched *ret)
{
    bide_auto(http_response) *response = NULL;
    char *text;

    bide(bide_http_get(client, url, &response));
    bide(bide_http_read_all(response, &text, NULL));
    free(text);
    ret->status = bide_http_response_status(response);
    ret->turn = ret->turns ? ++*ret->turns : 0;
    return 0;
}
bide_async(fetch, bide_http_client *, const char *, struct fetched *);

static void check_fetch(bide_http_client *client, const char *url)
{
    struct fetched fetched = { 0 };

    check_eq(fetch(client, url, &fetched), 0);
    check_eq(fetched.status, 200);
}

/* Lets the others run until the peer has so many connections. */
static void settle(const struct peer *peer, size_t open)
{
    while (peer->open != open)
        check_eq(turn(), 0);
}

bide_test(no_more_connections_than_the_limit_and_first_come_first_served)
{
    int err;

    with_peer(peer, err, { .text = HELLO, .byte_by_byte = true })
    {
        bide_auto(http_client) *client = NULL;
        struct fetched fetched[7] = { 0 };
        int turns = 0, inner;

        check_eq(bide_http_client_open(&(bide_http_client_options){ .connections_max = 1 }, &client), 0);
        bide_task_group (group, inner) {
            for (int i = 0; i < 7; i++) {
                fetched[i].turns = &turns;
                check_eq(bide_start(group, bide_co(fetch, client, peer.url, &fetched[i])), 0);
            }
        }
        check_eq(inner, 0);
        for (int i = 0; i < 7; i++)
            check_eq(fetched[i].turn, i + 1);
        check_eq(peer.most_open, 1);
        check_eq(peer.connections, 1);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(a_host_at_its_limit_does_not_hold_up_another)
{
    int err;

    with_peer(slow, err, { .text = NULL })
    {
        with_peer(quick, err, { .text = HELLO })
        {
            bide_auto(http_client) *client = NULL;
            struct fetched fetched[3] = { 0 };
            int inner;

            check_eq(bide_http_client_open(&(bide_http_client_options){ .connections_per_host_max = 1 }, &client), 0);
            bide_task_group (group, inner) {
                for (int i = 0; i < 3; i++)
                    check_eq(bide_start(group, bide_co(fetch, client, slow.url, &fetched[i])), 0);
                settle(&slow, 1);
                check_fetch(client, quick.url);
                check_eq(slow.most_open, 1);
                bide_group_cancel(group);
            }
            check_fetch(client, quick.url);
            check_eq(quick.connections, 1);
        }
    }
    check_eq(err, 0);
    return 0;
}

bide_test(an_idle_connection_makes_room_for_another_host)
{
    int err;

    with_peer(one, err, { .text = HELLO })
    {
        with_peer(two, err, { .text = HELLO })
        {
            bide_auto(http_client) *client = NULL;

            check_eq(bide_http_client_open(&(bide_http_client_options){ .connections_max = 1 }, &client), 0);
            for (int i = 0; i < 3; i++) {
                check_fetch(client, one.url);
                check_fetch(client, two.url);
            }
            settle(&one, 0);
            check_eq(one.connections, 3);
            check_eq(two.open, 1);
        }
    }
    check_eq(err, 0);
    return 0;
}

static void check_not_reused(const char *answer, enum peer_ending ending)
{
    int err;

    with_peer(peer, err, { .text = answer, .ending = ending })
    {
        bide_auto(http_client) *client = NULL;

        check_eq(bide_http_client_open(NULL, &client), 0);
        check_fetch(client, peer.url);
        settle(&peer, 0);
        check_fetch(client, peer.url);
        check_eq(peer.connections, 2);
        check_eq(peer.requests, 2); /* nothing was sent to a dead connection */
    }
    check_eq(err, 0);
}

bide_test(connections_that_cannot_carry_another_request_are_closed)
{
    check_not_reused(HELLO, PEER_CLOSES); /* stale */
    check_not_reused(HELLO, PEER_RESETS);
    check_not_reused("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", PEER_KEEPS); /* told */
    check_not_reused("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", PEER_KEEPS);
    check_not_reused(HELLO HELLO, PEER_KEEPS); /* an answer that nobody asked for */
    return 0;
}

bide_test(a_body_that_was_not_read_costs_the_connection)
{
    int err;

    with_peer(peer, err, { .text = HELLO })
    {
        bide_auto(http_client) *client = NULL;
        bide_http_response *response;
        char byte;

        check_eq(bide_http_client_open(NULL, &client), 0);
        check_eq(bide_http_get(client, peer.url, &response), 0);
        bide_http_response_close(response);
        settle(&peer, 0);
        check_eq(bide_http_get(client, peer.url, &response), 0);
        check_eq(bide_http_read(response, &byte, 1), 1);
        bide_http_response_close(response);
        settle(&peer, 0);
        check_eq(peer.connections, 2);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(a_stale_connection_is_replaced_once_if_the_request_may_be_repeated)
{
    int err;

    with_peer(peer, err, { .text = HELLO, .ending = PEER_CLOSES_AT_NEXT_REQUEST })
    {
        bide_auto(http_client) *client = NULL;
        bide_http_response *response = NULL;

        check_eq(bide_http_client_open(NULL, &client), 0);
        check_fetch(client, peer.url);
        check_fetch(client, peer.url); /* dies without an answer, then goes to a fresh connection */
        check_eq(peer.connections, 2);
        check_eq(peer.requests, 3);
        check_eq(bide_http_post(client, peer.url, NULL, "x", 1, &response), BIDE_EOF); /* not repeated */
        check_eq(peer.connections, 2);
        check_eq(peer.requests, 4);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(a_fresh_connection_that_dies_is_not_replaced)
{
    int err;

    with_peer(peer, err, { .text = "", .ending = PEER_CLOSES })
    {
        bide_auto(http_client) *client = NULL;
        bide_http_response *response = NULL;

        check_eq(bide_http_client_open(NULL, &client), 0);
        check_eq(bide_http_get(client, peer.url, &response), BIDE_EOF);
        check_eq(peer.connections, 1);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(an_answer_that_had_begun_is_not_asked_for_again)
{
    int err;

    with_peer(peer, err, { .text = HELLO }, { .text = "HTTP/1.1 2", .ending = PEER_CLOSES })
    {
        bide_auto(http_client) *client = NULL;
        bide_http_response *response = NULL;

        check_eq(bide_http_client_open(NULL, &client), 0);
        check_fetch(client, peer.url);
        check_eq(bide_http_get(client, peer.url, &response), BIDE_EOF);
        check_eq(peer.requests, 2);
        check_eq(peer.connections, 1);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(idle_connections_are_closed_in_time)
{
    int err;

    with_peer(peer, err, { .text = HELLO })
    {
        bide_auto(http_client) *client = NULL;
        struct fetched fetched[3] = { 0 };
        int inner;

        check_eq(bide_http_client_open(&(bide_http_client_options){ .keep_alive = 0.02 }, &client), 0);
        bide_task_group (group, inner) {
            for (int i = 0; i < 3; i++)
                check_eq(bide_start(group, bide_co(fetch, client, peer.url, &fetched[i])), 0);
        }
        check_eq(peer.connections, 3);
        double start = bide_time();
        settle(&peer, 0); /* by itself */
        check(bide_time() - start < 1 * check_slowness());
        check_fetch(client, peer.url);
        check_eq(peer.connections, 4);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(a_negative_keep_alive_uses_connections_once)
{
    int err;

    with_peer(peer, err, { .text = HELLO })
    {
        bide_auto(http_client) *client = NULL;

        check_eq(bide_http_client_open(&(bide_http_client_options){ .keep_alive = -1 }, &client), 0);
        check_fetch(client, peer.url);
        check(strstr(peer.request, "\r\nConnection: close\r\n") != NULL);
        settle(&peer, 0);
        check_fetch(client, peer.url);
        check_eq(peer.connections, 2);
    }
    check_eq(err, 0);
    return 0;
}

bide_test(a_cancelled_waiter_leaves_the_line)
{
    int err;

    with_peer(peer, err, { .text = HELLO })
    {
        bide_auto(http_client) *client = NULL;
        bide_http_response *held;
        struct fetched fetched[3] = { 0 };
        bide_task *tasks[3];
        int turns = 0, inner;

        check_eq(bide_http_client_open(&(bide_http_client_options){ .connections_max = 1 }, &client), 0);
        check_eq(bide_http_get(client, peer.url, &held), 0);
        bide_task_group (group, inner) {
            for (int i = 0; i < 3; i++) {
                fetched[i].turns = &turns;
                tasks[i] = bide_create_task(group, bide_co(fetch, client, peer.url, &fetched[i]));
            }
            turn();
            bide_cancel(tasks[1]);
            check_error(bide_join(tasks[1]), ECANCELED);
            bide_http_response_close(held);
        }
        check_eq(inner, 0);
        check_eq(fetched[0].turn, 1);
        check_eq(fetched[2].turn, 2);
    }
    check_eq(err, 0);
    return 0;
}

/* The slot is given to the first waiter and it is cancelled, in one turn: the second must get it. */
static void check_served_and_cancelled(bool cancel_first)
{
    int err;

    with_peer(peer, err, { .text = HELLO })
    {
        bide_auto(http_client) *client = NULL;
        bide_http_response *held;
        struct fetched fetched[2] = { 0 };
        int inner;

        check_eq(bide_http_client_open(&(bide_http_client_options){ .connections_max = 1 }, &client), 0);
        check_eq(bide_http_get(client, peer.url, &held), 0);
        bide_task_group (group, inner) {
            bide_task *first = bide_create_task(group, bide_co(fetch, client, peer.url, &fetched[0]));
            bide_task *second = bide_create_task(group, bide_co(fetch, client, peer.url, &fetched[1]));

            turn();
            if (cancel_first)
                bide_cancel(first);
            bide_http_response_close(held);
            if (!cancel_first)
                bide_cancel(first);
            check_error(bide_join(first), ECANCELED);
            check_eq(bide_join(second), 0);
        }
        check_eq(inner, 0);
        check_fetch(client, peer.url);
    }
    check_eq(err, 0);
}

bide_test(a_waiter_that_is_served_and_cancelled_at_once_strands_nobody)
{
    check_served_and_cancelled(false);
    check_served_and_cancelled(true);
    return 0;
}

/* Cancels a request in a turn of its life; with a single slot, anything that was lost would hang the next one. */
static int cancel_at_turn(struct peer *peer, bide_http_client *client, int turns)
{
    struct fetched fetched = { 0 };
    int result = -1, err;

    bide_task_group (group, err) {
        bide_task *task = bide_create_task(group, bide_co(fetch, client, peer->url, &fetched));

        for (int i = 0; i < turns && !bide_done(task); i++)
            turn();
        bide_cancel(task);
        result = bide_join(task);
    }
    check_fetch(client, peer->url);
    check(peer->most_open <= 2); /* the one being closed, and the next */
    return result;
}

static void check_cancel_everywhere(const char *answer)
{
    int err;

    with_peer(peer, err, { .text = answer, .byte_by_byte = true })
    {
        bide_auto(http_client) *client = NULL;
        int turns = 0, result, cancelled = 0;

        check_eq(bide_http_client_open(&(bide_http_client_options){ .connections_max = 1 }, &client), 0);
        do {
            result = cancel_at_turn(&peer, client, turns++);
            check(result == 0 || result == -ECANCELED);
            cancelled += result == -ECANCELED;
            bide_http_client_close(client); /* so that each one has to connect, too */
            check_eq(bide_http_client_open(&(bide_http_client_options){ .connections_max = 1 }, &client), 0);
        } while (result != 0);
        check(cancelled > (int)strlen(answer) / 2);
        settle(&peer, 0);
    }
    check_eq(err, 0);
}

bide_test(a_request_may_be_cancelled_at_any_turn)
{
    check_cancel_everywhere(HELLO);
    check_cancel_everywhere("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    return 0;
}

bide_test(a_request_on_a_pooled_connection_may_be_cancelled_at_any_turn)
{
    int err;

    with_peer(peer, err, { .text = HELLO, .byte_by_byte = true })
    {
        bide_auto(http_client) *client = NULL;
        int turns = 0;

        check_eq(bide_http_client_open(&(bide_http_client_options){ .connections_max = 1 }, &client), 0);
        while (cancel_at_turn(&peer, client, turns++) != 0)
            continue;
        check(turns > 20);
    }
    check_eq(err, 0);
    return 0;
}
