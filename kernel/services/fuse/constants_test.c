/* Our numbers and layouts are those of this computer's <linux/fuse.h>: that they are is checked when this is built. */
#include <linux/fuse.h>
#include <stddef.h>
#include <sys/ioctl.h>

/* Both headers use some names; ours are looked at under others. */
#define fuse_in_header our_in_header
#define fuse_out_header our_out_header
#define fuse_entry_out our_entry_out
#define fuse_init_in our_init_in
#define fuse_init_out our_init_out
#define fuse_forget_in our_forget_in
#define fuse_forget_one our_forget_one
#define fuse_batch_forget_in our_batch_forget_in
#define fuse_getattr_in our_getattr_in
#define fuse_setattr_in our_setattr_in
#define fuse_mknod_in our_mknod_in
#define fuse_mkdir_in our_mkdir_in
#define fuse_rename_in our_rename_in
#define fuse_rename2_in our_rename2_in
#define fuse_link_in our_link_in
#define fuse_open_in our_open_in
#define fuse_create_in our_create_in
#define fuse_open_out our_open_out
#define fuse_release_in our_release_in
#define fuse_flush_in our_flush_in
#define fuse_read_in our_read_in
#define fuse_write_in our_write_in
#define fuse_write_out our_write_out
#define fuse_statfs_out our_statfs_out
#define fuse_fsync_in our_fsync_in
#define fuse_access_in our_access_in
#define fuse_interrupt_in our_interrupt_in
#define fuse_fallocate_in our_fallocate_in
#define fuse_lseek_in our_lseek_in
#define fuse_lseek_out our_lseek_out
#define fuse_dirent our_dirent
#include "kernel/services/fuse/protocol.h"
#undef fuse_in_header
#undef fuse_out_header
#undef fuse_entry_out
#undef fuse_init_in
#undef fuse_init_out
#undef fuse_forget_in
#undef fuse_forget_one
#undef fuse_batch_forget_in
#undef fuse_getattr_in
#undef fuse_setattr_in
#undef fuse_mknod_in
#undef fuse_mkdir_in
#undef fuse_rename_in
#undef fuse_rename2_in
#undef fuse_link_in
#undef fuse_open_in
#undef fuse_create_in
#undef fuse_open_out
#undef fuse_release_in
#undef fuse_flush_in
#undef fuse_read_in
#undef fuse_write_in
#undef fuse_write_out
#undef fuse_statfs_out
#undef fuse_fsync_in
#undef fuse_access_in
#undef fuse_interrupt_in
#undef fuse_fallocate_in
#undef fuse_lseek_in
#undef fuse_lseek_out
#undef fuse_dirent

