/*
 * execve(2), step by step: everything that can fail comes first and changes nothing; then the other threads end, and from
 * there on there is no way back: what fails ends the process.
 */
#include "kernel/services/posix/execute.h"

#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/posix/timers.h"
#include "kernel/services/posix/user_value.h"

#include <string.h>

#define TEXTS_OF_STACK 4u /* arguments and environment take at most this part of the stack */
#define TEXTS_BYTES_MIN (UINT64_C(128) << 10)

/* ---- what the caller gives ---- */

static int take_arguments(struct execution *execution, uint64_t arguments, uint64_t environment) {
    int status = program_texts_add_list(&execution->texts, arguments, &execution->argument_count);
    if (status == 0 && execution->argument_count == 0) {
        status = program_texts_add(&execution->texts, ""); /* programs take for granted that they have a name */
        execution->argument_count = 1;
    }
    execution->argument_bytes = execution->texts.bytes;
    return status < 0 ? status : program_texts_add_list(&execution->texts, environment, &execution->environment_count);
}

static struct execution *take_execution(struct process *process) {
    struct execution *execution = machine_take(processes.vfs->machine, sizeof(*execution));
    if (execution == NULL)
        return NULL;
    memset(execution, 0, sizeof(*execution));
    uint64_t bytes = process->limits.of[LIMIT_STACK_BYTES].soft / TEXTS_OF_STACK;
    program_texts_init(&execution->texts, processes.vfs->machine, bytes > TEXTS_BYTES_MIN ? bytes : TEXTS_BYTES_MIN);
    execution->caller = &process->caller;
    execution->follows_links = true;
    execution->name = execution->path;
    return execution;
}

/* ---- what changes nothing yet ---- */

static int prepare(struct execution *execution, const struct process *process) {
    int status = execution_find(execution);
    if (status < 0)
        return status;
    const struct path *path = &execution->program.path;
    const struct inode *inode = path->dentry->inode;
    uint32_t mode = (path->mount->flags & MOUNT_NO_SETUID) != 0 ? 0 : inode->mode;
    execution->credentials = process->credentials;
    credentials_execute(&execution->credentials, inode->user, inode->group, mode, &execution->is_secure);
    status = process_memory_create(process, &execution->memory);
    if (status < 0)
        return status;
    machine_space_set_limits(execution->memory->space, &process->limits);
    status = process_memory_set_program(execution->memory, path);
    if (status == 0)
        status = execution_map(execution);
    if (status < 0) {
        process_memory_unref(execution->memory);
        execution->memory = NULL;
    }
    return status;
}

/* ---- no way back ---- */

static void use_memory(struct execution *execution, struct process *process) {
    struct process_memory *before = process->memory;
    processes_lock();
    process->memory = execution->memory;
    processes_unlock();
    thread_use_space();
    if (before != NULL)
        process_memory_unref(before);
    processes_lock();
    process_tell_vfork_done(process);
    processes_unlock();
}

static void forget_handlers(struct process *process) {
    for (unsigned i = 0; i < SIGNALS; i++)
        if (process->actions[i].handler != SIGNAL_IGNORE)
            process->actions[i] = (struct signal_action){.handler = SIGNAL_DEFAULT};
        else
            process->actions[i] = (struct signal_action){.handler = SIGNAL_IGNORE};
}

static void set_name(struct process *process, struct process_thread *part, const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t length = strlen(name);
    if (length > PROCESS_NAME_BYTES - 1)
        length = PROCESS_NAME_BYTES - 1;
    memset(process->name, 0, sizeof(process->name));
    memcpy(process->name, name, length);
    memcpy(part->name, process->name, sizeof(part->name));
}

static void set_rest(struct execution *execution, struct process *process) {
    struct process_thread *part = process_thread_current();
    const struct credentials *now = &execution->credentials;
    processes_lock();
    forget_handlers(process);
    timers_forget(process);
    part->stack_start = part->stack_bytes = 0;
    part->stack_flags = LINUX_SS_DISABLE;
    part->restart = NULL;
    part->thread->clear_at = 0;
    part->thread->robust_list = 0;
    memset(part->thread->words, 0, sizeof(part->thread->words)); /* they were of another memory */
    process->is_dumpable = now->user == now->effective_user && now->group == now->effective_group;
    if (execution->is_secure)
        process->parent_death_signal = 0;
    process->credentials = *now;
    credentials_apply(&process->credentials, &process->caller.identity);
    process->exit_signal = LINUX_SIGCHLD;
    process->has_executed = true;
    set_name(process, part, execution->name);
    processes_unlock();
}

