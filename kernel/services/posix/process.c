/* The table of processes, and how one begins and goes: see process.h. */
#include "kernel/services/posix/process.h"

#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/posix/program.h"
#include "kernel/services/posix/timers.h"
#include "kernel/services/posix/user.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/mount.h"

#include <string.h>

struct processes processes;

void processes_prepare(void) {
    processes = (struct processes){.count = 0};
    list_init(&processes.all);
    list_init(&processes.alarms);
    list_init(&processes.timers);
}

void processes_init(struct vfs *vfs, uint32_t count_max) {
    processes.vfs = vfs;
    processes.count_max = count_max;
    numbers_init();
}

struct process *process_current(void) {
    return thread_current()->process;
}

struct process_thread *process_thread_current(void) {
    return thread_current()->of_process;
}

struct space *process_space(struct process *process) {
    return process->memory->space;
}

struct thread *process_thread_of(struct process *process, int32_t number) {
    struct thread *thread = NULL;
    processes_lock();
    const struct number *found = number_find(number);
    if (found != NULL && found->thread != NULL && found->thread->process == process)
        thread = found->thread->thread;
    processes_unlock();
    return thread;
}

struct thread *process_any_thread(int32_t number) {
    processes_lock();
    const struct number *found = number_see(number);
    struct thread *thread = found != NULL && found->thread != NULL ? found->thread->thread : NULL;
    processes_unlock();
    return thread;
}

static bool is_of(const struct process *process, enum thread_owner whose, const struct number *group, uint32_t user) {
    const struct process *self = process_current();
    if (self->program != NULL && process->program != self->program)
        return false;
    return whose == THREADS_OF_GROUP ? group != NULL && process->group == group : process->credentials.user == user;
}

void process_each_thread(enum thread_owner whose, int32_t number, void (*step)(struct thread *thread, void *argument),
                         void *argument) {
    const struct process *self = process_current();
    uint32_t user = number != 0 ? (uint32_t)number : self->credentials.user;
    processes_lock();
    const struct number *group = number != 0 ? number_see(number) : self->group;
    for (struct list *link = processes.all.next; link != &processes.all; link = link->next) {
        struct process *process = list_item(link, struct process, in_all);
        if (!is_of(process, whose, group, user))
            continue;
        for (struct list *each = process->threads.next; each != &process->threads; each = each->next)
            step(list_item(each, struct process_thread, link)->thread, argument);
    }
    processes_unlock();
}

/* Whose process it is may make it less; more only whoever may for all. */
bool process_may_schedule(const struct thread *thread, bool is_better) {
    const struct credentials *mine = &process_current()->credentials;
    if (credentials_have(mine, LINUX_CAP_SYS_NICE))
        return true;
    const struct credentials *theirs = &thread->process->credentials;
    return !is_better && (mine->effective_user == theirs->user || mine->effective_user == theirs->effective_user);
}

uint64_t process_run_ns(struct process *process) {
    struct process_usage usage;
    processes_lock();
    process_usage_now(process, &usage);
    processes_unlock();
    return usage.user_ns + usage.system_ns;
}

/* ---- references ---- */

void process_ref(struct process *process) {
    __atomic_fetch_add(&process->references, 1, __ATOMIC_RELAXED);
}

void process_unref(struct process *process) {
    /* Pairs with itself: what others did to the process comes before its end. */
    if (__atomic_fetch_sub(&process->references, 1, __ATOMIC_ACQ_REL) == 1)
        machine_give_back(processes.vfs->machine, process, sizeof(*process));
}

struct process *process_find_locked(int32_t number) {
    struct number *found = number_see(number);
    return found != NULL ? found->process : NULL;
}

struct process *process_find(int32_t number) {
    processes_lock();
    const struct number *found = number_find(number);
    struct process *process = found != NULL ? found->process : NULL;
    if (process != NULL)
        process_ref(process);
    processes_unlock();
    return process;
}

struct process *process_find_next(int32_t number) {
    struct process *next = NULL;
    processes_lock();
    for (struct list *link = processes.all.next; link != &processes.all; link = link->next) {
        struct process *process = list_item(link, struct process, in_all);
        if (process->id > number && (next == NULL || process->id < next->id))
            next = process;
    }
    if (next != NULL)
        process_ref(next);
    processes_unlock();
    return next;
}

/* ---- memory ---- */

int process_memory_create(const struct process *process, struct process_memory **memory) {
    struct process_memory *made = machine_take(processes.vfs->machine, sizeof(*made));
    if (made == NULL)
        return -LINUX_ENOMEM;
    *made = (struct process_memory){.references = 1};
    int status = machine_space_create(process->program != NULL ? process->program->memory : NULL, &made->space);
    if (status < 0)
        machine_give_back(processes.vfs->machine, made, sizeof(*made));
    else
        *memory = made;
    return status;
}

