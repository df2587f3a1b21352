/* Files of /proc and /sys that are about the machine: see proc.h. */
#include "kernel/services/posix/machine.h"
#include "kernel/machine/bare/module/module.h"
#include "kernel/machine/bare/time/clock.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/missing.h"
#include "kernel/services/posix/proc/proc.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/kinds.h"
#include "kernel/services/vfs/pipe.h"

#define KIB 1024u
#define SECOND_NS UINT64_C(1000000000)
#define HUNDREDTH_NS UINT64_C(10000000)
#define RELEASE "6.1.0-grove" /* as uname tells it */

uint32_t proc_processors = 1;

static int print_memory(const struct proc_place *place, struct proc_text *text) {
    uint64_t total, free;
    (void)place;
    machine_memory_facts(&total, &free);
    proc_print(text, "MemTotal:       %8llu kB\nMemFree:        %8llu kB\nMemAvailable:   %8llu kB\n",
               (unsigned long long)total / KIB, (unsigned long long)free / KIB, (unsigned long long)free / KIB);
    proc_print(text, "Buffers:               0 kB\nCached:                0 kB\nSwapCached:            0 kB\n"
                     "SwapTotal:             0 kB\nSwapFree:              0 kB\n");
    return 0;
}

static int print_uptime(const struct proc_place *place, struct proc_text *text) {
    uint64_t now = clock_now_ns();
    (void)place;
    proc_print(text, "%llu.%02llu 0.00\n", (unsigned long long)(now / SECOND_NS),
               (unsigned long long)(now % SECOND_NS / HUNDREDTH_NS));
    return 0;
}

static uint32_t count_processes(void) {
    processes_lock();
    uint32_t count = processes.count;
    processes_unlock();
    return count;
}

static int print_load(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "0.00 0.00 0.00 1/%u %d\n", count_processes(), process_current()->id);
    return 0;
}

/* What processors did is not counted by kind: all zero, so that programs find no line missing. */
static int print_statistics(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "cpu  0 0 0 0 0 0 0 0 0 0\n");
    for (uint32_t i = 0; i < proc_processors; i++)
        proc_print(text, "cpu%u 0 0 0 0 0 0 0 0 0 0\n", i);
    proc_print(text, "ctxt 0\nbtime %lld\nprocesses %u\nprocs_running 1\nprocs_blocked 0\n",
               (long long)((clock_wall_ns() - (int64_t)clock_now_ns()) / (int64_t)SECOND_NS), count_processes());
    return 0;
}

static int print_processors(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    for (uint32_t i = 0; i < proc_processors; i++)
        proc_print(text, "processor\t: %u\nmodel name\t: %s\n\n", i, machine_layout()->platform);
    return 0;
}

static int print_version(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "Linux version " RELEASE " #1 SMP Grove\n");
    return 0;
}

static int print_systems(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(
        text, "nodev\tproc\nnodev\tsysfs\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\tfuse\nnodev\tfuseblk\n");
    return 0;
}

/* As lsmod reads it: name, bytes, uses, users, state, address. */
static int print_modules(const struct proc_place *place, struct proc_text *text) {
    struct module_fact *fact = machine_take(text->machine, sizeof(*fact));
    (void)place;
    if (fact == NULL)
        return -LINUX_ENOMEM;
    for (uint32_t i = 0; module_tell(i, fact); i++) {
        proc_print(text, "%s %lu %u ", fact->name, (unsigned long)fact->bytes, fact->uses);
        for (uint32_t j = 0; j < fact->user_count; j++)
            proc_print(text, "%s,", fact->users[j]);
        proc_print(text, "%s Live 0x%016lx\n", fact->user_count == 0 ? "-" : "", (unsigned long)fact->address);
    }
    machine_give_back(text->machine, fact, sizeof(*fact));
    return 0;
}

static int print_name(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "grove\n");
    return 0;
}

static int print_type(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "Linux\n");
    return 0;
}

static int print_release(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, RELEASE "\n");
    return 0;
}

static int print_number_limit(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "%d\n", NUMBERS_MAX);
    return 0;
}

static int print_thread_limit(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "%u\n", processes.count_max);
    return 0;
}

static int print_last_capability(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "%d\n", 63 - __builtin_clzll(CAPABILITIES_ALL));
    return 0;
}

static int print_group_limit(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "%u\n", CREDENTIALS_GROUPS_MAX);
    return 0;
}

static int print_kernel_version(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "#1 SMP Grove\n");
    return 0;
}

static int print_pipe_limit(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "%u\n", PIPE_BYTES);
    return 0;
}

static int print_map_limit(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "%u\n", SPACE_AREAS_MAX);
    return 0;
}

