#include "loop/loop.h"
#include <stdio.h>
#include <errno.h>
static int o(struct bide_loop*l,char*r,size_t s){(void)l;snprintf(r,s,"not built");return -ENOSYS;}
const struct bide__backend bide__backend_io_uring={.name="io_uring",.open=o};
