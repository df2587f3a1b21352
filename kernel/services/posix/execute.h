/* Replacing a process's program: execve(2). */
#ifndef GROVE_POSIX_EXECUTE_H
#define GROVE_POSIX_EXECUTE_H

#include "kernel/machine/bare/process/elf.h"
#include "kernel/services/posix/process.h"
#include "kernel/services/posix/script.h"
#include "kernel/services/posix/program_texts.h"
#include "kernel/services/vfs/walk.h"

#define SCRIPTS_MAX 4u /* a script whose interpreter is a script, and so on */
#define PREFIX_MAX (2 * SCRIPTS_MAX + 1)
#define HEAD_BYTES 4096u
#define DESCRIPTION_BYTES 24u

/* An executable file that was found. */
struct program_file {
    struct path path; /* counted; all zero: none */
    struct elf_program elf;
    uint64_t base; /* what is added to its addresses */
};

/* One execve in work. Large, so it is taken from the kernel's memory. */
struct execution {
    struct caller *caller;
    const struct path *start; /* of a relative path; NULL: the caller's folder */
    char path[VFS_PATH_MAX]; /* as the caller said it */
    const char *name; /* the same, or how it can be found without the caller's descriptor: AT_EXECFN */
    char described[VFS_PATH_MAX + DESCRIPTION_BYTES];
    bool follows_links;
    bool is_empty_allowed;

    struct program_file program, interpreter;
    char interpreter_path[VFS_PATH_MAX];
    uint8_t head[HEAD_BYTES]; /* the file's beginning */

    /* Arguments: what scripts put before them, the last word first; then what the caller gave, without `skipped_bytes`. */
    const char *prefix[PREFIX_MAX];
    uint32_t prefix_count;
    char lines[SCRIPTS_MAX][SCRIPT_LINE_BYTES + 1];
    uint32_t scripts;
    struct program_texts texts; /* arguments, then environment */
    uint64_t skipped_bytes, argument_bytes; /* of the caller's arguments in `texts` */
    uint32_t argument_count, environment_count; /* of the caller's, after what is skipped */

    struct process_memory *memory;
    struct credentials credentials;
    bool is_secure;
    uint64_t stack_top, stack_pointer;
};

/*
 * The first program of a process whose thread this is, by texts of the kernel; each list ends with NULL. The thread then goes
 * to user mode. Errors of execve.
 */
int process_execute(const char *path, const char *const *arguments, const char *const *environment);

/* Find the file, through scripts, and its interpreter; look at their headers. What is found stays counted. */
int execution_find(struct execution *execution);
/* Map it into the new memory. */
int execution_map(struct execution *execution);
/* Lay arguments, environment and auxiliary vector on the new stack; the new memory is in use. */
int execution_fill_stack(struct execution *execution);
void execution_release(struct execution *execution);

#endif
