/*
 * Tests with a mistake in each, as a user would make them. Each must fail, and say why: test_planted.c runs this
 * program and looks for the words.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bide/test.h>

/* ---- what is left behind ---- */

bide_test(leaked_descriptor)
{
    return open("/dev/null", O_RDONLY) < 0;
}

bide_test(closed_descriptor)
{
    return close(0);
}

static void *volatile sink;

static void make_and_forget(void)
{
    sink = malloc(77);
}

bide_test(leaked_memory)
{
    make_and_forget();
    return 0;
}

bide_test(leaked_string)
{
    sink = strdup("a string of the C library");
    return 0;
}

static int sleeper(void)
{
    return bide_sleep(3600);
}
bide_async(sleeper);

bide_test(task_left_running)
{
    return bide_start(NULL, bide_co(sleeper));
}

static void *nap(void *unused)
{
    (void)unused;
    usleep(1000);
    return NULL;
}

bide_test(thread_left)
{
    pthread_t thread;

    return -pthread_create(&thread, NULL, nap, NULL);
}

static int failing(int code)
{
    return bide_fail(-code, "the disk is full");
}
bide_async(failing, int);

bide_test(unread_error)
{
    bide(bide_start(NULL, bide_co(failing, ENOSPC)));
    return bide_sleep(1);
}

bide_test(unread_error_of_a_handle)
{
    bide_task *task = bide_create_task(NULL, bide_co(failing, ENOSPC));

    bide(bide_sleep(1));
    check(bide_done(task));
    return 0;
}

/* ---- memory ---- */

static void clean_up(char **block)
{
    free(*block);
}

bide_test(double_free_in_a_cleanup)
{
    __attribute__((cleanup(clean_up))) char *block = malloc(10);
    char *volatile same = block;

    free(same);
    return 0;
}

bide_test(use_after_free)
{
    char *block = malloc(10);
    char *volatile same = block;

    free(block);
    same[3] = 'x';
    return 0;
}

bide_test(written_behind_the_end)
{
    char *block = malloc(10);
    volatile size_t end = 10;

    block[end] = 0;
    free(block);
    return 0;
}

bide_test_faults(leak_without_memory, .faults = "memory")
{
    char *first = malloc(10), *second = malloc(20);

    if (!first || !second)
        return -ENOMEM; /* forgets the other one */
    free(first);
    free(second);
    return 0;
}

bide_test_faults(crash_without_memory, .faults = "memory")
{
    int *volatile number = malloc(sizeof *number);

    *number = 1;
    free(number);
    return 0;
}

/* ---- time and order ---- */

bide_test(timeout_off_by_one)
{
    double start = bide_time();

    check_error(bide_wait_for(bide_co(sleeper), 5.001), ETIMEDOUT);
    check_eq(bide_time() - start, 5.0);
    return 0;
}

static int waiter(bool *flag)
{
    while (!*flag)
        bide(bide_sleep(INFINITY)); /* whoever sets the flag ought to wake us */
    return 0;
}
bide_async(waiter, bool *);

static int take_no_time(void)
{
    return 0;
}
bide_async(take_no_time);

bide_test(lost_wake_up)
{
    bool flag = false;
    bide_task *task = bide_create_task(NULL, bide_co(waiter, &flag));

    bide(bide_sleep(1));
    flag = true;
    return bide_join(task);
}

static int take_both(bide_lock *first, bide_lock *second)
{
    int err;

    bide_with (first, err) {
        bide(bide_sleep(1));
        bide_with (second, err)
            bide(bide_sleep(1));
    }
    return err;
}
bide_async(take_both, bide_lock *, bide_lock *);

bide_test(two_locks_in_two_orders, .real_clock = true)
{
    bide_lock a = { 0 }, b = { 0 };

    return bide_gather(bide_co(take_both, &a, &b), bide_co(take_both, &b, &a));
}

typedef bide_queue(int, 5) numbers;

bide_test(queue_that_nobody_fills)
{
    numbers queue = { 0 };
    int number;

    bide(bide_to_thread(bide_co(take_no_time))); /* a thread of the pool waits for work: it cannot help */
    return bide_queue_get(&queue, &number);
}

static volatile bool stop;

static void spin(void)
{
    while (!stop)
        ;
}

bide_test(endless_loop, .time_limit = 1)
{
    spin();
    return 0;
}

static int note(const char *what)
{
    check_event("%s begins", what);
    bide(bide_sleep(1));
    check_event("%s ends", what);
    return 0;
}
bide_async(note, const char *);

bide_test(wrong_order)
{
    bide(bide_gather(bide_co(note, "a"), bide_co(note, "b")));
    check_trace("a begins", "a ends", "b begins", "b ends");
    return 0;
}

