/*
 * Reducing what a program used to what a person would write down.
 */
#include "userspace/grove/learn/needs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/text/text.h"

/* Add the texts before the "=>", reduce, and expect exactly the texts behind it. */
static void expect(const char *const *texts) {
    struct needs *needs = needs_create();
    struct grove_capability capability;
    char text[TEXT_CAPABILITY_MAX];
    unsigned index = 0;
    for (; strcmp(*texts, "=>") != 0; texts++) {
        assert_int_equal(text_capability_parse(*texts, &capability, NULL, 0), 0);
        assert_true(needs_add(needs, &capability));
    }
    needs_reduce(needs);
    for (texts++; *texts; texts++, index++) {
        assert_true(index < needs_count(needs));
        text_capability_format(needs_at(needs, index), text, sizeof(text));
        assert_string_equal(text, *texts);
    }
    assert_int_equal(needs_count(needs), index);
    needs_destroy(needs);
}

#define EXPECT(...) expect((const char *const[]){__VA_ARGS__, NULL})

static void what_another_includes_goes(void **state) {
    (void)state;
    EXPECT("FS_READ:/a/b", "FS_READ:/a/b", "=>", "FS_READ:/a/b");
    EXPECT("FS_READ:/a/b", "FS_WRITE:/a/b", "=>", "FS_WRITE:/a/b");
    EXPECT("FS_WRITE:/a/b", "FS_READ:/a/b/c", "=>", "FS_WRITE:/a/b");
    EXPECT("FS_EXEC:/a/b", "FS_READ:/a/b", "FS_WRITE:/a/b", "=>", "FS_WRITE:/a/b", "FS_EXEC:/a/b");
    EXPECT("FS_READ:/a/bc", "FS_READ:/a/b", "=>", "FS_READ:/a/b", "FS_READ:/a/bc");
    EXPECT("NET_CONNECT:1.2.3.4:80/tcp", "NET_CONNECT:1.2.3.4:80", "=>", "NET_CONNECT:1.2.3.4:80");
}

static void a_crowd_becomes_its_folder(void **state) {
    (void)state;
    EXPECT("FS_READ:/srv/a/1", "FS_READ:/srv/a/2", "FS_READ:/srv/a/3", "=>", "FS_READ:/srv/a/1", "FS_READ:/srv/a/2",
           "FS_READ:/srv/a/3");
    EXPECT("FS_READ:/srv/a/1", "FS_READ:/srv/a/2", "FS_READ:/srv/a/3", "FS_READ:/srv/a/4", "=>", "FS_READ:/srv/a");
    EXPECT("FS_READ:/srv/a/1", "FS_READ:/srv/a/2", "FS_WRITE:/srv/a/3", "FS_READ:/srv/a/4", "=>", "FS_READ:/srv/a/1",
           "FS_READ:/srv/a/2", "FS_READ:/srv/a/4", "FS_WRITE:/srv/a/3");
    /* Folders that came of crowds are a crowd again. */
    EXPECT("FS_READ:/srv/a/1/x", "FS_READ:/srv/a/2/x", "FS_READ:/srv/a/3/x", "FS_READ:/srv/a/4/w", "FS_READ:/srv/a/4/x",
           "FS_READ:/srv/a/4/y", "FS_READ:/srv/a/4/z", "FS_READ:/srv/a/5", "FS_READ:/srv/a/6", "FS_READ:/srv/a/7", "=>",
           "FS_READ:/srv/a");
}

static void no_crowd_becomes_a_folder_of_many(void **state) {
    (void)state;
    EXPECT("FS_READ:/etc/1", "FS_READ:/etc/2", "FS_READ:/etc/3", "FS_READ:/etc/4", "=>", "FS_READ:/etc/1",
           "FS_READ:/etc/2", "FS_READ:/etc/3", "FS_READ:/etc/4");
    EXPECT("FS_READ:/var/lib/1", "FS_READ:/var/lib/2", "FS_READ:/var/lib/3", "FS_READ:/var/lib/4", "=>",
           "FS_READ:/var/lib/1", "FS_READ:/var/lib/2", "FS_READ:/var/lib/3", "FS_READ:/var/lib/4");
    EXPECT("FS_READ:/home/u/1", "FS_READ:/home/u/2", "FS_READ:/home/u/3", "FS_READ:/home/u/4", "=>",
           "FS_READ:/home/u/1", "FS_READ:/home/u/2", "FS_READ:/home/u/3", "FS_READ:/home/u/4");
    EXPECT("FS_READ:/home/u/p/1", "FS_READ:/home/u/p/2", "FS_READ:/home/u/p/3", "FS_READ:/home/u/p/4", "=>",
           "FS_READ:/home/u/p");
    EXPECT("FS_READ:/etc/n/1", "FS_READ:/etc/n/2", "FS_READ:/etc/n/3", "FS_READ:/etc/n/4", "=>", "FS_READ:/etc/n");
    EXPECT("FS_READ:/1", "FS_READ:/2", "FS_READ:/3", "FS_READ:/4", "=>", "FS_READ:/1", "FS_READ:/2", "FS_READ:/3",
           "FS_READ:/4");
}

