/*
 * The FUSE protocol, version 7, as far as it is spoken here: what goes through /dev/fuse between the kernel and a server of files.
 * fuse(4) describes it; that the numbers and layouts are those of <linux/fuse.h> is checked by constants_test.c.
 *
 * Every request begins with struct fuse_in_header, every reply with struct fuse_out_header. Numbers are in the processor's
 * order. All that comes from the server is hostile.
 */
#ifndef GROVE_FUSE_PROTOCOL_H
#define GROVE_FUSE_PROTOCOL_H

#include <stdint.h>

#define FUSE_MAJOR 7u
#define FUSE_MINOR 31u /* what we speak; a server may say less, down to FUSE_MINOR_MIN */
#define FUSE_MINOR_MIN 16u /* libfuse 2 says 19; requests are as long as ours from here on */
#define FUSE_ROOT 1u
#define FUSE_READ_BYTES_MIN 8192u /* a server's buffer has at least that */
#define FUSE_NAME_BYTES_MAX 1024u
#define FUSE_DEV_CLONE 0x8004e500u /* _IOR(229, 0, uint32_t) */

enum fuse_operation {
    FUSE_OP_LOOKUP = 1,
    FUSE_OP_FORGET = 2,
    FUSE_OP_GETATTR = 3,
    FUSE_OP_SETATTR = 4,
    FUSE_OP_READLINK = 5,
    FUSE_OP_SYMLINK = 6,
    FUSE_OP_MKNOD = 8,
    FUSE_OP_MKDIR = 9,
    FUSE_OP_UNLINK = 10,
    FUSE_OP_RMDIR = 11,
    FUSE_OP_RENAME = 12,
    FUSE_OP_LINK = 13,
    FUSE_OP_OPEN = 14,
    FUSE_OP_READ = 15,
    FUSE_OP_WRITE = 16,
    FUSE_OP_STATFS = 17,
    FUSE_OP_RELEASE = 18,
    FUSE_OP_FSYNC = 20,
    FUSE_OP_FLUSH = 25,
    FUSE_OP_INIT = 26,
    FUSE_OP_OPENDIR = 27,
    FUSE_OP_READDIR = 28,
    FUSE_OP_RELEASEDIR = 29,
    FUSE_OP_FSYNCDIR = 30,
    FUSE_OP_ACCESS = 34,
    FUSE_OP_CREATE = 35,
    FUSE_OP_INTERRUPT = 36,
    FUSE_OP_DESTROY = 38,
    FUSE_OP_BATCH_FORGET = 42,
    FUSE_OP_FALLOCATE = 43,
    FUSE_OP_READDIRPLUS = 44,
    FUSE_OP_RENAME2 = 45,
    FUSE_OP_LSEEK = 46,
    FUSE_OP_MAX = 64
};

/* What the server says of itself: replies with unique 0, whose `error` is one of these. */
enum fuse_notice { FUSE_NOTICE_INVAL_INODE = 2, FUSE_NOTICE_INVAL_ENTRY = 3, FUSE_NOTICE_DELETE = 6 };

/* Flags of INIT. */
#define FUSE_HAS_ASYNC_READ 0x1u
#define FUSE_HAS_BIG_WRITES 0x20u
#define FUSE_HAS_DONT_MASK 0x40u
#define FUSE_HAS_AUTO_INVAL_DATA 0x1000u
#define FUSE_HAS_READDIRPLUS 0x2000u
#define FUSE_HAS_READDIRPLUS_AUTO 0x4000u
#define FUSE_HAS_NO_OPEN 0x20000u
#define FUSE_HAS_PARALLEL_DIROPS 0x40000u
#define FUSE_HAS_MAX_PAGES 0x400000u
#define FUSE_HAS_CACHE_SYMLINKS 0x800000u
#define FUSE_HAS_NO_OPENDIR 0x1000000u

#define FUSE_FOPEN_DIRECT_IO 1u
#define FUSE_FOPEN_KEEP_CACHE 2u
#define FUSE_FOPEN_NONSEEKABLE 4u
#define FUSE_FOPEN_STREAM 16u

#define FUSE_FATTR_MODE 0x1u
#define FUSE_FATTR_UID 0x2u
#define FUSE_FATTR_GID 0x4u
#define FUSE_FATTR_SIZE 0x8u
#define FUSE_FATTR_ATIME 0x10u
#define FUSE_FATTR_MTIME 0x20u
#define FUSE_FATTR_ATIME_NOW 0x80u
#define FUSE_FATTR_MTIME_NOW 0x100u

