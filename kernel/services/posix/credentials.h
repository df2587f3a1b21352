/*
 * Users, groups and capabilities of a process: credentials(7), capabilities(7).
 *
 * What files are asked with (struct identity of the file system layer) is derived from this by credentials_apply, after each
 * change. All threads of a process share one set, as POSIX has it; Linux has one for each thread, and its C libraries change
 * them together.
 */
#ifndef GROVE_POSIX_CREDENTIALS_H
#define GROVE_POSIX_CREDENTIALS_H

#include "kernel/services/vfs/identity.h"

#include <stdbool.h>
#include <stdint.h>

#define CREDENTIALS_GROUPS_MAX 64u /* Linux: 65536 */
#define CAPABILITIES_ALL ((UINT64_C(1) << 41) - 1)

#define LINUX_CAP_KILL 5u
#define LINUX_CAP_SETGID 6u
#define LINUX_CAP_SETUID 7u
#define LINUX_CAP_SETPCAP 8u
#define LINUX_CAP_SYS_PTRACE 19u
#define LINUX_CAP_SYS_BOOT 22u
#define LINUX_CAP_SYS_ADMIN 21u
#define LINUX_CAP_SYS_NICE 23u
#define LINUX_CAP_SYS_RESOURCE 24u

#define SECURE_NO_ROOT 1u
#define SECURE_NO_SETUID_FIXUP 4u
#define SECURE_KEEP_CAPABILITIES 16u

struct credentials {
    uint32_t user, effective_user, saved_user, file_user;
    uint32_t group, effective_group, saved_group, file_group;
    uint32_t groups[CREDENTIALS_GROUPS_MAX];
    uint32_t group_count;
    uint64_t effective, permitted, inheritable, bounding, ambient; /* capabilities: bit n is number n */
    uint32_t secure_bits;
    bool has_no_new_privileges;
};

static inline bool credentials_have(const struct credentials *credentials, uint32_t capability) {
    return (credentials->effective >> capability & 1) != 0;
}

/* Those of process 1: user 0 with all capabilities. */
void credentials_init(struct credentials *credentials);
/* Tell the file system layer. The identity's list of groups is the one in `credentials`, which stays where it is. */
void credentials_apply(const struct credentials *credentials, struct identity *identity);
/* Capabilities after the real, effective or saved user changed, and after the file user did. */
void credentials_users_changed(const struct credentials *before, struct credentials *after);
void credentials_file_user_changed(uint32_t before, struct credentials *after);
/*
 * The set after execve of a file of this owner, group and mode. `is_secure` (AT_SECURE): it got rights that its caller did
 * not have.
 */
void credentials_execute(struct credentials *credentials, uint32_t user, uint32_t group, uint32_t mode,
                         bool *is_secure);

#endif
