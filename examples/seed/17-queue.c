/* A queue between a producer and a consumer; join waits until everything that was put has been processed. */
#include <bide.h>
#include <stdio.h>
#include <stdlib.h>

struct item {
    char text[32];
};

typedef bide_queue(struct item, 2) item_queue; /* a type: room for two items, inside the queue */

static int producer(item_queue *queue)
{
    for (int i = 0; i < 5; i++) {
        struct item data;

        snprintf(data.text, sizeof data.text, "data_item_%d", i);
        bide(bide_sleep((double)rand() / RAND_MAX)); /* simulate work */
        bide(bide_queue_put(queue, data));
        printf("Produced: %s\n", data.text);
    }
    return 0;
}
bide_async(producer, item_queue *);

static int consumer(item_queue *queue)
{
    for (;;) {
        struct item data;

        bide(bide_queue_get(queue, &data)); /* pauses if the queue is empty */
        printf("Consumed: %s\n", data.text);
        /* process the data */
        bide_queue_task_done(queue); /* say that this item is done */
    }
}
bide_async(consumer, item_queue *);

static int app(void)
{
    item_queue queue = { 0 };
    bide_task *pro = bide_create_task(NULL, bide_co(producer, &queue));
    bide_task *con = bide_create_task(NULL, bide_co(consumer, &queue));

    bide(bide_join(pro));          /* wait for the producer to finish */
    bide(bide_queue_join(&queue)); /* wait for all items to be processed */
    bide_cancel(con);              /* stop the consumer ... */
    bide_join(con);                /* ... which uses the queue in this block */
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
