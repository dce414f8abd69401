/* io/listener.h - listeners inside. */
#ifndef BIDE_IO_LISTENER_H
#define BIDE_IO_LISTENER_H

#include <bide/stream.h>

/* Closes the socket, not the listener: new connections are refused from now on. */
void bide__listener_stop(struct bide_listener *listener);

#endif