static int add_one(int *counter)
{
    *counter = *counter * 2 + 1;
    return 0;
}
bide_async(add_one, int *);

static int add_ten(int *counter)
{
    *counter += 10;
    return 0;
}
bide_async(add_ten, int *);

bide_test(order_decides, .seeds = 50)
{
    int counter = 0;

    bide(bide_gather(bide_co(add_one, &counter), bide_co(add_ten, &counter)));
    check_eq(counter, 11);
    return 0;
}

/* ---- errors and cancellation ---- */

bide_test(wrong_code)
{
    check_error(failing(ENOSPC), EIO);
    return 0;
}

bide_test(wrong_message)
{
    check_error(failing(ENOSPC), ENOSPC, "the disk is empty");
    return 0;
}

bide_test(returned_error)
{
    bide(failing(ENOSPC));
    return 0;
}

bide_test_cancel_everywhere(swallowed_cancel)
{
    bide(bide_sleep(1));
    (void)bide_sleep(1); /* ignores that it is over */
    return 0;
}

bide_test_timeout_everywhere(swallowed_timeout)
{
    (void)bide_sleep(1);
    return 0;
}

bide_test_cancel_everywhere(leak_when_cancelled)
{
    char *block = malloc(33);

    bide(bide_sleep(1));
    bide(bide_sleep(1));
    free(block);
    return 0;
}

bide_test_cancel_everywhere(deaf_to_cancel, .time_limit = 1)
{
    while (bide_sleep(1) < 0)
        ;
    return 0;
}

/* ---- habits of the kernel ---- */

static int talk(ssize_t (*send_all)(int descriptor, const char *text))
{
    int pair[2];
    char text[6] = "";

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return -errno;
    ssize_t result = send_all(pair[0], "hello");
    if (result >= 0) {
        close(pair[0]);
        for (ssize_t have = 0, count = 1; count != 0 && have<5; have += count> 0 ? count : 0)
            if ((count = read(pair[1], text + have, (size_t)(5 - have))) < 0 && errno != EINTR)
                break;
        soft_check_str(text, "hello");
    } else {
        close(pair[0]);
    }
    close(pair[1]);
    return (int)result;
}

static ssize_t send_once(int descriptor, const char *text)
{
    ssize_t result;

    while ((result = write(descriptor, text, strlen(text))) < 0 && errno == EINTR)
        ;
    return result < 0 ? -errno : result;
}

bide_test_faults(short_write_ignored, .faults = "short")
{
    return talk(send_once);
}

static ssize_t send_uninterrupted(int descriptor, const char *text)
{
    ssize_t result = write(descriptor, text, strlen(text));

    return result < 0 ? -errno : result;
}

bide_test_faults(eintr_not_retried, .faults = "eintr")
{
    return talk(send_uninterrupted);
}

/* ---- dying ---- */

static void touch_null(void)
{
    *(volatile int *)(size_t)8 = 1;
}

bide_test(crash)
{
    touch_null();
    return 0;
}

bide_test(leaves_by_exit)
{
    exit(0);
}

bide_test(aborts)
{
    abort();
}

bide_test(fails_an_assertion)
{
    int two = 2;

    assert(two == 3);
    return 0;
}

/* ---- checks at unusual places ---- */

static int checking_child(int number)
{
    bide(bide_sleep(number));
    check_eq(number, 1);
    return 0;
}
bide_async(checking_child, int);

bide_test(check_in_a_child_task)
{
    return bide_gather(bide_co(checking_child, 1), bide_co(checking_child, 2));
}

static void *checking_thread(void *unused)
{
    (void)unused;
    check_eq(1, 2);
    return NULL;
}

bide_test(check_in_a_thread)
{
    pthread_t thread;

    check_eq(pthread_create(&thread, NULL, checking_thread, NULL), 0);
    pthread_join(thread, NULL);
    return 0;
}

bide_test(soft_checks_go_on)
{
    soft_check(1 > 2);
    soft_check_str("left", "right");
    return 0;
}

static int cleanup_that_fails(void)
{
    bide(bide_sleep(1));
    return bide_fail(-EIO, "the cleanup failed");
}
bide_async(cleanup_that_fails);

bide_test(failing_cleanup)
{
    bide_test_cleanup(bide_co(cleanup_that_fails));
    return 0;
}

bide_fixture(int, broken_fixture)
{
    (void)it;
    return bide_fail(-EADDRINUSE, "no port for the fixture");
}

bide_test(failing_fixture)
{
    check(broken_fixture());
    return 0;
}

bide_test(passes_unexpectedly, .expect_failure = "bug 42")
{
    return 0;
}
