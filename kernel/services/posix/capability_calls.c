/* Capabilities of the calling process: capget(2), capset(2), and what prctl(2) says of them. */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/user_value.h"

#define VERSION_1 0x19980330u
#define VERSION_2 0x20071026u
#define VERSION_3 0x20080522u
#define WORDS_MAX 2u

struct header {
    uint32_t version;
    int32_t process;
};

struct word {
    uint32_t effective, permitted, inheritable;
};

/* How many words this version has. A version that is not known is told the newest. */
static int64_t read_header(uint64_t at, struct header *header, uint32_t *words) {
    if (!process_read(header, at, sizeof(*header)))
        return -LINUX_EFAULT;
    *words = header->version == VERSION_1 ? 1 : WORDS_MAX;
    if (header->version == VERSION_1 || header->version == VERSION_2 || header->version == VERSION_3)
        return header->process < 0 ? -LINUX_EINVAL : 0;
    header->version = VERSION_3;
    return process_write(at, header, sizeof(*header)) ? -LINUX_EINVAL : -LINUX_EFAULT;
}

int64_t system_call_capget(const uint64_t arguments[6]) {
    struct header header;
    struct word words[WORDS_MAX];
    struct credentials credentials;
    uint32_t count;
    int64_t status = read_header(arguments[0], &header, &count);
    if (status < 0)
        return arguments[1] == 0 && status == -LINUX_EINVAL ? 0 : status;
    processes_lock();
    const struct process *process = header.process == 0 ? process_current() : process_find_locked(header.process);
    if (process != NULL)
        credentials = process->credentials;
    processes_unlock();
    if (process == NULL)
        return -LINUX_ESRCH;
    for (uint32_t i = 0; i < count; i++)
        words[i] = (struct word){.effective = (uint32_t)(credentials.effective >> 32 * i),
                                 .permitted = (uint32_t)(credentials.permitted >> 32 * i),
                                 .inheritable = (uint32_t)(credentials.inheritable >> 32 * i)};
    return user_write_wanted(arguments[1], words, count * sizeof(words[0]));
}

static bool is_within(uint64_t set, uint64_t all) {
    return (set & ~all) == 0;
}

/* Nothing permitted is added; effective is part of permitted; what is inherited was permitted or inherited, and bounded. */
static bool may_become(const struct credentials *now, uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    bool is_free = credentials_have(now, LINUX_CAP_SETPCAP);
    if (!is_free && !is_within(inheritable, now->inheritable | now->permitted))
        return false;
    return is_within(inheritable, now->inheritable | now->bounding) && is_within(permitted, now->permitted) &&
           is_within(effective, permitted);
}

int64_t system_call_capset(const uint64_t arguments[6]) {
    struct process *process = process_current();
    struct credentials *credentials = &process->credentials;
    struct header header;
    struct word words[WORDS_MAX] = {{0}};
    uint32_t count;
    int64_t status = read_header(arguments[0], &header, &count);
    if (status < 0)
        return status;
    if (header.process != 0 && header.process != process->id)
        return -LINUX_EPERM;
    if (!process_read(words, arguments[1], count * sizeof(words[0])))
        return -LINUX_EFAULT;
    uint64_t effective = (words[0].effective | (uint64_t)words[1].effective << 32) & CAPABILITIES_ALL;
    uint64_t permitted = (words[0].permitted | (uint64_t)words[1].permitted << 32) & CAPABILITIES_ALL;
    uint64_t inheritable = (words[0].inheritable | (uint64_t)words[1].inheritable << 32) & CAPABILITIES_ALL;
    processes_lock();
    if (may_become(credentials, effective, permitted, inheritable)) {
        credentials->effective = effective;
        credentials->permitted = permitted;
        credentials->inheritable = inheritable;
        credentials->ambient &= permitted & inheritable;
        credentials_apply(credentials, &process->caller.identity);
    } else {
        status = -LINUX_EPERM;
    }
    processes_unlock();
    return status;
}
