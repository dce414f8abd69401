/*
 * bide/queue.h - typed queues between tasks, and broadcasts: asyncio.Queue, LifoQueue, PriorityQueue
 *
 *     typedef bide_queue(int, 10) job_queue;      a type: at most 10 ints, inside the object
 *     job_queue jobs = { 0 };                     empty, ready for use; nothing to destroy
 *
 *     bide(bide_queue_put(&jobs, 7));             waits while it is full; anything but a number does not compile
 *     bide(bide_queue_get(&jobs, &job));          waits while it is empty
 *
 * Items are copied by value. They are handed over directly: a put with a task waiting in get fills in that task's
 * variable, a get with a task waiting in put takes that task's item into the queue. A wait that was ended so keeps its
 * result although a cancellation comes at the same moment (R2), one that was cancelled has taken or left nothing (R1):
 * no item is ever lost, and tasks are served in the order they came. The queues belong to one loop, and must not be
 * moved while tasks wait.
 *
 * Points of cancellation and the budget are as in bide/sync.h. Follows asyncio.Queue (semantics P1-P11).
 */
#ifndef BIDE_QUEUE_H
#define BIDE_QUEUE_H

#pragma GCC system_header /* the macros use GNU extensions that -Wpedantic would report at the user's line */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bide/error.h>
#include <bide/export.h>
#include <bide/scope.h>

/* What all queues have; the type around it adds the place for the items. Its fields are bide's own. */
struct bide__queue {
    size_t size; /* items in it */
    size_t head; /* index of the oldest one, of a first in first out queue */
    size_t unfinished;
    struct bide__wait_list getters; /* only if it is empty */
    struct bide__wait_list putters; /* only if it is full */
    struct bide__wait_list joiners; /* only if unfinished > 0 */
    int (*compare)(const void *, const void *);
    uint64_t sequence; /* of the next item, for the order of equal priorities */
    void *heap;        /* items, of a queue that does not have them inside */
    size_t allocated;  /* how many fit there */
    size_t limit;      /* of such a queue; 0: none */
    bool is_shut_down;
};

/* What the functions must know of a queue's type: one constant for each use of a macro. */
struct bide__queue_shape {
    size_t capacity; /* inside the object; 0: on the heap */
    size_t stride;   /* bytes from item to item */
    size_t offset;   /* of a value in its item */
    size_t size;     /* of a value */
    int kind;        /* BIDE__QUEUE_FIFO ... */
};
enum { BIDE__QUEUE_FIFO = 1, BIDE__QUEUE_LIFO, BIDE__QUEUE_PRIORITY };

/*
 * bide_queue(T, capacity) - the type of a first in first out queue of at most `capacity` items (a constant > 0) of type
 * T, which lie inside it. Give it a name by typedef: each use of the macro is a type of its own. T: any complete type
 * that can be assigned.
 */
#define bide_queue(T, capacity) BIDE__QUEUE_INSIDE(BIDE__QUEUE_FIFO, BIDE__PLAIN_ITEM(T), capacity)

/* bide_lifo_queue(T, capacity) - last in first out. Used with the same functions. */
#define bide_lifo_queue(T, capacity) BIDE__QUEUE_INSIDE(BIDE__QUEUE_LIFO, BIDE__PLAIN_ITEM(T), capacity)

/*
 * bide_priority_queue(T, capacity) - the smallest item comes out first; equal ones in the order they were put (stable).
 * It needs a comparison as for qsort, which must neither wait nor use the queue:
 *
 *     typedef bide_priority_queue(struct job, 100) job_queue;
 *     job_queue jobs = BIDE_PRIORITY_QUEUE(earlier);      static int earlier(const void *a, const void *b)
 */
#define bide_priority_queue(T, capacity) BIDE__QUEUE_INSIDE(BIDE__QUEUE_PRIORITY, BIDE__ORDERED_ITEM(T), capacity)
#define BIDE_PRIORITY_QUEUE(compare_)                                                                                  \
    {                                                                                                                  \
        .queue = {.compare = (compare_) }                                                                              \
    }

/*
 * bide_queue_of(T), bide_lifo_queue_of(T), bide_priority_queue_of(T) - the same with the items on the heap. Zeroed (or
 * made with BIDE_PRIORITY_QUEUE) it has no limit; bide_queue_init gives it one. It grows as needed, so a put can also
 * fail with -ENOMEM, and it must be ended with bide_queue_finish.
 */
