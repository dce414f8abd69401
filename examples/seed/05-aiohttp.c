/* Three requests at once over one HTTP client: the whole takes one second, not three. */
#include <bide.h>
#include <bide/http.h>
#include <stdio.h>
#include <stdlib.h>

static const char url[] = "http://127.0.0.1:18765/";

static int fetch_url(bide_http_client *client)
{
    bide_auto(http_response) *response = NULL;
    char *text;

    printf("Fetching %s…\n", url);
    bide(bide_http_get(client, url, &response));
    bide(bide_http_read_all(response, &text, NULL)); /* the body, too, takes its time */
    printf("Done fetching %s\n", url);
    free(text);
    return 0;
}
bide_async(fetch_url, bide_http_client *);

static int app(void)
{
    bide_auto(http_client) *client = NULL;

    bide(bide_http_client_open(NULL, &client));
    double start = bide_time();
    bide(bide_gather(bide_co(fetch_url, client), bide_co(fetch_url, client), bide_co(fetch_url, client)));
    printf("Finished in %.2f seconds\n", bide_time() - start);
    return 0;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app));
}