static void the_way_to_something_needs_nothing(void **state) {
    (void)state;
    EXPECT("FS_READ:/var", "FS_READ:/var/lib", "FS_WRITE:/var/lib/x", "=>", "FS_WRITE:/var/lib/x");
    EXPECT("FS_READ:/etc", "FS_READ:/etc", "=>", "FS_READ:/etc");
    EXPECT("FS_WRITE:/run", "FS_READ:/run/x", "=>", "FS_WRITE:/run");
    EXPECT("FS_READ:/srv/a", "FS_READ:/srv/a/b", "=>", "FS_READ:/srv/a");
}

static void addresses_are_merged(void **state) {
    (void)state;
    EXPECT("NET_CONNECT:1.0.0.1:443/tcp", "NET_CONNECT:1.0.0.2:443/tcp", "NET_CONNECT:1.0.0.3:443/tcp",
           "NET_CONNECT:[::1]:443/tcp", "=>", "NET_CONNECT:*:443/tcp");
    EXPECT("NET_CONNECT:1.0.0.1:1/tcp", "NET_CONNECT:1.0.0.1:2/tcp", "NET_CONNECT:1.0.0.1:3/tcp",
           "NET_CONNECT:1.0.0.1:4/tcp", "NET_CONNECT:1.0.0.2:4/tcp", "=>", "NET_CONNECT:1.0.0.1:*/tcp",
           "NET_CONNECT:1.0.0.2:4/tcp");
    EXPECT("NET_BIND:1.0.0.1:1/tcp", "NET_CONNECT:1.0.0.1:2/tcp", "NET_CONNECT:1.0.0.1:3/udp",
           "NET_CONNECT:1.0.0.1:4/tcp", "=>", "NET_BIND:1.0.0.1:1/tcp", "NET_CONNECT:1.0.0.1:2/tcp",
           "NET_CONNECT:1.0.0.1:4/tcp", "NET_CONNECT:1.0.0.1:3/udp");
}

static void wide_folders_are_known(void **state) {
    static const char *const wide[] = {"FS_WRITE:/",       "FS_WRITE:/run",   "FS_READ:/etc",
                                       "FS_READ:/var/lib", "FS_READ:/home/u", "FS_READ"};
    static const char *const narrow[] = {"FS_WRITE:/run/x", "FS_READ:/etc/nginx", "FS_READ:/var/lib/x", "NET_BIND:*:*",
                                         "FS_READ:/home/u/p"};
    struct grove_capability capability;
    (void)state;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
        assert_int_equal(text_capability_parse(wide[i], &capability, NULL, 0), 0);
        assert_true(needs_is_wide(&capability));
    }
    for (size_t i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++) {
        assert_int_equal(text_capability_parse(narrow[i], &capability, NULL, 0), 0);
        assert_false(needs_is_wide(&capability));
    }
}

/* What the kernel says may be anything, and any amount. */
static void many_needs_are_bounded(void **state) {
    struct needs *needs = needs_create();
    struct grove_capability capability = {.kind = GROVE_CAP_FS_READ};
    (void)state;
    capability.argument.kind = GROVE_ARGUMENT_PATH;
    for (unsigned i = 0; i < 5000; i++) {
        int length =
            snprintf(capability.argument.value.text, sizeof(capability.argument.value.text), "/srv/%u/%u", i % 50, i);
        capability.argument.length_bytes = (uint16_t)length;
        assert_true(needs_add(needs, &capability));
    }
    memset(&capability, 0xff, sizeof(capability));
    assert_true(needs_add(needs, &capability));
    needs_reduce(needs);
    assert_true(needs_count(needs) <= 50);
    needs_destroy(needs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_another_includes_goes),
        cmocka_unit_test(a_crowd_becomes_its_folder),
        cmocka_unit_test(no_crowd_becomes_a_folder_of_many),
        cmocka_unit_test(addresses_are_merged),
        cmocka_unit_test(the_way_to_something_needs_nothing),
        cmocka_unit_test(wide_folders_are_known),
        cmocka_unit_test(many_needs_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
