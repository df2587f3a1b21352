/*
 * Page frames that are counted and charged: what lies in the memory of programs and in memory objects. Whoever maps or keeps
 * a page has a reference; the last one gives the frame back and takes the charge off.
 *
 * Everything here may be called with spin locks held.
 */
#ifndef GROVE_BARE_PAGES_H
#define GROVE_BARE_PAGES_H

#include "kernel/machine/bare/mm/account.h"

#include <stddef.h>
#include <stdint.h>

struct frame;

/* ---- what each machine has, in its own mm folder; a unit test brings its own ---- */

/* A piece of at least size_bytes, all zero, aligned to 16 bytes (to a page from a page on); NULL without memory. */
void *memory_take(size_t size_bytes);
/* Does nothing for NULL. */
void memory_give_back(void *piece);
/* One frame, contents undefined or all zero. GROVE_NO_MEMORY. */
int memory_take_frame(uint64_t *physical);
int memory_take_zeroed_frame(uint64_t *physical);
void memory_give_frame_back(uint64_t physical);
/* Usable physical memory as the kernel sees it, and back. */
void *memory_view(uint64_t physical);
uint64_t memory_physical(const void *address);
/* The entry of the table of frames for a frame that was taken (buddy.h). */
struct frame *memory_frame(uint64_t physical);

/* ---- counted pages ---- */

enum page_contents { PAGE_UNDEFINED, PAGE_ZEROED };

/* One page with one reference, charged to the account (NULL: to nobody), which stays at least as long. -LINUX_ENOMEM. */
int page_take(struct memory_account *account, enum page_contents contents, uint64_t *physical);
void page_ref(uint64_t physical);
void page_unref(uint64_t physical);
/* Somebody else may change it at the same moment, unless the caller has the only one. */
uint32_t page_references(uint64_t physical);

#endif
