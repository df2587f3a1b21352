/*
 * Our terminals and Linux's do the same: random settings, typing, output and requests on a pseudo-terminal of Linux and on
 * one of ours; what the master reads, what a program reads, and what each call answers is compared after every step.
 *
 * Linux hands input on by a thread of its own, which is waited for by reading until nothing is there. Characters that send a
 * signal come alone, since how much of the echo before them is lost depends on that thread. The seeds are fixed; GROVE_SEED
 * tries another one, GROVE_SHOW=1 prints the steps. Skipped where there are no pseudo-terminals.
 */
#include "kernel/services/tty/test/stage.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ROUNDS 60u
#define STEPS 1500u
#define BYTES 8192u
#define LINUX_O_NOCTTY 0400u

static uint64_t random_state, seed;
static unsigned step;
static struct stage stage;
static struct open_file *our_master, *our_slave;
static int their_master, their_slave;
static struct linux_termios settings;
static bool is_shown;

static uint32_t pick(uint32_t limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

static bool one_in(uint32_t count) {
    return pick(count) == 0;
}

static void show(const char *what, const uint8_t *bytes, int64_t size) {
    if (!is_shown)
        return;
    fprintf(stderr, "%u: %s %lld:", step, what, (long long)size);
    for (int64_t i = 0; i < size; i++)
        fprintf(stderr, " %02x", bytes[i]);
    fprintf(stderr, "\n");
}

static int64_t answer(int64_t returned) {
    return returned < 0 ? -errno : returned;
}

static void same(const char *what, int64_t theirs, int64_t ours) {
    if (theirs != ours)
        fail_msg("seed %llu, step %u, %s: Linux says %lld, we %lld", (unsigned long long)seed, step, what,
                 (long long)theirs, (long long)ours);
}

static void same_bytes(const char *what, const uint8_t *theirs, const uint8_t *ours, int64_t size) {
    for (int64_t i = 0; i < size; i++)
        if (theirs[i] != ours[i])
            fail_msg("seed %llu, step %u, %s: byte %lld is %#x on Linux, here %#x", (unsigned long long)seed, step,
                     what, (long long)i, theirs[i], ours[i]);
}

/* All that the master has to read, from both. */
static void compare_output(void) {
    static uint8_t theirs[BYTES], ours[BYTES];
    int64_t their_size = 0, our_size = 0, got;
    while ((got = read(their_master, theirs + their_size, BYTES - (size_t)their_size)) > 0)
        their_size += got;
    while ((got = world_read_file(our_master, ours + our_size, BYTES - (size_t)our_size)) > 0)
        our_size += got;
    show("output", theirs, their_size);
    if (their_size != our_size)
        show("our output", ours, our_size);
    same("size of the output", their_size, our_size);
    same_bytes("output", theirs, ours, our_size);
}

static void compare_read(uint32_t size, int64_t *result) {
    uint8_t theirs[256], ours[256];
    int64_t their_result = answer(read(their_slave, theirs, size));
    int64_t our_result = world_read_file(our_slave, ours, size);
    show("read", theirs, their_result);
    same("read", their_result, our_result);
    same_bytes("what was read", theirs, ours, our_result);
    *result = our_result;
}

static void compare_state(void) {
    struct pollfd theirs = {.fd = their_slave, .events = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM};
    int their_bytes = 0, our_bytes = 0;
    assert_true(poll(&theirs, 1, 0) >= 0);
    same("poll", theirs.revents, stage_poll(our_slave));
    same("FIONREAD", ioctl(their_slave, FIONREAD, &their_bytes), stage_control(our_slave, LINUX_FIONREAD, &our_bytes));
    same("waiting bytes", their_bytes, our_bytes);
}

/* Until nothing is there: only then did Linux take in what was typed. */
static void compare_input(void) {
    int64_t result;
    uint32_t empty = 0;
    do {
        compare_read(1 + pick(one_in(3) ? 4 : 200), &result);
        empty = result == 0 ? empty + 1 : 0;
    } while (result != -LINUX_EAGAIN && empty < 70);
    compare_state();
}

/* ---- steps ---- */

static uint8_t pick_byte(void) {
    static const uint8_t often[] = {'a', 'b', ' ', '\t', '\n', '\r', 0x7f, 0x15, 0x17, 0x16, 0x12, 4,
                                    3,   7,   8,   0,    0xff, 0xc3, 0xa4, 0xe2, 0x82, 0xac, '_'};
    if (one_in(4))
        return settings.characters[pick(TERMIOS_CHARACTERS)];
    return one_in(3) ? (uint8_t)pick(256) : often[pick(ITEMS(often))];
}

static bool is_signal(uint8_t byte) {
    byte = (settings.input & LINUX_ISTRIP) != 0 ? byte & 0x7f : byte;
    return (settings.local & LINUX_ISIG) != 0 &&
           (byte == settings.characters[TERMIOS_INTERRUPT] || byte == settings.characters[TERMIOS_QUIT] ||
            byte == settings.characters[TERMIOS_SUSPEND] || (byte >= 'A' && (settings.input & LINUX_IUCLC) != 0));
}

static uint32_t pick_bytes(uint8_t *bytes, uint32_t limit) {
    uint32_t size = one_in(2) ? 1 : 1 + pick(limit);
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = pick_byte();
        if (size > 1 && is_signal(bytes[i]))
            bytes[i] = 'z';
    }
    return size;
}

