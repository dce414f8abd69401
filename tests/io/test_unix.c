/* Unix sockets: paths and abstract names, the files they leave, pairs, credentials. */
#include <bide/test.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *path_of(const char *name)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/%s", bide_test_directory(), name);
    return path;
}

/* A connection between the two works. */
static void check_exchange(bide_listener *listener, const char *path)
{
    bide_stream *client, *server;
    char text[8];

    check_eq(bide_open_unix_connection(path, &client), 0);
    check_eq(bide_accept(listener, &server), 0);
    check_eq(bide_write(client, "ping", 4), 4);
    check_eq(bide_read(server, text, sizeof text), 4);
    check_eq(bide_write(server, "pong", 4), 4);
    check_eq(bide_write_eof(server), 0);
    check_eq(bide_read_exactly(client, text, 4), 0);
    check_eq(bide_read(client, text, 1), 0);
    check(!strncmp(bide_peer_name(client), "unix:", 5));
    check(!strncmp(bide_peer_name(server), "unix:", 5));
    bide_close(client);
    bide_close(server);
}

bide_test(unix_path_is_listened_on_and_removed)
{
    const char *path = path_of("socket");
    bide_listener *listener;
    struct stat status;

    check_eq(bide_listen_unix(path, NULL, &listener), 0);
    check(stat(path, &status) == 0 && S_ISSOCK(status.st_mode));
    check(!strncmp(bide_listener_name(listener, 0), "unix:/", 6));
    check_eq(bide_listener_port(listener), 0);
    check_exchange(listener, path);
    bide_listener_close(listener);
    check(stat(path, &status) < 0 && errno == ENOENT);
    return 0;
}

bide_test(unix_abstract_name_leaves_no_file)
{
    char name[64];
    bide_listener *listener, *second;
    bide_stream *stream;

    snprintf(name, sizeof name, "@bide-test-%d", (int)getpid());
    check_eq(bide_listen_unix(name, NULL, &listener), 0);
    check(!strncmp(bide_listener_name(listener, 0), "unix:@bide-test-", 16));
    check_exchange(listener, name);
    check_error(bide_listen_unix(name, NULL, &second), EADDRINUSE, name);
    bide_listener_close(listener);
    check_error(bide_open_unix_connection(name, &stream), ECONNREFUSED, name);
    return 0;
}

/* T25 */
bide_test(unix_stale_file_is_replaced)
{
    const char *path = path_of("stale");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int old = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bide_listener *listener;

    strcpy(address.sun_path, path);
    check(bind(old, (struct sockaddr *)&address, sizeof address) == 0);
    check(listen(old, 1) == 0);
    close(old); /* as a process that was killed leaves it */
    check_eq(bide_listen_unix(path, NULL, &listener), 0);
    check_exchange(listener, path);
    bide_listener_close(listener);
    return 0;
}

bide_test(unix_file_of_a_server_that_lives_is_left_alone)
{
    const char *path = path_of("alive");
    bide_listener *listener, *second = NULL;

    check_eq(bide_listen_unix(path, NULL, &listener), 0);
    check_error(bide_listen_unix(path, NULL, &second), EADDRINUSE, path);
    check(second == NULL);
    bide_stream *probe;
    check_eq(bide_accept(listener, &probe), 0); /* by which it was seen to be alive */
    bide_close(probe);
    check_exchange(listener, path);
    bide_listener_close(listener);
    return 0;
}

bide_test(unix_path_of_another_kind_of_file_is_refused)
{
    const char *path = path_of("file");
    bide_listener *listener;
    struct stat status;
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    check(file >= 0);
    close(file);
    check_error(bide_listen_unix(path, NULL, &listener), EADDRINUSE, path);
    check(stat(path, &status) == 0 && S_ISREG(status.st_mode));
    return 0;
}

/* T25 */
bide_test(unix_file_of_a_successor_is_not_removed)
{
    const char *path = path_of("moved");
    bide_listener *first, *second;
    struct stat status;

    check_eq(bide_listen_unix(path, NULL, &first), 0);
    check(unlink(path) == 0);
    check_eq(bide_listen_unix(path, NULL, &second), 0);
    bide_listener_close(first);
    check(stat(path, &status) == 0);
    check_exchange(second, path);
    bide_listener_close(second);
    check(stat(path, &status) < 0);
    return 0;
}

bide_test(unix_file_has_the_mode_that_was_asked_for)
{
    const char *path = path_of("private");
    bide_listener *listener;
    struct stat status;

    check_eq(bide_listen_unix(path, &(bide_listen_options){ .mode = 0600 }, &listener), 0);
    check(stat(path, &status) == 0);
    check_eq(status.st_mode & 07777, 0600);
    bide_listener_close(listener);
    return 0;
}

bide_test(unix_paths_that_cannot_be)
{
    char longest[108] = "@", longer[109] = "@";
    bide_listener *listener = NULL;
    bide_stream *stream = NULL;

    memset(longest + 1, 'x', 106);
    memset(longer + 1, 'x', 107);
    check_eq(bide_listen_unix(longest, NULL, &listener), 0);
    check_exchange(listener, longest);
    bide_listener_close(listener);
    check_error(bide_listen_unix(longer, NULL, &listener), EINVAL, "a path of 108 bytes, at most 107");
    check_error(bide_open_unix_connection(longer, &stream), EINVAL, "a path of 108 bytes, at most 107");
    check_error(bide_open_unix_connection("", &stream), EINVAL, "empty");
    check_error(bide_open_unix_connection("/does/not/exist", &stream), ENOENT,
                "connect to unix:/does/not/exist: No such");
    check_error(bide_listen_unix("/does/not/exist", NULL, &listener), ENOENT,
                "listen on unix:/does/not/exist: No such");
    check(stream == NULL);
    return 0;
}

bide_test(unix_peer_says_who_it_is)
{
    bide_stream *one, *other;
    bide_credentials credentials = { 0 };

    check_eq(bide_open_socket_pair(&one, &other), 0);
    check_eq(bide_peer_credentials(one, &credentials), 0);
    check_eq(credentials.process, getpid());
    check_eq(credentials.user, geteuid());
    check_eq(credentials.group, getegid());
    check_eq(bide_write(one, "hello", 5), 5);
    char text[8];
    check_eq(bide_read(other, text, 8), 5);
    bide_close(one);
    bide_close(other);
    check_eq(bide_stream_pair(0, &one, &other), 0);
    check(bide_peer_credentials(one, &credentials) < 0);
    bide_close(one);
    bide_close(other);
    return 0;
}

static int session(const char *path)
{
    bide_auto(listener) *listener = NULL;
    bide_auto(stream) *client = NULL;
    bide_auto(stream) *server = NULL;
    char byte;

    bide(bide_listen_unix(path, &(bide_listen_options){ .mode = 0600 }, &listener));
    bide(bide_open_unix_connection(path, &client));
    bide(bide_accept(listener, &server));
    bide(bide_write(client, "x", 1));
    return bide(bide_read(server, &byte, 1)) == 1 ? 0 : -EIO;
}

bide_test_cancel_everywhere(unix_session_cancelled_anywhere)
{
    int err = session(path_of("session"));

    check(access(path_of("session"), F_OK) < 0);
    return err;
}

bide_test_faults(unix_session_with_faults, .faults = "memory eintr eagain short error")
{
    int err = session(path_of("session"));

    check(access(path_of("session"), F_OK) < 0);
    return err;
}
