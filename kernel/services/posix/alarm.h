/* Alarms of processes: see alarm.c. */
#ifndef GROVE_POSIX_ALARM_H
#define GROVE_POSIX_ALARM_H

/* What a thread of the kernel's own does, one of them, from the beginning on: send SIGALRM to whom it is due. */
void alarms_run(void *unused);

#endif
