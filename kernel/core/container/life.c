/*
 * The life of a container as one table: rows are states, columns are events, entries are the next state.
 *
 * KEEP leaves the state as it is; NO means that the event does not fit the state: a request is refused with
 * GROVE_WRONG_STATE, a report of the machine that comes late is ignored. BACK returns to what it was before it was
 * frozen. A stop during STARTING is remembered as STOPPING, and the program is stopped when it runs.
 */
#include "kernel/core/state.h"

enum { KEEP = 0x40, NO, BACK };

#define CREATED GROVE_CONTAINER_CREATED
#define STARTING GROVE_CONTAINER_STARTING
#define RUNNING GROVE_CONTAINER_RUNNING
#define READY GROVE_CONTAINER_READY
#define QUIESCED GROVE_CONTAINER_QUIESCED
#define STOPPING GROVE_CONTAINER_STOPPING
#define STOPPED GROVE_CONTAINER_STOPPED
#define FROZEN GROVE_CONTAINER_FROZEN

/* The table is read by its columns. */
/* clang-format off */
static const uint8_t life[8][LIFE_EVENTS] = {
    /*             START     STARTED  FAILED   READY  QUIESCED  RESUME STOP      FROZEN  THAW  EXIT */
    [CREATED] =   {STARTING, NO,      NO,      NO,    NO,       NO,    NO,       NO,     NO,   NO},
    [STARTING] =  {NO,       RUNNING, STOPPED, NO,    NO,       NO,    STOPPING, NO,     NO,   STOPPED},
    [RUNNING] =   {NO,       NO,      NO,      READY, QUIESCED, KEEP,  STOPPING, FROZEN, NO,   STOPPED},
    [READY] =     {NO,       NO,      NO,      KEEP,  QUIESCED, KEEP,  STOPPING, FROZEN, NO,   STOPPED},
    [QUIESCED] =  {NO,       NO,      NO,      KEEP,  KEEP,     READY, STOPPING, FROZEN, NO,   STOPPED},
    [STOPPING] =  {NO,       KEEP,    STOPPED, KEEP,  KEEP,     NO,    KEEP,     NO,     NO,   STOPPED},
    [STOPPED] =   {STARTING, NO,      NO,      NO,    NO,       NO,    NO,       NO,     NO,   NO},
    [FROZEN] =    {NO,       NO,      NO,      KEEP,  NO,       NO,    STOPPING, KEEP,   BACK, STOPPED},
};
/* clang-format on */

int life_check(const struct container *container, enum life_event event) {
    return life[container->state][event] == NO ? GROVE_WRONG_STATE : GROVE_OK;
}

/* The owner hears of the states in which it may have something to do. */
static bool is_news(uint8_t state) {
    return state == READY || state == QUIESCED || state == STOPPED || state == FROZEN;
}

static void tell_owner(struct core *core, struct container *container) {
    struct container *owner = pool_find(&core->containers, container->owner);
    if (owner != NULL && container->owner_handle != GROVE_HANDLE_NONE)
        attention_raise(core, owner, &container->state_news, ATTENTION_STATE);
}

void life_happens(struct core *core, struct container *container, enum life_event event) {
    uint8_t next = life[container->state][event];
    if (next == NO || next == KEEP)
        return;
    if (next == BACK)
        next = container->state_before_freeze;
    if (event == LIFE_FROZEN)
        container->state_before_freeze = container->state;
    container->state = next;
    if (is_news(next) || event == LIFE_THAW)
        tell_owner(core, container);
}