static void type(void) {
    uint8_t bytes[60];
    uint32_t size = pick_bytes(bytes, sizeof(bytes));
    show("type", bytes, size);
    same("typing", answer(write(their_master, bytes, size)), world_write_file(&stage.world, our_master, bytes, size));
    struct pollfd theirs = {.fd = their_slave, .events = POLLIN};
    assert_true(poll(&theirs, 1, 0) >= 0); /* waits for the input, if nothing was there to be read */
    if ((theirs.revents & POLLIN) != 0)
        compare_input();
    else
        compare_state();
    compare_output();
}

static void put_out(void) {
    uint8_t bytes[60];
    uint32_t size = pick_bytes(bytes, sizeof(bytes));
    show("put out", bytes, size);
    same("output", answer(write(their_slave, bytes, size)), world_write_file(&stage.world, our_slave, bytes, size));
    compare_output();
}

static uint32_t pick_flags(uint32_t flags, uint32_t usual) {
    uint32_t picked = 0;
    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if ((flags & bit) != 0 && (one_in(4) ? one_in(2) : (usual & bit) != 0))
            picked |= bit;
    return picked;
}

static void pick_settings(void) {
    struct linux_termios *new = &settings;
    new->input = pick_flags(LINUX_PARMRK | LINUX_ISTRIP | LINUX_INLCR | LINUX_IGNCR | LINUX_ICRNL | LINUX_IUCLC |
                                LINUX_IXON | LINUX_IXANY | LINUX_IUTF8,
                            one_in(2) ? terminal_settings.input : LINUX_IUTF8);
    new->output = pick_flags(LINUX_OPOST | LINUX_OLCUC | LINUX_ONLCR | LINUX_OCRNL | LINUX_ONOCR | LINUX_ONLRET,
                             terminal_settings.output) |
                  (one_in(3) ? LINUX_XTABS : 0);
    new->local =
        pick_flags(LINUX_ISIG | LINUX_ICANON | LINUX_ECHO | LINUX_ECHOE | LINUX_ECHOK | LINUX_ECHONL | LINUX_NOFLSH |
                       LINUX_TOSTOP | LINUX_ECHOCTL | LINUX_ECHOPRT | LINUX_ECHOKE | LINUX_IEXTEN,
                   terminal_settings.local);
    if (one_in(30))
        new->local |= LINUX_EXTPROC;
    memcpy(new->characters, terminal_settings.characters, TERMIOS_CHARACTERS);
    for (uint32_t i = 0; i < TERMIOS_CHARACTERS; i++)
        if (one_in(12))
            new->characters[i] = (uint8_t)pick(256);
    new->characters[TERMIOS_MIN] = (uint8_t)pick(4);
    new->characters[TERMIOS_TIME] = (uint8_t)(one_in(4) ? pick(3) : 0);
}

