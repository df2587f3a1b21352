/* What mode and capabilities allow: see identity.h. */
#include "kernel/services/vfs/identity.h"

#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/vfs.h"

bool identity_is_in_group(const struct identity *identity, uint32_t group) {
    if (identity->group == group)
        return true;
    for (uint32_t i = 0; i < identity->group_count; i++)
        if (identity->groups[i] == group)
            return true;
    return false;
}

bool identity_owns(const struct identity *identity, const struct inode *inode) {
    if (inode->is_judged) {
        int verdict = inode->system->judge(inode->system, identity, inode, 0);
        if (verdict != JUDGED_BY_MODE)
            return verdict == 0;
    }
    return identity->user == inode->user || identity_has(identity, LINUX_CAP_FOWNER);
}

/* The first class that fits decides, also when a later one would allow more. */
static uint32_t bits_for(const struct identity *identity, const struct inode *inode) {
    if (identity->user == inode->user)
        return inode->mode >> 6 & 7;
    if (identity_is_in_group(identity, inode->group))
        return inode->mode >> 3 & 7;
    return inode->mode & 7;
}

static bool is_overridden(const struct identity *identity, const struct inode *inode, uint32_t wanted) {
    bool is_folder = inode_is_folder(inode);
    if (identity_has(identity, LINUX_CAP_DAC_OVERRIDE)) /* but a file that nobody may execute is no program */
        if (is_folder || (wanted & LINUX_X_OK) == 0 || (inode->mode & 0111) != 0)
            return true;
    if (identity_has(identity, LINUX_CAP_DAC_READ_SEARCH))
        return is_folder ? (wanted & LINUX_W_OK) == 0 : wanted == LINUX_R_OK;
    return false;
}

static inline int check_by_mode(const struct identity *identity, const struct inode *inode, uint32_t wanted) {
    if ((bits_for(identity, inode) & wanted) == wanted || is_overridden(identity, inode, wanted))
        return 0;
    return -LINUX_EACCES;
}

/* Seldom, and so apart: the file system has a say of its own. */
static __attribute__((noinline)) int check_judged(const struct identity *identity, const struct inode *inode,
                                                  uint32_t wanted) {
    int verdict = inode->system->judge(inode->system, identity, inode, wanted);
    return verdict != JUDGED_BY_MODE ? verdict : check_by_mode(identity, inode, wanted);
}

int identity_check(const struct identity *identity, const struct inode *inode, uint32_t wanted) {
    return inode->is_judged ? check_judged(identity, inode, wanted) : check_by_mode(identity, inode, wanted);
}

int identity_check_removal(const struct identity *identity, const struct inode *folder, const struct inode *inode) {
    int status = identity_check(identity, folder, LINUX_W_OK | LINUX_X_OK);
    if (status != 0)
        return status;
    if ((folder->mode & LINUX_S_ISVTX) != 0 && identity->user != folder->user && !identity_owns(identity, inode))
        return -LINUX_EPERM;
    return 0;
}
