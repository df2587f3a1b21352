/*
 * Landlock: the rights of the file view once more, checked by another mechanism.
 *
 * The numbers are the kernel's interface (linux/landlock.h); those newer than Debian 12's header are written out here.
 */
#ifndef GROVE_LINUX_LANDLOCK_H
#define GROVE_LINUX_LANDLOCK_H

#include <linux/landlock.h>
#include <stdint.h>

/* ABI 3, 5 and 6. */
#define LANDLOCK_TRUNCATE (UINT64_C(1) << 14)
#define LANDLOCK_IOCTL_DEVICE (UINT64_C(1) << 15)
#define LANDLOCK_SCOPES (UINT64_C(1) << 0 | UINT64_C(1) << 1) /* abstract sockets, signals */

struct landlock_attributes {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* ABI 4 */
    uint64_t scoped; /* ABI 6 */
};

#define LANDLOCK_READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define LANDLOCK_READ ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR))
#define LANDLOCK_EXECUTE (LANDLOCK_READ | LANDLOCK_ACCESS_FS_EXECUTE)
#define LANDLOCK_WRITE_FILE ((uint64_t)LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_TRUNCATE)
/* Everything in a folder but making device nodes, which nobody is given. */
#define LANDLOCK_ALL_WRITE \
    (LANDLOCK_READ | LANDLOCK_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)
#define LANDLOCK_DEVICES (LANDLOCK_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_IOCTL_DEVICE)
/* Of these, what may stand in a rule for a file (not a folder). */
#define LANDLOCK_FOR_FILES \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_WRITE_FILE | LANDLOCK_IOCTL_DEVICE)

#endif
