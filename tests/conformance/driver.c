/*
 * The conformance suite: each law that a service may rely on is tried with the service under test (service.c) in
 * containers of the kernel at hand. The same program runs on every machine, as a service that may spawn or, on linux, as
 * an external client.
 *
 *     conformance-driver EXECUTABLE [WORD]     only the laws with WORD in their names
 *
 * Output is TAP. Nothing depends on how long anything takes, except that it ends.
 */
#include "tests/conformance/laws.h"

#include <stdio.h>
#include <string.h>

int main(int argument_count, char **arguments) {
    struct stage stage;
    if (argument_count < 2 || argument_count > 3) {
        fprintf(stderr, "usage: %s EXECUTABLE [WORD]\n", arguments[0]);
        return 2;
    }
    if (stage_open(&stage, arguments[1]) < 0)
        return grove_report("conformance");
    printf("1..%u\n", law_count);
    for (unsigned i = 0; i < law_count; i++)
        if (argument_count < 3 || strstr(laws[i].name, arguments[2]) != NULL)
            stage_try(&stage, laws[i].name, laws[i].try_it);
    stage_close(&stage);
    printf("# %u passed, %u failed\n", stage.number - stage.failed, stage.failed);
    return stage.failed > 0;
}
