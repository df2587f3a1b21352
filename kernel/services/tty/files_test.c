/* Terminals as files: pairs and their names, sessions and jobs, hanging up, packets, what read waits for, and memory that runs out. */
#include "kernel/services/tty/test/stage.h"

#include <stdio.h>
#include <string.h>

#define LINUX_O_NOCTTY 0400u
#define NONBLOCK LINUX_O_NONBLOCK

struct pair {
    struct stage stage; /* first */
    struct open_file *master, *slave;
};

static void begin(struct pair *pair, uint32_t flags) {
    stage_begin(&pair->stage);
    stage_open_pair(&pair->stage, &pair->master, &pair->slave, flags);
}

static void end(struct pair *pair) {
    if (pair->slave != NULL)
        file_unref(pair->slave);
    if (pair->master != NULL)
        file_unref(pair->master);
    stage_end(&pair->stage);
}

static int64_t type(struct pair *pair, const char *text) {
    return world_write_file(&pair->stage.world, pair->master, text, strlen(text));
}

static int64_t put_out(struct pair *pair, const char *text) {
    return world_write_file(&pair->stage.world, pair->slave, text, strlen(text));
}

static void expect(struct open_file *file, const char *text) {
    char got[64] = "";
    assert_int_equal(world_read_file(file, got, sizeof(got) - 1), strlen(text));
    assert_memory_equal(got, text, strlen(text));
}

static int64_t read_one(struct open_file *file) {
    char byte;
    return world_read_file(file, &byte, 1);
}

static void set_raw(struct pair *pair, uint8_t min, uint8_t time) {
    struct linux_termios settings = {0};
    assert_int_equal(stage_control(pair->slave, LINUX_TCGETS2, &settings), 0);
    settings.local = settings.input = settings.output = 0;
    settings.characters[TERMIOS_MIN] = min;
    settings.characters[TERMIOS_TIME] = time;
    assert_int_equal(stage_control(pair->slave, LINUX_TCSETS2, &settings), 0);
}

static bool got_signal(const struct stage *stage, int32_t to, int signal) {
    for (uint32_t i = 0; i < stage->signal_count; i++)
        if (stage->signals[i].to == to && stage->signals[i].signal == signal)
            return true;
    return false;
}

static void lines_go_both_ways(void **state) {
    struct pair pair;
    (void)state;
    begin(&pair, NONBLOCK);
    assert_int_equal(type(&pair, "hallo\rab"), 8);
    expect(pair.master, "hallo\r\nab");
    expect(pair.slave, "hallo\n");
    assert_int_equal(read_one(pair.slave), -LINUX_EAGAIN);
    assert_int_equal(put_out(&pair, "x\n"), 2);
    expect(pair.master, "x\r\n");
    assert_int_equal(read_one(pair.master), -LINUX_EAGAIN);
    end(&pair);
}

static void names_come_and_go(void **state) {
    struct pair pair;
    struct path path;
    struct open_file *other, *file;
    struct walk_path at = world_at("dev/pts/1");
    uint32_t number = 9, is_locked = 9;
    (void)state;
    begin(&pair, NONBLOCK);
    assert_int_equal(world_look(&pair.stage.world, "dev/pts/1", 0, &path), -LINUX_ENOENT);
    other = world_open(&pair.stage.world, "dev/ptmx", LINUX_O_RDWR);
    assert_int_equal(stage_control(other, LINUX_TIOCGPTN, &number), 0);
    assert_int_equal(number, 1);
    assert_int_equal(stage_control(other, LINUX_TIOCGPTLCK, &is_locked), 0);
    assert_int_equal(is_locked, 1);
    assert_int_equal(world_look(&pair.stage.world, "dev/pts/1", 0, &path), 0);
    assert_int_equal(path.dentry->inode->mode, LINUX_S_IFCHR | 0620);
    assert_int_equal(path.dentry->inode->user, WORLD_USER);
    assert_int_equal(file_open(&pair.stage.world.caller, &at, LINUX_O_RDWR, 0, &file), -LINUX_EIO); /* locked */
    file_unref(other);
    assert_int_equal(world_look(&pair.stage.world, "dev/pts/1", 0, &path), -LINUX_ENOENT);
    assert_int_equal(vfs_make_node(&pair.stage.world.caller, &at, LINUX_S_IFCHR | 0600, vfs_device(136, 1)), 0);
    assert_int_equal(file_open(&pair.stage.world.caller, &at, LINUX_O_RDWR, 0, &file), -LINUX_EIO);
    assert_int_equal(vfs_unlink(&pair.stage.world.caller, &at), 0);
    end(&pair);
}

