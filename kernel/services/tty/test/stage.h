/* Terminals on the stage of the file system layer's tests, with processes that the test plays. */
#ifndef GROVE_TTY_TEST_STAGE_H
#define GROVE_TTY_TEST_STAGE_H

#include "kernel/services/tty/files.h"
#include "kernel/services/vfs/test/world.h"

#define STAGE_SIGNALS 16u

struct stage {
    struct world world; /* first */
    struct terminals terminals;
    struct file_system *devices;
    /* The caller, and what was done to it. */
    struct terminal_caller caller;
    bool is_unnoticed, is_orphaned;
    int32_t foreign_group; /* in another session */
    struct {
        int32_t to; /* group; the leader of a session as a negative number */
        int signal;
    } signals[STAGE_SIGNALS];
    uint32_t signal_count;
    struct open_file *given; /* by TIOCGPTPEER, as descriptor 7 */
};

/* Devices at dev, dev/pts. */
void stage_begin(struct stage *stage);
/* With a console, which the test initialises after that, for stage->terminals.processes. */
void stage_begin_with(struct stage *stage, const struct terminal_consoles *consoles);
void stage_end(struct stage *stage);
/* A pair that is unlocked. */
void stage_open_pair(struct stage *stage, struct open_file **master, struct open_file **slave, uint32_t flags);
/* ioctl with an argument in this process's memory; or a number. */
int64_t stage_control(struct open_file *file, uint32_t request, const void *argument);
int64_t stage_control_number(struct open_file *file, uint32_t request, uint64_t number);
uint32_t stage_poll(struct open_file *file);

#endif