#define bide_queue_of(T) BIDE__QUEUE_OUTSIDE(BIDE__QUEUE_FIFO, T, BIDE__PLAIN_ITEM(T))
#define bide_lifo_queue_of(T) BIDE__QUEUE_OUTSIDE(BIDE__QUEUE_LIFO, T, BIDE__PLAIN_ITEM(T))
#define bide_priority_queue_of(T) BIDE__QUEUE_OUTSIDE(BIDE__QUEUE_PRIORITY, T, BIDE__ORDERED_ITEM(T))

#define BIDE__PLAIN_ITEM(T)                                                                                            \
    struct {                                                                                                           \
        __typeof__(T) value;                                                                                           \
    }
#define BIDE__ORDERED_ITEM(T)                                                                                          \
    struct {                                                                                                           \
        uint64_t sequence;                                                                                             \
        __typeof__(T) value;                                                                                           \
    }
#define BIDE__QUEUE_INSIDE(kind_, item, capacity)                                                                      \
    struct {                                                                                                           \
        struct bide__queue queue;                                                                                      \
        __extension__ char kind[0][kind_]; /* takes no place: carries a number in the type */                          \
        item items[capacity];                                                                                          \
        _Static_assert((capacity) > 0, "the capacity of a bide_queue must be positive");                               \
    }
#define BIDE__QUEUE_OUTSIDE(kind_, T, item)                                                                            \
    struct {                                                                                                           \
        struct bide__queue queue;                                                                                      \
        __extension__ char kind[0][kind_];                                                                             \
        __extension__ item items[0];                                                                                   \
        _Static_assert(_Alignof(__typeof__(T)) <= _Alignof(max_align_t),                                               \
                       "items on the heap cannot be aligned more than malloc does");                                   \
    }

/*
 * bide_queue_put(q, value) - puts a copy of value into the queue; waits while it is full. 0; -ECANCELED: it was not
 * put; BIDE_ESHUTDOWN: nor then, the queue was shut down; -ENOMEM (bide_queue_of only); -EINVAL: a priority queue
 * without a comparison. q: a pointer to a queue. value: what can be assigned to an item; numbers and pointers do not
 * mix.
 */
#define bide_queue_put(q, ...) BIDE__QUEUE_PUT(bide__queue_put, q, BIDE__JOIN(bide__put_, __COUNTER__), __VA_ARGS__)

/*
 * bide_queue_put_nowait(q, value) - the same, but -EAGAIN if it is full. Never waits; may be used in a callback.
 * Follows put_nowait.
 */
#define bide_queue_put_nowait(q, ...)                                                                                  \
    BIDE__QUEUE_PUT(bide__queue_put_nowait, q, BIDE__JOIN(bide__put_, __COUNTER__), __VA_ARGS__)

/*
 * bide_queue_get(q, ret_value) - takes the next item out, into *ret_value; waits while the queue is empty. 0;
 * -ECANCELED: none was taken; BIDE_ESHUTDOWN: the queue was shut down, and nothing is left. ret_value: a pointer to a
 * variable of the items' type.
 */
#define bide_queue_get(q, ret_value) BIDE__QUEUE_GET(bide__queue_get, q, BIDE__JOIN(bide__get_, __COUNTER__), ret_value)

/*
 * bide_queue_get_nowait(q, ret_value) - the same, but -EAGAIN if it is empty. Never waits; may be used in a callback.
 */
#define bide_queue_get_nowait(q, ret_value)                                                                            \
    BIDE__QUEUE_GET(bide__queue_get_nowait, q, BIDE__JOIN(bide__get_, __COUNTER__), ret_value)

/* bide_queue_size(q) - how many items are in it. Follows qsize. */
#define bide_queue_size(q) ((q)->queue.size)

/* bide_queue_limit(q) - how many fit; 0: no limit. Follows maxsize. */
#define bide_queue_limit(q) (BIDE__QUEUE_CAPACITY(q) ? BIDE__QUEUE_CAPACITY(q) : (q)->queue.limit)

/* bide_queue_empty(q), bide_queue_full(q) - nothing in it; no room in it. */
#define bide_queue_empty(q) ((q)->queue.size == 0)
#define bide_queue_full(q) bide__queue_full(&(q)->queue, BIDE__QUEUE_CAPACITY(q))

/*
 * bide_queue_task_done(q) - says that one item that was taken out has been dealt with. -EPERM with a message if more
 * are reported than were put. Never waits.
 */
#define bide_queue_task_done(q) bide__queue_task_done(&(q)->queue)

/* bide_queue_join(q) - waits until task_done was called for every item that was put. 0 or -ECANCELED. */
#define bide_queue_join(q) bide__queue_join(&(q)->queue)

