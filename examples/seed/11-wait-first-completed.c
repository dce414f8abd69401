/* Ask three servers, take the first answer, cancel the rest and wait until they have cleaned up. */
#include <bide.h>
#include <stdio.h>

/* Returns its number; the answer goes to ret_response. */
static int query_server(int number, double delay, char ret_response[32])
{
    bide(bide_sleep(delay));
    snprintf(ret_response, 32, "Response from Server %c", 'A' + number);
    return number;
}
bide_async(query_server, int, double, char *);

static int app(void)
{
    char responses[3][32];
    bide_task *tasks[] = {
        bide_create_task(NULL, bide_co(query_server, 0, 2, responses[0])),
        bide_create_task(NULL, bide_co(query_server, 1, 1, responses[1])),
        bide_create_task(NULL, bide_co(query_server, 2, 3, responses[2])),
    };

    int done = bide(bide_wait(tasks, 3, BIDE_FIRST_COMPLETED)); /* those that have ended stand in front now */
    int first = bide_result(tasks[0]);
    if (first >= 0)
        printf("Got first result: %s\n", responses[first]);

    for (int i = done; i < 3; i++)
        bide_cancel(tasks[i]);                     /* clean up the other tasks */
    bide(bide_wait(tasks, 3, BIDE_ALL_COMPLETED)); /* they write into this frame, so it must outlive them */
    return first < 0 ? first : 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
