/* What random system calls are made with, the same for the same seed: for differential_steps.c alone. */
#ifndef GROVE_POSIX_DIFFERENTIAL_ARGUMENTS_H
#define GROVE_POSIX_DIFFERENTIAL_ARGUMENTS_H

#include "kernel/services/posix/files/test/differential.h"

#define HERE ((uint64_t)-100)
#define NO_WAIT LINUX_O_NONBLOCK
/* One of its items. */
#define PICK(array) ((array)[random_below(ITEMS(array))])

/* From 0 on below `limit`. */
uint32_t random_below(uint32_t limit);
bool one_in(uint32_t count);
uint64_t any_descriptor(void);
uint64_t any_folder(void);
/* A path of names that there may be, with its end. */
void put_path(char *path);
/* The address of a path that lies at this offset of the memory; now and then of none. */
uint64_t any_path(uint32_t offset);
uint64_t any_address(uint32_t offset);
uint64_t any_open_flags(void);
uint64_t any_mode(void);
uint64_t any_size(void);
uint64_t any_offset(void);
/* Lay a value of so many bytes in the step's memory. */
void put_value(struct step *step, uint32_t at, uint64_t value, uint32_t bytes);
uint32_t any_poll_bits(void);

#endif
