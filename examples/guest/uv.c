/*
 * bide inside libuv: the loop of the program is libuv's, with a timer of its own; bide's tasks run in between.
 *
 * Three calls do it: a uv_poll_t watches the guest's descriptor, a uv_timer_t its timeout, and both have it run.
 */
#include <bide.h>
#include <math.h>
#include <stdio.h>
#include <uv.h>

#define PIECE 0.002 /* seconds that the guest may have at once */

struct host {
    uv_loop_t loop;
    uv_poll_t arrival;
    uv_timer_t deadline, clock;
    bide_guest *guest;
    int ticks;
};

/* ---- the guest ---- */

static int greet(const char *whom, double delay)
{
    bide(bide_sleep(delay));
    printf("guest: hello, %s\n", whom);
    return 0;
}
bide_async(greet, const char *, double);

static int app(void)
{
    const bide_process_options options = { .stdout_to = BIDE_PIPE };
    bide_auto(process) *date = NULL;
    bide_auto(process_output) output = { 0 };

    bide(bide_gather(bide_co(greet, "one", 0.06), bide_co(greet, "two", 0.01)));
    bide(bide_create_subprocess_exec(bide_arguments("echo", "from a program"), &options, &date));
    bide(bide_process_communicate(date, NULL, 0, &output));
    printf("guest: %s", output.text);
    return bide_sleep(0.05);
}
bide_async(app);

/* ---- the host ---- */

static void on_deadline(uv_timer_t *timer);

static void run_guest(struct host *host)
{
    if (!bide_guest_run(host->guest, PIECE)) {
        uv_poll_stop(&host->arrival);
        uv_stop(&host->loop);
        return;
    }
    double seconds = bide_guest_timeout(host->guest);
    if (isinf(seconds))
        uv_timer_stop(&host->deadline);
    else
        uv_timer_start(&host->deadline, on_deadline, (uint64_t)ceil(seconds * 1000), 0);
}

static void on_deadline(uv_timer_t *timer)
{
    run_guest(timer->data);
}

static void on_arrival(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run_guest(poll->data);
}

static void on_tick(uv_timer_t *timer)
{
    struct host *host = timer->data;

    if (++host->ticks == 1)
        printf("host: my own timer goes on\n");
}

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    uv_close(handle, NULL);
}

int main(void)
{
    static struct host host;

    if (bide_guest_open(bide_co(app), NULL, &host.guest) < 0)
        return 1;
    uv_loop_init(&host.loop);
    uv_poll_init(&host.loop, &host.arrival, bide_guest_descriptor(host.guest));
    uv_timer_init(&host.loop, &host.deadline);
    uv_timer_init(&host.loop, &host.clock);
    host.arrival.data = host.deadline.data = host.clock.data = &host;
    uv_poll_start(&host.arrival, UV_READABLE, on_arrival);
    uv_timer_start(&host.clock, on_tick, 30, 10);
    run_guest(&host);
    uv_run(&host.loop, UV_RUN_DEFAULT);
    uv_walk(&host.loop, close_handle, NULL);
    uv_run(&host.loop, UV_RUN_DEFAULT); /* their ends */
    uv_loop_close(&host.loop);
    int err = bide_guest_close(host.guest);
    printf("host: the guest has left; %s\n", host.ticks > 1 ? "the clock went on" : "the clock stood still");
    return err < 0;
}
