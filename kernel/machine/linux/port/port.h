/*
 * What the files of port/ share. Its public face is port_open and port_close in linux.h, machine_port_send in machine.h,
 * and control_open below for groved.
 */
#ifndef GROVE_LINUX_PORT_H
#define GROVE_LINUX_PORT_H

#include "kernel/machine/linux/linux.h"

/*
 * A connection from outside: makes the core's client for `descriptor` and opens its port, taking the descriptor over
 * whatever the outcome. GROVE_EXHAUSTED, GROVE_NO_MEMORY.
 */
int port_open_client(struct linux_machine *machine, int descriptor, const char *name, uid_t user, pid_t process);
/* Called when a shell's port has gone, after the core was told. NULL: nobody is. */
typedef void port_gone(void *context);
void port_on_client_gone(port_gone *handler, void *context);
/* How many shells are connected. */
uint32_t port_client_count(void);
/* Close every port, telling nobody: the kernel is going down. */
void port_shut_down(void);

/*
 * The control socket: lock the run folder (kernel.pid), then listen on kernel.sock in it. On failure nothing is left and
 * a sentence for the user stands in `problem`. GROVE_EXISTS: another kernel runs here. GROVE_IO, GROVE_TOO_LARGE,
 * GROVE_NO_DESCRIPTORS.
 */
int control_lock(const char *run_folder, char *problem, size_t problem_bytes);
int control_open(struct linux_machine *machine, char *problem, size_t problem_bytes);
/* Stop listening, remove kernel.sock and give up the run folder. */
void control_close(void);

#endif
