#include "lib/session/spin.h"

#include "grove/grove.h"
#include "pause.h"

#include <sched.h>

#define BUDGET_FIRST_NS 16000u
#define BUDGET_MIN_NS 2000u
#define BUDGET_MAX_NS 64000u
#define RETRY_AFTER_WAITS 16u
/* An answer that is on its way comes within the first turns, which pay for neither a pause nor a clock. */
#define TURNS_WITHOUT_PAUSE 64u
#define TURNS_BETWEEN_CLOCKS 16u

void spin_init(struct spin *spin) {
    *spin = (struct spin){.budget_ns = BUDGET_FIRST_NS};
}

uint32_t spin_processor(void) {
    int processor = sched_getcpu();
    return processor >= 0 ? (uint32_t)processor + 1 : 0;
}

bool spin_begin(struct spin *spin, uint32_t own_processor, uint32_t peer_processor, struct spin_turn *turn) {
    if (peer_processor == 0 || own_processor == 0 || peer_processor == own_processor)
        return false; /* two different processors: the machine has more than one */
    if (spin->budget_ns < BUDGET_MIN_NS) {
        if (++spin->skipped < RETRY_AFTER_WAITS)
            return false;
        spin->budget_ns = BUDGET_FIRST_NS;
    }
    spin->skipped = 0;
    *turn = (struct spin_turn){.budget_ns = spin->budget_ns};
    return true;
}

bool spin_goes_on(struct spin_turn *turn) {
    if (++turn->turns <= TURNS_WITHOUT_PAUSE)
        return true;
    pause_processor();
    if (turn->turns % TURNS_BETWEEN_CLOCKS != 0)
        return true;
    uint64_t now_ns = grove_now_ns();
    if (turn->end_ns == 0)
        turn->end_ns = now_ns + turn->budget_ns;
    return now_ns < turn->end_ns;
}

void spin_end(struct spin *spin, bool has_paid) {
    uint32_t budget_ns = has_paid ? spin->budget_ns * 2 : spin->budget_ns / 2;
    spin->budget_ns = budget_ns < BUDGET_MAX_NS ? budget_ns : BUDGET_MAX_NS;
}
