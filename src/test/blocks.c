/*
 * Watched blocks of memory.
 *
 * Each block that a test allocates is noted with the calls that lead there: a hash table by address, O(1), some
 * microseconds for walking the stack. Fresh memory is filled with 0xA5; 16 bytes behind each block are guarded; a
 * freed block is filled with 0xDD and kept until 4096 more (or 32 MiB) have been freed. So, without a sanitizer: a
 * leak, a double free, and a write behind the end or after free are each reported with the place where the block was
 * made (and freed).
 *
 * What the C library keeps for itself (the buffer of stdout, time zones) is no leak: blocks made by it that its own
 * data still points to are left out.
 *
 * Must never happen: a call back into malloc while the lock is held.
 */
#include "test/blocks.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "test/memory.h"
#include "test/place.h"
#include "test/report.h"

enum {
    BLOCKS_MAX = 1 << 20,
    BUCKETS = 1 << 18,
    KEPT_BLOCKS = 4096,
    KEPT_BYTES = 32 << 20,
    FILL_MAX = 64 << 10, /* bytes of a block that are filled, and looked at again */
    SHOWN_MAX = 20,
    FRESH = 0xA5,
    TAIL = 0xFB,
    FREED = 0xDD
};

struct block {
    unsigned char *address;
    size_t size;
    uint32_t next; /* in its bucket, in the free list, or of the kept ones; 0: none */
    bool freed, ignored;
    bool kept, followed; /* by the C library, for itself; at the end of a test */
    struct bide__calls made, unmade;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *blocks; /* [0] is unused */
static uint32_t *buckets;
static uint32_t carved = 1, unused, kept_first, kept_last;
static size_t kept_count, kept_bytes;
static bool watching, abandoned;

static uint32_t *bucket_of(const void *address)
{
    uint64_t hash = (uint64_t)(uintptr_t)address * 0x9E3779B97F4A7C15u;

    return &buckets[hash >> (64 - 18)];
}

static uint32_t *find(const void *address)
{
    uint32_t *at = bucket_of(address);

    while (*at && blocks[*at].address != address)
        at = &blocks[*at].next;
    return at;
}

void bide__blocks_watch(void)
{
    if (bide__sanitized() || bide__valgrind())
        return;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *table = mmap(NULL, BUCKETS * sizeof *buckets, PROT_READ | PROT_WRITE, flags, -1, 0);
    void *records = mmap(NULL, (size_t)BLOCKS_MAX * sizeof *blocks, PROT_READ | PROT_WRITE, flags, -1, 0);

    if (table == MAP_FAILED || records == MAP_FAILED)
        return; /* memory is not watched then */
    buckets = table;
    blocks = records;
    watching = true;
}

bool bide__blocks_watching(void)
{
    return watching && !abandoned && bide__quiet == 0;
}

void bide__blocks_abandon(void)
{
    abandoned = true;
}

void bide__blocks_add(void *address, size_t size, bool fill, const void *caller)
{
    struct bide__calls calls;

    bide__calls_from(&calls, caller);
    memset((char *)address + size, TAIL, BIDE__BLOCK_TAIL);
    if (fill)
        memset(address, FRESH, size < FILL_MAX ? size : FILL_MAX);
    pthread_mutex_lock(&lock);
    uint32_t index = unused ? unused : carved < BLOCKS_MAX ? carved++ : 0;
    if (index) {
        if (index == unused)
            unused = blocks[index].next;
        uint32_t *bucket = bucket_of(address);
        blocks[index] = (struct block){ .address = address, .size = size, .next = *bucket, .made = calls };
        *bucket = index;
    }
    pthread_mutex_unlock(&lock);
}

bool bide__blocks_find(const void *address, size_t *ret_size)
{
    bool found = false;

    if (!blocks || abandoned)
        return false;
    pthread_mutex_lock(&lock);
    const struct block *block = &blocks[*find(address)];
    if (block != blocks && !block->freed) {
        *ret_size = block->size;
        found = true;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void bide__blocks_ignore(const void *address)
{
    if (!blocks)
        return;
    pthread_mutex_lock(&lock);
    blocks[*find(address)].ignored = true;
    pthread_mutex_unlock(&lock);
}

static size_t first_other(const unsigned char *bytes, size_t size, int expected)
{
    size_t at = 0;

    while (at < size && bytes[at] == expected)
        at++;
    return at;
}

/* Reports what is wrong with a block, once: its tail, and when it was freed its content. */
static void inspect(struct block *block)
{
    size_t filled = block->size < FILL_MAX ? block->size : FILL_MAX;
    size_t beyond = first_other(block->address + block->size, BIDE__BLOCK_TAIL, TAIL);

    if (beyond < BIDE__BLOCK_TAIL) {
        bide__finding(NULL, 0, "memory: written behind the end of a block of %zu bytes (offset %zu), made here:\n",
                      block->size, block->size + beyond);
        bide__say_calls(&block->made);
        memset(block->address + block->size, TAIL, BIDE__BLOCK_TAIL);
    }
    if (!block->freed)
        return;
    size_t at = first_other(block->address, filled, FREED);
    if (at < filled) {
        bide__finding(NULL, 0, "memory: a block of %zu bytes was written into (offset %zu) after it was freed here:\n",
                      block->size, at);
        bide__say_calls(&block->unmade);
        bide__say("  it was made here:\n");
        bide__say_calls(&block->made);
        memset(block->address, FREED, filled);
    }
}

/* Gives the block that was freed first really back. The lock is held. */
static void *let_go_of_oldest(void)
{
    struct block *oldest = &blocks[kept_first];
    void *address = oldest->address;
    uint32_t index = kept_first, *at = find(address);

    inspect(oldest);
    /* the kept ones are linked through the last frame of `unmade`: `next` is for the bucket's chain */
    kept_first = (uint32_t)(uintptr_t)oldest->unmade.frames[BIDE__PLACE_FRAMES - 1];
    if (!kept_first)
        kept_last = 0;
    kept_count--;
    kept_bytes -= oldest->size;
    *at = oldest->next;
    oldest->address = NULL;
    oldest->next = unused;
    unused = index;
    return address;
}

static void keep(uint32_t index)
{
    struct block *block = &blocks[index];

    block->unmade.frames[BIDE__PLACE_FRAMES - 1] = NULL; /* the link to the next kept one */
    if (kept_last)
        blocks[kept_last].unmade.frames[BIDE__PLACE_FRAMES - 1] = (void *)(uintptr_t)index;
    else
        kept_first = index;
    kept_last = index;
    kept_count++;
    kept_bytes += block->size;
}

/* A block is freed again: says so, and ends the process. */
static _Noreturn void end_by_double_free(struct block block, const struct bide__calls *calls)
{
    block.unmade.frames[BIDE__PLACE_FRAMES - 1] = NULL;
    bide__blocks_abandon();
    fflush(stdout);
    bide__finding(NULL, 0, "memory: a block of %zu bytes is freed for the second time, here:\n", block.size);
    bide__say_calls(calls);
    bide__say("  it was freed before, here:\n");
    bide__say_calls(&block.unmade);
    bide__say("  it was made here:\n");
    bide__say_calls(&block.made);
    bide__say_tasks();
    bide__end_process(BIDE__FAILED);
}

bool bide__blocks_free(void *address)
{
    struct bide__calls calls;
    void *really[8];
    int count = 0;

    if (abandoned)
        return true;
    if (!blocks)
        return false;
    pthread_mutex_lock(&lock);
    bide__quiet++;
    uint32_t index = *find(address);
    if (index)
        bide__calls_here(&calls, 1);
    struct block *block = &blocks[index];
    if (index && block->freed)
        end_by_double_free(*block, &calls);
    if (index) {
        inspect(block);
        block->freed = true;
        block->unmade = calls;
        memset(address, FREED, block->size < FILL_MAX ? block->size : FILL_MAX);
        keep(index);
        while (count < 8 && kept_first && (kept_count > KEPT_BLOCKS || kept_bytes > KEPT_BYTES))
            really[count++] = let_go_of_oldest();
    }
    bide__quiet--;
    pthread_mutex_unlock(&lock);
    while (count)
        bide__really_free(really[--count]);
    return index != 0;
}

static bool is_of_c_library(const void *address)
{
    Dl_info info;

    return dladdr(address, &info) && info.dli_fname &&
           (strstr(info.dli_fname, "/libc.so") || strstr(info.dli_fname, "/ld-linux") ||
            strstr(info.dli_fname, "/libc-"));
}

static bool is_of_loader(const void *address)
{
    Dl_info info;

    return dladdr(address, &info) && info.dli_fname && strstr(info.dli_fname, "/ld-linux");
}

/*
 * Marks the blocks of the C library that this memory points to. The lowest bit does not count: its search trees keep
 * a colour there.
 */
static bool keep_what_is_in(const void *memory, size_t size)
{
    const uintptr_t *words = memory;
    bool news = false;

    for (size_t i = 0; i < size / sizeof *words; i++) {
        struct block *block = &blocks[*find((const void *)(words[i] & ~(uintptr_t)1))];

        if (block == blocks || block->freed || block->kept || !is_of_c_library(block->made.frames[0]))
            continue;
        block->kept = true;
        news = true;
    }
    return news;
}

/*
 * Marks what the C library keeps for itself: what its data, its thread-local data (strerror() has a buffer there),
 * and marked blocks point to. Thread-local storage belongs to threads.
 */
static void keep_those_of_c_library(void)
{
    uintptr_t thread = (uintptr_t)__builtin_thread_pointer(), from, to;
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], mode[8];
    bool news = true;

    while (maps && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &from, &to, mode) != 3 || strncmp(mode, "rw-p", 4) != 0 ||
            strstr(line, "[stack") || strstr(line, "[heap"))
            continue;
        /* the data of a library, and the zeroed part behind it, which has no name */
        if ((from <= thread && thread < to) || strstr(line, "/libc") || strstr(line, "/ld-") ||
            is_of_c_library((void *)from) || is_of_c_library((void *)(from - 1)))
            keep_what_is_in((const void *)from, to - from);
    }
    if (maps)
        fclose(maps);
    while (news) {
        news = false;
        for (uint32_t i = 1; i < carved; i++) {
            if (blocks[i].address && !blocks[i].kept && !blocks[i].freed && is_of_loader(blocks[i].made.frames[0]))
                blocks[i].kept = true;
            if (blocks[i].kept && !blocks[i].followed) {
                blocks[i].followed = true;
                news |= keep_what_is_in(blocks[i].address, blocks[i].size);
            }
        }
    }
}

void bide__blocks_check(bool leaks)
{
    size_t count = 0, bytes = 0;

    if (!watching)
        return;
    bide__quiet++;
    watching = false;
    keep_those_of_c_library();
    for (uint32_t i = 1; i < carved; i++) {
        struct block *block = &blocks[i];
        uint32_t index = *find(block->address);

        if (index != i)
            continue; /* unused */
        if (block->freed)
            block->unmade.frames[BIDE__PLACE_FRAMES - 1] = NULL;
        inspect(block);
        if (!leaks || block->freed || block->ignored || block->kept)
            continue;
        bytes += block->size;
        if (++count > SHOWN_MAX)
            continue;
        bide__finding(NULL, 0, "memory: %zu bytes were not freed, made here:\n", block->size);
        bide__say_calls(&block->made);
    }
    if (count > SHOWN_MAX)
        bide__say("memory: ... and %zu more; %zu bytes in all\n", count - SHOWN_MAX, bytes);
    bide__quiet--;
}