static void compare_settings(void) {
    struct linux_termios theirs = {0}, ours = {0};
    same("TCGETS2", ioctl(their_slave, TCGETS2, &theirs), stage_control(our_master, LINUX_TCGETS2, &ours));
    uint8_t their_bytes[sizeof(theirs)], our_bytes[sizeof(ours)];
    memcpy(their_bytes, &theirs, sizeof(theirs));
    memcpy(our_bytes, &ours, sizeof(ours));
    same_bytes("settings", their_bytes, our_bytes, sizeof(their_bytes));
}

static void set(void) {
    static const uint32_t requests[] = {LINUX_TCSETS, LINUX_TCSETSW, LINUX_TCSETSF};
    uint32_t request = requests[pick(3)];
    bool by_master = one_in(4);
    pick_settings();
    if (is_shown)
        fprintf(stderr, "%u: set input %#o output %#o local %#o by %#x\n", step, settings.input, settings.output,
                settings.local, request);
    same("setting", answer(ioctl(by_master ? their_master : their_slave, request, &settings)),
         stage_control(by_master ? our_master : our_slave, request, &settings));
    compare_settings();
    compare_output();
    struct pollfd theirs = {.fd = their_slave, .events = POLLIN};
    assert_true(poll(&theirs, 1, 0) >= 0);
    if ((theirs.revents & POLLIN) != 0)
        compare_input();
}

static void request(void) {
    static const struct {
        uint32_t request, arguments;
    } requests[] = {{LINUX_TCXONC, 3}, {LINUX_TCFLSH, 4}, {LINUX_TCSBRK, 2}, {LINUX_TIOCGETD, 1}};
    uint32_t which = pick(3), argument = pick(requests[which].arguments);
    if (which == 0 && argument == LINUX_TCIOFF)
        argument = LINUX_TCOON;
    if (is_shown)
        fprintf(stderr, "%u: request %#x %u\n", step, requests[which].request, argument);
    same("request", answer(ioctl(their_slave, requests[which].request, argument)),
         stage_control_number(our_slave, requests[which].request, argument));
    compare_output();
    compare_state();
}

/* So that neither side's queue of echoes overflows, output goes on soon. */
static void go_on(void) {
    (void)ioctl(their_slave, TCXONC, TCOOFF);
    (void)stage_control_number(our_slave, LINUX_TCXONC, LINUX_TCOOFF);
    same("going on", ioctl(their_slave, TCXONC, TCOON), stage_control_number(our_slave, LINUX_TCXONC, LINUX_TCOON));
    put_out(); /* echoes come before it */
}

static bool begin(void) {
    int is_locked = 0, number;
    char name[32];
    their_master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (their_master < 0 || ioctl(their_master, TIOCSPTLCK, &is_locked) != 0 ||
        ioctl(their_master, TIOCGPTN, &number) != 0)
        return false;
    snprintf(name, sizeof(name), "/dev/pts/%d", number);
    their_slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (their_slave < 0)
        return false;
    stage_begin(&stage);
    stage.caller.leads_session = false;
    stage_open_pair(&stage, &our_master, &our_slave, LINUX_O_NOCTTY | LINUX_O_NONBLOCK);
    settings = terminal_settings;
    compare_settings();
    return true;
}

static bool run_round(uint64_t with) {
    seed = random_state = with;
    if (!begin())
        return false;
    for (step = 0; step < STEPS; step++) {
        if (step % 6 == 0)
            go_on();
        switch (pick(10)) {
        case 0:
            set();
            break;
        case 1:
            request();
            break;
        case 2:
        case 3:
            put_out();
            break;
        default:
            type();
        }
    }
    file_unref(our_slave);
    file_unref(our_master);
    stage_end(&stage);
    (void)close(their_slave);
    (void)close(their_master);
    return true;
}

static void we_do_as_linux_does(void **state) {
    const char *chosen = getenv("GROVE_SEED");
    (void)state;
    is_shown = getenv("GROVE_SHOW") != NULL;
    for (uint64_t i = 0; i < (chosen != NULL ? 1 : ROUNDS); i++)
        if (!run_round(chosen != NULL ? strtoull(chosen, NULL, 10) : i + 1))
            skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(we_do_as_linux_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
