/*
 * notes.h: what happened in a test, in order, as one string that can be compared: "a b cancelled:a".
 */
#ifndef BIDE_TESTS_NOTES_H
#define BIDE_TESTS_NOTES_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char notes[8192];

/* Appends one formatted word to the notes. */
__attribute__((unused, format(printf, 1, 2))) static void note(const char *format, ...)
{
    size_t length = strlen(notes);
    va_list arguments;

    if (length > 0 && length + 1 < sizeof notes)
        notes[length++] = ' ';
    va_start(arguments, format);
    vsnprintf(notes + length, sizeof notes - length, format, arguments);
    va_end(arguments);
}

/* Compares all notes so far with `expected`, and begins anew. */
#define check_notes(expected)                                                                                          \
    do {                                                                                                               \
        check_str(notes, expected);                                                                                    \
        notes[0] = 0;                                                                                                  \
    } while (0)

/* Lets everybody who is ready run `turns` times. In a cancelled scope too: then each wait answers -ECANCELED. */
__attribute__((unused)) static void turns(int count)
{
    while (count-- > 0)
        (void)bide_sleep(0);
}

static inline void nothing(void *argument)
{
    (void)argument;
}

/*
 * Lets the loop look at descriptors and timers, which it does only every now and then while tasks are ready, and goes
 * on before those that became ready by that.
 */
__attribute__((unused)) static void poll_once(void)
{
    (void)bide_call_soon_threadsafe(bide_get_running_loop(), nothing,
                                    NULL); /* a message from outside is looked at in every turn */
    (void)bide_sleep(0);
}

#endif
