/*
 * bide.h - asyncio for C
 *
 * One thread, an event loop, and tasks that wait without blocking. To bide is to wait, so bide(x) is C's `await x`.
 * The headers below are the manual; read them in this order. HTTP is in <bide/http.h> and a library of its own.
 */
#ifndef BIDE_H
#define BIDE_H

#include <bide/address.h>    /* addresses as values */
#include <bide/connect.h>    /* TCP connections with options */
#include <bide/coro.h>       /* coroutine values: bide_async, bide_co */
#include <bide/datagram.h>   /* UDP and Unix datagrams */
#include <bide/descriptor.h> /* waiting for descriptors of other libraries */
#include <bide/dns.h>        /* names and addresses of hosts */
#include <bide/error.h>      /* bide(), codes, messages */
#include <bide/file.h>       /* files */
#include <bide/future.h>     /* a result that will be there later */
#include <bide/generator.h>  /* loops over what may wait, and generators */
#include <bide/guest.h>      /* a loop inside the loop of somebody else */
#include <bide/local.h>      /* task-locals */
#include <bide/loop.h>       /* the callback-level API */
#include <bide/path.h>       /* the file system */
#include <bide/pipe.h>       /* pipes, terminals, stdin and stdout as streams */
#include <bide/process.h>    /* other programs */
#include <bide/queue.h>      /* typed queues between tasks */
#include <bide/scope.h>      /* blocks: timeout, task group, shield */
#include <bide/server.h>     /* listeners and servers */
#include <bide/stream.h>     /* connections */
#include <bide/sync.h>       /* locks, events, conditions, semaphores, barriers */
#include <bide/task.h>       /* run, tasks, join, cancel, gather, wait_for, sleep */
#include <bide/thread.h>     /* calls that block */
#include <bide/transport.h>  /* streams over something else, layers in streams */
#include <bide/unix.h>       /* Unix sockets */
#include <bide/version.h>
#include <bide/watch.h> /* changes of the file system */

#endif
