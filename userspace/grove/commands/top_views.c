/* See top_views.h. */
#include "userspace/grove/commands/top_views.h"

#include <string.h>

#include "grove/resource.h"

/* ---- by project ---- */

static const char *const sums[] = {"processor_ppm", "processor_ns", "memory_bytes", "memory_peak_bytes", "shared_bytes",
                                   "processes",     "disk_bytes",   "network_rate", "network_bytes"};
#define SUMS (sizeof sums / sizeof sums[0])

static json_t *project_of(json_t *projects, const char *name) {
    json_t *project = json_object_get(projects, name);
    if (project != NULL)
        return project;
    project = json_pack("{s:s, s:[]}", "project", name, "services");
    for (size_t index = 0; index < SUMS; index++)
        (void)json_object_set_new(project, sums[index], json_integer(0));
    (void)json_object_set_new(projects, name, project);
    return project;
}

static void add_to(json_t *project, json_t *row) {
    for (size_t index = 0; index < SUMS; index++) {
        json_int_t sum = json_integer_value(json_object_get(project, sums[index]));
        json_int_t more = json_integer_value(json_object_get(row, sums[index]));
        (void)json_object_set_new(project, sums[index], json_integer(sum + more));
    }
    (void)json_array_append(json_object_get(project, "services"), row);
}

static void add_table_rows(json_t *table, json_t *project) {
    size_t index;
    json_t *service, *head = json_copy(project);
    (void)json_object_set_new(head, "name", json_incref(json_object_get(project, "project")));
    (void)json_object_del(head, "services");
    (void)json_array_append_new(table, head);
    json_array_foreach(json_object_get(project, "services"), index, service) {
        json_t *row = json_copy(service);
        const char *full = json_string_value(json_object_get(service, "name"));
        const char *last = strrchr(full, '.');
        (void)json_object_set_new(row, "name", json_sprintf("  %s", last == NULL ? full : last + 1));
        (void)json_array_append_new(table, row);
    }
}

json_t *top_by_project(json_t *rows, bool is_document) {
    json_t *projects = json_object(), *result = json_array(), *row, *project;
    const char *name;
    size_t index;
    json_array_foreach(rows, index, row)
        add_to(project_of(projects, json_string_value(json_object_get(row, "project"))), row);
    json_object_foreach(projects, name, project) {
        if (is_document)
            (void)json_array_append(result, project);
        else
            add_table_rows(result, project);
    }
    json_decref(projects);
    json_decref(rows);
    return result;
}

/* ---- the last minute ---- */

/* One character for three seconds, in tenths of the largest. */
#define DRAWN 20u

static json_t *draw(const struct grove_resource_sample *samples, uint32_t count) {
    static const char levels[] = " .:-=+*#%@";
    uint64_t most = 1, step = GROVE_RESOURCE_SAMPLES / DRAWN;
    char drawing[DRAWN + 1];
    for (uint32_t index = 0; index < count; index++)
        most = samples[index].processor_ppm > most ? samples[index].processor_ppm : most;
    memset(drawing, ' ', DRAWN);
    drawing[DRAWN] = '\0';
    for (uint32_t index = 0; index < count; index++) {
        uint32_t place = DRAWN - 1 - (uint32_t)((count - 1 - index) / step);
        char level = levels[samples[index].processor_ppm * (sizeof levels - 2) / most];
        if (strchr(levels, level) > strchr(levels, drawing[place]))
            drawing[place] = level;
    }
    return json_string(drawing);
}

bool top_add_history(struct grove_session *session, json_t *rows) {
    static struct grove_resource_sample samples[GROVE_RESOURCE_SAMPLES];
    json_t *row;
    size_t index;
    json_array_foreach(rows, index, row) {
        uint32_t count = 0;
        json_t *processor = json_array(), *memory = json_array();
        int status = grove_resource_history(session, json_string_value(json_object_get(row, "name")), samples, &count);
        for (uint32_t at = 0; status == 0 && at < count; at++) {
            (void)json_array_append_new(processor, json_integer((json_int_t)samples[at].processor_ppm));
            (void)json_array_append_new(memory, json_integer((json_int_t)samples[at].memory_bytes));
        }
        (void)json_object_set_new(row, "processor_history_ppm", processor);
        (void)json_object_set_new(row, "memory_history_bytes", memory);
        (void)json_object_set_new(row, "history", draw(samples, status == 0 ? count : 0));
        if (status < 0 && status != GROVE_NOT_FOUND) /* that one has ended meanwhile */
            return false;
    }
    return true;
}