static void a_peer_is_opened_by_its_name_or_without_one(void **state) {
    struct pair pair;
    struct walk_path at = world_at("dev/pts/0");
    (void)state;
    begin(&pair, NONBLOCK);
    assert_int_equal(stage_control_number(pair.slave, LINUX_TIOCGPTPEER, LINUX_O_RDWR), -LINUX_ENOTTY);
    assert_int_equal(stage_control_number(pair.master, LINUX_TIOCGPTPEER, LINUX_O_RDWR | LINUX_O_NOCTTY), 7);
    assert_int_equal(world_write_file(&pair.stage.world, pair.stage.given, "peer", 4), 4);
    expect(pair.master, "peer");
    assert_non_null(pair.stage.given->path.mount);
    assert_int_equal(pair.stage.given->inode->device, vfs_device(136, 0));
    file_unref(pair.stage.given);
    assert_int_equal(vfs_unlink(&pair.stage.world.caller, &at), 0);
    assert_int_equal(stage_control_number(pair.master, LINUX_TIOCGPTPEER, LINUX_O_RDWR | LINUX_O_NOCTTY), 7);
    assert_null(pair.stage.given->path.mount);
    file_unref(pair.stage.given);
    end(&pair);
}

static void a_leader_gets_its_terminal(void **state) {
    struct pair pair;
    struct open_file *file;
    struct walk_path at = world_at("dev/tty");
    int32_t number = 0;
    (void)state;
    begin(&pair, NONBLOCK | LINUX_O_NOCTTY);
    assert_int_equal(file_open(&pair.stage.world.caller, &at, LINUX_O_RDWR, 0, &file), -LINUX_ENXIO);
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCGPGRP, &number), -LINUX_ENOTTY);
    assert_int_equal(stage_control(pair.master, LINUX_TIOCGSID, &number), -LINUX_ENOTTY);
    assert_int_equal(stage_control_number(pair.slave, LINUX_TIOCSCTTY, 0), 0);
    assert_int_equal(stage_control_number(pair.slave, LINUX_TIOCSCTTY, 0), 0);
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCGSID, &number), 0);
    assert_int_equal(number, 10);
    file = world_open(&pair.stage.world, "dev/tty", LINUX_O_RDWR);
    assert_int_equal(world_write_file(&pair.stage.world, file, "me", 2), 2);
    expect(pair.master, "me");
    file_unref(file);
    /* Another session cannot take it, unless its leader is the administrator. */
    pair.stage.caller = (struct terminal_caller){.session = 20, .group = 20, .leads_session = true};
    assert_int_equal(stage_control_number(pair.slave, LINUX_TIOCSCTTY, 1), -LINUX_EPERM);
    pair.stage.caller.is_administrator = true;
    assert_int_equal(stage_control_number(pair.slave, LINUX_TIOCSCTTY, 1), 0);
    assert_int_equal(stage_control(pair.master, LINUX_TIOCGPGRP, &number), 0);
    assert_int_equal(number, 20);
    assert_int_equal(stage_control_number(pair.slave, LINUX_TIOCNOTTY, 0), 0);
    assert_true(got_signal(&pair.stage, 20, TERMINAL_HANG_UP));
    assert_int_equal(stage_control_number(pair.slave, LINUX_TIOCNOTTY, 0), -LINUX_ENOTTY);
    end(&pair);
}

