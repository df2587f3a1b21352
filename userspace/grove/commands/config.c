/*
 * grove config: what services are told to do, and what changes in it.
 */
#include <limits.h>
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
    const char *operands; /* for people */
    int (*run)(struct invocation *invocation, const char **operands, unsigned count);
    unsigned minimum, maximum; /* operands behind the verb */
} verbs[] = {
    {"get", "NAME KEY", config_get, 2, 2},
    {"list", "NAME", config_list, 1, 1},
    {"set", "NAME KEY=VALUE...", config_set, 2, UINT_MAX},
    {"unset", "NAME KEY...", config_unset, 2, UINT_MAX},
    {"diff", "NAME", config_diff, 1, 1},
    {"history", "[NAME]", config_history, 0, 1},
    {"rollback", "[NUMBER]", config_rollback, 0, 1},
    {"watch", "[NAME]", config_watch, 0, 1},
    {"check", "FILE...", config_check, 1, UINT_MAX},
    {"reload", "", config_reload, 0, 0},
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
        if (count < verb->minimum || count > verb->maximum)
            return command_misused(invocation, "it is written: grove config %s %s", word, verb->operands);
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