/*
 * bide_queue_shutdown(q, immediate) - ends the queue: every put answers BIDE_ESHUTDOWN, also those that wait; every get
 * too, when the queue has run empty. immediate: the items are dropped, and count as done for join. Never waits. Follows
 * Queue.shutdown.
 */
#define bide_queue_shutdown(q, immediate) bide__queue_shutdown(&(q)->queue, immediate)

/*
 * bide_queue_init(q, limit) - makes q an empty queue, with a limit if it is a bide_queue_of; 0: without. Other kinds
 * ignore the limit.
 */
#define bide_queue_init(q, limit) bide__queue_init(&(q)->queue, limit, NULL)
#define bide_priority_queue_init(q, limit, compare) bide__queue_init(&(q)->queue, limit, compare)

/*
 * bide_queue_finish(q) - drops what is in it and frees its memory; it is then empty and as new. No task may be waiting
 * (asserted).
 */
#define bide_queue_finish(q) bide__queue_finish(&(q)->queue)

/*
 * How a queue stands: items in it and how many fit (0: no limit), items put but not done, and how many tasks wait in
 * get, put and join.
 */
typedef struct bide_queue_statistics {
    size_t size, limit, unfinished;
    size_t getters, putters, joiners;
    bool is_shut_down;
} bide_queue_statistics;

/* bide_queue_get_statistics(q) - costs time in proportion to the tasks that wait. */
#define bide_queue_get_statistics(q) bide__queue_get_statistics(&(q)->queue, BIDE__QUEUE_CAPACITY(q))

/*
 * bide_broadcast(T) - the type of a broadcast: each value that is sent goes to all tasks that wait for one at that
 * moment; who comes later gets the next. `typedef bide_broadcast(int) news;`, zeroed it is ready. Nothing is stored, so
 * nothing is destroyed.
 */
#define bide_broadcast(T)                                                                                              \
    struct {                                                                                                           \
        struct bide__wait_list receivers;                                                                              \
        __extension__ BIDE__PLAIN_ITEM(T) items[0];                                                                    \
    }

/*
 * bide_broadcast_send(b, value) - gives a copy of value to all who wait, in the order they came. Returns how many those
 * were. Never waits; may be used in a callback.
 */
#define bide_broadcast_send(b, ...) BIDE__BROADCAST_SEND(b, BIDE__JOIN(bide__send_, __COUNTER__), __VA_ARGS__)

/* bide_broadcast_receive(b, ret_value) - waits for the next value that is sent. 0 or -ECANCELED. */
#define bide_broadcast_receive(b, ret_value)                                                                           \
    BIDE__BROADCAST_RECEIVE(b, BIDE__JOIN(bide__receive_, __COUNTER__), ret_value)

/* bide_broadcast_waiting(b) - how many tasks wait; costs time in proportion to that. */
#define bide_broadcast_waiting(b) bide__broadcast_waiting(&(b)->receivers)

/* ---- behind the macros ---- */

#define BIDE__QUEUE_CAPACITY(q) (sizeof((q)->items) / sizeof((q)->items[0]))
#define BIDE__QUEUE_SHAPE(q)                                                                                           \
    {                                                                                                                  \
        .capacity = BIDE__QUEUE_CAPACITY(q), .stride = sizeof((q)->items[0]),                                          \
        .offset = __builtin_offsetof(__typeof__((q)->items[0]), value), .size = sizeof((q)->items[0].value),           \
        .kind = sizeof((q)->kind[0])                                                                                   \
    }

/*
 * 5 is the class of pointers. An int becomes a pointer with no more than a warning by some compilers, so classes must
 * agree.
 */
#define BIDE__IS_POINTER(expression) (__builtin_classify_type(expression) == 5)
/* A pointer's target, and for everything else char. */
#define BIDE__TARGET(pointer) __typeof__(*__builtin_choose_expr(BIDE__IS_POINTER(pointer), (pointer), (char *)0))
#define BIDE__FITS(T, name)                                                                                            \
    _Static_assert(BIDE__IS_POINTER(*(T *)0) == BIDE__IS_POINTER(name),                                                \
                   "numbers and pointers do not mix: the value has another type than the items");                      \
    _Static_assert(!BIDE__IS_POINTER(*(T *)0) ||                                                                       \
                       __builtin_types_compatible_p(BIDE__TARGET(*(T *)0), BIDE__TARGET(name)) ||                      \
                       __builtin_types_compatible_p(BIDE__TARGET(*(T *)0), void) ||                                    \
                       __builtin_types_compatible_p(BIDE__TARGET(name), void),                                         \
                   "the value is a pointer to another type than the items")

/*
 * Declares name_item, of the items' type, with the value. The typedef is for looking at the value's type, arrays being
 * pointers, without computing it twice.
 */
