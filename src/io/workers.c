/*
 * Workers: the same service in several loops, each in a thread of its own with sockets of its own.
 *
 * The caller's task is worker 0. It opens the sockets of all before it starts any, so what cannot be listened on is
 * said before anything is served. Each worker's listener is a second socket on the same port (the kernel deals the
 * connections out), or a duplicate where there cannot be two.
 *
 * They end together: when the caller is cancelled, when one has ended, or when one cannot start. The others are told by
 * a message to their loop, which cancels their main task; a lock holds the loop where it is meanwhile. At last each
 * thread tells the caller's loop that it is through. The first error is the error of all; the others are printed.
 *
 * Must never happen: a thread that runs on when the call has returned; a message to a loop that has gone.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bide/error.h>
#include <bide/server.h>
#include <bide/task.h>

#include "io/listener.h"
#include "task/scope.h"
#include "task/wait.h"

enum { WORKERS_MAX = 1024, MESSAGE_BYTES = 300 };

struct worker {
    struct workers *all;
    bide_listener *listener;
    pthread_t thread;
    pthread_mutex_t lock;   /* of the next three */
    struct bide_loop *loop; /* NULL: it has not begun, or has ended */
    struct bide__record *main;
    bool stopped;
    bool began;                /* serve was called, and has the listener */
    struct bide__remote stop;  /* to its loop */
    struct bide__remote ended; /* to the caller's loop */
    int result;
    char message[MESSAGE_BYTES];
};

struct workers {
    int (*serve)(bide_listener *listener, void *argument);
    void *argument;
    struct bide_loop *loop;         /* the caller's */
    struct bide_group *own;         /* what the caller serves in; NULL: it is through */
    struct bide__waiter *joining;   /* the caller, waiting for the last to end */
    bide_run_options options;       /* of the workers' loops */
    unsigned count, started, alive; /* without the caller */
    struct worker worker[];
};

/* ---- In the worker's thread ---- */

static void deliver_stop(struct bide__remote *remote)
{
    struct worker *worker = (struct worker *)(void *)((char *)remote - offsetof(struct worker, stop));

    bide__scope_cancel(worker->main->self);
}

static int work(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->loop = bide__loop;
    worker->main = bide__current();
    bool stopped = worker->stopped;
    pthread_mutex_unlock(&worker->lock);
    if (stopped)
        bide__scope_cancel(worker->main->self);
    worker->began = true;
    worker->listener->loop = bide__loop;
    int err = worker->all->serve(worker->listener, worker->all->argument);
    pthread_mutex_lock(&worker->lock);
    worker->loop = NULL;
    pthread_mutex_unlock(&worker->lock);
    bide__remote_drain(bide__loop); /* what was sent until then arrives while main is still there */
    return err;
}
bide_async(work, struct worker *);

static void *thread_main(void *argument)
{
    struct worker *worker = argument;

    worker->result = bide_run_with(bide_co(work, worker), &worker->all->options);
    if (worker->result < 0)
        snprintf(worker->message, sizeof worker->message, "%s", bide_strerror(worker->result));
    bide__remote_post(worker->all->loop, &worker->ended);
    return NULL;
}

/* ---- In the caller's ---- */

static void stop_all(struct workers *all)
{
    for (unsigned i = 0; i < all->started; i++) {
        struct worker *worker = &all->worker[i];

        pthread_mutex_lock(&worker->lock);
        if (!worker->stopped && worker->loop)
            bide__remote_post(worker->loop, &worker->stop);
        worker->stopped = true;
        pthread_mutex_unlock(&worker->lock);
    }
}

static void deliver_ended(struct bide__remote *remote)
{
    struct worker *worker = (struct worker *)(void *)((char *)remote - offsetof(struct worker, ended));
    struct workers *all = worker->all;

    all->loop->jobs_under_way--;
    all->alive--;
    stop_all(all);
    if (all->own)
        bide_group_cancel(all->own);
    if (all->alive == 0 && all->joining)
        bide__wake(all->joining, 0);
}

