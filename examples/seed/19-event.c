/* An event: workers wait until something is ready. */
#include <bide.h>
#include <stdio.h>

static bide_event db_ready;

static int setup_database(void)
{
    puts("Connecting to database…");
    bide(bide_sleep(2)); /* simulate the connection setup */
    puts("Database is ready!");
    bide_event_set(&db_ready); /* wakes the workers */
    return 0;
}
bide_async(setup_database);

static int worker(const char *name)
{
    printf("Worker %s is waiting for database…\n", name);
    bide(bide_event_wait(&db_ready)); /* pauses here until the event is set */
    printf("Worker %s is starting work.\n", name);
    return 0;
}
bide_async(worker, const char *);

static int app(void)
{
    return bide_gather(bide_co(setup_database), bide_co(worker, "A"), bide_co(worker, "B"));
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
