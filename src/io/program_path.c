/* Where a program is searched for: PATH, cut into candidates that the child tries in turn, as execvp() does. */
#include <stdlib.h>
#include <string.h>

#include "io/process_start.h"

static const char *path_of(const char *const *environment)
{
    for (; *environment; environment++)
        if (!strncmp(*environment, "PATH=", 5))
            return *environment + 5;
    return "/bin:/usr/bin";
}

const char **bide__program_paths(const char *name, const char *const *environment)
{
    const bool is_path = strchr(name, '/') != NULL;
    const char *path = is_path ? "" : path_of(environment);
    size_t count = 1, length = strlen(name);

    for (const char *at = path; *at; at++)
        count += *at == ':';
    /* each candidate: a folder, a slash, the name, and its end */
    char **candidates = malloc((count + 1) * sizeof *candidates + strlen(path) + count * (length + 2));
    if (!candidates)
        return NULL;
    char *text = (char *)(candidates + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t folder = strcspn(path, ":");

        candidates[i] = text;
        memcpy(text, path, folder);
        text += folder;
        if (folder) /* an empty one is the current directory */
            *text++ = '/';
        memcpy(text, name, length + 1);
        text += length + 1;
        path += folder + (path[folder] == ':');
    }
    candidates[count] = NULL;
    return (const char **)candidates;
}
