/* What lies in the program's memory before a step, and what is kept of it after: see differential.h. */
#include "kernel/services/posix/files/test/differential.h"

#include "kernel/services/posix/files/test/host.h"

#include <string.h>

void step_lay_out(const struct step *step, uint8_t *arena) {
    uint32_t small = step->fill; /* what eventfd is written */
    memset(arena, 0, ARENA_BYTES);
    memcpy(arena + AT_PATH, step->path, PATH_BYTES);
    memcpy(arena + AT_PATH_2, step->path_2, PATH_BYTES);
    memcpy(arena + AT_IN, step->in, IN_BYTES);
    memset(arena + AT_DATA, step->fill, DATA_BYTES);
    memset(arena + AT_DATA, small % 7 == 0 ? 0xff : 0, 8);
    arena[AT_DATA] = step->fill;
}

static uint64_t sum_of(const uint8_t *bytes, uint64_t size_bytes) {
    uint64_t sum = 14695981039346656037u;
    for (uint64_t i = 0; i < size_bytes; i++)
        sum = (sum ^ bytes[i]) * 1099511628211u;
    return sum;
}

/* Of stat only mode, links, size and blocks are compared, and the last two of files only. */
static void forget_status(uint8_t *out) {
    uint32_t kind_mode;
    memcpy(&kind_mode, out + 24, sizeof(kind_mode));
    bool is_file = (kind_mode & LINUX_S_IFMT) == LINUX_S_IFREG;
    if ((kind_mode & LINUX_S_IFMT) == LINUX_S_IFIFO) /* pipes without a name keep theirs */
        memset(out + 24, 0, 4);
    memset(out, 0, 16);
    memset(out + 40, 0, 8);
    if (!is_file)
        memset(out + 48, 0, 24);
    memset(out + 72, 0, 72);
}

static void forget_statx(uint8_t *out) {
    uint16_t kind_mode;
    memcpy(&kind_mode, out + 28, sizeof(kind_mode));
    bool is_file = (kind_mode & LINUX_S_IFMT) == LINUX_S_IFREG;
    if ((kind_mode & LINUX_S_IFMT) == LINUX_S_IFIFO)
        memset(out + 28, 0, 2);
    memset(out, 0, 16);
    memset(out + 32, 0, 8);
    if (!is_file)
        memset(out + 40, 0, 16);
    memset(out + 56, 0, OUT_BYTES - 56);
}

void step_take(const struct step *step, const uint8_t *arena, int64_t result, struct outcome *outcome) {
    outcome->result = result;
    memcpy(outcome->in, arena + AT_IN, IN_BYTES);
    memcpy(outcome->out, arena + AT_OUT, OUT_BYTES);
    outcome->data_sum = sum_of(arena + AT_DATA, DATA_BYTES);
    if (step->call == STEP_fstat || step->call == STEP_newfstatat)
        forget_status(outcome->out);
    else if (step->call == STEP_statx)
        forget_statx(outcome->out);
    else if (step->call == STEP_timerfd_gettime || step->call == STEP_timerfd_settime)
        memset(outcome->out, 0, OUT_BYTES); /* what is left depends on the clock */
    else if (step->call == STEP_fcntl && (step->arguments[1] == 5 || step->arguments[1] == 36))
        memset(outcome->in + 24, 0, 4); /* whose lock it is */
}
