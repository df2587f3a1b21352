/* Files of /proc that tell what a process or a thread is, and the tables of what there is of each: see proc.h. */
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/posix/proc/proc.h"
#include "kernel/services/tty/terminal.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define TICK_NS UINT64_C(10000000) /* as sysconf(_SC_CLK_TCK) has it */
#define KIB 1024u

/* What is shown of a process or one of its threads, read at one moment. */
struct facts {
    char name[PROCESS_NAME_BYTES];
    char state;
    int32_t id, number; /* of the process, and of what was asked about */
    int32_t parent, group, session, threads;
    int32_t terminal, foreground; /* its number and the group in its foreground; 0 and -1 without one */
    uint32_t processor, policy;
    int32_t nice, priority; /* of the one thread, or the first */
    uint64_t affinity;
    uint32_t descriptors;
    struct process_usage usage, children;
    uint64_t started_ns;
    uint64_t pending, own_pending, blocked, ignored, caught;
    uint64_t resident_limit;
    int32_t exit_signal, exit_status;
    struct credentials credentials;
};

static uint64_t actions_of(const struct process *process, bool is_ignored) {
    uint64_t set = 0;
    for (int signal = 1; signal <= SIGNALS; signal++) {
        uint64_t handler = process->actions[signal - 1].handler;
        bool has = is_ignored ? handler == SIGNAL_IGNORE : handler != SIGNAL_IGNORE && handler != SIGNAL_DEFAULT;
        set |= has ? SIGNAL_BIT(signal) : 0;
    }
    return set;
}

static char state_of_thread(const struct process_thread *part) {
    if (part->is_stopped)
        return 'T';
    return part->thread->sched.is_running || part->thread->sched.is_queued ? 'R' : 'S';
}

static char state_of(const struct process *process) {
    if (process->state != PROCESS_LIVES)
        return process->state == PROCESS_ENDS ? 'X' : 'Z';
    if (process->thread_count > 0 && process->stopped_threads == process->thread_count)
        return 'T';
    for (const struct list *link = process->threads.next; link != &process->threads; link = link->next)
        if (state_of_thread(list_item((struct list *)(uintptr_t)link, struct process_thread, link)) == 'R')
            return 'R';
    return 'S';
}

static void read_terminal(const struct process *process, struct facts *facts) {
    const struct terminal *terminal = process_terminal(process);
    facts->foreground = -1;
    if (terminal == NULL)
        return;
    facts->terminal = (int32_t)terminal->number;
    facts->foreground = __atomic_load_n(&terminal->group, __ATOMIC_RELAXED);
}

/* Of the thread that was asked about, or the first. */
static void read_thread(const struct process_thread *part, bool is_asked, struct facts *facts) {
    const struct thread *thread = part->thread;
    facts->processor = thread->sched.processor;
    facts->affinity = thread->sched.affinity;
    facts->policy = (uint32_t)thread->policy;
    facts->nice = thread->nice;
    facts->priority = thread->schedule.priority;
    facts->own_pending = part->pending.bits;
    facts->blocked = part->blocked;
    if (!is_asked)
        return;
    facts->number = number_value(part->number);
    facts->state = state_of_thread(part);
    memcpy(facts->name, part->name, sizeof(facts->name));
    facts->usage.user_ns = machine_thread_time(part->thread);
}

static struct process_thread *find_thread(const struct process *process, int32_t number) {
    for (struct list *link = process->threads.next; link != &process->threads; link = link->next) {
        struct process_thread *part = list_item(link, struct process_thread, link);
        if (number < 0 || number_value(part->number) == number)
            return part;
    }
    return NULL;
}

/* Locked. */
static void read_facts(struct process *process, struct facts *facts) {
    *facts = (struct facts){.state = state_of(process),
                            .id = process->id,
                            .number = process->id,
                            .parent = process->parent != NULL ? process->parent->id : 0,
                            .group = process_group_of(process),
                            .session = process_session_of(process),
                            .threads = (int32_t)process->thread_count,
                            .descriptors = process->descriptors.capacity,
                            .children = process->children_usage,
                            .started_ns = process->started_ns,
                            .pending = process->pending.bits,
                            .ignored = actions_of(process, true),
                            .caught = actions_of(process, false),
                            .resident_limit = process->limits.of[LIMIT_RESIDENT_BYTES].soft,
                            .exit_signal = process->exit_signal,
                            .exit_status = proc_may_look(process) ? process->exit_status : 0,
                            .credentials = process->credentials};
    memcpy(facts->name, process->name, sizeof(facts->name));
    process_usage_now(process, &facts->usage);
    read_terminal(process, facts);
}

