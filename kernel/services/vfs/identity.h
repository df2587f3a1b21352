/* Who asks, and what a file's owner, group and mode let them do. As Linux does it: capabilities(7), inode(7). */
#ifndef GROVE_VFS_IDENTITY_H
#define GROVE_VFS_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

struct inode;

/* A process's rights over files: its file-system user and group, its other groups, its effective capabilities. */
struct identity {
    uint32_t user, group;
    const uint32_t *groups;
    uint32_t group_count;
    uint64_t capabilities; /* bit n is capability n */
};

static inline bool identity_has(const struct identity *identity, uint32_t capability) {
    return (identity->capabilities >> capability & 1) != 0;
}

bool identity_is_in_group(const struct identity *identity, uint32_t group);
/* Owns the file or has CAP_FOWNER. */
bool identity_owns(const struct identity *identity, const struct inode *inode);
/* `wanted` is made of LINUX_R_OK, LINUX_W_OK, LINUX_X_OK. 0 or -LINUX_EACCES. */
int identity_check(const struct identity *identity, const struct inode *inode, uint32_t wanted);
/* May they take this entry out of the folder: write and search it, and own the file where the folder is sticky? */
int identity_check_removal(const struct identity *identity, const struct inode *folder, const struct inode *inode);

#endif
