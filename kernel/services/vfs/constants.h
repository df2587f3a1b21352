/* Linux's numbers that programs pass in and see: modes, flags and limits. Where the processors differ: processor.h. */
#ifndef GROVE_VFS_CONSTANTS_H
#define GROVE_VFS_CONSTANTS_H

#include "processor.h" /* the build's choice of a folder for the processor */

#define VFS_PAGE_BYTES 4096u
#define VFS_NAME_MAX 255u /* bytes of one name */
#define VFS_PATH_MAX 4096u /* bytes of a path, its end included */
#define VFS_LINKS_MAX 40u /* symbolic links in one walk */
#define VFS_FILE_BYTES_MAX INT64_MAX

/* Modes. */
#define LINUX_S_IFMT 0170000u
#define LINUX_S_IFSOCK 0140000u
#define LINUX_S_IFLNK 0120000u
#define LINUX_S_IFREG 0100000u
#define LINUX_S_IFBLK 0060000u
#define LINUX_S_IFDIR 0040000u
#define LINUX_S_IFCHR 0020000u
#define LINUX_S_IFIFO 0010000u
#define LINUX_S_ISUID 04000u
#define LINUX_S_ISGID 02000u
#define LINUX_S_ISVTX 01000u
#define LINUX_S_IXGRP 00010u
#define LINUX_MODE_BITS 07777u

/* Flags of open. */
#define LINUX_O_ACCMODE 03u
#define LINUX_O_RDONLY 00u
#define LINUX_O_WRONLY 01u
#define LINUX_O_RDWR 02u
#define LINUX_O_CREAT 0100u
#define LINUX_O_EXCL 0200u
#define LINUX_O_NOCTTY 0400u
#define LINUX_O_TRUNC 01000u
#define LINUX_O_APPEND 02000u
#define LINUX_O_NONBLOCK 04000u
#define LINUX_O_ASYNC 020000u
#define LINUX_O_NOATIME 01000000u
#define LINUX_O_CLOEXEC 02000000u
#define LINUX_O_SYNC 04010000u
#define LINUX_O_PATH 010000000u
#define LINUX_O_TMPFILE_ONLY 020000000u
#define LINUX_O_TMPFILE (LINUX_O_TMPFILE_ONLY | LINUX_O_DIRECTORY)

/* Flags of calls that take a path. */
#define LINUX_AT_SYMLINK_NOFOLLOW 0x100u
#define LINUX_AT_EACCESS 0x200u
#define LINUX_AT_REMOVEDIR 0x200u
#define LINUX_AT_SYMLINK_FOLLOW 0x400u
#define LINUX_AT_NO_AUTOMOUNT 0x800u
#define LINUX_AT_EMPTY_PATH 0x1000u
#define LINUX_AT_STATX_SYNC_TYPE 0x6000u

/* How openat2 may resolve. */
#define LINUX_RESOLVE_NO_XDEV 0x01u
#define LINUX_RESOLVE_NO_MAGICLINKS 0x02u
#define LINUX_RESOLVE_NO_SYMLINKS 0x04u
#define LINUX_RESOLVE_BENEATH 0x08u
#define LINUX_RESOLVE_IN_ROOT 0x10u
#define LINUX_RESOLVE_CACHED 0x20u
#define LINUX_RESOLVE_ALL 0x3fu

#define LINUX_RENAME_NOREPLACE 1u
#define LINUX_RENAME_EXCHANGE 2u

/* What access asks for, and what permissions are made of. */
#define LINUX_X_OK 1u
#define LINUX_W_OK 2u
#define LINUX_R_OK 4u

/* Capabilities, as numbers of bits. */
#define LINUX_CAP_CHOWN 0u
#define LINUX_CAP_DAC_OVERRIDE 1u
#define LINUX_CAP_DAC_READ_SEARCH 2u
#define LINUX_CAP_FOWNER 3u
#define LINUX_CAP_FSETID 4u
#define LINUX_CAP_SYS_CHROOT 18u
#define LINUX_CAP_MKNOD 27u

#define LINUX_SEEK_SET 0u
#define LINUX_SEEK_CUR 1u
#define LINUX_SEEK_END 2u
#define LINUX_SEEK_DATA 3u
#define LINUX_SEEK_HOLE 4u

/* Times that are not times. */
#define LINUX_UTIME_NOW 0x3fffffffL
#define LINUX_UTIME_OMIT 0x3ffffffeL

#endif
