/* The calls on our own file system: see differential.h. */
#include "kernel/services/posix/files/test/differential.h"

#include "kernel/services/posix/files/test/host.h"
#include "kernel/services/vfs/pipe.h"

void ours_begin(void) {
    host_begin(&(struct tmpfs_limits){.mode = 0755, .pages_max = ROUND_PAGES, .inodes_max = ROUND_INODES});
}

void ours_end(void) {
    host_end();
}

void ours_apply(const struct step *step, struct outcome *outcome) {
    static int64_t (*const calls[STEP_KINDS])(const uint64_t arguments[6]) = {
#define STEP_CALL_FUNCTION(name, weight) system_call_##name,
        STEP_CALLS(STEP_CALL_FUNCTION)
#undef STEP_CALL_FUNCTION
    };
    step_lay_out(step, host_arena());
    host_evict();
    host_fire_timers();
    host.broken_pipes = 0;
    step_take(step, host_arena(), calls[step->call](step->arguments), outcome);
    outcome->is_broken = host.broken_pipes > 0;
}

/* ---- what is not compared ---- */

#define PIPE_BYTES_MAX 20000u

static bool is_odd_lock(const struct step *step, const struct open_file *file) {
    uint64_t command = step->arguments[1];
    bool is_lock = step->call == STEP_flock ||
                   (step->call == STEP_fcntl && (command == 5 || command == 6 || command == 36 || command == 37));
    return is_lock && file->inode == NULL;
}

static bool is_odd_send(const struct step *step, const struct open_file *file) {
    struct open_file *from;
    if (step->call != STEP_sendfile)
        return false;
    if (descriptors_get(&host.descriptors, (uint32_t)step->arguments[1], &from) != 0)
        return true;
    bool is_odd = file->operations != NULL || from->operations != NULL || from->inode == file->inode;
    file_unref(from);
    return is_odd;
}

static bool is_odd_write(const struct step *step, const struct open_file *file) {
    bool is_write = step->call == STEP_write || step->call == STEP_writev || step->call == STEP_pwritev2;
    if (!is_write || !pipe_is(file))
        return false;
    return pipe_filled(file) + (step->call == STEP_write ? step->arguments[2] : DATA_BYTES) > PIPE_BYTES_MAX;
}

bool ours_is_odd(const struct step *step) {
    struct open_file *file;
    if (descriptors_get(&host.descriptors, (uint32_t)step->arguments[0], &file) != 0)
        return false;
    bool is_odd = is_odd_lock(step, file) || is_odd_send(step, file) || is_odd_write(step, file);
    file_unref(file);
    return is_odd;
}
