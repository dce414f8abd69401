/*
 * bide/export.h - what every other header needs: the mark of what leaves the library (everything else is hidden), and
 * token pasting.
 */
#ifndef BIDE_EXPORT_H
#define BIDE_EXPORT_H

#ifdef __cplusplus
#define BIDE_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define BIDE_EXPORT extern __attribute__((visibility("default")))
#endif

#define BIDE__JOIN_(a, b) a##b
#define BIDE__JOIN(a, b) BIDE__JOIN_(a, b)

#endif
