/* Which calls are made again after a signal: signal(7), "Interruption of system calls", by x86-64 numbers. */
#include "kernel/services/posix/deliver.h"

#define NUMBERS 512u
#define CALL_FUTEX 202
#define FUTEX_TIMEOUT 3 /* which argument is the address of a time */

static const uint8_t rules[NUMBERS] = {
    [0] = RESTART_IF_ASKED, /* read */
    [1] = RESTART_IF_ASKED, /* write */
    [2] = RESTART_IF_ASKED, /* open: of a pipe with a name */
    [7] = RESTART_UNLESS_HANDLED, /* poll */
    [16] = RESTART_IF_ASKED, /* ioctl */
    [17] = RESTART_IF_ASKED, /* pread64 */
    [18] = RESTART_IF_ASKED, /* pwrite64 */
    [19] = RESTART_IF_ASKED, /* readv */
    [20] = RESTART_IF_ASKED, /* writev */
    [23] = RESTART_UNLESS_HANDLED, /* select */
    [34] = RESTART_UNLESS_HANDLED, /* pause */
    [35] = RESTART_UNLESS_HANDLED, /* nanosleep */
    [40] = RESTART_IF_ASKED, /* sendfile */
    [42] = RESTART_IF_ASKED, /* connect */
    [43] = RESTART_IF_ASKED, /* accept */
    [44] = RESTART_IF_ASKED, /* sendto */
    [45] = RESTART_IF_ASKED, /* recvfrom */
    [46] = RESTART_IF_ASKED, /* sendmsg */
    [47] = RESTART_IF_ASKED, /* recvmsg */
    [61] = RESTART_IF_ASKED, /* wait4 */
    [72] = RESTART_IF_ASKED, /* fcntl: record locks */
    [73] = RESTART_IF_ASKED, /* flock */
    [130] = RESTART_UNLESS_HANDLED, /* rt_sigsuspend */
    [CALL_FUTEX] = RESTART_IF_ASKED,
    [230] = RESTART_UNLESS_HANDLED, /* clock_nanosleep */
    [247] = RESTART_IF_ASKED, /* waitid */
    [257] = RESTART_IF_ASKED, /* openat */
    [270] = RESTART_UNLESS_HANDLED, /* pselect6 */
    [271] = RESTART_UNLESS_HANDLED, /* ppoll */
    [275] = RESTART_IF_ASKED, /* splice */
    [276] = RESTART_IF_ASKED, /* tee */
    [278] = RESTART_IF_ASKED, /* vmsplice */
    [288] = RESTART_IF_ASKED, /* accept4 */
    [295] = RESTART_IF_ASKED, /* preadv */
    [296] = RESTART_IF_ASKED, /* pwritev */
    [299] = RESTART_IF_ASKED, /* recvmmsg */
    [307] = RESTART_IF_ASKED, /* sendmmsg */
    [318] = RESTART_IF_ASKED, /* getrandom */
    [326] = RESTART_IF_ASKED, /* copy_file_range */
    [327] = RESTART_IF_ASKED, /* preadv2 */
    [328] = RESTART_IF_ASKED, /* pwritev2 */
    [437] = RESTART_IF_ASKED, /* openat2 */
};

enum restart_rule restart_rule_of(int64_t call, const uint64_t arguments[6]) {
    if (call < 0 || call >= NUMBERS)
        return RESTART_NEVER;
    if (call == CALL_FUTEX && arguments[FUTEX_TIMEOUT] != 0)
        return RESTART_UNLESS_HANDLED;
    return (enum restart_rule)rules[call];
}