static int find_facts(const struct proc_place *place, struct facts *facts) {
    processes_lock();
    struct process *process = process_find_locked(place->process);
    const struct process_thread *part = process != NULL ? find_thread(process, place->number) : NULL;
    bool is_there = process != NULL && (place->number < 0 || part != NULL);
    if (is_there)
        read_facts(process, facts);
    if (is_there && part != NULL)
        read_thread(part, place->number >= 0, facts);
    processes_unlock();
    return is_there ? 0 : -LINUX_ESRCH;
}

/* ---- files ---- */

static uint64_t ticks(uint64_t ns) {
    return ns / TICK_NS;
}

/* As Linux has it: of real-time threads below zero. */
static int32_t priority_of(const struct facts *facts) {
    return facts->policy != 0 && facts->policy < 3 ? -1 - facts->priority : 20 + facts->nice;
}

/* The numbers are those of proc(5), in its order. */
static int print_stat(const struct proc_place *place, struct proc_text *text) {
    struct proc_memory_sums memory;
    struct facts facts;
    int status = find_facts(place, &facts);
    if (status == 0)
        status = proc_memory_sums(place->process, &memory);
    if (status != 0)
        return status;
    bool is_real_time = facts.policy != 0 && facts.policy < 3;
    proc_print(text, "%d (%s) %c %d %d %d %d %d 0 %llu %llu %llu %llu %llu %llu %llu %llu %d %d %d 0 %llu ",
               facts.number, facts.name, facts.state, facts.parent, facts.group, facts.session, facts.terminal,
               facts.foreground, (unsigned long long)facts.usage.minor_faults,
               (unsigned long long)facts.children.minor_faults, (unsigned long long)facts.usage.major_faults,
               (unsigned long long)facts.children.major_faults, (unsigned long long)ticks(facts.usage.user_ns),
               (unsigned long long)ticks(facts.usage.system_ns), (unsigned long long)ticks(facts.children.user_ns),
               (unsigned long long)ticks(facts.children.system_ns), priority_of(&facts), facts.nice, facts.threads,
               (unsigned long long)ticks(facts.started_ns));
    proc_print(text, "%llu %llu %llu 0 0 0 0 0 %llu %llu %llu %llu 0 0 0 %d %u %u %u 0 0 0 ",
               (unsigned long long)memory.space.bytes, (unsigned long long)(memory.space.resident_bytes / PAGE_BYTES),
               (unsigned long long)facts.resident_limit, (unsigned long long)facts.pending,
               (unsigned long long)facts.blocked, (unsigned long long)facts.ignored, (unsigned long long)facts.caught,
               facts.exit_signal, facts.processor, is_real_time ? (uint32_t)facts.priority : 0, facts.policy);
    proc_print(text, "0 0 %llu %llu %llu %llu %llu %d\n", (unsigned long long)memory.space.break_start,
               (unsigned long long)memory.arguments_start, (unsigned long long)memory.arguments_end,
               (unsigned long long)memory.environment_start, (unsigned long long)memory.environment_end,
               facts.exit_status);
    return 0;
}

static const char *name_of_state(char state) {
    static const struct {
        char state;
        const char *name;
    } names[] = {{'R', "R (running)"}, {'S', "S (sleeping)"}, {'T', "T (stopped)"}, {'Z', "Z (zombie)"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].state == state)
            return names[i].name;
    return "X (dead)";
}

static void print_who(const struct credentials *who, struct proc_text *text) {
    proc_print(text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", who->user, who->effective_user, who->saved_user,
               who->file_user, who->group, who->effective_group, who->saved_group, who->file_group);
}

static void print_groups(const struct credentials *who, struct proc_text *text) {
    proc_print(text, "Groups:\t");
    for (uint32_t i = 0; i < who->group_count; i++)
        proc_print(text, "%u ", who->groups[i]);
    proc_print(text, "\n");
}

