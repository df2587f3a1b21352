/* Descriptors: see descriptors.h. */
#include "kernel/services/vfs/descriptors.h"

#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/record_lock.h"

#include <string.h>

#define CAPACITY_MIN 16u

void descriptors_init(struct descriptors *table, struct vfs *vfs, uint32_t limit) {
    *table = (struct descriptors){.vfs = vfs, .limit = limit};
}

static void give_back(const struct descriptors *table, struct descriptor *entries, uint32_t capacity) {
    if (entries != NULL)
        machine_give_back(table->vfs->machine, entries, capacity * sizeof(*entries));
}

/* The lock is held. Entries for numbers up to this one. */
static int grow(struct descriptors *table, uint32_t number) {
    uint32_t capacity = table->capacity != 0 ? table->capacity : CAPACITY_MIN;
    while (capacity <= number)
        capacity *= 2;
    if (capacity == table->capacity)
        return 0;
    struct descriptor *entries = machine_take(table->vfs->machine, capacity * sizeof(*entries));
    if (entries == NULL)
        return -LINUX_ENOMEM;
    memset(entries, 0, capacity * sizeof(*entries));
    if (table->capacity > 0)
        memcpy(entries, table->entries, table->capacity * sizeof(*entries));
    give_back(table, table->entries, table->capacity);
    table->entries = entries;
    table->capacity = capacity;
    return 0;
}

/* The lock is held. */
static struct descriptor *find(struct descriptors *table, uint32_t number) {
    if (number >= table->capacity || table->entries[number].file == NULL)
        return NULL;
    return &table->entries[number];
}

/* The lock is held. The number is free again; its file, with the reference. */
static struct open_file *take_out(struct descriptors *table, uint32_t number) {
    struct descriptor *entry = find(table, number);
    if (entry == NULL)
        return NULL;
    struct open_file *file = entry->file;
    *entry = (struct descriptor){.file = NULL};
    if (number < table->lowest_free)
        table->lowest_free = number;
    return file;
}

static int close_file(const struct descriptors *table, struct open_file *file) {
    int status = file_flush(file);
    if (file->inode != NULL)
        record_locks_release(file->vfs, file->inode, table);
    file_unref(file);
    return status;
}

/* ---- tables ---- */

/* Close all, or only what is marked. */
static void close_many(struct descriptors *table, bool only_marked) {
    for (uint32_t number = 0; number < table->capacity; number++) {
        struct open_file *file = NULL;
        spinlock_lock(&table->lock);
        if (find(table, number) != NULL && (!only_marked || table->entries[number].closes_on_execute))
            file = take_out(table, number);
        spinlock_unlock(&table->lock);
        if (file != NULL)
            (void)close_file(table, file);
    }
}

void descriptors_deinit(struct descriptors *table) {
    close_many(table, false);
    spinlock_lock(&table->lock); /* somebody who looks at another's table finds an empty one from now on */
    struct descriptor *entries = table->entries;
    uint32_t capacity = table->capacity;
    table->entries = NULL;
    table->capacity = 0;
    spinlock_unlock(&table->lock);
    give_back(table, entries, capacity);
}

void descriptors_execute(struct descriptors *table) {
    close_many(table, true);
}

int descriptors_copy(struct descriptors *from, struct descriptors *to) {
    descriptors_init(to, from->vfs, from->limit);
    spinlock_lock(&from->lock);
    int status = from->capacity > 0 ? grow(to, from->capacity - 1) : 0;
    for (uint32_t number = 0; status == 0 && number < from->capacity; number++) {
        to->entries[number] = from->entries[number];
        if (to->entries[number].file != NULL)
            file_ref(to->entries[number].file);
    }
    to->lowest_free = from->lowest_free;
    spinlock_unlock(&from->lock);
    return status;
}

/* ---- numbers ---- */

