/*
 * support_wire.h - a bad network for tests: packets are late, lost, or cut off altogether.
 *
 * A network of the test process's own (a namespace) with one device, whose other end is a thread here: it turns each
 * packet round, so what is sent to WIRE_PEER comes back to WIRE_HERE as if from WIRE_PEER. A server on WIRE_HERE is thus
 * reached as WIRE_PEER, over the wire. Needs the right to make namespaces, and /dev/net/tun.
 */
#ifndef BIDE_TESTS_SUPPORT_WIRE_H
#define BIDE_TESTS_SUPPORT_WIRE_H

#include <stdint.h>

#define WIRE_HERE "10.9.0.1"
#define WIRE_PEER "10.9.0.2"

struct wire;

/* Lays the wire. NULL: it cannot be had here, and *ret_reason says why. Once a process, before any other thread. */
struct wire *wire_open(uint32_t seed, const char **ret_reason);

/* From now on: of a hundred packets so many are lost; each is late by `delay` seconds and up to `jitter` more. */
void wire_set(struct wire *wire, unsigned loss, double delay, double jitter);

/* How many packets were lost, and passed. */
unsigned wire_lost(struct wire *wire);
unsigned wire_passed(struct wire *wire);

/* Ends the thread. */
void wire_close(struct wire *wire);

#endif
