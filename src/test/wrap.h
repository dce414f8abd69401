/* test/wrap.h - functions of the C library that a test program has its own version of. */
#ifndef BIDE_TEST_WRAP_H
#define BIDE_TEST_WRAP_H

#include <dlfcn.h>

/*
 * BIDE__WRAP(type, name, parameters...) { BIDE__REAL(name); ... real(...) ... } - defines the program's own `name`.
 * `real` is the one it hands on to: the sanitizer's interceptor where there is one (it is linked into the program
 * with clang), else the next one in the order of libraries.
 */
#define BIDE__WRAP(type, name, ...)                                                                                    \
    extern type __interceptor_##name(__VA_ARGS__) __attribute__((weak));                                               \
    __attribute__((visibility("default"))) type name(__VA_ARGS__);                                                     \
    type name(__VA_ARGS__)

#define BIDE__REAL(name)                                                                                               \
    static __typeof__(&(name)) real;                                                                                   \
    if (__builtin_expect(!__atomic_load_n(&real, __ATOMIC_RELAXED), 0)) {                                              \
        __typeof__(&(name)) found = __interceptor_##name;                                                              \
        if (!found)                                                                                                    \
            *(void **)(void *)&found = dlsym(RTLD_NEXT, #name);                                                        \
        __atomic_store_n(&real, found, __ATOMIC_RELAXED);                                                              \
    }                                                                                                                  \
    (void)0

#endif
