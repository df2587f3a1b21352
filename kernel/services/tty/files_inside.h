/* What the files that serve terminals share. Nothing else includes this. */
#ifndef GROVE_TTY_FILES_INSIDE_H
#define GROVE_TTY_FILES_INSIDE_H

#include "kernel/services/tty/files.h"

/* What an open file of a terminal stands for; the file's object. */
struct terminal_file {
    struct terminals *terminals;
    struct terminal *terminal;
    struct pty *pty; /* held; NULL: a console */
    uint32_t hang_ups; /* that the terminal had when it was opened */
    bool is_master;
};

extern const struct file_operations terminal_operations, master_operations;

static inline struct terminal_file *terminal_file_of(const struct open_file *file) {
    return file->object;
}

/* pty.c: one holder less; the last one ends the pair. */
void pty_unref(struct pty *pty);
/* pty.c: the other end of a pair is opened by a program that has the master. Its descriptor, or an error. */
int64_t pty_open_peer(struct open_file *master, uint32_t flags);
/* files.c: make `file` stand for a terminal, whose hold on `pty` is taken over on success. */
int terminal_file_init(struct open_file *file, struct terminals *terminals, struct terminal *terminal, struct pty *pty);
/* jobs.c: what opening does for a session that has no terminal yet. */
void terminal_adopt(struct open_file *file);
/* control.c, jobs.c */
int64_t terminal_control(struct open_file *file, uint32_t request, uint64_t argument);
int64_t terminal_control_jobs(struct open_file *file, uint32_t request, uint64_t argument);

#endif
