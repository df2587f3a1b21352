/* Page tables of four levels (Intel's manual, volume 3, section 4.5): see kernel/machine/bare/mm/page_table.h. */
#ifndef GROVE_X86_64_PAGE_TABLE_H
#define GROVE_X86_64_PAGE_TABLE_H

#include "kernel/machine/bare/mm/page_table.h"

#define PAGE_KERNEL_ENTRY 256u /* the first of the upper half, in the root */

#endif
