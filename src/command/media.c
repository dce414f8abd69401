/* Content types by the ending of a file's name: the ones a web page is made of, and what is often downloaded. */
#include <string.h>
#include <strings.h>

#include "command/serve.h"

const char *media_type(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        { "html", "text/html; charset=utf-8" },
        { "htm", "text/html; charset=utf-8" },
        { "txt", "text/plain; charset=utf-8" },
        { "md", "text/markdown; charset=utf-8" },
        { "css", "text/css; charset=utf-8" },
        { "csv", "text/csv; charset=utf-8" },
        { "c", "text/plain; charset=utf-8" },
        { "h", "text/plain; charset=utf-8" },
        { "js", "text/javascript; charset=utf-8" },
        { "mjs", "text/javascript; charset=utf-8" },
        { "json", "application/json" },
        { "xml", "application/xml" },
        { "pdf", "application/pdf" },
        { "wasm", "application/wasm" },
        { "zip", "application/zip" },
        { "gz", "application/gzip" },
        { "png", "image/png" },
        { "jpg", "image/jpeg" },
        { "jpeg", "image/jpeg" },
        { "gif", "image/gif" },
        { "svg", "image/svg+xml" },
        { "webp", "image/webp" },
        { "ico", "image/x-icon" },
        { "woff2", "font/woff2" },
        { "mp3", "audio/mpeg" },
        { "mp4", "video/mp4" },
        { "webm", "video/webm" },
    };
    const char *slash = strrchr(name, '/');
    const char *dot = strrchr(slash ? slash : name, '.');

    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (!strcasecmp(dot + 1, types[i].ending))
            return types[i].type;
    return "application/octet-stream";
}