#define SAME(ours, theirs) _Static_assert((uint64_t)(ours) == (uint64_t)(theirs), #theirs)
#define SAME_SIZE(name) _Static_assert(sizeof(struct our_##name) == sizeof(struct fuse_##name), #name)
#define SAME_PLACE(name, ours, theirs) \
    _Static_assert(offsetof(struct our_##name, ours) == offsetof(struct fuse_##name, theirs), #theirs)

SAME(FUSE_MAJOR, FUSE_KERNEL_VERSION);
_Static_assert(FUSE_MINOR <= FUSE_KERNEL_MINOR_VERSION, "the headers are older than what we speak");
SAME(FUSE_ROOT, FUSE_ROOT_ID);
SAME(FUSE_READ_BYTES_MIN, FUSE_MIN_READ_BUFFER);
SAME(FUSE_DEV_CLONE, FUSE_DEV_IOC_CLONE);
SAME(FUSE_OP_LOOKUP, FUSE_LOOKUP);
SAME(FUSE_OP_FORGET, FUSE_FORGET);
SAME(FUSE_OP_GETATTR, FUSE_GETATTR);
SAME(FUSE_OP_SETATTR, FUSE_SETATTR);
SAME(FUSE_OP_READLINK, FUSE_READLINK);
SAME(FUSE_OP_SYMLINK, FUSE_SYMLINK);
SAME(FUSE_OP_MKNOD, FUSE_MKNOD);
SAME(FUSE_OP_MKDIR, FUSE_MKDIR);
SAME(FUSE_OP_UNLINK, FUSE_UNLINK);
SAME(FUSE_OP_RMDIR, FUSE_RMDIR);
SAME(FUSE_OP_RENAME, FUSE_RENAME);
SAME(FUSE_OP_LINK, FUSE_LINK);
SAME(FUSE_OP_OPEN, FUSE_OPEN);
SAME(FUSE_OP_READ, FUSE_READ);
SAME(FUSE_OP_WRITE, FUSE_WRITE);
SAME(FUSE_OP_STATFS, FUSE_STATFS);
SAME(FUSE_OP_RELEASE, FUSE_RELEASE);
SAME(FUSE_OP_FSYNC, FUSE_FSYNC);
SAME(FUSE_OP_FLUSH, FUSE_FLUSH);
SAME(FUSE_OP_INIT, FUSE_INIT);
SAME(FUSE_OP_OPENDIR, FUSE_OPENDIR);
SAME(FUSE_OP_READDIR, FUSE_READDIR);
SAME(FUSE_OP_RELEASEDIR, FUSE_RELEASEDIR);
SAME(FUSE_OP_FSYNCDIR, FUSE_FSYNCDIR);
SAME(FUSE_OP_ACCESS, FUSE_ACCESS);
SAME(FUSE_OP_CREATE, FUSE_CREATE);
SAME(FUSE_OP_INTERRUPT, FUSE_INTERRUPT);
SAME(FUSE_OP_DESTROY, FUSE_DESTROY);
SAME(FUSE_OP_BATCH_FORGET, FUSE_BATCH_FORGET);
SAME(FUSE_OP_FALLOCATE, FUSE_FALLOCATE);
SAME(FUSE_OP_READDIRPLUS, FUSE_READDIRPLUS);
SAME(FUSE_OP_RENAME2, FUSE_RENAME2);
SAME(FUSE_OP_LSEEK, FUSE_LSEEK);
SAME(FUSE_NOTICE_INVAL_INODE, FUSE_NOTIFY_INVAL_INODE);
SAME(FUSE_NOTICE_INVAL_ENTRY, FUSE_NOTIFY_INVAL_ENTRY);
SAME(FUSE_NOTICE_DELETE, FUSE_NOTIFY_DELETE);
SAME(FUSE_HAS_ASYNC_READ, FUSE_ASYNC_READ);
SAME(FUSE_HAS_BIG_WRITES, FUSE_BIG_WRITES);
SAME(FUSE_HAS_DONT_MASK, FUSE_DONT_MASK);
SAME(FUSE_HAS_AUTO_INVAL_DATA, FUSE_AUTO_INVAL_DATA);
SAME(FUSE_HAS_READDIRPLUS, FUSE_DO_READDIRPLUS);
SAME(FUSE_HAS_READDIRPLUS_AUTO, FUSE_READDIRPLUS_AUTO);
SAME(FUSE_HAS_NO_OPEN, FUSE_NO_OPEN_SUPPORT);
SAME(FUSE_HAS_PARALLEL_DIROPS, FUSE_PARALLEL_DIROPS);
SAME(FUSE_HAS_MAX_PAGES, FUSE_MAX_PAGES);
SAME(FUSE_HAS_CACHE_SYMLINKS, FUSE_CACHE_SYMLINKS);
SAME(FUSE_HAS_NO_OPENDIR, FUSE_NO_OPENDIR_SUPPORT);
SAME(FUSE_FOPEN_DIRECT_IO, FOPEN_DIRECT_IO);
SAME(FUSE_FOPEN_KEEP_CACHE, FOPEN_KEEP_CACHE);
SAME(FUSE_FOPEN_NONSEEKABLE, FOPEN_NONSEEKABLE);
SAME(FUSE_FOPEN_STREAM, FOPEN_STREAM);
SAME(FUSE_FATTR_MODE, FATTR_MODE);
SAME(FUSE_FATTR_UID, FATTR_UID);
SAME(FUSE_FATTR_GID, FATTR_GID);
SAME(FUSE_FATTR_SIZE, FATTR_SIZE);
SAME(FUSE_FATTR_ATIME, FATTR_ATIME);
SAME(FUSE_FATTR_MTIME, FATTR_MTIME);
SAME(FUSE_FATTR_ATIME_NOW, FATTR_ATIME_NOW);
SAME(FUSE_FATTR_MTIME_NOW, FATTR_MTIME_NOW);
SAME(FUSE_GETATTR_BY_HANDLE, FUSE_GETATTR_FH);
SAME(FUSE_SYNC_ONLY_DATA, FUSE_FSYNC_FDATASYNC);
SAME(FUSE_RELEASE_WITH_FLUSH, FUSE_RELEASE_FLUSH);

SAME_SIZE(in_header);
SAME_PLACE(in_header, node, nodeid);
SAME_PLACE(in_header, process, pid);
SAME_SIZE(out_header);
SAME_PLACE(out_header, unique, unique);
_Static_assert(sizeof(struct fuse_attributes) == sizeof(struct fuse_attr), "attributes");
_Static_assert(offsetof(struct fuse_attributes, mode) == offsetof(struct fuse_attr, mode), "mode");
_Static_assert(offsetof(struct fuse_attributes, device) == offsetof(struct fuse_attr, rdev), "device");
_Static_assert(sizeof(struct fuse_attributes_out) == sizeof(struct fuse_attr_out), "attributes");
_Static_assert(offsetof(struct fuse_attributes_out, attributes) == offsetof(struct fuse_attr_out, attr), "attributes");
SAME_SIZE(entry_out);
SAME_PLACE(entry_out, name_valid_ns, entry_valid_nsec);
SAME_PLACE(entry_out, attributes, attr);
SAME_SIZE(init_in);
SAME_SIZE(init_out);
SAME_PLACE(init_out, write_bytes_max, max_write);
SAME_PLACE(init_out, pages_max, max_pages);
SAME_SIZE(forget_in);
SAME_SIZE(forget_one);
SAME_SIZE(batch_forget_in);
SAME_SIZE(getattr_in);
SAME_SIZE(setattr_in);
SAME_PLACE(setattr_in, accessed_s, atime);
SAME_PLACE(setattr_in, mode, mode);
SAME_PLACE(setattr_in, group, gid);
SAME_SIZE(mknod_in);
SAME_SIZE(mkdir_in);
SAME_SIZE(rename_in);
SAME_SIZE(rename2_in);
SAME_SIZE(link_in);
SAME_SIZE(open_in);
SAME_SIZE(create_in);
SAME_SIZE(open_out);
SAME_SIZE(release_in);
SAME_SIZE(flush_in);
SAME_SIZE(read_in);
SAME_SIZE(write_in);
SAME_SIZE(write_out);
SAME_SIZE(statfs_out);
SAME_SIZE(fsync_in);
SAME_SIZE(access_in);
SAME_SIZE(interrupt_in);
SAME_SIZE(fallocate_in);
SAME_SIZE(lseek_in);
SAME_SIZE(lseek_out);
SAME_SIZE(dirent);
_Static_assert(sizeof(struct fuse_inval_inode_out) == sizeof(struct fuse_notify_inval_inode_out), "inode");
_Static_assert(sizeof(struct fuse_inval_entry_out) == sizeof(struct fuse_notify_inval_entry_out), "entry");
_Static_assert(sizeof(struct fuse_delete_out) == sizeof(struct fuse_notify_delete_out), "delete");

int main(void) {
    return 0;
}
