/* Blocks of memory for starts: see launch.h. One thread uses them; a crash of groved ends the children that read them. */
#include "kernel/machine/linux/container/launch.h"

#include <stdlib.h>

/* Blocks not in use. */
static struct launch *idle;

struct launch *launch_take(void) {
    struct launch *launch = idle;
    if (launch != NULL)
        idle = launch->next;
    else
        launch = aligned_alloc(64, (sizeof *launch + 63) & ~(size_t)63);
    if (launch != NULL)
        launch->stack_of = NULL;
    return launch;
}

void launch_give_back(struct launch *launch) {
    if (launch->stack_of != NULL)
        launch_give_back(launch->stack_of);
    launch->next = idle;
    idle = launch;
}

void launch_release(struct container *container) {
    if (container->launch != NULL)
        launch_give_back(container->launch);
    container->launch = NULL;
}

void launch_done(struct container *container) {
    if (container->launch != NULL)
        spare_want(&container->launch->plan);
    launch_release(container);
}

void launch_free_all(void) {
    while (idle != NULL) {
        struct launch *next = idle->next;
        free(idle);
        idle = next;
    }
}