static void print_memory(const struct proc_memory_sums *memory, struct proc_text *text) {
    const struct space_sums *sums = &memory->space;
    if (!memory->is_there)
        return;
    proc_print(text, "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\nVmLck:\t%8llu kB\nVmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\n",
               (unsigned long long)(sums->bytes / KIB), (unsigned long long)(sums->bytes / KIB),
               (unsigned long long)(sums->locked_bytes / KIB), (unsigned long long)(sums->resident_bytes / KIB),
               (unsigned long long)(sums->resident_bytes / KIB));
    proc_print(text, "VmData:\t%8llu kB\nVmSwap:\t       0 kB\n", (unsigned long long)(sums->data_bytes / KIB));
}

static void print_signals(const struct facts *facts, struct proc_text *text) {
    proc_print(text, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
               (unsigned long long)facts->own_pending, (unsigned long long)facts->pending,
               (unsigned long long)facts->blocked, (unsigned long long)facts->ignored,
               (unsigned long long)facts->caught);
}

static void print_capabilities(const struct credentials *who, struct proc_text *text) {
    proc_print(text, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%016llx\n",
               (unsigned long long)who->inheritable, (unsigned long long)who->permitted,
               (unsigned long long)who->effective, (unsigned long long)who->bounding, (unsigned long long)who->ambient);
    proc_print(text, "NoNewPrivs:\t%d\nSeccomp:\t0\n", who->has_no_new_privileges);
}

/* Numbers of a mask as Linux lists them: 0-3,5. */
static void print_list(uint64_t mask, struct proc_text *text) {
    const char *before = "";
    for (uint32_t first = 0, last; first < 64; first = last + 2) {
        while (first < 64 && (mask >> first & 1) == 0)
            first++;
        for (last = first; last < 63 && (mask >> (last + 1) & 1) != 0;)
            last++;
        if (first < 64 && first == last)
            proc_print(text, "%s%u", before, first);
        else if (first < 64)
            proc_print(text, "%s%u-%u", before, first, last);
        before = ",";
    }
}

static void print_affinity(uint64_t affinity, struct proc_text *text) {
    uint64_t there = proc_processors < 64 ? (UINT64_C(1) << proc_processors) - 1 : UINT64_MAX;
    proc_print(text, "Cpus_allowed:\t%llx\nCpus_allowed_list:\t", (unsigned long long)(affinity & there));
    print_list(affinity & there, text);
    proc_print(text, "\nMems_allowed_list:\t0\n");
}

static int print_status(const struct proc_place *place, struct proc_text *text) {
    struct proc_memory_sums memory;
    struct facts facts;
    int status = find_facts(place, &facts);
    if (status == 0)
        status = proc_memory_sums(place->process, &memory);
    if (status != 0)
        return status;
    proc_print(text, "Name:\t%s\nState:\t%s\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", facts.name,
               name_of_state(facts.state), facts.id, facts.number, facts.parent);
    print_who(&facts.credentials, text);
    proc_print(text, "FDSize:\t%u\n", facts.descriptors);
    print_groups(&facts.credentials, text);
    print_memory(&memory, text);
    proc_print(text, "Threads:\t%d\n", facts.threads);
    print_signals(&facts, text);
    print_capabilities(&facts.credentials, text);
    print_affinity(facts.affinity, text);
    return 0;
}

static int print_name(const struct proc_place *place, struct proc_text *text) {
    struct facts facts;
    int status = find_facts(place, &facts);
    if (status == 0)
        proc_print(text, "%s\n", facts.name);
    return status;
}

static int print_limits(const struct proc_place *place, struct proc_text *text) {
    static const char *const names[LIMITS] = {
        "Max cpu time",       "Max file size",     "Max data size",         "Max stack size",
        "Max core file size", "Max resident set",  "Max processes",         "Max open files",
        "Max locked memory",  "Max address space", "Max file locks",        "Max pending signals",
        "Max msgqueue size",  "Max nice priority", "Max realtime priority", "Max realtime timeout"};
    struct limits limits;
    processes_lock();
    const struct process *process = process_find_locked(place->process);
    if (process != NULL)
        limits = process->limits;
    processes_unlock();
    if (process == NULL)
        return -LINUX_ESRCH;
    proc_print(text, "%-25s %-20s %-20s\n", "Limit", "Soft Limit", "Hard Limit");
    for (uint32_t i = 0; i < LIMITS; i++) {
        proc_print(text, "%-25s ", names[i]);
        for (uint32_t j = 0; j < 2; j++) {
            uint64_t value = j == 0 ? limits.of[i].soft : limits.of[i].hard;
            if (value == LIMIT_NONE)
                proc_print(text, "%-20s ", "unlimited");
            else
                proc_print(text, "%-20llu ", (unsigned long long)value);
        }
        proc_print(text, "\n");
    }
    return 0;
}

