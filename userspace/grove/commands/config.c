/*
 * grove config: what services are told to do, and what changes in it.
 */
#include <string.h>

#include "userspace/grove/commands/config_command.h"

static const struct command_option options[] = {
    {"reveal", 'r', NULL, "get, list: show secrets too"},
    {"stdin", 'i', NULL, "set: the value of the last KEY is read from standard input; for secrets"},
    {"file", 'f', "FILE", "set: the value of the last KEY is what this file holds"},
    {"why", 'w', "TEXT", "set, unset, rollback, reload: a word for the history"},
    {"restart", 'R', NULL, "set, unset, rollback, reload: restart services where a key changes only so"},
    {"dry-run", 'd', NULL, "set, unset, rollback, reload: only say what would happen"},
    {"since", 'S', "NUMBER", "diff: compare with how it was after this change"},
    {"number", 'n', "COUNT", "history: at most so many changes (20)"},
    {0},
};

static const struct verb {
    const char *name;
    int (*run)(struct invocation *invocation, const char **operands, unsigned count);
    unsigned minimum, maximum; /* operands behind the verb; a maximum of 0 is no limit */
} verbs[] = {
    {"get", config_get, 2, 2},           {"list", config_list, 1, 1},   {"set", config_set, 2, 0},
    {"unset", config_unset, 2, 0},       {"diff", config_diff, 1, 1},   {"history", config_history, 0, 1},
    {"rollback", config_rollback, 0, 1}, {"watch", config_watch, 0, 1}, {"check", config_check, 1, 0},
    {"reload", config_reload, 0, 0},
};
#define VERBS (sizeof verbs / sizeof verbs[0])

static int fail_verb(const struct invocation *invocation, const char *word) {
    const char *names[VERBS + 1] = {NULL};
    for (size_t index = 0; index < VERBS; index++)
        names[index] = verbs[index].name;
    const char *nearest = value_nearest(word, names);
    return command_misused(invocation, "there is no verb %s; %s%s%s", word,
                           nearest != NULL ? "did you mean " : "it is get, list, set, unset, diff, history, rollback, ",
                           nearest != NULL ? nearest : "watch, check or reload", nearest != NULL ? "?" : "");
}

static int run(struct invocation *invocation) {
    const char *word = invocation->arguments[0];
    unsigned count = invocation->argument_count - 1;
    for (size_t index = 0; index < VERBS; index++) {
        const struct verb *verb = &verbs[index];
        if (strcmp(verb->name, word) != 0)
            continue;
        bool is_limited = verb->maximum != 0 || verb->minimum == 0;
        if (count < verb->minimum || (is_limited && count > verb->maximum))
            return command_misused(invocation, "%s takes %s operands than %u", word,
                                   count < verb->minimum ? "more" : "no more", count);
        return verb->run(invocation, invocation->arguments + 1, count);
    }
    return fail_verb(invocation, word);
}

const struct command command_config = {
    .name = "config",
    .summary = "read and change the configuration of services",
    .usage = "VERB [NAME] [KEY[=VALUE]...]",
    .description =
        "get NAME KEY prints one value, list NAME all keys with what they are for and where their values come from. "
        "set "
        "NAME KEY=VALUE... changes several keys at once: all of them or, if the schema in the manifest or a program "
        "that validates refuses one, none; unset takes back what was set. A key that holds a list is named once for "
        "each "
        "item. The value of a secret is read from --stdin or --file, so that it stands in no command line.\n\n"
        "diff NAME shows what differs from the manifest, with --since NUMBER what changed since that change. history "
        "[NAME] "
        "lists changes with who and why; rollback [NUMBER] makes all as it was after that change, without a number as "
        "it was before the newest. watch [NAME] prints changes as they happen.\n\n"
        "check FILE... says whether files of configuration are good. Files in the folder of the configuration service "
        "(STATE/services/system.config/config.d/*.yaml) count as soon as they are written; reload reads them again and "
        "says what is wrong.",
    .examples = "  grove config list grid.protect                              every key\n"
                "  grove config set grid.protect frequency-limit=48.9 -w test  change one\n"
                "  grove config set grid.historian token --stdin <token.txt    set a secret\n"
                "  grove config rollback                                       undo the newest change",
    .operands = COMMAND_OPERANDS_SERVICE,
    .minimum = 1,
    .options = options,
    .run = run,
};
