/* The terminal on a console: both ways, a device that is full, and signals. The device is the test's. */
#include "kernel/services/tty/console.h"

#include "kernel/services/tty/test/stage.h"

#include <string.h>

static char sent[256];
static size_t sent_bytes, device_room;
static const char *typed;

size_t console_device_write(struct console_device *device, const uint8_t *bytes, size_t count) {
    (void)device;
    size_t taken = count < device_room ? count : device_room;
    assert_true(sent_bytes + taken < sizeof(sent));
    memcpy(sent + sent_bytes, bytes, taken);
    sent_bytes += taken;
    device_room -= taken;
    return taken;
}

size_t console_device_read(struct console_device *device, uint8_t *bytes, size_t room) {
    size_t size = 0;
    (void)device;
    for (; typed != NULL && typed[size] != 0; size++) {
        assert_true(size < room);
        bytes[size] = (uint8_t)typed[size];
    }
    typed = NULL;
    return size;
}

static struct tty_console console;
static struct linux_window told; /* rows 0: nothing new */

bool console_device_window(struct console_device *device, uint16_t *rows, uint16_t *columns) {
    (void)device;
    bool is_new = told.rows != 0;
    *rows = told.rows;
    *columns = told.columns;
    told.rows = 0;
    return is_new;
}

static struct console_device device;

static struct open_file *begin(struct stage *stage) {
    sent_bytes = 0;
    device_room = sizeof(sent);
    stage_begin_with(stage, &(struct terminal_consoles){.console = &console.terminal, .serial = &console.terminal});
    assert_int_equal(tty_console_init(&console, &stage->world.machine, stage->terminals.processes, &device), 0);
    return world_open(&stage->world, "dev/ttyS0", LINUX_O_RDWR | LINUX_O_NONBLOCK);
}

static void end(struct stage *stage, struct open_file *file) {
    file_unref(file);
    tty_console_deinit(&console);
    stage_end(stage);
}

static void expect_sent(const char *text) {
    assert_int_equal(sent_bytes, strlen(text));
    assert_memory_equal(sent, text, sent_bytes);
    sent_bytes = 0;
}

static void bytes_go_both_ways(void **state) {
    struct stage stage;
    struct open_file *file = begin(&stage);
    char got[16];
    (void)state;
    assert_int_equal(world_write_file(&stage.world, file, "hello\n", 6), 6);
    expect_sent("hello\r\n");
    typed = "ls\r";
    tty_console_work(&console);
    expect_sent("ls\r\n");
    assert_int_equal(world_read_file(file, got, sizeof(got)), 3);
    assert_memory_equal(got, "ls\n", 3);
    end(&stage, file);
}

static void a_full_device_is_waited_for(void **state) {
    struct stage stage;
    struct open_file *file = begin(&stage);
    (void)state;
    device_room = 4;
    assert_int_equal(world_write_file(&stage.world, file, "longer\n", 7), 7);
    expect_sent("long");
    device_room = 100;
    tty_console_work(&console);
    expect_sent("er\r\n");
    end(&stage, file);
}

static void the_session_hears_of_interrupts(void **state) {
    struct stage stage;
    struct open_file *file = begin(&stage);
    (void)state;
    typed = "\003";
    tty_console_work(&console);
    expect_sent("^C");
    assert_int_equal(stage.signal_count, 1);
    assert_int_equal(stage.signals[0].to, 10);
    assert_int_equal(stage.signals[0].signal, TERMINAL_INTERRUPT);
    end(&stage, file);
}

static void the_device_tells_how_large_the_window_is(void **state) {
    struct stage stage;
    struct open_file *file = begin(&stage);
    struct linux_window window;
    (void)state;
    told = (struct linux_window){.rows = 40, .columns = 100};
    tty_console_work(&console);
    tty_console_work(&console);
    assert_int_equal(stage_control(file, LINUX_TIOCGWINSZ, &window), 0);
    assert_int_equal(window.rows, 40);
    assert_int_equal(window.columns, 100);
    assert_int_equal(stage.signal_count, 1);
    assert_int_equal(stage.signals[0].signal, TERMINAL_WINDOW);
    end(&stage, file);
}

static void all_output_goes_out_at_the_end(void **state) {
    struct stage stage;
    struct open_file *file = begin(&stage);
    (void)state;
    device_room = 3;
    assert_int_equal(world_write_file(&stage.world, file, "\003bye", 4), 4);
    device_room = 100;
    assert_true(tty_console_push(&console));
    assert_false(tty_console_push(&console));
    expect_sent("\003bye");
    end(&stage, file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(a_full_device_is_waited_for),
        cmocka_unit_test(the_session_hears_of_interrupts),
        cmocka_unit_test(the_device_tells_how_large_the_window_is),
        cmocka_unit_test(all_output_goes_out_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
