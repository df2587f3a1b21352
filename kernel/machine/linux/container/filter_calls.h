/*
 * The system calls of ordinary programs: C library start-up, threads, files, timers, sockets, child processes. What stands
 * in none of these tables gets ENOSYS, so that programs fall back to older calls; io_uring, clone3 (its flags cannot be
 * read by a filter) and openat2 (neither can its mode) are left out on purpose.
 *
 * Names that a processor or the installed libseccomp does not know are passed over.
 */
#ifndef GROVE_LINUX_FILTER_CALLS_H
#define GROVE_LINUX_FILTER_CALLS_H

static const char *const filter_allowed[] = {
    /* processes and threads */
    "arch_prctl", "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "futex", "futex_wait",
    "futex_wake", "futex_requeue", "futex_waitv", "get_robust_list", "get_thread_area", "getcpu", "getegid", "geteuid",
    "getgid", "getgroups", "getpgid", "getpgrp", "getpid", "getpriority", "getresgid", "getresuid", "getrlimit",
    "getrusage", "getsid", "gettid", "getuid", "kill", "membarrier", "pidfd_open", "pidfd_send_signal", "prctl",
    "prlimit64", "restart_syscall", "rseq", "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity",
    "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity",
    "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "set_robust_list", "set_thread_area",
    "set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups", "setpgid", "setpriority", "setregid", "setresgid",
    "setresuid", "setreuid", "setrlimit", "setsid", "setuid", "tgkill", "times", "tkill", "umask", "uname", "vfork",
    "wait4", "waitid", "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
    /* signals */
    "pause", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
    "rt_sigtimedwait", "rt_tgsigqueueinfo", "sigaltstack", "signalfd", "signalfd4",
    /* memory */
    "brk", "get_mempolicy", "madvise", "map_shadow_stack", "mbind", "memfd_create", "mincore", "mlock", "mlock2",
    "mlockall", "mmap", "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc",
    "pkey_free", "pkey_mprotect", "set_mempolicy", "cachestat", "remap_file_pages",
    /* files */
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3",
    "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
    "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat",
    "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "getxattr", "inotify_add_watch",
    "inotify_init", "inotify_init1", "inotify_rm_watch", "ioctl", "lchown", "lgetxattr", "link", "linkat", "listxattr",
    "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat", "newfstatat", "open", "openat",
    "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat",
    "readv", "removexattr", "rename", "renameat", "renameat2", "rmdir", "sendfile", "setxattr", "splice", "stat",
    "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate", "unlink",
    "unlinkat", "utime", "utimensat", "utimes", "vmsplice", "write", "writev",
    /* waiting */
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2",
    "pipe", "pipe2", "poll", "ppoll", "pselect6", "select", "io_setup", "io_submit", "io_getevents", "io_pgetevents",
    "io_cancel", "io_destroy",
    /* time */
    "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "gettimeofday", "nanosleep", "setitimer",
    "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create",
    "timerfd_gettime", "timerfd_settime",
    /* sockets: what they may reach is decided by their address, which the broker sees, and by an empty network */
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom",
    "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "socketpair",
    /* System V and POSIX messages: their namespace is the container's own */
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl", "msgget",
    "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat", "shmctl", "shmdt", "shmget",
    /* chance */
    "getrandom", "sysinfo"};

/* Known and dangerous: told plainly that it is not permitted, and not that it does not exist. */
static const char *const filter_refused[] = {"mount",
                                             "umount",
                                             "umount2",
                                             "pivot_root",
                                             "chroot",
                                             "open_tree",
                                             "move_mount",
                                             "fsopen",
                                             "fsconfig",
                                             "fsmount",
                                             "fspick",
                                             "mount_setattr",
                                             "listmount",
                                             "statmount",
                                             "setns",
                                             "unshare",
                                             "ptrace",
                                             "process_vm_readv",
                                             "process_vm_writev",
                                             "process_madvise",
                                             "process_mrelease",
                                             "kcmp",
                                             "pidfd_getfd",
                                             "kexec_load",
                                             "kexec_file_load",
                                             "bpf",
                                             "perf_event_open",
                                             "add_key",
                                             "keyctl",
                                             "request_key",
                                             "userfaultfd",
                                             "io_uring_setup",
                                             "io_uring_enter",
                                             "io_uring_register",
                                             "open_by_handle_at",
                                             "name_to_handle_at",
                                             "init_module",
                                             "finit_module",
                                             "delete_module",
                                             "quotactl",
                                             "quotactl_fd",
                                             "acct",
                                             "swapon",
                                             "swapoff",
                                             "reboot",
                                             "syslog",
                                             "settimeofday",
                                             "clock_settime",
                                             "clock_adjtime",
                                             "adjtimex",
                                             "stime",
                                             "sethostname",
                                             "setdomainname",
                                             "iopl",
                                             "ioperm",
                                             "nfsservctl",
                                             "vhangup",
                                             "fanotify_init",
                                             "fanotify_mark",
                                             "lookup_dcookie",
                                             "move_pages",
                                             "migrate_pages",
                                             "modify_ldt",
                                             "uselib",
                                             "ustat",
                                             "sysfs",
                                             "_sysctl",
                                             "memfd_secret",
                                             "vm86",
                                             "vm86old"};

/*
 * What a prepared child has still to do when its first filter is loaded (child.c, from STEPS_PREPARED on): calls that
 * stand above as refused to everybody, which its last filter closes ...
 */
static const char *const filter_later[] = {"move_mount", "mount_setattr", "sethostname"};
/* ... and calls that are open to every program. A filter that closes one of them, or asks about it, is not loaded early. */
static const char *const filter_remaining[] = {"recvmsg",
                                               "write",
                                               "read",
                                               "mkdirat",
                                               "mknodat",
                                               "chdir",
                                               "umask",
                                               "openat",
                                               "close",
                                               "landlock_create_ruleset",
                                               "landlock_add_rule",
                                               "landlock_restrict_self",
                                               "prlimit64",
                                               "sched_setattr",
                                               "setgroups",
                                               "setresgid",
                                               "setresuid",
                                               "dup3",
                                               "close_range",
                                               "fcntl",
                                               "capset",
                                               "prctl",
                                               "seccomp",
                                               "execve",
                                               "execveat",
                                               "exit_group"};

#endif
