/* Arguments and environment on their way from one memory to the next: texts one after the other, in pages of the kernel. */
#ifndef GROVE_POSIX_PROGRAM_TEXTS_H
#define GROVE_POSIX_PROGRAM_TEXTS_H

#include "kernel/services/vfs/vfs.h"

#define TEXT_BYTES_MAX 131072u /* of one, its end included */
#define TEXT_PAGES_MAX 512u

struct program_texts {
    const struct vfs_machine *machine;
    char *pages[TEXT_PAGES_MAX];
    uint32_t page_count;
    uint64_t bytes, bytes_max;
};

void program_texts_init(struct program_texts *texts, const struct vfs_machine *machine, uint64_t bytes_max);
void program_texts_deinit(struct program_texts *texts);
/* One from the kernel. -LINUX_E2BIG, -LINUX_ENOMEM, as all that follow. */
int program_texts_add(struct program_texts *texts, const char *text);
/* One from the program's memory. -LINUX_EFAULT. */
int program_texts_add_user(struct program_texts *texts, uint64_t from);
/* The texts that a list of addresses, which ends with 0, leads to; a list at 0 is empty. *count is how many. */
int program_texts_add_list(struct program_texts *texts, uint64_t list, uint32_t *count);
/* How long the text is that begins at `offset`, its end included. */
uint64_t program_texts_size_at(const struct program_texts *texts, uint64_t offset);
/* Into the program's memory, from `offset` to the end. False: it has no such memory. */
bool program_texts_write(const struct program_texts *texts, uint64_t offset, uint64_t to);

#endif