/* With all signals but those of a fault held back: they are the caller's. */
static int start_thread(struct worker *worker)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };
    sigset_t blocked, before;

    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int err = pthread_create(&worker->thread, NULL, thread_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -err;
}

static int start_all(struct workers *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        int err = start_thread(&all->worker[i]);

        if (err < 0)
            return bide_fail(err, "worker %u of %u cannot be started: %s", i + 1, all->count, strerror(-err));
        char name[16];
        snprintf(name, sizeof name, "bide-serve-%u", (i + 1) % 1000);
        pthread_setname_np(all->worker[i].thread, name);
        all->started++;
        all->alive++;
        all->loop->jobs_under_way++;
    }
    return 0;
}

/* Until the last has ended; nothing can shorten that. */
static void join_all(struct workers *all)
{
    struct bide__waiter waiter = { .task = bide__current(), .what = "its workers" };

    stop_all(all);
    while (all->alive > 0) {
        all->joining = &waiter;
        bide__wait(&waiter);
        all->joining = NULL;
    }
    for (unsigned i = 0; i < all->started; i++)
        pthread_join(all->worker[i].thread, NULL);
}

/* The first error of a worker, else the caller's; the other errors are printed. */
static int sum_up(struct workers *all, int result)
{
    bool said = result < 0 && result != -ECANCELED;

    for (unsigned i = 0; i < all->started; i++) {
        const struct worker *worker = &all->worker[i];

        if (worker->result >= 0 || worker->result == -ECANCELED)
            continue;
        if (said)
            fprintf(stderr, "bide: worker %u: %s\n", i + 1, worker->message);
        else
            result = bide_fail(worker->result, "worker %u: %s", i + 1, worker->message);
        said = true;
    }
    return result;
}

static int run_all(struct workers *all, bide_listener *listener)
{
    int err, result = start_all(all);

    if (result < 0)
        bide_listener_close(listener);
    else
        bide_task_group (own, err) {
            all->own = own;
            result = all->serve(listener, all->argument);
            all->own = NULL;
        }
    join_all(all);
    return sum_up(all, result);
}

/* Gives everything back; what nobody has served is closed here. */
static void free_all(struct workers *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        if (!all->worker[i].began && all->worker[i].listener) {
            all->worker[i].listener->loop = all->loop;
            bide_listener_close(all->worker[i].listener);
        }
        pthread_mutex_destroy(&all->worker[i].lock);
    }
    free(all);
}

static int open_all(unsigned count, const bide_listener *listener, struct workers **ret_all)
{
    struct workers *all = calloc(1, sizeof *all + count * sizeof all->worker[0]);
    int err = 0;

    if (!all)
        return bide_fail(-ENOMEM, "no memory for %u workers", count);
    all->loop = bide__loop;
    all->options = bide__run_of(bide__loop)->options;
    all->options.quiet = all->options.no_interrupt = true;
    all->options.terminate_like_interrupt = all->options.virtual_clock = false;
    for (; all->count < count && err == 0; all->count++) {
        struct worker *worker = &all->worker[all->count];

        worker->all = all;
        worker->stop.deliver = deliver_stop;
        worker->ended.deliver = deliver_ended;
        pthread_mutex_init(&worker->lock, NULL);
        err = bide__listener_clone(listener, &worker->listener);
    }
    if (err < 0) {
        free_all(all);
        return err;
    }
    *ret_all = all;
    return 0;
}

int bide_serve_workers(unsigned count, bide_listener *listener, int (*serve)(bide_listener *listener, void *argument),
                       void *argument)
{
    struct workers *all = NULL;
    struct bide__record *task;

    if (count <= 1)
        return serve(listener, argument);
    int err = bide__checkpoint(&task);
    if (err == 0 && count > WORKERS_MAX)
        err = bide_fail(-EINVAL, "%u workers, at most %d", count, WORKERS_MAX);
    if (err == 0)
        err = open_all(count - 1, listener, &all);
    if (err < 0) {
        bide_listener_close(listener);
        return err;
    }
    all->serve = serve;
    all->argument = argument;
    err = run_all(all, listener);
    free_all(all);
    return err;
}
