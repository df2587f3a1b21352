/*
 * Files of /proc that are about one process: see proc.h. Of another process's memory nothing is shown: its arguments are its
 * name, and its environment is empty.
 */
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/posix/proc/proc.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define TICK_NS UINT64_C(10000000) /* as sysconf(_SC_CLK_TCK) has it */
#define STEP 512u
#define TERMINAL_NONE 0

/* What is shown of a process, read at one moment. */
struct facts {
    char name[PROCESS_NAME_BYTES];
    char state;
    int32_t id, parent, group, session, threads;
    uint64_t user_ns, started_ns;
    uint64_t pending, blocked, ignored, caught;
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

static char state_of(const struct process *process) {
    if (process->state != PROCESS_LIVES)
        return process->state == PROCESS_ENDS ? 'X' : 'Z';
    if (process->thread_count > 0 && process->stopped_threads == process->thread_count)
        return 'T';
    for (const struct list *link = process->threads.next; link != &process->threads; link = link->next) {
        const struct process_thread *part = list_item((struct list *)(uintptr_t)link, struct process_thread, link);
        if (part->thread->sched.is_running)
            return 'R';
    }
    return 'S';
}

/* Locked. */
static void read_facts(const struct process *process, struct facts *facts) {
    *facts = (struct facts){.state = state_of(process),
                            .id = process->id,
                            .parent = process->parent != NULL ? process->parent->id : 0,
                            .group = process_group_of(process),
                            .session = process_session_of(process),
                            .threads = (int32_t)process->thread_count,
                            .user_ns = process->usage.user_ns,
                            .started_ns = process->started_ns,
                            .pending = process->pending.bits,
                            .ignored = actions_of(process, true),
                            .caught = actions_of(process, false),
                            .credentials = process->credentials};
    memcpy(facts->name, process->name, sizeof(facts->name));
    for (const struct list *link = process->threads.next; link != &process->threads; link = link->next) {
        const struct process_thread *part = list_item((struct list *)(uintptr_t)link, struct process_thread, link);
        facts->user_ns += machine_thread_time(part->thread);
        facts->blocked |= part->blocked;
    }
}

static int find_facts(const struct proc_place *place, struct facts *facts) {
    processes_lock();
    const struct process *process = process_find_locked(place->process);
    if (process != NULL)
        read_facts(process, facts);
    processes_unlock();
    return process != NULL ? 0 : -LINUX_ESRCH;
}

/* ---- files ---- */

static int print_stat(const struct proc_place *place, struct proc_text *text) {
    struct facts facts;
    int status = find_facts(place, &facts);
    if (status != 0)
        return status;
    proc_print(text, "%d (%s) %c %d %d %d %d -1 0 0 0 0 0 %llu 0 0 0 20 0 %d 0 %llu 0 0 ", facts.id, facts.name,
               facts.state, facts.parent, facts.group, facts.session, TERMINAL_NONE,
               (unsigned long long)(facts.user_ns / TICK_NS), facts.threads,
               (unsigned long long)(facts.started_ns / TICK_NS));
    proc_print(text, "18446744073709551615 0 0 0 0 0 %llu %llu %llu %llu 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
               (unsigned long long)facts.pending, (unsigned long long)facts.blocked, (unsigned long long)facts.ignored,
               (unsigned long long)facts.caught);
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

static int print_status(const struct proc_place *place, struct proc_text *text) {
    struct facts facts;
    int status = find_facts(place, &facts);
    if (status != 0)
        return status;
    const struct credentials *who = &facts.credentials;
    proc_print(text, "Name:\t%s\nState:\t%s\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", facts.name,
               name_of_state(facts.state), facts.id, facts.id, facts.parent);
    proc_print(text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", who->user, who->effective_user, who->saved_user,
               who->file_user, who->group, who->effective_group, who->saved_group, who->file_group);
    proc_print(text, "Groups:\t");
    for (uint32_t i = 0; i < who->group_count; i++)
        proc_print(text, "%u ", who->groups[i]);
    proc_print(text, "\nThreads:\t%d\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
               facts.threads, (unsigned long long)facts.pending, (unsigned long long)facts.blocked,
               (unsigned long long)facts.ignored, (unsigned long long)facts.caught);
    proc_print(text, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%016llx\n",
               (unsigned long long)who->inheritable, (unsigned long long)who->permitted,
               (unsigned long long)who->effective, (unsigned long long)who->bounding, (unsigned long long)who->ambient);
    proc_print(text, "NoNewPrivs:\t%d\n", who->has_no_new_privileges);
    return 0;
}

static int print_name(const struct proc_place *place, struct proc_text *text) {
    struct facts facts;
    int status = find_facts(place, &facts);
    if (status == 0)
        proc_print(text, "%s\n", facts.name);
    return status;
}

/* From the caller's own memory. What it took away since is left out. */
static void print_memory(struct proc_text *text, uint64_t start, uint64_t end) {
    char bytes[STEP];
    while (start < end) {
        size_t size = end - start < STEP ? (size_t)(end - start) : STEP;
        if (!process_read(bytes, start, size))
            return;
        proc_print_bytes(text, bytes, size);
        start += size;
    }
}

static int print_arguments(const struct proc_place *place, struct proc_text *text) {
    const struct process *process = process_current();
    struct facts facts;
    if (process->id == place->process) {
        print_memory(text, process->memory->arguments_start, process->memory->arguments_end);
        return 0;
    }
    int status = find_facts(place, &facts);
    if (status == 0)
        proc_print_bytes(text, facts.name, strlen(facts.name) + 1);
    return status;
}

static int print_environment(const struct proc_place *place, struct proc_text *text) {
    const struct process *process = process_current();
    struct facts facts;
    if (process->id == place->process)
        print_memory(text, process->memory->environment_start, process->memory->environment_end);
    return find_facts(place, &facts);
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

/* ---- links: with the tree's lock held ---- */

/* A number as a text; behind it what fits. */
static int print_number(char *text, size_t size_bytes, int32_t number, const char *behind) {
    char digits[12];
    size_t count = 0, length = strlen(behind);
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    if (count + length >= size_bytes)
        return -LINUX_ENAMETOOLONG;
    for (size_t i = 0; i < count; i++)
        text[i] = digits[count - 1 - i];
    memcpy(text + count, behind, length + 1);
    return (int)(count + length);
}

int proc_link_self(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    (void)place;
    (void)to;
    return print_number(text, size_bytes, process_current()->id, "");
}

int proc_link_thread_self(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    int length = print_number(text, size_bytes, process_current()->id, "/task/");
    (void)place;
    (void)to;
    if (length < 0)
        return length;
    int more = print_number(text + length, size_bytes - (size_t)length, thread_current()->number, "");
    return more < 0 ? more : length + more;
}

/* A place of the caller's own view. */
static int lead_to(const struct path *path, char *text, size_t size_bytes, struct path *to) {
    if (path->mount == NULL)
        return -LINUX_ENOENT;
    int length = path_text(path, &process_current()->caller.root, text, size_bytes);
    if (length < 0) {
        length = 0; /* it has no name any more, or too long a one; it leads there all the same */
        text[0] = 0;
    }
    *to = *path;
    path_ref(to);
    return length;
}

enum which_path { OF_PROGRAM, OF_FOLDER, OF_ROOT };

static int lead_to_own(const struct proc_place *place, enum which_path which, char *text, size_t size_bytes,
                       struct path *to) {
    struct path path = {.mount = NULL};
    int length = -LINUX_ENOENT;
    processes_lock();
    const struct process *process = process_find_locked(place->process);
    bool is_there = process != NULL && process->state == PROCESS_LIVES && process->memory != NULL;
    if (is_there && which == OF_PROGRAM)
        path = process->memory->executable;
    else if (is_there)
        path = which == OF_FOLDER ? process->caller.folder : process->caller.root;
    if (path.mount != NULL)
        length = lead_to(&path, text, size_bytes, to);
    processes_unlock();
    return length;
}

static int link_program(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    return lead_to_own(place, OF_PROGRAM, text, size_bytes, to);
}

static int link_folder(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    return lead_to_own(place, OF_FOLDER, text, size_bytes, to);
}

static int link_root(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    return lead_to_own(place, OF_ROOT, text, size_bytes, to);
}

/* ---- descriptors: of the caller only, whose table stays ---- */

static bool is_own(const struct proc_place *place) {
    const struct process *process = process_current();
    return process != NULL && process->id == place->process;
}

static int32_t next_descriptor(const struct proc_place *folder, int32_t after) {
    struct descriptors *table = &process_current()->descriptors;
    int32_t found = -1;
    if (!is_own(folder))
        return -1;
    spinlock_lock(&table->lock);
    for (uint32_t i = (uint32_t)(after + 1); i < table->capacity && found < 0; i++)
        if (table->entries[i].file != NULL)
            found = (int32_t)i;
    spinlock_unlock(&table->lock);
    return found;
}

static struct proc_place descriptor_place(const struct proc_place *folder, int32_t number) {
    return (struct proc_place){.process = folder->process, .number = number};
}

static int name_nameless(const struct open_file *file, char *text, size_t size_bytes) {
    const char *name = file->operations != NULL && file->operations->name != NULL ? file->operations->name : "pipe:";
    size_t length = strlen(name);
    if (length + 1 > size_bytes)
        return -LINUX_ENAMETOOLONG;
    memcpy(text, name, length + 1);
    if (name[length - 1] != ':')
        return (int)length;
    text[length++] = '[';
    int more = print_number(text + length, size_bytes - length, (int32_t)(file->number & INT32_MAX), "]");
    return more < 0 ? more : (int)length + more;
}

/* The table's lock keeps the file, so no reference is given up with the tree's lock held. */
static int link_descriptor(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    struct descriptors *table = &process_current()->descriptors;
    int length = -LINUX_ENOENT;
    if (!is_own(place))
        return length;
    spinlock_lock(&table->lock);
    const struct open_file *file =
        (uint32_t)place->number < table->capacity ? table->entries[place->number].file : NULL;
    if (file != NULL)
        length = file->path.mount != NULL ? lead_to(&file->path, text, size_bytes, to)
                                          : name_nameless(file, text, size_bytes);
    spinlock_unlock(&table->lock);
    return length;
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
        if (id > after && (found < 0 || id < found))
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

static const struct proc_node descriptor = {.mode = LINUX_S_IFLNK | 0700, .link = link_descriptor};
static const struct proc_list descriptors = {.next = next_descriptor, .place = descriptor_place, .node = &descriptor};
static const struct proc_node thread_files[] = {{.name = "comm", .mode = PROC_FILE, .print = print_name},
                                                {.name = "stat", .mode = PROC_FILE, .print = print_stat},
                                                {.name = "status", .mode = PROC_FILE, .print = print_status},
                                                {0}};
static const struct proc_node thread = {.mode = PROC_FOLDER, .children = thread_files};
static const struct proc_list threads = {.next = next_thread, .place = descriptor_place, .node = &thread};
static const struct proc_node files[] = {{.name = "cmdline", .mode = PROC_FILE, .print = print_arguments},
                                         {.name = "comm", .mode = PROC_FILE, .print = print_name},
                                         {.name = "cwd", .mode = PROC_LINK, .link = link_folder},
                                         {.name = "environ", .mode = LINUX_S_IFREG | 0400, .print = print_environment},
                                         {.name = "exe", .mode = PROC_LINK, .link = link_program},
                                         {.name = "fd", .mode = LINUX_S_IFDIR | 0500, .list = &descriptors},
                                         {.name = "limits", .mode = PROC_FILE, .print = print_limits},
                                         {.name = "mounts", .mode = PROC_FILE, .print = proc_print_mounts},
                                         {.name = "root", .mode = PROC_LINK, .link = link_root},
                                         {.name = "stat", .mode = PROC_FILE, .print = print_stat},
                                         {.name = "status", .mode = PROC_FILE, .print = print_status},
                                         {.name = "task", .mode = PROC_FOLDER, .list = &threads},
                                         {0}};
static const struct proc_node process = {.mode = PROC_FOLDER, .children = files};
const struct proc_list proc_processes = {.next = next_process, .place = process_place, .node = &process};
