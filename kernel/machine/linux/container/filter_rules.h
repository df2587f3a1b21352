/*
 * System calls that are allowed or refused by an argument. Rules of one call stand together and are tried in order; the
 * last of them says what holds otherwise.
 *
 * Arguments are compared in their low 32 bits only, because the kernel cuts these down to an int as well: a value hidden
 * behind high bits would else pass the filter and be understood by the kernel.
 */
#ifndef GROVE_LINUX_FILTER_RULES_H
#define GROVE_LINUX_FILTER_RULES_H

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum rule_test {
    RULE_ALWAYS,
    RULE_IS, /* argument == value */
    RULE_HAS, /* argument & value != 0 */
    RULE_TYPE_IS, /* argument & S_IFMT == value */
    RULE_CREATE_HAS, /* argument & value != 0, and the argument before it has O_CREAT: without it a mode is not read */
    RULE_ZERO, /* all 64 bits are 0 */
};

struct filter_rule {
    const char *call;
    enum rule_test test;
    unsigned argument;
    uint32_t value;
    uint32_t action;
};

#define RULE_ALLOW SECCOMP_RET_ALLOW
#define RULE_REFUSE (SECCOMP_RET_ERRNO | EPERM)
#define RULE_SOCKET 0u /* notified or allowed, as the broker wants */
#define RULE_NAMESPACES \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
/* A program that may write a folder must not leave a set-id program there for somebody outside. */
#define RULE_SET_ID (S_ISUID | S_ISGID)

static const struct filter_rule filter_rules[] = {
    /* typing into the terminal of whoever passed it */
    {"ioctl", RULE_IS, 1, TIOCSTI, RULE_REFUSE},
    {"ioctl", RULE_IS, 1, TIOCLINUX, RULE_REFUSE},
    {"ioctl", RULE_ALWAYS, 0, 0, RULE_ALLOW},
    {"clone", RULE_HAS, 0, RULE_NAMESPACES, RULE_REFUSE},
    {"clone", RULE_ALWAYS, 0, 0, RULE_ALLOW},
    {"chmod", RULE_HAS, 1, RULE_SET_ID, RULE_REFUSE},
    {"chmod", RULE_ALWAYS, 0, 0, RULE_ALLOW},
    {"fchmod", RULE_HAS, 1, RULE_SET_ID, RULE_REFUSE},
    {"fchmod", RULE_ALWAYS, 0, 0, RULE_ALLOW},
    {"fchmodat", RULE_HAS, 2, RULE_SET_ID, RULE_REFUSE},
    {"fchmodat", RULE_ALWAYS, 0, 0, RULE_ALLOW},
    {"fchmodat2", RULE_HAS, 2, RULE_SET_ID, RULE_REFUSE},
    {"fchmodat2", RULE_ALWAYS, 0, 0, RULE_ALLOW},
    {"creat", RULE_HAS, 1, RULE_SET_ID, RULE_REFUSE},
    {"creat", RULE_ALWAYS, 0, 0, RULE_ALLOW},
    {"open", RULE_CREATE_HAS, 2, RULE_SET_ID, RULE_REFUSE},
    {"open", RULE_ALWAYS, 0, 0, RULE_ALLOW},
    {"openat", RULE_CREATE_HAS, 3, RULE_SET_ID, RULE_REFUSE},
    {"openat", RULE_ALWAYS, 0, 0, RULE_ALLOW},
    {"mknod", RULE_HAS, 1, RULE_SET_ID, RULE_REFUSE},
    {"mknod", RULE_TYPE_IS, 1, S_IFCHR, RULE_REFUSE},
    {"mknod", RULE_TYPE_IS, 1, S_IFBLK, RULE_REFUSE},
    {"mknod", RULE_ALWAYS, 0, 0, RULE_ALLOW},
    {"mknodat", RULE_HAS, 2, RULE_SET_ID, RULE_REFUSE},
    {"mknodat", RULE_TYPE_IS, 2, S_IFCHR, RULE_REFUSE},
    {"mknodat", RULE_TYPE_IS, 2, S_IFBLK, RULE_REFUSE},
    {"mknodat", RULE_ALWAYS, 0, 0, RULE_ALLOW},
    /* local and internet sockets; no netlink, packet or other families */
    {"socket", RULE_IS, 0, AF_UNIX, RULE_ALLOW},
    {"socket", RULE_IS, 0, AF_INET, RULE_SOCKET},
    {"socket", RULE_IS, 0, AF_INET6, RULE_SOCKET},
    {"socket", RULE_ALWAYS, 0, 0, SECCOMP_RET_ERRNO | EAFNOSUPPORT},
    /* the usual personality, and asking which it is */
    {"personality", RULE_IS, 0, 0, RULE_ALLOW},
    {"personality", RULE_IS, 0, 0xffffffff, RULE_ALLOW},
    {"personality", RULE_ALWAYS, 0, 0, RULE_REFUSE},
};

#endif
