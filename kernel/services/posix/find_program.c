/* From a path to the files of a program: through scripts to the executable and its interpreter. */
#include "kernel/services/posix/execute.h"

#include "grove/abi/status.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

/* ---- reading ---- */

static int read_exactly(struct inode *inode, uint64_t offset, void *bytes, size_t size, size_t *done) {
    struct transfer_segment segment = {.base = bytes, .size_bytes = size};
    struct transfer transfer;
    transfer_init(&transfer, &segment, 1);
    *done = 0;
    int status = inode->operations->read(inode, offset, &transfer, done);
    return *done > 0 ? 0 : status;
}

static int check_file(const struct execution *execution, const struct path *path) {
    const struct inode *inode = path->dentry->inode;
    if (inode_is_link(inode))
        return -LINUX_ELOOP;
    if (inode_kind(inode) != LINUX_S_IFREG || (path->mount->flags & MOUNT_NO_EXECUTE) != 0)
        return -LINUX_EACCES;
    int status = identity_check(&execution->caller->identity, inode, LINUX_X_OK);
    return status == 0 && inode_is_written(inode) ? -LINUX_ETXTBSY : status;
}

/* The file of a path, with references and its beginning in `head`. */
static int open_file_at(struct execution *execution, const struct walk_path *at, uint32_t flags, struct path *path,
                        size_t *head_bytes) {
    struct vfs *vfs = execution->caller->vfs;
    vfs_lock(vfs);
    int status = walk(execution->caller, at, flags, path);
    if (status == 0) {
        status = check_file(execution, path);
        if (status < 0)
            path_unref(path);
    }
    vfs_unlock(vfs);
    if (status == 0)
        status = read_exactly(path->dentry->inode, 0, execution->head, sizeof(execution->head), head_bytes);
    else
        *path = (struct path){.mount = NULL};
    return status;
}

static void close_path(const struct execution *execution, struct path *path) {
    if (path->mount == NULL)
        return;
    vfs_lock(execution->caller->vfs);
    path_unref(path);
    vfs_unlock(execution->caller->vfs);
    *path = (struct path){.mount = NULL};
}

/* ---- headers ---- */

static int error_of(int status) {
    switch (status) {
    case 0:
        return 0;
    case GROVE_DENIED:
        return -LINUX_EACCES;
    default:
        return -LINUX_ENOEXEC;
    }
}

static int read_headers(struct execution *execution, struct program_file *file, size_t head_bytes) {
    const struct machine_layout *layout = machine_layout();
    struct inode *inode = file->path.dentry->inode;
    return error_of(elf_read_head(execution->head, head_bytes, inode_size(inode), layout->elf_machine,
                                  layout->end - layout->movable, &file->elf));
}

/* The path of the interpreter that the program's headers name. */
static int read_interpreter_path(struct execution *execution) {
    const struct elf_program *elf = &execution->program.elf;
    size_t done, size = (size_t)elf->interpreter_bytes;
    int status = read_exactly(execution->program.path.dentry->inode, elf->interpreter_offset,
                              execution->interpreter_path, size, &done);
    if (status < 0)
        return status;
    return done == size && execution->interpreter_path[size - 1] == 0 ? 0 : -LINUX_ENOEXEC;
}

static int find_interpreter(struct execution *execution) {
    size_t head_bytes = 0;
    int status = read_interpreter_path(execution);
    if (status < 0)
        return status;
    struct walk_path at = {.text = execution->interpreter_path};
    status = open_file_at(execution, &at, WALK_FOLLOW, &execution->interpreter.path, &head_bytes);
    if (status == 0)
        status = read_headers(execution, &execution->interpreter, head_bytes);
    if (status == 0 && execution->interpreter.elf.interpreter_bytes > 0)
        status = -LINUX_ENOEXEC;
    return status == -LINUX_ENOEXEC ? -LINUX_ELIBBAD : status;
}

/* ---- scripts ---- */

/* What the caller gave first, or the interpreter of the script before, gives way to the path of the script. */
static void put_before_arguments(struct execution *execution, const char *interpreter, const char *argument,
                                 const char *script) {
    if (execution->prefix_count > 0) {
        execution->prefix_count--;
    } else if (execution->argument_count > 0) {
        execution->skipped_bytes = program_texts_size_at(&execution->texts, 0);
        execution->argument_count--;
    }
    execution->prefix[execution->prefix_count++] = script;
    if (argument != NULL)
        execution->prefix[execution->prefix_count++] = argument;
    execution->prefix[execution->prefix_count++] = interpreter;
}

/* 1: it was a script, and *next is its interpreter. */
static int read_script(struct execution *execution, size_t head_bytes, const char *script, const char **next) {
    const char *argument;
    size_t size = head_bytes < SCRIPT_LINE_BYTES ? head_bytes : SCRIPT_LINE_BYTES;
    if (head_bytes < 2 || execution->head[0] != '#' || execution->head[1] != '!')
        return 0;
    if (execution->scripts == SCRIPTS_MAX)
        return -LINUX_ELOOP;
    char *line = execution->lines[execution->scripts++];
    memcpy(line, execution->head, size);
    line[size] = 0;
    if (!script_read(line, size, next, &argument))
        return -LINUX_ENOEXEC;
    put_before_arguments(execution, *next, argument, script);
    return 1;
}

/* ---- all ---- */

int execution_find(struct execution *execution) {
    struct walk_path at = {.start = execution->start, .text = execution->path};
    uint32_t flags = (execution->follows_links ? WALK_FOLLOW : 0u) | (execution->is_empty_allowed ? WALK_EMPTY : 0u);
    const char *name = execution->name;
    for (;;) {
        size_t head_bytes = 0;
        const char *next = NULL;
        int status = open_file_at(execution, &at, flags, &execution->program.path, &head_bytes);
        if (status == 0)
            status = read_script(execution, head_bytes, name, &next);
        if (status < 0)
            return status;
        if (status == 0) {
            status = read_headers(execution, &execution->program, head_bytes);
            if (status == 0 && execution->program.elf.interpreter_bytes > 0)
                status = find_interpreter(execution);
            return status;
        }
        close_path(execution, &execution->program.path);
        at = (struct walk_path){.text = next};
        flags = WALK_FOLLOW;
        name = next;
    }
}

void execution_release(struct execution *execution) {
    close_path(execution, &execution->program.path);
    close_path(execution, &execution->interpreter.path);
    program_texts_deinit(&execution->texts);
}