int process_memory_fork(struct process_memory *from, struct process_memory **memory) {
    struct process_memory *made = machine_take(processes.vfs->machine, sizeof(*made));
    if (made == NULL)
        return -LINUX_ENOMEM;
    *made = *from;
    made->references = 1;
    int status = machine_space_fork(from->space, &made->space);
    if (status < 0) {
        machine_give_back(processes.vfs->machine, made, sizeof(*made));
        return status;
    }
    made->executable = (struct path){.mount = NULL};
    if (from->executable.mount != NULL)
        (void)process_memory_set_program(made, &from->executable); /* who runs it already may begin once more */
    *memory = made;
    return 0;
}

int process_memory_set_program(struct process_memory *memory, const struct path *program) {
    int status = inode_begin_program(program->dentry->inode);
    if (status < 0)
        return status;
    memory->executable = *program;
    vfs_lock(processes.vfs);
    path_ref(&memory->executable);
    vfs_unlock(processes.vfs);
    return 0;
}

void process_memory_unref(struct process_memory *memory) {
    if (__atomic_fetch_sub(&memory->references, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    machine_space_destroy(memory->space);
    if (memory->executable.mount != NULL) {
        inode_end_program(memory->executable.dentry->inode);
        vfs_lock(processes.vfs);
        path_unref(&memory->executable);
        vfs_unlock(processes.vfs);
    }
    machine_give_back(processes.vfs->machine, memory, sizeof(*memory));
}

/* ---- beginning ---- */

static void init_lists(struct process *process) {
    list_init(&process->children);
    list_init(&process->threads);
    list_init(&process->pending.entries);
    timers_init(process);
}

/* With the tree's lock, since another thread may just change its folder. */
static void copy_folders(const struct caller *from, struct caller *to) {
    vfs_lock(processes.vfs);
    to->root = from->root;
    to->folder = from->folder;
    path_ref(&to->root);
    path_ref(&to->folder);
    vfs_unlock(processes.vfs);
}

static int create_first(struct program *program, struct process **process) {
    const struct vfs_machine *machine = processes.vfs->machine;
    struct process *made = machine_take(machine, sizeof(*made));
    if (made == NULL)
        return -LINUX_ENOMEM;
    memset(made, 0, sizeof(*made));
    made->references = 1;
    made->exit_signal = LINUX_SIGCHLD;
    made->is_dumpable = true;
    init_lists(made);
    credentials_init(&made->credentials);
    limits_init(&made->limits, processes.count_max, processes.count_max);
    made->program = program;
    made->freezer = program != NULL ? &program->freezer : NULL;
    int status = process_memory_create(made, &made->memory);
    if (status < 0)
        machine_give_back(machine, made, sizeof(*made));
    else
        *process = made;
    return status;
}

int process_create_first(const struct caller *caller, struct process **process) {
    struct process *made;
    int status = create_first(NULL, &made);
    if (status < 0)
        return status;
    descriptors_init(&made->descriptors, processes.vfs, (uint32_t)made->limits.of[LIMIT_DESCRIPTORS].soft);
    made->caller = (struct caller){.vfs = caller->vfs, .mask = caller->mask};
    credentials_apply(&made->credentials, &made->caller.identity);
    copy_folders(caller, &made->caller);
    *process = made;
    return 0;
}

int process_create_contained(struct program *program, struct process **process) {
    return create_first(program, process);
}

/* What fork copies and no lock guards. */
static void copy_plain(const struct process *parent, struct process *child) {
    memset(child, 0, sizeof(*child));
    child->references = 1;
    child->program = parent->program;
    child->freezer = parent->freezer;
    child->credentials = parent->credentials;
    child->limits = parent->limits;
    child->is_dumpable = parent->is_dumpable;
    child->personality = parent->personality;
    memcpy(child->name, parent->name, sizeof(child->name));
    child->caller = (struct caller){.vfs = parent->caller.vfs, .mask = parent->caller.mask};
    credentials_apply(&child->credentials, &child->caller.identity);
    limits_apply_to_files(&child->limits, &child->caller);
    init_lists(child);
}

int process_create_child(struct process *parent, bool shares_memory, struct process **process) {
    const struct vfs_machine *machine = processes.vfs->machine;
    struct process *child = machine_take(machine, sizeof(*child));
    if (child == NULL)
        return -LINUX_ENOMEM;
    copy_plain(parent, child);
    int status = 0;
    if (shares_memory) {
        child->memory = parent->memory;
        __atomic_fetch_add(&child->memory->references, 1, __ATOMIC_RELAXED);
    } else {
        status = process_memory_fork(parent->memory, &child->memory);
    }
    if (status == 0) {
        status = descriptors_copy(&parent->descriptors, &child->descriptors);
        if (status < 0)
            process_memory_unref(child->memory);
    }
    if (status < 0) {
        machine_give_back(machine, child, sizeof(*child));
        return status;
    }
    copy_folders(&parent->caller, &child->caller);
    *process = child;
    return 0;
}

/* ---- going ---- */

void process_release_files(struct process *process) {
    descriptors_deinit(&process->descriptors);
    vfs_lock(processes.vfs);
    path_unref(&process->caller.root);
    path_unref(&process->caller.folder);
    vfs_unlock(processes.vfs);
}

void process_destroy_unborn(struct process *process) {
    process_release_files(process);
    process_memory_unref(process->memory);
    process_unref(process);
}
