/* 13: an open file is handed through a Unix socket: the other side reads it although it could not open it. */
#include <bide.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int receive(bide_stream *from)
{
    char byte, text[32];
    int file;
    size_t count;

    bide(bide_receive_descriptors(from, &byte, 1, &file, 1, &count));
    if (count == 0)
        return 0;
    ssize_t size = pread(file, text, sizeof text, 0);
    close(file);
    printf("%.*s\n", (int)size, text);
    return 0;
}
bide_async(receive, bide_stream *);

static int app(void)
{
    char name[] = "/tmp/bide-example-XXXXXX";
    int file = mkstemp(name), err = 0;
    bide_auto(stream) *one = NULL;
    bide_auto(stream) *other = NULL;

    unlink(name);
    if (file < 0 || write(file, "read by the other side", 22) != 22)
        return -EIO;
    bide(bide_open_socket_pair(&one, &other));
    bide_task_group (group, err) {
        bide_start(group, bide_co(receive, other));
        err = (int)bide_send_descriptors(one, "x", 1, &file, 1);
    }
    close(file);
    return err;
}
bide_async(app);

int main(void)
{
    return bide_run(bide_co(app)) < 0;
}
