/* System calls about the machine as a whole: uname(2), sysinfo(2), reboot(2); and personality(2). */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/posix/user_value.h"

#include <string.h>

#define FIELD_BYTES 65u
#define NS_PER_SECOND UINT64_C(1000000000)
#define PERSONALITY_ASK UINT32_C(0xffffffff)

#define REBOOT_MAGIC UINT32_C(0xfee1dead)
#define REBOOT_RESTART UINT32_C(0x01234567)
#define REBOOT_HALT UINT32_C(0xcdef0123)
#define REBOOT_POWER_OFF UINT32_C(0x4321fedc)
#define REBOOT_KEYS_ON UINT32_C(0x89abcdef)
#define REBOOT_KEYS_OFF 0u

struct names {
    char system[FIELD_BYTES], node[FIELD_BYTES], release[FIELD_BYTES], version[FIELD_BYTES], machine[FIELD_BYTES];
    char domain[FIELD_BYTES];
};

/* Programs ask for the release to know what they may use: it is the Linux whose calls these are. */
int64_t system_call_uname(const uint64_t arguments[6]) {
    struct names names = {.system = "Linux", .node = "grove", .release = "6.1.0-grove", .version = "#1 SMP Grove"};
    const char *machine = machine_layout()->platform;
    memcpy(names.machine, machine, strlen(machine) + 1);
    memcpy(names.domain, "(none)", sizeof("(none)"));
    return user_write(arguments[0], &names, sizeof(names));
}

struct system_facts {
    int64_t uptime_s;
    uint64_t loads[3];
    uint64_t total, free, shared, buffers, total_swap, free_swap;
    uint16_t processes, unused;
    uint32_t unused_too;
    uint64_t total_high, free_high;
    uint32_t unit_bytes;
};
_Static_assert(sizeof(struct system_facts) == 112, "as Linux lays it out");

int64_t system_call_sysinfo(const uint64_t arguments[6]) {
    struct system_facts facts;
    memset(&facts, 0, sizeof(facts));
    facts.uptime_s = (int64_t)(clock_now_ns() / NS_PER_SECOND);
    facts.unit_bytes = 1;
    machine_memory_facts(&facts.total, &facts.free);
    processes_lock();
    facts.processes = (uint16_t)processes.count;
    processes_unlock();
    return user_write(arguments[0], &facts, sizeof(facts));
}

/* It is remembered, and changes nothing. */
int64_t system_call_personality(const uint64_t arguments[6]) {
    struct process *process = process_current();
    uint32_t before = process->personality;
    if ((uint32_t)arguments[0] != PERSONALITY_ASK)
        process->personality = (uint32_t)arguments[0];
    return before;
}

static bool is_magic(uint32_t second) {
    return second == 672274793u || second == 85072278u || second == 369367448u || second == 537993216u;
}

int64_t system_call_reboot(const uint64_t arguments[6]) {
    if (!credentials_have(&process_current()->credentials, LINUX_CAP_SYS_BOOT))
        return -LINUX_EPERM;
    if ((uint32_t)arguments[0] != REBOOT_MAGIC || !is_magic((uint32_t)arguments[1]))
        return -LINUX_EINVAL;
    switch ((uint32_t)arguments[2]) {
    case REBOOT_RESTART:
        machine_leave(true);
    case REBOOT_HALT:
    case REBOOT_POWER_OFF:
        machine_leave(false);
    case REBOOT_KEYS_ON:
    case REBOOT_KEYS_OFF:
        return 0;
    default:
        return -LINUX_EINVAL;
    }
}
