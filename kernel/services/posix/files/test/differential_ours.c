/* The calls on our own file system: see differential.h. */
#include "kernel/services/posix/files/test/differential.h"

#include "kernel/services/posix/files/test/host.h"

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
    host.broken_pipes = 0;
    step_take(step, host_arena(), calls[step->call](step->arguments), outcome);
    outcome->is_broken = host.broken_pipes > 0;
}

bool ours_is_odd(const struct step *step) {
    struct open_file *file;
    bool is_send = step->call == STEP_sendfile;
    if (step->call != STEP_flock && step->call != STEP_fcntl && !is_send)
        return false;
    if (descriptors_get(&host.descriptors, (uint32_t)step->arguments[is_send ? 1 : 0], &file) != 0)
        return false;
    uint64_t command = step->arguments[1];
    bool is_lock = step->call == STEP_flock || command == 5 || command == 6 || command == 36 || command == 37;
    bool is_odd = is_send ? file->operations != NULL : is_lock && file->inode == NULL;
    file_unref(file);
    return is_odd;
}