/* ---- threads and processes ---- */

static int32_t next_thread(const struct proc_place *folder, int32_t after) {
    int32_t found = -1;
    processes_lock();
    const struct process *process = process_find_locked(folder->process);
    for (struct list *link = process != NULL ? process->threads.next : NULL;
         process != NULL && link != &process->threads; link = link->next) {
        int32_t number = number_value(list_item(link, struct process_thread, link)->number);
        if (number > after && (found < 0 || number < found))
            found = number;
    }
    processes_unlock();
    return found;
}

static int32_t next_process(const struct proc_place *folder, int32_t after) {
    int32_t found = -1;
    (void)folder;
    processes_lock();
    for (struct list *link = processes.all.next; link != &processes.all; link = link->next) {
        int32_t id = list_item(link, struct process, in_all)->id;
        if (id > after && (found < 0 || id < found) && number_see(id) != NULL)
            found = id;
    }
    processes_unlock();
    return found;
}

static struct proc_place process_place(const struct proc_place *folder, int32_t number) {
    (void)folder;
    return (struct proc_place){.process = number, .number = -1};
}

void proc_owner_of(const struct proc_place *place, uint32_t *user, uint32_t *group) {
    processes_lock();
    const struct process *process = process_find_locked(place->process);
    if (process != NULL) {
        *user = process->credentials.effective_user;
        *group = process->credentials.effective_group;
    }
    processes_unlock();
}

/* ---- tables ---- */

#define PRIVATE_FILE (LINUX_S_IFREG | 0400u)
#define PRIVATE_FOLDER (LINUX_S_IFDIR | 0500u)
/* Of a process and of a thread alike. */
#define COMMON_FILES \
    {.name = "auxv", .mode = PRIVATE_FILE, .print = proc_print_auxiliary}, \
        {.name = "cmdline", .mode = PROC_FILE, .print = proc_print_arguments}, \
        {.name = "comm", .mode = PROC_FILE, .print = print_name}, \
        {.name = "cwd", .mode = PROC_LINK, .link = proc_link_folder}, \
        {.name = "environ", .mode = PRIVATE_FILE, .print = proc_print_environment}, \
        {.name = "exe", .mode = PROC_LINK, .link = proc_link_program}, \
        {.name = "fd", .mode = PRIVATE_FOLDER, .list = &proc_descriptors}, \
        {.name = "fdinfo", .mode = PRIVATE_FOLDER, .list = &proc_descriptor_facts}, \
        {.name = "limits", .mode = PROC_FILE, .print = print_limits}, \
        {.name = "maps", .mode = PROC_FILE, .print = proc_print_maps}, \
        {.name = "mountinfo", .mode = PROC_FILE, .print = proc_print_mount_facts}, \
        {.name = "mounts", .mode = PROC_FILE, .print = proc_print_mounts}, \
        {.name = "root", .mode = PROC_LINK, .link = proc_link_root}, \
        {.name = "smaps", .mode = PROC_FILE, .print = proc_print_sized_maps}, \
        {.name = "stat", .mode = PROC_FILE, .print = print_stat}, \
        {.name = "statm", .mode = PROC_FILE, .print = proc_print_memory_sums}, { \
        .name = "status", .mode = PROC_FILE, .print = print_status \
    }

static const struct proc_node thread_files[] = {COMMON_FILES, {0}};
static const struct proc_node thread = {.mode = PROC_FOLDER, .children = thread_files};
static const struct proc_list threads = {.next = next_thread, .place = proc_numbered_place, .node = &thread};
static const struct proc_node files[] = {COMMON_FILES, {.name = "task", .mode = PROC_FOLDER, .list = &threads}, {0}};
static const struct proc_node process = {.mode = PROC_FOLDER, .children = files};
const struct proc_list proc_processes = {.next = next_process, .place = process_place, .node = &process};
