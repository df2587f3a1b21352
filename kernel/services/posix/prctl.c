/* prctl(2), as far as it is about what this layer keeps. */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/user_value.h"

#include <string.h>

enum {
    SET_DEATH_SIGNAL = 1,
    GET_DEATH_SIGNAL = 2,
    GET_DUMPABLE = 3,
    SET_DUMPABLE = 4,
    GET_KEEP_CAPABILITIES = 7,
    SET_KEEP_CAPABILITIES = 8,
    SET_NAME = 15,
    GET_NAME = 16,
    GET_SECCOMP = 21,
    READ_BOUNDING = 23,
    DROP_BOUNDING = 24,
    GET_SECURE_BITS = 27,
    SET_SECURE_BITS = 28,
    SET_TIMER_SLACK = 29,
    GET_TIMER_SLACK = 30,
    SET_SUBREAPER = 36,
    GET_SUBREAPER = 37,
    SET_NO_NEW_PRIVILEGES = 38,
    GET_NO_NEW_PRIVILEGES = 39,
    AMBIENT = 47,
};
enum { AMBIENT_IS_SET = 1, AMBIENT_RAISE, AMBIENT_LOWER, AMBIENT_CLEAR };

#define CAPABILITY_LAST 40u
#define TIMER_SLACK_NS 50000
#define SECURE_BITS_ALL 0xffu
#define SECURE_LOCKS 0xaau /* each locks the bit below it */
#define SECURE_NO_AMBIENT_RAISE 64u

static int64_t set_name(struct process_thread *part, uint64_t at) {
    char name[PROCESS_NAME_BYTES] = {0};
    for (unsigned i = 0; i < PROCESS_NAME_BYTES - 1; i++) {
        if (!process_read(&name[i], at + i, 1))
            return -LINUX_EFAULT;
        if (name[i] == 0)
            break;
    }
    processes_lock();
    memcpy(part->name, name, sizeof(name));
    if (part->number == part->process->number)
        memcpy(part->process->name, name, sizeof(name));
    processes_unlock();
    return 0;
}

static int64_t set_secure_bits(struct credentials *credentials, uint64_t bits) {
    uint32_t locked = (credentials->secure_bits & SECURE_LOCKS) >> 1;
    if ((bits & ~(uint64_t)SECURE_BITS_ALL) != 0 || ((credentials->secure_bits & SECURE_LOCKS) & ~bits) != 0 ||
        ((credentials->secure_bits ^ bits) & locked) != 0 || !credentials_have(credentials, LINUX_CAP_SETPCAP))
        return -LINUX_EPERM;
    credentials->secure_bits = (uint32_t)bits;
    return 0;
}

static int64_t keep_capabilities(struct credentials *credentials, uint64_t value) {
    if (value > 1)
        return -LINUX_EINVAL;
    credentials->secure_bits &= ~SECURE_KEEP_CAPABILITIES;
    if (value != 0)
        credentials->secure_bits |= SECURE_KEEP_CAPABILITIES;
    return 0;
}

static int64_t drop_bounding(struct credentials *credentials, uint64_t capability) {
    if (!credentials_have(credentials, LINUX_CAP_SETPCAP))
        return -LINUX_EPERM;
    if (capability > CAPABILITY_LAST)
        return -LINUX_EINVAL;
    credentials->bounding &= ~(UINT64_C(1) << capability);
    return 0;
}

static int64_t change_ambient(struct credentials *credentials, uint64_t what, uint64_t capability) {
    uint64_t bit = capability <= CAPABILITY_LAST ? UINT64_C(1) << capability : 0;
    if (what == AMBIENT_CLEAR) {
        credentials->ambient = 0;
        return capability == 0 ? 0 : -LINUX_EINVAL;
    }
    if (bit == 0)
        return -LINUX_EINVAL;
    switch (what) {
    case AMBIENT_IS_SET:
        return (credentials->ambient & bit) != 0;
    case AMBIENT_RAISE:
        if ((credentials->permitted & credentials->inheritable & bit) == 0 ||
            (credentials->secure_bits & SECURE_NO_AMBIENT_RAISE) != 0)
            return -LINUX_EPERM;
        credentials->ambient |= bit;
        return 0;
    case AMBIENT_LOWER:
        credentials->ambient &= ~bit;
        return 0;
    default:
        return -LINUX_EINVAL;
    }
}

static int64_t set_death_signal(struct process *process, uint64_t signal) {
    if (signal > SIGNALS)
        return -LINUX_EINVAL;
    process->parent_death_signal = (int)signal;
    return 0;
}

static int64_t set_dumpable(struct process *process, uint64_t value) {
    if (value > 1)
        return -LINUX_EINVAL;
    process->is_dumpable = value != 0;
    return 0;
}

static int64_t set_no_new_privileges(struct process *process, const uint64_t arguments[6]) {
    if (arguments[1] != 1 || arguments[2] != 0 || arguments[3] != 0 || arguments[4] != 0)
        return -LINUX_EINVAL;
    process->credentials.has_no_new_privileges = true;
    return 0;
}

/* Locked: changes. */
static int64_t set(struct process *process, const uint64_t arguments[6]) {
    struct credentials *credentials = &process->credentials;
    switch ((int32_t)arguments[0]) {
    case SET_DEATH_SIGNAL:
        return set_death_signal(process, arguments[1]);
    case SET_DUMPABLE:
        return set_dumpable(process, arguments[1]);
    case SET_KEEP_CAPABILITIES:
        return keep_capabilities(credentials, arguments[1]);
    case DROP_BOUNDING:
        return drop_bounding(credentials, arguments[1]);
    case SET_SECURE_BITS:
        return set_secure_bits(credentials, arguments[1]);
    case SET_SUBREAPER:
        process->is_subreaper = arguments[1] != 0;
        return 0;
    case SET_NO_NEW_PRIVILEGES:
        return set_no_new_privileges(process, arguments);
    case AMBIENT:
        return change_ambient(credentials, arguments[1], arguments[2]);
    case SET_TIMER_SLACK: /* timers are exact here */
        return 0;
    default:
        return -LINUX_EINVAL;
    }
}

int64_t system_call_prctl(const uint64_t arguments[6]) {
    struct process_thread *part = process_thread_current();
    struct process *process = part->process;
    const struct credentials *credentials = &process->credentials;
    int32_t word;
    switch ((int32_t)arguments[0]) {
    case SET_NAME:
        return set_name(part, arguments[1]);
    case GET_NAME:
        return user_write(arguments[1], part->name, sizeof(part->name));
    case GET_DEATH_SIGNAL:
        word = process->parent_death_signal;
        return user_write(arguments[1], &word, sizeof(word));
    case GET_SUBREAPER:
        word = process->is_subreaper;
        return user_write(arguments[1], &word, sizeof(word));
    case GET_DUMPABLE:
        return process->is_dumpable;
    case GET_KEEP_CAPABILITIES:
        return (credentials->secure_bits & SECURE_KEEP_CAPABILITIES) != 0;
    case READ_BOUNDING:
        return arguments[1] <= CAPABILITY_LAST ? (int64_t)(credentials->bounding >> arguments[1] & 1) : -LINUX_EINVAL;
    case GET_SECURE_BITS:
        return credentials->secure_bits;
    case GET_NO_NEW_PRIVILEGES:
        return credentials->has_no_new_privileges;
    case GET_TIMER_SLACK:
        return TIMER_SLACK_NS;
    case GET_SECCOMP:
        return 0;
    default:
        break;
    }
    processes_lock();
    int64_t status = set(process, arguments);
    processes_unlock();
    return status;
}
