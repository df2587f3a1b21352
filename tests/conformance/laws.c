#include "tests/conformance/laws.h"

const struct law laws[] = {
#define LAW_ROW(function, name) {name, function},
    LAW_TABLE(LAW_ROW)
#undef LAW_ROW
};
const unsigned law_count = sizeof laws / sizeof laws[0];

int scene_open(struct stage *stage, struct scene *scene) {
    scene->channel = NULL;
    int status = actor_create(stage, "server", "server", &scene->server);
    if (status == 0)
        status = actor_start(stage, scene->server);
    if (status == 0)
        status = actor_connect(stage, "conformance.server", 0, &scene->channel);
    return status;
}

void scene_close(struct stage *stage, struct scene *scene) {
    grove_channel_close(scene->channel);
    actor_destroy(stage, scene->server);
}