#define FUSE_GETATTR_BY_HANDLE 1u
#define FUSE_SYNC_ONLY_DATA 1u
#define FUSE_RELEASE_WITH_FLUSH 1u

struct fuse_in_header {
    uint32_t bytes, operation;
    uint64_t unique, node;
    uint32_t user, group, process;
    uint32_t padding;
};

struct fuse_out_header {
    uint32_t bytes;
    int32_t error;
    uint64_t unique;
};

struct fuse_attributes {
    uint64_t number, size_bytes, blocks, accessed_s, modified_s, changed_s;
    uint32_t accessed_ns, modified_ns, changed_ns;
    uint32_t mode, links, user, group, device, block_bytes, flags;
};

struct fuse_entry_out {
    uint64_t node, generation, name_valid_s, attributes_valid_s;
    uint32_t name_valid_ns, attributes_valid_ns;
    struct fuse_attributes attributes;
};

struct fuse_attributes_out {
    uint64_t valid_s;
    uint32_t valid_ns, padding;
    struct fuse_attributes attributes;
};

struct fuse_init_in {
    uint32_t major, minor, read_ahead_bytes, flags, flags2;
    uint32_t unused[11];
};

struct fuse_init_out {
    uint32_t major, minor, read_ahead_bytes, flags;
    uint16_t background_max, congestion;
    uint32_t write_bytes_max, time_granularity_ns;
    uint16_t pages_max, map_alignment;
    uint32_t flags2;
    uint32_t unused[7];
};

struct fuse_forget_in {
    uint64_t count;
};

struct fuse_forget_one {
    uint64_t node, count;
};

struct fuse_batch_forget_in {
    uint32_t count, padding;
};

struct fuse_getattr_in {
    uint32_t flags, padding;
    uint64_t handle;
};

struct fuse_setattr_in {
    uint32_t valid, padding;
    uint64_t handle, size_bytes, lock_owner, accessed_s, modified_s, changed_s;
    uint32_t accessed_ns, modified_ns, changed_ns, mode, unused, user, group, unused2;
};

struct fuse_mknod_in {
    uint32_t mode, device, mask, padding;
};

struct fuse_mkdir_in {
    uint32_t mode, mask;
};

struct fuse_rename_in {
    uint64_t folder;
};

struct fuse_rename2_in {
    uint64_t folder;
    uint32_t flags, padding;
};

struct fuse_link_in {
    uint64_t node;
};

struct fuse_open_in {
    uint32_t flags, unused;
};

struct fuse_create_in {
    uint32_t flags, mode, mask, unused;
};

struct fuse_open_out {
    uint64_t handle;
    uint32_t flags, padding;
};

struct fuse_create_out {
    struct fuse_entry_out entry;
    struct fuse_open_out open;
};

struct fuse_release_in {
    uint64_t handle;
    uint32_t flags, release_flags;
    uint64_t lock_owner;
};

struct fuse_flush_in {
    uint64_t handle;
    uint32_t unused, padding;
    uint64_t lock_owner;
};

struct fuse_read_in {
    uint64_t handle, offset;
    uint32_t size_bytes, read_flags;
    uint64_t lock_owner;
    uint32_t flags, padding;
};

struct fuse_write_in {
    uint64_t handle, offset;
    uint32_t size_bytes, write_flags;
    uint64_t lock_owner;
    uint32_t flags, padding;
};

struct fuse_write_out {
    uint32_t size_bytes, padding;
};

struct fuse_statfs_out {
    uint64_t blocks, free_blocks, available_blocks, files, free_files;
    uint32_t block_bytes, name_bytes_max, fragment_bytes, padding;
    uint32_t spare[6];
};

struct fuse_fsync_in {
    uint64_t handle;
    uint32_t flags, padding;
};

struct fuse_access_in {
    uint32_t mask, padding;
};

struct fuse_interrupt_in {
    uint64_t unique;
};

struct fuse_fallocate_in {
    uint64_t handle, offset, size_bytes;
    uint32_t mode, padding;
};

struct fuse_lseek_in {
    uint64_t handle, offset;
    uint32_t whence, padding;
};

struct fuse_lseek_out {
    uint64_t offset;
};

/* One entry of a folder; its name follows, and zeros up to a multiple of 8 bytes. */
struct fuse_dirent {
    uint64_t number, next;
    uint32_t name_bytes, kind;
};

struct fuse_inval_inode_out {
    uint64_t node;
    int64_t offset, size_bytes;
};

/* The name follows, and a zero. */
struct fuse_inval_entry_out {
    uint64_t folder;
    uint32_t name_bytes, flags;
};

struct fuse_delete_out {
    uint64_t folder, child;
    uint32_t name_bytes, padding;
};

#endif
