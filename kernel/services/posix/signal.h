/*
 * Signals: numbers, what is told with one, and sending. signal(7).
 *
 * A signal is sent to a process or to one thread. It waits in a queue of whoever it was sent to until a thread that does not
 * block it takes it, on its way back to user mode (deliver.h) or by sigtimedwait. Of each ordinary signal one waits at a time;
 * real-time signals are counted, each with what was told with it, up to RLIMIT_SIGPENDING for each user.
 *
 * All state is guarded by the lock of processes (process.h). Sending takes that lock, so it is called without it.
 */
#ifndef GROVE_POSIX_SIGNAL_H
#define GROVE_POSIX_SIGNAL_H

#include "kernel/core/list.h"

#include <stdbool.h>
#include <stdint.h>

#define LINUX_SIGHUP 1
#define LINUX_SIGINT 2
#define LINUX_SIGQUIT 3
#define LINUX_SIGILL 4
#define LINUX_SIGTRAP 5
#define LINUX_SIGABRT 6
#define LINUX_SIGBUS 7
#define LINUX_SIGFPE 8
#define LINUX_SIGKILL 9
#define LINUX_SIGUSR1 10
#define LINUX_SIGSEGV 11
#define LINUX_SIGUSR2 12
#define LINUX_SIGPIPE 13
#define LINUX_SIGALRM 14
#define LINUX_SIGTERM 15
#define LINUX_SIGSTKFLT 16
#define LINUX_SIGCHLD 17
#define LINUX_SIGCONT 18
#define LINUX_SIGSTOP 19
#define LINUX_SIGTSTP 20
#define LINUX_SIGTTIN 21
#define LINUX_SIGTTOU 22
#define LINUX_SIGURG 23
#define LINUX_SIGXCPU 24
#define LINUX_SIGXFSZ 25
#define LINUX_SIGVTALRM 26
#define LINUX_SIGPROF 27
#define LINUX_SIGWINCH 28
#define LINUX_SIGIO 29
#define LINUX_SIGPWR 30
#define LINUX_SIGSYS 31
#define SIGNAL_REAL_TIME 32 /* the first that is counted */
#define SIGNALS 64 /* numbers are 1 to this */

/* Who sent it: si_code. Positive ones say which fault it was, or what became of a child. */
#define LINUX_SI_USER 0
#define LINUX_SI_KERNEL 0x80
#define LINUX_SI_QUEUE (-1)
#define LINUX_SI_TIMER (-2)
#define LINUX_SI_TKILL (-6)
#define LINUX_CLD_EXITED 1
#define LINUX_CLD_KILLED 2
#define LINUX_CLD_DUMPED 3
#define LINUX_CLD_STOPPED 5
#define LINUX_CLD_CONTINUED 6
#define LINUX_SEGV_MAPERR 1 /* nothing is there */
#define LINUX_SEGV_ACCERR 2 /* and this access is not allowed */
#define LINUX_BUS_ADRALN 1
#define LINUX_BUS_ADRERR 2
#define LINUX_FPE_INTDIV 1
#define LINUX_FPE_FLTDIV 3
#define LINUX_FPE_FLTINV 7
#define LINUX_ILL_ILLOPN 2
#define LINUX_TRAP_BRKPT 1
#define LINUX_TRAP_TRACE 2

/* Sets of signals: bit n - 1 is signal n, as programs have them. */
#define SIGNAL_BIT(signal) (UINT64_C(1) << ((signal)-1))

#define SIGNAL_INFO_BYTES 128u /* in a program's memory; the rest is zero */

/* siginfo_t as Linux lays it out on 64-bit processors, as far as any signal fills it in. */
struct signal_info {
    int32_t signal, error, code, unused;
    union {
        struct {
            int32_t process; /* who sent it, as processes are numbered */
            uint32_t user;
            uint64_t value;
        } from;
        struct {
            int32_t process;
            uint32_t user;
            int32_t status; /* what it ended with, or the signal that ended, stopped or continued it */
            int32_t unused;
            int64_t user_ticks, system_ticks;
        } child;
        struct {
            uint64_t address;
            int16_t low_bits;
        } fault;
        struct {
            int64_t band;
            int32_t descriptor;
        } poll;
        uint64_t words[4];
    };
};
_Static_assert(sizeof(struct signal_info) == 48, "as Linux lays it out");

struct process;
struct process_thread;

/*
 * From the kernel itself or from whoever was already found to be allowed to. `info` NULL: SI_KERNEL. 0; -LINUX_EAGAIN: too
 * many real-time signals wait; -LINUX_ESRCH: nobody is there any more.
 */
int signal_send_process(struct process *process, int signal, const struct signal_info *info);
int signal_send_thread(struct process_thread *thread, int signal, const struct signal_info *info);
/* To each process of a group, by the kernel. -LINUX_ESRCH: nobody is in it. */
int signal_send_group(int32_t group, int signal);
/*
 * A signal that the current thread caused by what it just did, as a fault: it cannot be blocked or ignored, for then it ends
 * the process. It is delivered on the way back to user mode.
 */
void signal_force(int signal, const struct signal_info *info);
/* Would the current thread not notice this signal? For terminals, which then fail a background process's call (EIO). */
bool signal_is_unnoticed(int signal);
/* Has the current process a handler for it? */
bool signal_is_handled(int signal);
/* Does a signal wait that the current thread would take? */
bool signal_is_pending(void);

#endif
