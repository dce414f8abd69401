/* Three requests one after the other: each waits for the one before, so the whole takes three seconds. */
#include <bide.h>
#include <bide/http.h>
#include <stdio.h>

static const char url[] = "http://127.0.0.1:18765/";

static int fetch_url(bide_http_client *client)
{
    bide_auto(http_response) *response = NULL;

    printf("Fetching %s…\n", url);
    bide(bide_http_get(client, url, &response)); /* nothing else happens meanwhile: there is only this task */
    printf("Done fetching %s\n", url);
    return 0;
}

static int app(void)
{
    bide_auto(http_client) *client = NULL;

    bide(bide_http_client_open(NULL, &client));
    double start = bide_time();
    bide(fetch_url(client));
    bide(fetch_url(client));
    bide(fetch_url(client));
    printf("Finished in %.2f seconds\n", bide_time() - start);
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