static void the_foreground_is_asked_for(void **state) {
    struct pair pair;
    int32_t group = 11;
    (void)state;
    begin(&pair, NONBLOCK);
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCSPGRP, &group), 0);
    assert_int_equal(type(&pair, "\003"), 1);
    assert_true(got_signal(&pair.stage, 11, TERMINAL_INTERRUPT));
    assert_int_equal(read_one(pair.slave), -LINUX_EINTR); /* group 10 is in the background now */
    assert_true(got_signal(&pair.stage, 10, TERMINAL_BACKGROUND_READ));
    assert_int_equal(put_out(&pair, "x"), 1); /* without TOSTOP */
    pair.stage.is_orphaned = true;
    assert_int_equal(read_one(pair.slave), -LINUX_EIO);
    pair.stage.is_orphaned = false;
    assert_int_equal(stage_control_number(pair.slave, LINUX_TCFLSH, 0), -LINUX_EINTR);
    assert_true(got_signal(&pair.stage, 10, TERMINAL_BACKGROUND_WRITE));
    pair.stage.is_unnoticed = true;
    assert_int_equal(read_one(pair.slave), -LINUX_EIO);
    group = -1;
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCSPGRP, &group), -LINUX_EINVAL);
    group = pair.stage.foreign_group = 30;
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCSPGRP, &group), -LINUX_EPERM);
    group = 10;
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCSPGRP, &group), 0);
    assert_int_equal(read_one(pair.slave), -LINUX_EAGAIN);
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCSTI, "x"), -LINUX_EIO);
    end(&pair);
}

static void a_closed_master_hangs_up(void **state) {
    struct pair pair;
    struct linux_window window = {.rows = 1};
    (void)state;
    begin(&pair, NONBLOCK);
    assert_int_equal(type(&pair, "unread\n"), 7);
    file_unref(pair.master);
    pair.master = NULL;
    assert_true(got_signal(&pair.stage, -10, TERMINAL_HANG_UP));
    assert_true(got_signal(&pair.stage, -10, TERMINAL_CONTINUE));
    assert_null(pair.stage.caller.terminal);
    assert_int_equal(read_one(pair.slave), 0);
    assert_int_equal(put_out(&pair, "x"), -LINUX_EIO);
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCGWINSZ, &window), -LINUX_EIO);
    assert_int_equal(stage_poll(pair.slave), LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLERR | LINUX_POLLHUP |
                                                 LINUX_POLLRDNORM | LINUX_POLLWRNORM);
    end(&pair);
}

static void a_master_reads_the_end_when_nobody_is_left(void **state) {
    struct pair pair;
    (void)state;
    begin(&pair, NONBLOCK);
    assert_int_equal(put_out(&pair, "last"), 4);
    file_unref(pair.slave);
    assert_int_equal(stage_poll(pair.master) & LINUX_POLLHUP, LINUX_POLLHUP);
    expect(pair.master, "last");
    assert_int_equal(read_one(pair.master), -LINUX_EIO);
    pair.slave = world_open(&pair.stage.world, "dev/pts/0", LINUX_O_RDWR);
    assert_int_equal(read_one(pair.master), -LINUX_EAGAIN);
    end(&pair);
}

static void the_window_is_told(void **state) {
    struct pair pair;
    struct linux_window window = {.rows = 24, .columns = 80}, told = {0};
    (void)state;
    begin(&pair, NONBLOCK);
    assert_int_equal(stage_control(pair.master, LINUX_TIOCSWINSZ, &window), 0);
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCGWINSZ, &told), 0);
    assert_memory_equal(&window, &told, sizeof(window));
    assert_true(got_signal(&pair.stage, 10, TERMINAL_WINDOW));
    pair.stage.signal_count = 0;
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCSWINSZ, &window), 0);
    assert_int_equal(pair.stage.signal_count, 0);
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCSWINSZ, NULL), -LINUX_EFAULT);
    end(&pair);
}