/* What there are no numbers of, programs do without. */
static int print_memory_statistics(const struct proc_place *place, struct proc_text *text) {
    uint64_t total, free;
    (void)place;
    machine_memory_facts(&total, &free);
    proc_print(text, "nr_free_pages %llu\n", (unsigned long long)(free / PAGE_BYTES));
    return 0;
}

/* Which calls programs made that are missing: docs/formats.md has the layout. */
static int print_missing_calls(const struct proc_place *place, struct proc_text *text) {
    struct missing_call entry;
    (void)place;
    proc_print(text, "calls %s\n", machine_layout()->platform);
    for (uint32_t i = 0; missing_entry(i, &entry); i++) {
        for (char *at = entry.name; *at != 0; at++)
            *at = *at < ' ' ? '?' : *at; /* a name with a line's end would tell of calls that nobody made */
        proc_print(text, "%u %llu %s\n", entry.call, (unsigned long long)entry.count,
                   entry.name[0] != 0 ? entry.name : "?");
    }
    proc_print(text, "others %llu\n", (unsigned long long)missing_overflow());
    return 0;
}

static int print_zero(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "0\n");
    return 0;
}

/* As random UUIDs are laid out (RFC 4122, version 4). */
static void print_uuid(struct proc_text *text, uint64_t high, uint64_t low) {
    high = (high & ~UINT64_C(0xf000)) | 0x4000;
    low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
    proc_print(text, "%08x-%04x-%04x-%04x-%012llx\n", (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff),
               (unsigned)(high & 0xffff), (unsigned)(low >> 48), (unsigned long long)(low & UINT64_C(0xffffffffffff)));
}

static int print_new_uuid(const struct proc_place *place, struct proc_text *text) {
    uint64_t uuid[2];
    (void)place;
    text->machine->fill_random(text->machine->context, uuid, sizeof(uuid));
    print_uuid(text, uuid[0], uuid[1]);
    return 0;
}

static uint64_t boot_uuid[2];

static int print_boot_uuid(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    print_uuid(text, boot_uuid[0], boot_uuid[1]);
    return 0;
}

static int print_all_processors(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    if (proc_processors > 1)
        proc_print(text, "0-%u\n", proc_processors - 1);
    else
        proc_print(text, "0\n");
    return 0;
}

/* ---- tables ---- */

static const struct proc_node random_files[] = {{.name = "uuid", .mode = PROC_FILE, .print = print_new_uuid},
                                                {.name = "boot_id", .mode = PROC_FILE, .print = print_boot_uuid},
                                                {0}};
static const struct proc_node kernel_files[] = {
    {.name = "cap_last_cap", .mode = PROC_FILE, .print = print_last_capability},
    {.name = "hostname", .mode = PROC_FILE, .print = print_name},
    {.name = "ngroups_max", .mode = PROC_FILE, .print = print_group_limit},
    {.name = "osrelease", .mode = PROC_FILE, .print = print_release},
    {.name = "ostype", .mode = PROC_FILE, .print = print_type},
    {.name = "pid_max", .mode = PROC_FILE, .print = print_number_limit},
    {.name = "random", .mode = PROC_FOLDER, .children = random_files},
    {.name = "threads-max", .mode = PROC_FILE, .print = print_thread_limit},
    {.name = "version", .mode = PROC_FILE, .print = print_kernel_version},
    {0}};
static const struct proc_node memory_files[] = {{.name = "max_map_count", .mode = PROC_FILE, .print = print_map_limit},
                                                {.name = "overcommit_memory", .mode = PROC_FILE, .print = print_zero},
                                                {.name = "swappiness", .mode = PROC_FILE, .print = print_zero},
                                                {0}};
static const struct proc_node file_files[] = {{.name = "pipe-max-size", .mode = PROC_FILE, .print = print_pipe_limit},
                                              {0}};
static const struct proc_node sys_files[] = {{.name = "fs", .mode = PROC_FOLDER, .children = file_files},
                                             {.name = "kernel", .mode = PROC_FOLDER, .children = kernel_files},
                                             {.name = "vm", .mode = PROC_FOLDER, .children = memory_files},
                                             {0}};