static void go_on_with(struct execution *execution) {
    struct process *process = process_current();
    uint64_t entry = execution->program.base + execution->program.elf.entry;
    if (execution->interpreter.path.mount != NULL)
        entry = execution->interpreter.base + execution->interpreter.elf.entry;
    use_memory(execution, process);
    descriptors_execute(&process->descriptors);
    set_rest(execution, process);
    if (execution_fill_stack(execution) < 0) {
        processes_lock();
        process_end_all(process, LINUX_SIGKILL);
        processes_unlock();
        return;
    }
    thread_begin_program(thread_current(), entry, execution->stack_pointer);
}

static int64_t execute(struct execution *execution) {
    int status = prepare(execution, process_current());
    if (status < 0)
        return status;
    status = process_end_others();
    if (status < 0) {
        process_memory_unref(execution->memory);
        return status;
    }
    go_on_with(execution);
    return 0;
}

static int64_t finish(struct execution *execution, int64_t status) {
    if (status == 0)
        status = execute(execution);
    execution_release(execution);
    machine_give_back(processes.vfs->machine, execution, sizeof(*execution));
    return status;
}

static int add_texts(struct program_texts *texts, const char *const *list, uint32_t *count) {
    int status = 0;
    for (*count = 0; status == 0 && list[*count] != NULL; ++*count)
        status = program_texts_add(texts, list[*count]);
    return status;
}

int process_execute(const char *path, const char *const *arguments, const char *const *environment) {
    struct execution *execution = take_execution(process_current());
    if (execution == NULL)
        return -LINUX_ENOMEM;
    size_t length = strlen(path);
    int status = length < sizeof(execution->path) ? 0 : -LINUX_ENAMETOOLONG;
    if (status == 0)
        memcpy(execution->path, path, length + 1);
    if (status == 0)
        status = add_texts(&execution->texts, arguments, &execution->argument_count);
    execution->argument_bytes = execution->texts.bytes;
    if (status == 0)
        status = add_texts(&execution->texts, environment, &execution->environment_count);
    return (int)finish(execution, status);
}

/* ---- calls ---- */

static int64_t read_path(struct execution *execution, uint64_t from) {
    int length = process_read_text(execution->path, from, sizeof(execution->path));
    return length < 0 ? length : 0;
}

int64_t system_call_execve(const uint64_t arguments[6]) {
    struct execution *execution = take_execution(process_current());
    if (execution == NULL)
        return -LINUX_ENOMEM;
    int64_t status = read_path(execution, arguments[0]);
    if (status == 0)
        status = take_arguments(execution, arguments[1], arguments[2]);
    return finish(execution, status);
}

/* /dev/fd/N or /dev/fd/N/PATH: how a script's interpreter finds what was given by a descriptor. */
static void name_by_descriptor(struct execution *execution, uint32_t descriptor) {
    static const char folder[] = "/dev/fd/";
    char digits[12];
    unsigned count = 0;
    size_t length = sizeof(folder) - 1;
    memcpy(execution->described, folder, length);
    for (; descriptor > 0 || count == 0; descriptor /= 10)
        digits[count++] = (char)('0' + descriptor % 10);
    while (count > 0)
        execution->described[length++] = digits[--count];
    if (execution->path[0] != 0)
        execution->described[length++] = '/';
    memcpy(execution->described + length, execution->path, strlen(execution->path) + 1);
    execution->name = execution->described;
}

#define AT_FOLDER (-100)

int64_t system_call_execveat(const uint64_t arguments[6]) {
    struct process *process = process_current();
    struct open_file *file = NULL;
    uint32_t flags = (uint32_t)arguments[4];
    if ((flags & ~(LINUX_AT_EMPTY_PATH | LINUX_AT_SYMLINK_NOFOLLOW)) != 0)
        return -LINUX_EINVAL;
    struct execution *execution = take_execution(process);
    if (execution == NULL)
        return -LINUX_ENOMEM;
    execution->follows_links = (flags & LINUX_AT_SYMLINK_NOFOLLOW) == 0;
    execution->is_empty_allowed = (flags & LINUX_AT_EMPTY_PATH) != 0;
    int64_t status = read_path(execution, arguments[1]);
    if (status == 0 && execution->path[0] == 0 && !execution->is_empty_allowed)
        status = -LINUX_ENOENT;
    if (status == 0 && (int32_t)arguments[0] != AT_FOLDER && execution->path[0] != '/') {
        status = descriptors_get(&process->descriptors, (uint32_t)arguments[0], &file);
        if (status == 0 && file->path.mount == NULL) { /* a pipe, a socket: it is no program, and leads to none */
            status = execution->path[0] == 0 ? -LINUX_EACCES : -LINUX_ENOTDIR;
        } else if (status == 0) {
            execution->start = &file->path;
            name_by_descriptor(execution, (uint32_t)arguments[0]);
        }
    }
    if (status == 0)
        status = take_arguments(execution, arguments[2], arguments[3]);
    status = finish(execution, status);
    if (file != NULL)
        file_unref(file);
    return status;
}
