/*
 * Many descriptors at once: all are served, in few waits, and a busy one does not keep the others from their turn.
 */
#include "support_loop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CROWD = 1000 };

static struct bide_loop loop;
static struct trial trials[CROWD];
static int pairs[CROWD][2];
static char buffers[CROWD][4];

static void open_crowd(void)
{
    open_loop(&loop);
    for (int i = 0; i < CROWD; i++)
        open_pair(pairs[i]);
}

static void close_crowd(void)
{
    for (int i = 0; i < CROWD; i++)
        close_both(&loop, pairs[i]);
    bide__loop_close(&loop);
}

static int how_many_ended(void)
{
    int ended = 0;

    for (int i = 0; i < CROWD; i++)
        ended += trials[i].op.done;
    return ended;
}

unit_test(a_thousand_ready_at_once)
{
    open_crowd();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CROWD; i++)
            check(!begin(&loop, &trials[i], receive_op(pairs[i][0], buffers[i], 4)));
        poll_loop(&loop);
        check_eq(how_many_ended(), 0);
        for (int i = 0; i < CROWD; i++)
            check_eq(write(pairs[i][1], &i, sizeof i), (ssize_t)sizeof i);
        /* a backend may deliver in portions, but not in twenties */
        loop.backend->wait(&loop, 0);
        check(how_many_ended() >= 500);
        loop.backend->wait(&loop, 0);
        check_eq(how_many_ended(), (int)CROWD);
        for (int i = 0; i < CROWD; i++) {
            check_eq(end(&loop, &trials[i]), 4);
            check_mem(buffers[i], &i, 4);
        }
    }
    close_crowd();
    return 0;
}

unit_test(all_there_before_they_are_asked_for)
{
    open_crowd();
    for (int i = 0; i < CROWD; i++)
        put(pairs[i][1], "abcd");
    for (int i = 0; i < CROWD; i++)
        begin(&loop, &trials[i], receive_op(pairs[i][0], buffers[i], 4));
    for (int i = 0; i < CROWD; i++)
        check_eq(end(&loop, &trials[i]), 4);
    close_crowd();
    return 0;
}

/* One connection that always has data beside a thousand that have something now and then. */
unit_test(a_busy_one_does_not_starve_the_others)
{
    struct trial busy;
    int pair[2], turns = 0;
    char buffer[16];

    open_crowd();
    open_pair(pair);
    fill(pair[1]);
    for (int i = 0; i < CROWD; i++)
        check(!begin(&loop, &trials[i], receive_op(pairs[i][0], buffers[i], 4)));
    poll_loop(&loop);
    for (int i = 0; i < CROWD; i++)
        put(pairs[i][1], "abcd");
    while (how_many_ended() < CROWD) {
        begin(&loop, &busy, receive_op(pair[0], buffer, sizeof buffer));
        check_eq(end(&loop, &busy), (int)sizeof buffer);
        poll_loop(&loop);
        check(++turns <= 4);
    }
    for (int i = 0; i < CROWD; i++)
        check_eq(end(&loop, &trials[i]), 4);
    close_both(&loop, pair);
    close_crowd();
    return 0;
}

static int live;

struct player {
    struct trial trial;
    int descriptor, rounds;
    char byte;
};

static void play(struct player *player);

static void played(void *argument)
{
    struct player *player = argument;

    check_eq(player->trial.op.result, 1);
    play(player);
}

/* Receives a byte and sends it back, `rounds` times. */
static void play(struct player *player)
{
    for (;;) {
        if (player->rounds-- == 0) {
            if (--live == 0)
                stop_loop(&loop);
            return;
        }
        check_eq(write(player->descriptor, &player->byte, 1), 1);
        player->trial.op = receive_op(player->descriptor, &player->byte, 1);
        player->trial.op.ready = (uintptr_t)&player->trial.due | BIDE__READY_CALLBACK;
        if (!loop.backend->submit(&loop, &player->trial.op))
            return;
        check_eq(player->trial.op.result, 1);
    }
}

/* Two thousand players in pairs that throw a ball each way, until all are through: no completion is lost. */
unit_test(a_crowd_playing_ball)
{
    static struct player players[CROWD][2];

    open_crowd();
    live = CROWD * 2;
    for (int i = 0; i < CROWD; i++) {
        for (int side = 0; side < 2; side++) {
            struct player *player = &players[i][side];

            *player = (struct player){
                .descriptor = pairs[i][side],
                .rounds = 20,
                .trial.due = { .function = played, .argument = player, .loop = &loop, .persistent = true }
            };
            check_eq(bide__ready_reserve(&loop), 0);
        }
    }
    for (int i = 0; i < CROWD; i++)
        for (int side = 0; side < 2; side++)
            play(&players[i][side]);
    run_loop(&loop);
    check_eq(live, 0);
    close_crowd();
    return 0;
}

enum { HUGE_CROWD = 3000 };

/* More than fit into the rings: entries at once, and completions at once. */
unit_test(six_thousand_completions_at_once)
{
    struct rlimit limit;
    struct trial *many = calloc(HUGE_CROWD * 2, sizeof *many);
    int(*sockets)[2] = calloc(HUGE_CROWD, sizeof *sockets);
    char *bytes = calloc(HUGE_CROWD, 2);

    check(many && sockets && bytes);
    check_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < HUGE_CROWD * 2 + 100)
        skip("fewer than 6,100 descriptors are allowed");
    open_loop(&loop);
    for (int i = 0; i < HUGE_CROWD; i++) {
        open_pair(sockets[i]);
        for (int side = 0; side < 2; side++)
            check(!begin(&loop, &many[i * 2 + side], receive_op(sockets[i][side], &bytes[i * 2 + side], 1)));
    }
    poll_loop(&loop);
    for (int i = 0; i < HUGE_CROWD; i++) {
        put(sockets[i][0], "a");
        put(sockets[i][1], "b");
    }
    for (int i = 0; i < HUGE_CROWD * 2; i++)
        check_eq(end(&loop, &many[i]), 1);
    for (int i = 0; i < HUGE_CROWD * 2; i++)
        check_eq(bytes[i], i % 2 ? 'a' : 'b');
    for (int i = 0; i < HUGE_CROWD; i++)
        close_both(&loop, sockets[i]);
    bide__loop_close(&loop);
    free(many);
    free(sockets);
    free(bytes);
    return 0;
}
