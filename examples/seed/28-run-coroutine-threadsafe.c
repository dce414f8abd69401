/* A loop runs in another thread; this thread hands it a call and waits for the result. */
#include <bide.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

/* The loop of the other thread, and how it is told to end. */
static bide_loop *loop;
static sem_t loop_is_there;
static bide_event end;

static int add(int a, int b)
{
    bide(bide_sleep(0.5));
    return a + b;
}
bide_async(add, int, int);

static int wait_for_calls(void)
{
    loop = bide_get_running_loop();
    sem_post(&loop_is_there);
    return bide_event_wait(&end); /* the calls run beside this task */
}
bide_async(wait_for_calls);

static void *loop_thread(void *unused)
{
    bide_run(bide_co(wait_for_calls));
    return unused;
}

static void set_end(void *unused)
{
    (void)unused;
    bide_event_set(&end);
}

int main(void)
{
    pthread_t thread;
    bide_remote_call *call;

    sem_init(&loop_is_there, 0, 0);
    pthread_create(&thread, NULL, loop_thread, NULL);
    sem_wait(&loop_is_there);

    int err = bide_run_coroutine_threadsafe(loop, bide_co(add, 2, 3), &call);
    if (err < 0)
        return err;
    printf("submitted, done: %s\n", bide_remote_call_done(call) ? "True" : "False");
    printf("result: %d\n", bide_remote_call_wait(call, 5));
    bide_remote_call_free(call);

    bide_call_soon_threadsafe(loop, set_end, NULL); /* the event belongs to the loop's thread */
    pthread_join(thread, NULL);
    puts("loop thread joined");
    return 0;
}
