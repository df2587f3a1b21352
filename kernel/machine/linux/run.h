/*
 * One kernel's life on linux, shared by groved and the embedded kernel: make the parts, run the loop, take them down.
 */
#ifndef GROVE_LINUX_RUN_H
#define GROVE_LINUX_RUN_H

#include "kernel/machine/linux/linux.h"

/*
 * Make everything but the ways in: loop, audit log, core, containers; ends what an earlier kernel left. machine->options is
 * filled in by the caller. On failure a sentence stands in `problem`, and run_destroy still has to be called.
 */
int run_create(struct linux_machine *machine, char *problem, size_t problem_bytes);
/* Start the first container from a boot spec. */
int run_boot(struct linux_machine *machine, const char *spec_path, char *problem, size_t problem_bytes);
/* Until everything is down. */
int run_loop(struct linux_machine *machine);
/* Ask everything to end; run_loop returns when it has. Harmless to repeat. */
void run_shut_down(struct linux_machine *machine);
void run_destroy(struct linux_machine *machine);

/* Called in the loop on SIGHUP. */
void run_on_hang_up(void (*handler)(void));
/* Signals: TERM and INT shut down (INT not in the embedded kernel, where it belongs to the program), HUP reopens. */
int run_take_signals(struct linux_machine *machine);

#endif
