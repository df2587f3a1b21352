/*
 * Where things lie in the kernel's half of every address space. Also read by the assembler and the linker script.
 *
 *   0xffff800000000000  all physical memory, writable, never executable (the image's own text is left out)
 *   0xffffc00000000000  stacks, each with an unmapped page below it
 *   0xffffc04000000000  those of threads, which come and go
 *   0xffffd00000000000  registers of devices, uncached
 *   0xffffffff80000000  the image, at the physical address of the same low bits, or up to 1 GiB higher: see move.h
 *   0xffffffffc0000000  modules
 */
#ifndef GROVE_X86_64_LAYOUT_H
#define GROVE_X86_64_LAYOUT_H

#define LAYOUT_DIRECT 0xffff800000000000
#define LAYOUT_STACKS 0xffffc00000000000
#define LAYOUT_THREADS 0xffffc04000000000
#define LAYOUT_DEVICES 0xffffd00000000000
#define LAYOUT_IMAGE 0xffffffff80000000
#define LAYOUT_MODULES 0xffffffffc0000000
#define LAYOUT_IMAGE_PHYSICAL 0x100000
/* What the entry's tables map of the image, from physical address 0 on, in pieces of 2 MiB. */
#define LAYOUT_IMAGE_PIECES 8

/* The first page of the trampoline by which processors come up: below 1 MiB, where firmware leaves memory alone. */
#define LAYOUT_TRAMPOLINE 0x8000

/* What the tables that the entry makes cover from physical address 0 on. */
#define LAYOUT_EARLY_BYTES 0x100000000

#define LAYOUT_BOOT_STACK_BYTES 16384

/* User programs lie below this: the lower half without its last page, after which no address may come. */
#define LAYOUT_USER_END 0x00007ffffffff000

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA 0x18
#define SELECTOR_USER_CODE 0x20
#define SELECTOR_TASK 0x28

/* What the entry tells boot_start about who loaded the kernel: the magic numbers of both protocols. */
#define BOOT_PVH 0x336ec578
#define BOOT_MULTIBOOT 0x36d76289

/* No processor has this number, or a larger one. */
#define PROCESSORS_LIMIT 64

/* Offsets in struct processor, which every processor's GS points to. */
#define PROCESSOR_SELF 0
#define PROCESSOR_USER_STACK 8
#define PROCESSOR_KERNEL_STACK 16
#define PROCESSOR_THREAD 24
#define PROCESSOR_HOLDS 32
#define PROCESSOR_CANARY 40

#endif
