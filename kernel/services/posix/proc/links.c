/*
 * Links of /proc: to the caller, to a process's program and folders, and to its open files with what is told of them. See proc.h.
 * All but what is printed runs with the tree's lock held.
 */
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/proc/proc.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/pipe.h"
#include "kernel/services/vfs/stand_in.h"

#include <string.h>

/* As C writes it; the formats of the kernel know no octal numbers. */
static const char *print_octal(uint32_t value, char text[12]) {
    size_t at = 11;
    text[at] = 0;
    do
        text[--at] = (char)('0' + (value & 7));
    while ((value >>= 3) > 0);
    return text + at;
}

/* Without an end: texts of links are counted. */
static void put(char *to, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        to[i] = text[i];
}

/* A number as a text; behind it what fits. */
static int print_number(char *text, size_t size_bytes, int32_t number, const char *behind) {
    char digits[12];
    size_t count = 0, length = strlen(behind);
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    if (count + length >= size_bytes)
        return -LINUX_ENAMETOOLONG;
    for (size_t i = 0; i < count; i++)
        text[i] = digits[count - 1 - i];
    put(text + count, behind, length);
    return (int)(count + length);
}

int proc_link_self(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    (void)place;
    (void)to;
    return print_number(text, size_bytes, process_current()->id, "");
}

int proc_link_thread_self(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    int length = print_number(text, size_bytes, process_current()->id, "/task/");
    (void)place;
    (void)to;
    if (length < 0)
        return length;
    int more = print_number(text + length, size_bytes - (size_t)length, thread_current()->number, "");
    return more < 0 ? more : length + more;
}

/* A place of the caller's own view. */
static int lead_to(const struct path *path, char *text, size_t size_bytes, struct path *to) {
    if (path->mount == NULL)
        return -LINUX_ENOENT;
    int length = path_text(path, &process_current()->caller.root, text, size_bytes);
    if (length < 0) {
        length = 0; /* it has no name any more, or too long a one; it leads there all the same */
        text[0] = 0;
    }
    *to = *path;
    path_ref(to);
    return length;
}

enum which_path { OF_PROGRAM, OF_FOLDER, OF_ROOT };

/* Locked. */
static const struct path *path_of(const struct process *process, enum which_path which) {
    if (which == OF_PROGRAM)
        return &process->memory->executable;
    return which == OF_FOLDER ? &process->caller.folder : &process->caller.root;
}

static int lead_to_own(const struct proc_place *place, enum which_path which, char *text, size_t size_bytes,
                       struct path *to) {
    int length = -LINUX_ENOENT;
    processes_lock();
    const struct process *process = process_find_locked(place->process);
    if (process != NULL && process->state == PROCESS_LIVES && process->memory != NULL)
        length = proc_may_look(process) ? lead_to(path_of(process, which), text, size_bytes, to) : -LINUX_EACCES;
    processes_unlock();
    return length;
}

int proc_link_program(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    return lead_to_own(place, OF_PROGRAM, text, size_bytes, to);
}

int proc_link_folder(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    return lead_to_own(place, OF_FOLDER, text, size_bytes, to);
}

int proc_link_root(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    return lead_to_own(place, OF_ROOT, text, size_bytes, to);
}

/* ---- descriptors ---- */

static int32_t next_descriptor(const struct proc_place *folder, int32_t after) {
    struct process *process;
    int32_t found = -1;
    if (proc_hold_files(folder->process, &process) != 0)
        return -1;
    struct descriptors *table = &process->descriptors;
    spinlock_lock(&table->lock);
    for (uint32_t i = (uint32_t)(after + 1); i < table->capacity && found < 0; i++)
        if (table->entries[i].file != NULL)
            found = (int32_t)i;
    spinlock_unlock(&table->lock);
    process_unref(process);
    return found;
}

struct proc_place proc_numbered_place(const struct proc_place *folder, int32_t number) {
    return (struct proc_place){.process = folder->process, .number = number};
}

static uint64_t number_of(const struct open_file *file) {
    return file->path.mount != NULL ? file->inode->number : file->number;
}

static int name_nameless(const struct open_file *file, char *text, size_t size_bytes) {
    const char *name = file->operations != NULL && file->operations->name != NULL ? file->operations->name : "pipe:";
    size_t length = strlen(name);
    if (length + 1 > size_bytes)
        return -LINUX_ENAMETOOLONG;
    put(text, name, length);
    if (name[length - 1] != ':')
        return (int)length;
    text[length++] = '[';
    int more = print_number(text + length, size_bytes - length, (int32_t)(number_of(file) & INT32_MAX), "]");
    return more < 0 ? more : (int)length + more;
}

/* Where a file lies; for one without a place, something that stands for it. The table's lock keeps the file. */
static int lead_to_file(const struct open_file *file, char *text, size_t size_bytes, struct path *to) {
    const struct caller *caller = &process_current()->caller;
    if (file->path.mount != NULL && !stand_in_is(&file->path))
        return lead_to(&file->path, text, size_bytes, to);
    int length = name_nameless(file, text, size_bytes);
    if (length < 0)
        return length;
    if (file->path.mount != NULL) {
        *to = file->path;
        path_ref(to);
        return length;
    }
    int status = stand_in_make(file, caller->root.mount, caller->identity.user, caller->identity.group, to);
    return status < 0 ? status : length;
}

static int link_descriptor(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    struct process *process;
    int length = proc_hold_files(place->process, &process);
    if (length != 0)
        return length;
    struct descriptors *table = &process->descriptors;
    length = -LINUX_ENOENT;
    spinlock_lock(&table->lock);
    if ((uint32_t)place->number < table->capacity && table->entries[place->number].file != NULL)
        length = lead_to_file(table->entries[place->number].file, text, size_bytes, to);
    spinlock_unlock(&table->lock);
    process_unref(process);
    return length;
}

static int print_descriptor(const struct proc_place *place, struct proc_text *text) {
    struct process *process;
    struct open_file *file = NULL;
    bool is_marked = false;
    int status = proc_hold_files(place->process, &process);
    if (status != 0)
        return status;
    status = descriptors_get(&process->descriptors, (uint32_t)place->number, &file);
    if (status == 0)
        status = descriptors_read_mark(&process->descriptors, (uint32_t)place->number, &is_marked);
    process_unref(process);
    if (status == 0)
        proc_print(text, "pos:\t%llu\nflags:\t0%s\nmnt_id:\t0\nino:\t%llu\n",
                   (unsigned long long)(pipe_is(file) ? 0 : file->position),
                   print_octal(file_flags(file) | (is_marked ? LINUX_O_CLOEXEC : 0), (char[12]){0}),
                   (unsigned long long)number_of(file));
    if (file != NULL)
        file_unref(file);
    return status != 0 ? -LINUX_ENOENT : 0;
}

static const struct proc_node descriptor = {.mode = LINUX_S_IFLNK | 0700, .link = link_descriptor};
const struct proc_list proc_descriptors = {.next = next_descriptor, .place = proc_numbered_place, .node = &descriptor};
static const struct proc_node facts_of_descriptor = {.mode = LINUX_S_IFREG | 0400, .print = print_descriptor};
const struct proc_list proc_descriptor_facts = {
    .next = next_descriptor, .place = proc_numbered_place, .node = &facts_of_descriptor};
