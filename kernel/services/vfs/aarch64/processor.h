/* Numbers of Linux that are AArch64's own. */
#ifndef GROVE_VFS_PROCESSOR_H
#define GROVE_VFS_PROCESSOR_H

#define LINUX_O_DIRECTORY 040000u
#define LINUX_O_NOFOLLOW 0100000u
#define LINUX_O_DIRECT 0200000u
#define LINUX_O_LARGEFILE 0400000u

#endif