static void packets_tell_what_changed(void **state) {
    struct pair pair;
    int32_t on = 1;
    char told;
    (void)state;
    begin(&pair, NONBLOCK);
    assert_int_equal(stage_control(pair.master, LINUX_TIOCPKT, &on), 0);
    assert_int_equal(put_out(&pair, "ab"), 2);
    char got[8];
    assert_int_equal(world_read_file(pair.master, got, 8), 3);
    assert_memory_equal(got, "\0ab", 3);
    assert_int_equal(stage_control_number(pair.slave, LINUX_TCXONC, LINUX_TCOOFF), 0);
    assert_int_equal(stage_poll(pair.master) & LINUX_POLLPRI, LINUX_POLLPRI);
    assert_int_equal(world_read_file(pair.master, &told, 1), 1);
    assert_int_equal(told, LINUX_TIOCPKT_STOP);
    assert_int_equal(put_out(&pair, "held"), -LINUX_EAGAIN);
    assert_int_equal(stage_control_number(pair.slave, LINUX_TCXONC, LINUX_TCOON), 0);
    assert_int_equal(stage_control_number(pair.slave, LINUX_TCFLSH, LINUX_TCIOFLUSH), 0);
    assert_int_equal(world_read_file(pair.master, &told, 1), 1);
    assert_int_equal(told, LINUX_TIOCPKT_START | LINUX_TIOCPKT_FLUSHREAD | LINUX_TIOCPKT_FLUSHWRITE);
    set_raw(&pair, 1, 0);
    assert_int_equal(world_read_file(pair.master, &told, 1), 1);
    assert_int_equal(told, LINUX_TIOCPKT_NOSTOP);
    end(&pair);
}

static void exclusive_means_nobody_else(void **state) {
    struct pair pair;
    struct open_file *file;
    struct walk_path at = world_at("dev/pts/0");
    (void)state;
    begin(&pair, NONBLOCK);
    assert_int_equal(stage_control_number(pair.slave, LINUX_TIOCEXCL, 0), 0);
    assert_int_equal(file_open(&pair.stage.world.caller, &at, LINUX_O_RDWR, 0, &file), -LINUX_EBUSY);
    assert_int_equal(stage_control_number(pair.slave, LINUX_TIOCNXCL, 0), 0);
    assert_int_equal(file_open(&pair.stage.world.caller, &at, LINUX_O_RDWR, 0, &file), 0);
    file_unref(file);
    end(&pair);
}

/* What comes while a program waits. */
static struct pair *waited_for;
static const char *coming[4];
static uint32_t came;

static void bring(struct world *world) {
    (void)world;
    const char *text = coming[came++];
    if (text != NULL)
        assert_int_equal(world_write_file(&waited_for->stage.world, waited_for->master, text, strlen(text)),
                         strlen(text));
}

static void wait_with(struct pair *pair, const char *first, const char *second) {
    waited_for = pair;
    came = 0;
    coming[0] = first;
    coming[1] = second;
    coming[2] = coming[3] = NULL;
    pair->stage.world.on_sleep = bring;
}

static void reads_wait_as_min_and_time_say(void **state) {
    struct pair pair;
    char got[8];
    (void)state;
    begin(&pair, 0);
    wait_with(&pair, "ab", "cd\n");
    expect(pair.slave, "abcd\n");
    assert_int_equal(came, 2);
    set_raw(&pair, 3, 0);
    wait_with(&pair, "ab", "cd");
    assert_int_equal(world_read_file(pair.slave, got, 8), 4);
    set_raw(&pair, 0, 0);
    assert_int_equal(world_read_file(pair.slave, got, 8), 0);
    set_raw(&pair, 0, 5);
    pair.stage.world.on_sleep = NULL; /* time passes, and nothing comes */
    int64_t before_ns = pair.stage.world.now_ns;
    assert_int_equal(world_read_file(pair.slave, got, 8), 0);
    assert_int_equal(pair.stage.world.now_ns - before_ns, 500000000);
    wait_with(&pair, "x", NULL);
    assert_int_equal(world_read_file(pair.slave, got, 8), 1);
    set_raw(&pair, 4, 1);
    assert_int_equal(type(&pair, "yz"), 2);
    pair.stage.world.on_sleep = NULL;
    assert_int_equal(world_read_file(pair.slave, got, 8), 2); /* the third did not come in time */
    end(&pair);
}