static const struct proc_node own_files[] = {{.name = "abi", .mode = PROC_FILE, .print = print_missing_calls}, {0}};
static const struct proc_node root_files[] = {{.name = "cpuinfo", .mode = PROC_FILE, .print = print_processors},
                                              {.name = "filesystems", .mode = PROC_FILE, .print = print_systems},
                                              {.name = "grove", .mode = PROC_FOLDER, .children = own_files},
                                              {.name = "loadavg", .mode = PROC_FILE, .print = print_load},
                                              {.name = "meminfo", .mode = PROC_FILE, .print = print_memory},
                                              {.name = "modules", .mode = LINUX_S_IFREG | 0400, .print = print_modules},
                                              {.name = "mounts", .mode = PROC_FILE, .print = proc_print_mounts},
                                              {.name = "self", .mode = PROC_LINK, .link = proc_link_self},
                                              {.name = "stat", .mode = PROC_FILE, .print = print_statistics},
                                              {.name = "sys", .mode = PROC_FOLDER, .children = sys_files},
                                              {.name = "thread-self", .mode = PROC_LINK, .link = proc_link_thread_self},
                                              {.name = "uptime", .mode = PROC_FILE, .print = print_uptime},
                                              {.name = "version", .mode = PROC_FILE, .print = print_version},
                                              {.name = "vmstat", .mode = PROC_FILE, .print = print_memory_statistics},
                                              {0}};
const struct proc_node proc_root = {.mode = PROC_FOLDER, .children = root_files, .list = &proc_processes};

/* ---- /sys: what programs look at to learn how many processors there are ---- */

static int32_t next_processor(const struct proc_place *folder, int32_t after) {
    (void)folder;
    return after + 1 < (int32_t)proc_processors ? after + 1 : -1;
}

static struct proc_place processor_place(const struct proc_place *folder, int32_t number) {
    (void)folder;
    return (struct proc_place){.number = number};
}

static int print_own_number(const struct proc_place *place, struct proc_text *text) {
    proc_print(text, "%d\n", place->number);
    return 0;
}

/* Nothing is known of packages: each processor is a core of the one that there is. */
static const struct proc_node topology_files[] = {
    {.name = "core_id", .mode = PROC_FILE, .print = print_own_number},
    {.name = "core_siblings_list", .mode = PROC_FILE, .print = print_all_processors},
    {.name = "physical_package_id", .mode = PROC_FILE, .print = print_zero},
    {.name = "thread_siblings_list", .mode = PROC_FILE, .print = print_own_number},
    {0}};
static const struct proc_node of_processor[] = {{.name = "topology", .mode = PROC_FOLDER, .children = topology_files},
                                                {0}};
static const struct proc_node processor_folder = {.mode = PROC_FOLDER, .children = of_processor};
static const struct proc_list processor_list = {
    .prefix = "cpu", .next = next_processor, .place = processor_place, .node = &processor_folder};

static int print_no_huge_pages(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    proc_print(text, "always madvise [never]\n");
    return 0;
}

static const struct proc_node huge_files[] = {{.name = "enabled", .mode = PROC_FILE, .print = print_no_huge_pages},
                                              {0}};
static const struct proc_node huge_folder[] = {
    {.name = "transparent_hugepage", .mode = PROC_FOLDER, .children = huge_files}, {0}};
static const struct proc_node sys_kernel_files[] = {{.name = "mm", .mode = PROC_FOLDER, .children = huge_folder}, {0}};
static const struct proc_node processor_files[] = {
    {.name = "online", .mode = PROC_FILE, .print = print_all_processors},
    {.name = "possible", .mode = PROC_FILE, .print = print_all_processors},
    {.name = "present", .mode = PROC_FILE, .print = print_all_processors},
    {0}};
static const struct proc_node system_files[] = {
    {.name = "cpu", .mode = PROC_FOLDER, .children = processor_files, .list = &processor_list}, {0}};
static const struct proc_node device_files[] = {{.name = "system", .mode = PROC_FOLDER, .children = system_files}, {0}};
static const struct proc_node sys_root_files[] = {{.name = "devices", .mode = PROC_FOLDER, .children = device_files},
                                                  {.name = "kernel", .mode = PROC_FOLDER, .children = sys_kernel_files},
                                                  {0}};
const struct proc_node sys_root = {.mode = PROC_FOLDER, .children = sys_root_files};

/* ---- kinds ---- */

static int create_proc(struct vfs *vfs, const char *options, struct file_system **created) {
    (void)options;
    return procfs_create(vfs, "proc", &proc_root, proc_owner_of, created);
}

static int create_sys(struct vfs *vfs, const char *options, struct file_system **created) {
    (void)options;
    return procfs_create(vfs, "sysfs", &sys_root, NULL, created);
}

static struct file_system_kind proc_kind = {.name = "proc", .create = create_proc},
                               sys_kind = {.name = "sysfs", .create = create_sys};

int proc_begin(struct vfs *vfs, uint32_t processors) {
    proc_processors = processors;
    vfs->machine->fill_random(vfs->machine->context, boot_uuid, sizeof(boot_uuid));
    int status = file_system_kind_add(vfs, &proc_kind);
    return status == 0 ? file_system_kind_add(vfs, &sys_kind) : status;
}