#define BIDE__ITEM(name, ...)                                                                                          \
    typedef __typeof__(name->items[0].value) name##_type;                                                              \
    typedef __typeof__(__extension__({                                                                                 \
        __auto_type bide__value = __VA_ARGS__;                                                                         \
        bide__value;                                                                                                   \
    })) name##_given;                                                                                                  \
    BIDE__FITS(name##_type, *(name##_given *)0);                                                                       \
    const name##_type name##_item = __VA_ARGS__

#define BIDE__QUEUE_PUT(function, q, name, ...) BIDE__QUEUE_PUT_(function, q, name, __VA_ARGS__)
#define BIDE__QUEUE_PUT_(function, q, name, ...)                                                                       \
    __extension__({                                                                                                    \
        __auto_type name = (q);                                                                                        \
        static const struct bide__queue_shape name##_shape = BIDE__QUEUE_SHAPE(name);                                  \
        BIDE__ITEM(name, __VA_ARGS__);                                                                                 \
        function(&name->queue, name->items, &name##_shape, &name##_item);                                              \
    })

#define BIDE__RET(name, ret_value)                                                                                     \
    _Static_assert(__builtin_types_compatible_p(__typeof__(*(ret_value)), __typeof__(name->items[0].value)),           \
                   "the pointer is to another type than the items")

#define BIDE__QUEUE_GET(function, q, name, ret_value) BIDE__QUEUE_GET_(function, q, name, ret_value)
#define BIDE__QUEUE_GET_(function, q, name, ret_value)                                                                 \
    __extension__({                                                                                                    \
        __auto_type name = (q);                                                                                        \
        static const struct bide__queue_shape name##_shape = BIDE__QUEUE_SHAPE(name);                                  \
        BIDE__RET(name, ret_value);                                                                                    \
        function(&name->queue, name->items, &name##_shape, (ret_value));                                               \
    })

#define BIDE__BROADCAST_SEND(b, name, ...) BIDE__BROADCAST_SEND_(b, name, __VA_ARGS__)
#define BIDE__BROADCAST_SEND_(b, name, ...)                                                                            \
    __extension__({                                                                                                    \
        __auto_type name = (b);                                                                                        \
        BIDE__ITEM(name, __VA_ARGS__);                                                                                 \
        bide__broadcast_send(&name->receivers, &name##_item, sizeof(name##_item));                                     \
    })

#define BIDE__BROADCAST_RECEIVE(b, name, ret_value) BIDE__BROADCAST_RECEIVE_(b, name, ret_value)
#define BIDE__BROADCAST_RECEIVE_(b, name, ret_value)                                                                   \
    __extension__({                                                                                                    \
        __auto_type name = (b);                                                                                        \
        BIDE__RET(name, ret_value);                                                                                    \
        bide__broadcast_receive(&name->receivers, (ret_value));                                                        \
    })

/* items: inside the object; of a queue with its items on the heap a pointer that is not used. */
BIDE_EXPORT int bide__queue_put(struct bide__queue *queue, void *items, const struct bide__queue_shape *shape,
                                const void *value);
BIDE_EXPORT int bide__queue_put_nowait(struct bide__queue *queue, void *items, const struct bide__queue_shape *shape,
                                       const void *value);
BIDE_EXPORT int bide__queue_get(struct bide__queue *queue, void *items, const struct bide__queue_shape *shape,
                                void *ret_value);
BIDE_EXPORT int bide__queue_get_nowait(struct bide__queue *queue, void *items, const struct bide__queue_shape *shape,
                                       void *ret_value);
BIDE_EXPORT bool bide__queue_full(const struct bide__queue *queue, size_t capacity);
BIDE_EXPORT int bide__queue_task_done(struct bide__queue *queue);
BIDE_EXPORT int bide__queue_join(struct bide__queue *queue);
BIDE_EXPORT void bide__queue_shutdown(struct bide__queue *queue, bool immediate);
BIDE_EXPORT void bide__queue_init(struct bide__queue *queue, size_t limit, int (*compare)(const void *, const void *));
BIDE_EXPORT void bide__queue_finish(struct bide__queue *queue);
BIDE_EXPORT bide_queue_statistics bide__queue_get_statistics(const struct bide__queue *queue, size_t capacity);
BIDE_EXPORT int bide__broadcast_send(struct bide__wait_list *receivers, const void *value, size_t size);
BIDE_EXPORT int bide__broadcast_receive(struct bide__wait_list *receivers, void *ret_value);
BIDE_EXPORT size_t bide__broadcast_waiting(const struct bide__wait_list *receivers);

#endif
