/* Terminals of processes: see terminals.h. */
#include "kernel/services/posix/terminals.h"

#include "kernel/services/posix/inside.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/kinds.h"

static struct terminals terminals;

static void look(struct terminal_caller *caller) {
    const struct process *process = process_current();
    processes_lock();
    *caller = (struct terminal_caller){.group = process_group_of(process),
                                       .session = process_session_of(process),
                                       .leads_session = process_leads_session(process),
                                       .is_administrator = credentials_have(&process->credentials, LINUX_CAP_SYS_ADMIN),
                                       .user = process->caller.identity.user,
                                       .terminal = process_terminal(process)};
    processes_unlock();
}

static void signal_group(int32_t group, int signal) {
    (void)signal_send_group(group, signal);
}

static void signal_leader(int32_t session, int signal) {
    struct process *leader = process_find(session);
    if (leader == NULL)
        return;
    (void)signal_send_process(leader, signal, NULL);
    process_unref(leader);
}

static int add_descriptor(struct open_file *file, bool closes_on_execute) {
    uint32_t number;
    int status = descriptors_add(&process_current()->descriptors, file, 0, closes_on_execute, &number);
    return status != 0 ? status : (int)number;
}

const struct terminal_processes posix_terminal_processes = {.look = look,
                                                            .set_terminal = session_set_terminal,
                                                            .forget_terminal = session_forget_terminal,
                                                            .group_is_in_session = group_is_in_session,
                                                            .group_is_orphaned = group_is_orphaned,
                                                            .is_unnoticed = signal_is_unnoticed,
                                                            .signal_group = signal_group,
                                                            .signal_leader = signal_leader,
                                                            .add_descriptor = add_descriptor};

/* With the lock of processes held, outside of the terminal's. */
static int32_t session_ended(struct terminal *terminal) {
    return terminal_forget_session(terminal);
}

/* One for the whole machine, however often it is mounted. */
static int create_names(struct vfs *vfs, const char *options, struct file_system **created) {
    (void)options;
    vfs_lock(vfs);
    file_system_ref(terminals.names);
    vfs_unlock(vfs);
    *created = terminals.names;
    return 0;
}

static struct file_system_kind kind = {.name = "devpts", .create = create_names};

int posix_terminals_begin(struct vfs *vfs, const struct terminal_consoles *consoles) {
    int status = terminals_init(&terminals, vfs, &posix_terminal_processes, consoles);
    if (status != 0)
        return status;
    status = file_system_kind_add(vfs, &kind);
    if (status != 0)
        terminals_deinit(&terminals);
    else
        processes.session_ended = session_ended;
    return status;
}

void posix_terminals_end(void) {
    processes.session_ended = NULL;
    terminals_deinit(&terminals);
}
