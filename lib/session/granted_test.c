/* Regions that the library waits for are kept for it; others go to the program. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "grove/bus_protocol.h"
#include "lib/session/session.h"
#include "lib/testing/fake_kernel.h"

#define REGION_BYTES 4096u

static void grant_tagged(struct fake_kernel *kernel, const char *from, grove_object_id id, char mark, uint64_t tag) {
    struct grove_message notice = {
        .version = GROVE_PORT_VERSION, .operation = GROVE_NOTICE_REGION_GRANTED, .objects = 1};
    notice.body.region_granted.region = (struct grove_region_reply){
        .region = id, .id = id, .size_bytes = REGION_BYTES, .tag = tag, .rights = GROVE_RIGHT_READ};
    (void)snprintf(notice.body.region_granted.from.text, sizeof notice.body.region_granted.from.text, "%s", from);
    int memory = memfd_create("granted", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(memory >= 0);
    assert_int_equal(ftruncate(memory, REGION_BYTES), 0);
    assert_int_equal(pwrite(memory, &mark, 1, 0), 1);
    assert_int_equal(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    fake_kernel_say(kernel, "client", &notice, sizeof notice, &memory, 1);
    (void)close(memory);
}

static void grant(struct fake_kernel *kernel, const char *from, grove_object_id id, char mark) {
    grant_tagged(kernel, from, id, mark, 0);
}

static void count_notice(const struct grove_message *notice, const int *objects, unsigned count, void *context) {
    for (unsigned index = 0; index < count; index++)
        (void)close(objects[index]);
    *(unsigned *)context += notice->operation == GROVE_NOTICE_REGION_GRANTED;
}

static void test_the_region_with_the_id_is_taken(void **state) {
    (void)state;
    struct fake_kernel *kernel = fake_kernel_start();
    struct grove_session *session = NULL;
    struct grove_region *region = NULL;
    unsigned others = 0;
    int port = fake_kernel_add(kernel, "client", NULL);
    assert_int_equal(grove_session_open(&(struct grove_session_options){.descriptor = port}, &session), 0);
    grove_session_on_notice(session, count_notice, &others);
    assert_int_equal(session_expect_regions(session, "system.config"), 0);
    assert_int_equal(session_expect_regions(session, "system.config"), 0);
    for (grove_object_id id = 1; id <= 40; id++)
        grant(kernel, "system.config", id, (char)id);
    grant(kernel, "grid.other", 50, 'x');
    assert_int_equal(session_take_region(session, 39, &region), 0);
    assert_int_equal(*(char *)grove_region_data(region, NULL), 39);
    assert_false(grove_region_is_writable(region));
    assert_int_equal(session_take_region(session, 39, &region), GROVE_NOT_FOUND);
    assert_int_equal(session_take_region(session, 1, &region), GROVE_NOT_FOUND); /* too many came after it */
    assert_int_equal(grove_session_dispatch(session, GROVE_SECOND), 0);
    assert_int_equal(others, 1);
    grove_region_close(region);
    grove_session_close(session);
    fake_kernel_stop(kernel);
}

/* Rings of publishers that an earlier instance wrote or read are no news to the program, and do not stay. */
static void test_a_ring_of_an_earlier_instance_is_dropped(void **state) {
    (void)state;
    struct fake_kernel *kernel = fake_kernel_start();
    struct grove_session *session = NULL;
    struct grove_region *region = NULL;
    unsigned others = 0;
    int port = fake_kernel_add(kernel, "client", NULL);
    assert_int_equal(grove_session_open(&(struct grove_session_options){.descriptor = port}, &session), 0);
    grove_session_on_notice(session, count_notice, &others);
    grant_tagged(kernel, "client", 7, 'x', GROVE_BUS_DIRECT_TAG);
    grant(kernel, "grid.other", 8, 'y');
    assert_int_equal(grove_session_dispatch(session, GROVE_SECOND), 0);
    assert_int_equal(others, 1);
    assert_int_equal(session_expect_regions(session, GROVE_BUS_ENDPOINT), 0);
    grant_tagged(kernel, GROVE_BUS_ENDPOINT, 9, 'z', GROVE_BUS_DIRECT_TAG);
    assert_int_equal(session_take_region_from(session, 9, "grid.other", &region), GROVE_NOT_FOUND);
    assert_int_equal(session_take_region_from(session, 9, GROVE_BUS_ENDPOINT, &region), 0);
    assert_int_equal(session_take_region(session, 7, &region), GROVE_NOT_FOUND);
    grove_region_close(region);
    grove_session_close(session);
    fake_kernel_stop(kernel);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_region_with_the_id_is_taken),
                                       cmocka_unit_test(test_a_ring_of_an_earlier_instance_is_dropped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
