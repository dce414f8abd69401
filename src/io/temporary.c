/*
 * Temporary files and directories. The file without a name never has one (O_TMPFILE), where the file system can do
 * that; else it loses it at once. What has a name is removed by the one who closes it, or, when he was cancelled, by a
 * thread behind him; what a crash leaves lies where the system clears up.
 */
#include <bide/path.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bide/error.h>

#include "io/behind.h"
#include "io/file.h"
#include "io/tree.h"
#include "task/debug.h"
#include "task/wait.h"

struct temporary_call {
    struct bide__file_op base;
    const char *directory;
    char *path; /* a template for mkostemp */
    struct bide__opened opened;
};

static const char *place(const char *directory)
{
    const char *wanted = directory ? directory : getenv("TMPDIR");

    return wanted && *wanted ? wanted : "/tmp";
}

/* "DIRECTORY/bide-XXXXXX", NULL without memory. */
static char *template_in(const char *directory)
{
    size_t size = strlen(directory) + sizeof "/bide-XXXXXX";
    char *path = malloc(size);

    if (path)
        snprintf(path, size, "%s/bide-XXXXXX", directory);
    return path;
}

static int64_t look(struct temporary_call *call, int descriptor)
{
    call->opened.descriptor = descriptor;
    int err = bide__file_status_get(descriptor, &call->opened.status);
    if (err < 0) {
        close(descriptor);
        return err;
    }
    call->opened.place = bide__place_look(descriptor, &call->opened.status);
    return 0;
}

static int64_t make_named(struct bide__file_op *file_op)
{
    struct temporary_call *call = (struct temporary_call *)(void *)file_op;
    int descriptor = mkostemp(call->path, O_CLOEXEC);

    if (descriptor < 0)
        return -errno;
    int64_t err = look(call, descriptor);
    if (err < 0)
        unlink(call->path);
    return err;
}

static int64_t make_unnamed(struct bide__file_op *file_op)
{
    struct temporary_call *call = (struct temporary_call *)(void *)file_op;
    int descriptor = open(call->directory, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);

    if (descriptor >= 0)
        return look(call, descriptor);
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT)
        return -errno;
    int64_t err = make_named(file_op);
    if (err == 0)
        unlink(call->path);
    return err;
}

static int64_t make_directory(struct bide__file_op *file_op)
{
    return mkdtemp(((struct temporary_call *)(void *)file_op)->path) ? 0 : -errno;
}

/* path: a template, overwritten. removal: of a named file, NULL otherwise; taken. */
static int open_file(const char *directory, char *path, struct bide__behind *removal, bide_file **ret_file)
{
    struct temporary_call call = { .directory = directory, .path = path };
    bide_file *file;
    int64_t err = bide__file_call(&call.base, removal ? make_named : make_unnamed);

    if (err < 0) {
        bide__behind_free(removal);
        return (int)bide__file_explain("make a temporary file in", directory, err);
    }
    err = bide__file_new(removal ? path : directory, O_RDWR, &call.opened, &file);
    if (err < 0) {
        if (removal)
            bide__behind_run(removal, path);
        return (int)err;
    }
    file->removal = removal;
    *ret_file = file;
    return 0;
}

int bide_temporary_file(const char *directory, bide_file **ret_file)
{
    const char *where = place(directory);
    char *path = template_in(where);

    if (!path)
        return bide_fail(-ENOMEM, "make a temporary file in '%s': no memory", where);
    int err = open_file(where, path, NULL, ret_file);
    free(path);
    return err;
}

int bide_named_temporary_file(const char *directory, bide_file **ret_file)
{
    const char *where = place(directory);
    char *path = template_in(where);
    struct bide__behind *removal = path ? bide__behind_new(path, false) : NULL;

    if (!removal) {
        free(path);
        return bide_fail(-ENOMEM, "make a temporary file in '%s': no memory", where);
    }
    int err = open_file(where, path, removal, ret_file);
    free(path);
    return err;
}

struct bide_temporary_directory {
    struct bide_loop *loop;
    struct bide__behind *removal;
    char *path;
};

int bide_temporary_directory_open(const char *directory, bide_temporary_directory **ret_directory)
{
    const char *where = place(directory);
    struct bide_temporary_directory *made = calloc(1, sizeof *made);
    char *path = template_in(where);
    struct bide__behind *removal = path ? bide__behind_new(path, true) : NULL;
    int64_t err = -ENOMEM;

    if (made && removal) {
        struct temporary_call call = { .path = path };

        err = bide__file_call(&call.base, make_directory);
    }
    if (err < 0) {
        free(made);
        free(path);
        bide__behind_free(removal);
        return (int)bide__file_explain("make a temporary directory in", where, err);
    }
    *made = (struct bide_temporary_directory){ .loop = bide__loop, .removal = removal, .path = path };
    if (__builtin_expect(made->loop->debug, 0))
        bide__debug_opened(made, "temporary directory", path);
    *ret_directory = made;
    return 0;
}

const char *bide_temporary_directory_path(const bide_temporary_directory *directory)
{
    return directory->path;
}

int bide_temporary_directory_close(bide_temporary_directory *directory)
{
    if (!directory)
        return 0;
    int err = bide__current() ? bide_rmtree(directory->path) : -ECANCELED;
    if (err == -ECANCELED) {
        bide__behind_run(directory->removal, directory->path);
        err = 0;
    } else {
        bide__behind_free(directory->removal);
    }
    if (__builtin_expect(directory->loop->debug, 0))
        bide__debug_closed(directory);
    free(directory->path);
    free(directory);
    return err;
}