static void a_line_longer_than_the_ring_can_be_ended(void **state) {
    static char line[5000], got[5000];
    struct pair pair;
    struct linux_termios settings = terminal_settings;
    (void)state;
    begin(&pair, NONBLOCK);
    settings.local &= ~LINUX_ECHO;
    assert_int_equal(stage_control(pair.slave, LINUX_TCSETS2, &settings), 0);
    memset(line, 'l', sizeof(line));
    assert_int_equal(world_write_file(&pair.stage.world, pair.master, line, sizeof(line)), sizeof(line));
    assert_int_equal(type(&pair, "\n"), 1);
    assert_int_equal(world_read_file(pair.slave, got, sizeof(got)), TERMINAL_RING);
    assert_int_equal(got[TERMINAL_RING - 2], 'l');
    assert_int_equal(got[TERMINAL_RING - 1], '\n');
    set_raw(&pair, 1, 0);
    assert_int_equal(world_write_file(&pair.stage.world, pair.master, line, sizeof(line)), TERMINAL_RING - 1);
    assert_int_equal(stage_poll(pair.master) & LINUX_POLLOUT, 0);
    assert_int_equal(type(&pair, "x"), -LINUX_EAGAIN);
    end(&pair);
}

static void what_programs_do_not_understand_is_refused(void **state) {
    struct pair pair;
    int32_t number = 3;
    (void)state;
    begin(&pair, NONBLOCK);
    assert_int_equal(stage_control(pair.slave, LINUX_TCGETS, NULL), -LINUX_EFAULT);
    assert_int_equal(stage_control(pair.slave, LINUX_TCSETS, NULL), -LINUX_EFAULT);
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCSETD, &number), -LINUX_EINVAL);
    assert_int_equal(stage_control(pair.slave, LINUX_TIOCGPTN, &number), -LINUX_ENOTTY);
    assert_int_equal(stage_control_number(pair.slave, LINUX_TCFLSH, 3), -LINUX_EINVAL);
    assert_int_equal(stage_control_number(pair.slave, LINUX_TCXONC, 4), -LINUX_EINVAL);
    assert_int_equal(stage_control_number(pair.slave, 0x1234, 4), -LINUX_ENOTTY);
    assert_int_equal(stage_control_number(pair.slave, LINUX_TIOCVHANGUP, 0), -LINUX_EPERM);
    end(&pair);
}

static void memory_may_run_out(void **state) {
    struct stage stage;
    struct open_file *master = NULL;
    struct walk_path at = world_at("dev/ptmx");
    int status = -1;
    (void)state;
    stage_begin(&stage);
    for (uint64_t requests = 0; status != 0; requests++) {
        stage.world.requests_left = requests;
        status = file_open(&stage.world.caller, &at, LINUX_O_RDWR, 0, &master);
        if (status != 0)
            assert_int_equal(status, -LINUX_ENOMEM);
    }
    file_unref(master);
    stage_end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_go_both_ways),
        cmocka_unit_test(names_come_and_go),
        cmocka_unit_test(a_peer_is_opened_by_its_name_or_without_one),
        cmocka_unit_test(a_leader_gets_its_terminal),
        cmocka_unit_test(the_foreground_is_asked_for),
        cmocka_unit_test(a_closed_master_hangs_up),
        cmocka_unit_test(a_master_reads_the_end_when_nobody_is_left),
        cmocka_unit_test(the_window_is_told),
        cmocka_unit_test(packets_tell_what_changed),
        cmocka_unit_test(exclusive_means_nobody_else),
        cmocka_unit_test(reads_wait_as_min_and_time_say),
        cmocka_unit_test(a_line_longer_than_the_ring_can_be_ended),
        cmocka_unit_test(what_programs_do_not_understand_is_refused),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
