/* Our numbers are those of Linux, as this computer's headers have them: that they are is checked when this is built. */
#include "kernel/services/vfs/constants.h"
#include "kernel/services/vfs/errors.h"

#include "kernel/core/test/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAME(name) _Static_assert(LINUX_##name == (name), #name)
/* The table's name is the headers' number by the time it comes here. */
#define SAME_ERROR(name, number, sentence) _Static_assert((name) == (number), sentence);
LINUX_ERROR_TABLE(SAME_ERROR)

SAME(S_IFMT);
SAME(S_IFSOCK);
SAME(S_IFLNK);
SAME(S_IFREG);
SAME(S_IFBLK);
SAME(S_IFDIR);
SAME(S_IFCHR);
SAME(S_IFIFO);
SAME(S_ISUID);
SAME(S_ISGID);
SAME(S_ISVTX);
SAME(O_ACCMODE);
SAME(O_CREAT);
SAME(O_EXCL);
SAME(O_TRUNC);
SAME(O_APPEND);
SAME(O_NONBLOCK);
SAME(O_NOATIME);
SAME(O_CLOEXEC);
SAME(O_PATH);
SAME(O_NOCTTY);
SAME(O_ASYNC);
SAME(O_SYNC);
SAME(O_TMPFILE);
SAME(O_DIRECT);
SAME(O_DIRECTORY);
SAME(O_NOFOLLOW);
SAME(AT_SYMLINK_NOFOLLOW);
SAME(AT_REMOVEDIR);
SAME(AT_EACCESS);
SAME(AT_NO_AUTOMOUNT);
SAME(AT_SYMLINK_FOLLOW);
SAME(AT_EMPTY_PATH);
SAME(RESOLVE_NO_XDEV);
SAME(RESOLVE_NO_MAGICLINKS);
SAME(RESOLVE_NO_SYMLINKS);
SAME(RESOLVE_BENEATH);
SAME(RESOLVE_IN_ROOT);
SAME(RESOLVE_CACHED);
SAME(RENAME_NOREPLACE);
SAME(RENAME_EXCHANGE);
SAME(CAP_CHOWN);
SAME(CAP_DAC_OVERRIDE);
SAME(CAP_DAC_READ_SEARCH);
SAME(CAP_FOWNER);
SAME(CAP_FSETID);
SAME(CAP_SYS_CHROOT);
SAME(CAP_MKNOD);
SAME(SEEK_DATA);
SAME(SEEK_HOLE);
SAME(UTIME_NOW);
SAME(UTIME_OMIT);

int main(void) {
    return 0;
}
