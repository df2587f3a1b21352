/* grid.conf: a good one, and a complaint for each thing that can be wrong. */
#include "examples/grid/common/config.h"
#include "grove/abi/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOOD \
    "device rtu host 10.0.0.1 port 1502 timeout 50ms\n" \
    "map m voltage holding 5 type f32 low-first scale 0.5\n" \
    "map m trip coil 0 inverted\n" \
    "feeder 4 name x device rtu map m unit 3 base 10 overcurrent 400 delay 200ms priority 2\n"

static int parse(const char *text, struct grid_config *config, struct problem *problem) {
    return config_parse("g", text, strlen(text), config, problem);
}

static void a_good_one(void **state) {
    (void)state;
    struct grid_config *config = malloc(sizeof *config);
    struct problem problem = {""};
    int status = parse("period 10ms\nhistorian segment 2M keep 3G\nstage below 49 feeders 1\nstage below 48.5 feeders "
                       "2 delay 1s\n" GOOD,
                       config, &problem);
    assert_string_equal(problem.sentence, "");
    assert_int_equal(status, 0);
    assert_int_equal(config->period_ns, 10000000);
    assert_int_equal(config->stage_count, 2);
    assert_int_equal(config->segment_bytes, UINT64_C(2) << 20);
    assert_int_equal(config->keep_bytes, UINT64_C(3) << 30);
    const struct config_feeder *feeder = &config->feeder[0];
    assert_int_equal(feeder->unit, 3);
    assert_int_equal(feeder->overcurrent_ns, 200000000);
    const struct register_point *voltage = &config->map[feeder->map].registers.point[QUANTITY_VOLTAGE];
    assert_true(voltage->is_low_first && voltage->type == TYPE_F32 && voltage->scale == 0.5);
    assert_int_equal(config_feeder_index(config, 4), 0);
    assert_int_equal(config_feeder_index(config, 5), -1);
    free(config);
}

static void complaints(void **state) {
    (void)state;
    static const struct {
        const char *text, *complaint;
    } wrong[] = {
        {"", "no feeder is described"},
        {"speed 3\n", "g:1: 'speed' is unknown"},
        {"period 1us\n", "too short"},
        {"historian segment 4T\n", "'4T' is not a size"},
        {"historian segment M\n", "'M' is not a size"},
        {"historian keep 4Mb\n", "'4Mb' is not a size"},
        {"historian keep 1K\n", "keep is 32768 to"},
        {"historian segment 4M keep 7M\n", "g:1: keep must be at least two segments"},
        {"device a host example.org\n", "not an IPv4 address"},
        {"device a host 1.2.3.4\ndevice a host 1.2.3.4\n", "g:2: device a is described twice"},
        {"device a host 1.2.3.4 port 70000\n", "1 to 65535"},
        {"map m colour input 0\n", "'colour' is no quantity"},
        {"map m voltage tape 0\n", "'tape' is no Modbus table"},
        {"map m voltage input 0 type u64\n", "'u64' is no type"},
        {"map m breaker coil 0 type u16\n", "of type bit"},
        {"map m trip input 0\n", "must be a coil"},
        {"map m voltage input 0\nmap m voltage input 1\n", "given twice"},
        {"feeder 1 name a device d map m\n", "no line for device d"},
        {"device d host 1.2.3.4\nfeeder 1 name a device d map m\n", "no line for map m"},
        {GOOD "feeder 4 name y device rtu map m\n", "described twice"},
        {GOOD "feeder 5 name y device rtu map m base 65530\n", "over 65535"},
        {"stage below 48 feeders 1\nstage below 49 feeders 1\n", "g:2: stages go down"},
    };
    struct grid_config *config = malloc(sizeof *config);
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct problem problem = {""};
        assert_int_equal(parse(wrong[i].text, config, &problem), GROVE_INVALID);
        if (strstr(problem.sentence, wrong[i].complaint) == NULL)
            fail_msg("'%s' does not say '%s'", problem.sentence, wrong[i].complaint);
    }
    free(config);
}

static void devices_move(void **state) {
    (void)state;
    struct grid_config *config = malloc(sizeof *config);
    struct problem problem = {""};
    assert_int_equal(parse(GOOD, config, &problem), 0);
    assert_int_equal(config_move_device(config, "rtu=127.0.0.1:99", &problem), 0);
    assert_string_equal(config->device[0].host, "127.0.0.1");
    assert_int_equal(config->device[0].port, 99);
    assert_int_equal(config_move_device(config, "other=127.0.0.1:99", &problem), GROVE_NOT_FOUND);
    assert_int_equal(config_move_device(config, "rtu=localhost:99", &problem), GROVE_INVALID);
    assert_int_equal(config_move_device(config, "rtu", &problem), GROVE_INVALID);
    free(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_good_one), cmocka_unit_test(complaints),
                                       cmocka_unit_test(devices_move)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