/* The lock is held. */
static int add(struct descriptors *table, struct open_file *file, uint32_t from, bool closes_on_execute,
               uint32_t *number) {
    uint32_t free = from > table->lowest_free ? from : table->lowest_free;
    while (free < table->capacity && table->entries[free].file != NULL)
        free++;
    if (free >= table->limit)
        return -LINUX_EMFILE;
    int status = grow(table, free);
    if (status != 0)
        return status;
    table->entries[free] = (struct descriptor){.file = file, .closes_on_execute = closes_on_execute};
    if (from <= table->lowest_free)
        table->lowest_free = free + 1;
    *number = free;
    return 0;
}

int descriptors_add(struct descriptors *table, struct open_file *file, uint32_t from, bool closes_on_execute,
                    uint32_t *number) {
    if (from >= table->limit)
        return from == 0 ? -LINUX_EMFILE : -LINUX_EINVAL;
    spinlock_lock(&table->lock);
    int status = add(table, file, from, closes_on_execute, number);
    spinlock_unlock(&table->lock);
    return status;
}

int descriptors_get(struct descriptors *table, uint32_t number, struct open_file **file) {
    spinlock_lock(&table->lock);
    const struct descriptor *entry = find(table, number);
    if (entry != NULL) {
        file_ref(entry->file);
        *file = entry->file;
    }
    spinlock_unlock(&table->lock);
    return entry != NULL ? 0 : -LINUX_EBADF;
}

int descriptors_close(struct descriptors *table, uint32_t number) {
    spinlock_lock(&table->lock);
    struct open_file *file = take_out(table, number);
    spinlock_unlock(&table->lock);
    if (file == NULL)
        return -LINUX_EBADF;
    return close_file(table, file);
}

int descriptors_replace(struct descriptors *table, uint32_t from, uint32_t to, bool closes_on_execute) {
    struct open_file *replaced = NULL;
    if (to >= table->limit)
        return -LINUX_EBADF;
    spinlock_lock(&table->lock);
    int status = find(table, from) != NULL ? grow(table, to) : -LINUX_EBADF;
    if (status == 0) {
        struct open_file *file = table->entries[from].file;
        file_ref(file);
        replaced = table->entries[to].file;
        table->entries[to] = (struct descriptor){.file = file, .closes_on_execute = closes_on_execute};
    }
    spinlock_unlock(&table->lock);
    if (replaced != NULL)
        (void)close_file(table, replaced);
    return status;
}

int descriptors_duplicate(struct descriptors *table, uint32_t number, uint32_t from, bool closes_on_execute,
                          uint32_t *duplicate) {
    struct open_file *file;
    int status = descriptors_get(table, number, &file);
    if (status != 0)
        return status;
    status = descriptors_add(table, file, from, closes_on_execute, duplicate);
    if (status != 0)
        file_unref(file);
    return status;
}

bool descriptors_has_room(struct descriptors *table) {
    spinlock_lock(&table->lock);
    uint32_t free = table->lowest_free;
    while (free < table->capacity && table->entries[free].file != NULL)
        free++;
    spinlock_unlock(&table->lock);
    return free < table->limit;
}

uint32_t descriptors_end(struct descriptors *table) {
    spinlock_lock(&table->lock);
    uint32_t end = table->capacity;
    spinlock_unlock(&table->lock);
    return end;
}

int descriptors_read_mark(struct descriptors *table, uint32_t number, bool *closes_on_execute) {
    spinlock_lock(&table->lock);
    const struct descriptor *entry = find(table, number);
    if (entry != NULL)
        *closes_on_execute = entry->closes_on_execute;
    spinlock_unlock(&table->lock);
    return entry != NULL ? 0 : -LINUX_EBADF;
}

int descriptors_mark(struct descriptors *table, uint32_t number, bool closes_on_execute) {
    spinlock_lock(&table->lock);
    struct descriptor *entry = find(table, number);
    if (entry != NULL)
        entry->closes_on_execute = closes_on_execute;
    spinlock_unlock(&table->lock);
    return entry != NULL ? 0 : -LINUX_EBADF;
}
