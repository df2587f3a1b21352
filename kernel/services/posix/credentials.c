/* Users, groups and capabilities: see credentials.h. The rules are those of capabilities(7). */
#include "kernel/services/posix/credentials.h"

#include "kernel/services/vfs/constants.h"

void credentials_init(struct credentials *credentials) {
    *credentials = (struct credentials){
        .effective = CAPABILITIES_ALL, .permitted = CAPABILITIES_ALL, .bounding = CAPABILITIES_ALL};
}

void credentials_apply(const struct credentials *credentials, struct identity *identity) {
    *identity = (struct identity){.user = credentials->file_user,
                                  .group = credentials->file_group,
                                  .groups = credentials->groups,
                                  .group_count = credentials->group_count,
                                  .capabilities = credentials->effective};
}

#define FILE_CAPABILITIES \
    (UINT64_C(1) << LINUX_CAP_CHOWN | UINT64_C(1) << LINUX_CAP_MKNOD | UINT64_C(1) << LINUX_CAP_DAC_OVERRIDE | \
     UINT64_C(1) << LINUX_CAP_DAC_READ_SEARCH | UINT64_C(1) << LINUX_CAP_FOWNER | UINT64_C(1) << LINUX_CAP_FSETID)

void credentials_users_changed(const struct credentials *before, struct credentials *after) {
    bool was_root = before->user == 0 || before->effective_user == 0 || before->saved_user == 0;
    bool is_root = after->user == 0 || after->effective_user == 0 || after->saved_user == 0;
    if ((after->secure_bits & SECURE_NO_SETUID_FIXUP) != 0)
        return;
    if (was_root && !is_root) {
        if ((after->secure_bits & SECURE_KEEP_CAPABILITIES) == 0) {
            after->permitted = 0;
            after->effective = 0;
        }
        after->ambient = 0;
    }
    if (before->effective_user == 0 && after->effective_user != 0)
        after->effective = 0;
    if (before->effective_user != 0 && after->effective_user == 0)
        after->effective = after->permitted;
}

void credentials_file_user_changed(uint32_t before, struct credentials *after) {
    if ((after->secure_bits & SECURE_NO_SETUID_FIXUP) != 0)
        return;
    if (before == 0 && after->file_user != 0)
        after->effective &= ~FILE_CAPABILITIES;
    if (before != 0 && after->file_user == 0)
        after->effective |= FILE_CAPABILITIES & after->permitted;
}

/* Of a file without capabilities of its own: all of them for user 0, by capabilities(7), and the ambient ones for others. */
static void change_capabilities(struct credentials *credentials, bool has_set_ids) {
    bool has_root_rules = (credentials->secure_bits & SECURE_NO_ROOT) == 0;
    bool is_root = has_root_rules && (credentials->user == 0 || credentials->effective_user == 0);
    if (has_set_ids || is_root)
        credentials->ambient = has_set_ids ? 0 : credentials->ambient;
    if (is_root)
        credentials->permitted = credentials->inheritable | credentials->bounding;
    else
        credentials->permitted = credentials->ambient;
    if (has_root_rules && credentials->effective_user == 0)
        credentials->effective = credentials->permitted;
    else
        credentials->effective = credentials->ambient;
    credentials->secure_bits &= ~SECURE_KEEP_CAPABILITIES;
}

void credentials_execute(struct credentials *credentials, uint32_t user, uint32_t group, uint32_t mode,
                         bool *is_secure) {
    uint32_t group_bits = LINUX_S_ISGID | LINUX_S_IXGRP;
    uint64_t permitted_before = credentials->permitted;
    bool has_set_ids = false;
    if (!credentials->has_no_new_privileges) {
        if ((mode & LINUX_S_ISUID) != 0) {
            has_set_ids = user != credentials->effective_user;
            credentials->effective_user = user;
        }
        if ((mode & group_bits) == group_bits) {
            has_set_ids = has_set_ids || group != credentials->effective_group;
            credentials->effective_group = group;
        }
    }
    credentials->saved_user = credentials->file_user = credentials->effective_user;
    credentials->saved_group = credentials->file_group = credentials->effective_group;
    change_capabilities(credentials, has_set_ids);
    if (credentials->has_no_new_privileges && !has_set_ids)
        credentials->permitted &= permitted_before | credentials->ambient;
    credentials->effective &= credentials->permitted;
    *is_secure = credentials->user != credentials->effective_user || credentials->group != credentials->effective_group ||
                 has_set_ids;
}
