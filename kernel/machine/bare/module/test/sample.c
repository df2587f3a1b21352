/* A module for the unit tests: it uses the kernel's `sample_note`, and exports a function and a number. */
#include "kernel/machine/bare/module/module.h"

#define MODULE_INTERFACE 42

void sample_note(const char *text, int number);
int sample_twice(int number);
extern int sample_starts;

int sample_starts;
static int untouched[100];
static const char *const texts[] = {"started", "stopped"};

int sample_twice(int number) {
    return 2 * number + untouched[number];
}

static int start(const char *options) {
    sample_note(texts[0], ++sample_starts);
    return options[0] == 'f' ? -5 : 0;
}

static void stop(void) {
    sample_note(texts[1], sample_starts);
}

static const struct module_symbol exports[] = {{"sample_twice", (const void *)&sample_twice},
                                               {"sample_starts", &sample_starts}};

MODULE("sample", start, stop, exports, 2);
