/* io/channel.h - the channels that libbide brings; what a channel is stands in bide/transport.h. */
#ifndef BIDE_IO_CHANNEL_H
#define BIDE_IO_CHANNEL_H

#include <bide/transport.h>

#include "loop/loop.h"

extern const bide_transport bide__transport_socket; /* channel_socket.c: a connected stream socket */
extern const bide_transport bide__transport_pipe;   /* channel_pipe.c: an end of a pipe, or a terminal */

#endif
