/*
 * The system call filter of a container.
 *
 * A program is a binary search over the system call numbers: calls that are next to each other and get the same answer
 * are one interval, each interval ends in its answer or in the rules for its one call.
 *
 *     processor mode is not the native one: ENOSYS
 *     number >= pivot?  ... a balanced tree ...
 *       allowed | refused (EPERM) | asked for (notified) | rules on arguments | everything else: ENOSYS
 *
 * It is generated here, and libseccomp only knows the numbers: its own programs are several times as long, and loading
 * one (the kernel compiles it, and tries it on every system call) would be the largest part of a start. The program
 * depends only on which calls the broker wants to be asked about, so there are few different ones: each is made once,
 * kept, and loaded by the starting child as it is. x32 calls lie above all intervals and get ENOSYS.
 *
 * A prepared child (spare.c) loads it in two parts, because the kernel takes long over the first: `stage` is the same
 * program but for the few calls that are still to come and that no container may make (filter_later); `last`, a few
 * instructions long, answers those as the whole program does and lets all others through to `stage`. The kernel takes the
 * stricter of two answers, so both together are the whole program; filter_test.c tries every call.
 */
#include "kernel/machine/linux/container/container.h"
#include "kernel/machine/linux/container/filter_calls.h"
#include "kernel/machine/linux/container/filter_rules.h"

#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FILTER_SETS_MAX 64u
#define NUMBERS_MAX 1024u
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define ANSWER_UNKNOWN (SECCOMP_RET_ERRNO | ENOSYS)

/* What a call gets: an answer, or rules if there are any. */
struct answer {
    uint32_t action;
    const struct filter_rule *rules;
};

struct filter_set {
    uint64_t notified; /* bit n: broker_calls[n] */
    struct filter filter;
};
static struct filter_set sets[FILTER_SETS_MAX];
static unsigned set_count;

struct interval {
    uint32_t first;
    struct answer answer;
};

/* One program in the making. Only the loop thread makes any. */
static struct builder {
    struct answer answers[NUMBERS_MAX];
    struct filter_rule asked[64]; /* of calls that are asked about by an argument, or watched */
    unsigned asked_count;
    struct interval intervals[NUMBERS_MAX];
    unsigned interval_count;
    uint32_t socket_action;
    struct sock_filter code[BPF_MAXINSNS];
    unsigned length;
} builder;

/* ---- what each call gets ---- */

/* Names that this processor or this libseccomp does not know are passed over. */
static struct answer *answer_of(const char *name) {
    int number = seccomp_syscall_resolve_name(name);
    return number < 0 || number >= (int)NUMBERS_MAX ? NULL : &builder.answers[number];
}

static void answer_set(const char *name, struct answer answer) {
    struct answer *place = answer_of(name);
    if (place != NULL)
        *place = answer;
}

/*
 * A call that has rules of its own keeps what they refuse; where they would allow it, the broker is asked instead. So a
 * broker that only watches a call and lets it go on opens nothing that the rules close.
 */
static void answer_asked_by_rules(struct answer *place) {
    struct filter_rule *copy = &builder.asked[builder.asked_count];
    const struct filter_rule *rule = place->rules;
    place->rules = copy;
    do {
        if (builder.asked_count == COUNT(builder.asked))
            machine_panic("the filter's room for rules is too small");
        *copy = *rule;
        if (rule->action == RULE_ALLOW)
            copy->action = SECCOMP_RET_USER_NOTIF;
        copy++;
        builder.asked_count++;
    } while (rule++->test != RULE_ALWAYS);
}

static void answer_asked(const struct broker_call *call) {
    struct answer *place = answer_of(call->name);
    if (strcmp(call->name, "socket") == 0) {
        builder.socket_action = SECCOMP_RET_USER_NOTIF;
        return;
    }
    if (place != NULL && place->rules != NULL) {
        answer_asked_by_rules(place);
        return;
    }
    if (place == NULL || place->action != SECCOMP_RET_ALLOW)
        return; /* unknown here, or closed to everybody */
    if (call->skip_if_zero_argument < 0 || builder.asked_count + 2 > COUNT(builder.asked)) {
        *place = (struct answer){SECCOMP_RET_USER_NOTIF, NULL};
        return;
    }
    struct filter_rule *rules = &builder.asked[builder.asked_count];
    unsigned argument = (unsigned)call->skip_if_zero_argument;
    rules[0] = (struct filter_rule){call->name, RULE_ZERO, argument, 0, RULE_ALLOW};
    rules[1] = (struct filter_rule){call->name, RULE_ALWAYS, 0, 0, SECCOMP_RET_USER_NOTIF};
    builder.asked_count += 2;
    *place = (struct answer){0, rules};
}

/* Later ones win: what is allowed here and the broker wants to be asked about, it is asked about. */
static void answers_fill(uint64_t notified) {
    builder.asked_count = 0;
    builder.socket_action = SECCOMP_RET_ALLOW;
    for (unsigned i = 0; i < NUMBERS_MAX; i++)
        builder.answers[i] = (struct answer){ANSWER_UNKNOWN, NULL};
    for (unsigned i = 0; i < COUNT(filter_allowed); i++)
        answer_set(filter_allowed[i], (struct answer){SECCOMP_RET_ALLOW, NULL});
    for (unsigned i = 0; i < COUNT(filter_refused); i++)
        answer_set(filter_refused[i], (struct answer){RULE_REFUSE, NULL});
    for (unsigned i = COUNT(filter_rules); i-- > 0;)
        answer_set(filter_rules[i].call, (struct answer){0, &filter_rules[i]});
    for (unsigned i = 0; i < broker_call_count && i < 64; i++)
        if ((notified >> i & 1) != 0)
            answer_asked(&broker_calls[i]);
}

static void intervals_find(void) {
    builder.interval_count = 0;
    for (uint32_t number = 0; number < NUMBERS_MAX; number++) {
        const struct answer *answer = &builder.answers[number];
        const struct answer *before = number == 0 ? NULL : &builder.answers[number - 1];
        if (before != NULL && before->action == answer->action && before->rules == answer->rules)
            continue;
        builder.intervals[builder.interval_count++] = (struct interval){number, *answer};
    }
}

/* ---- instructions ---- */

static void emit(uint16_t code, uint32_t value, unsigned if_true, unsigned if_false) {
    builder.code[builder.length++] =
        (struct sock_filter){.code = code, .jt = (uint8_t)if_true, .jf = (uint8_t)if_false, .k = value};
}

static void emit_return(uint32_t action) {
    emit(BPF_RET | BPF_K, action == RULE_SOCKET ? builder.socket_action : action, 0, 0);
}

/* Both processors are little-endian: the low half of an argument comes first. */
static void emit_argument(unsigned argument, bool is_high) {
    emit(BPF_LD | BPF_W | BPF_ABS,
         (uint32_t)(offsetof(struct seccomp_data, args) + sizeof(uint64_t) * argument +
                    (is_high ? sizeof(uint32_t) : 0)),
         0, 0);
}

/* Falls through when the rule does not hold. */
static void emit_rule(const struct filter_rule *rule) {
    switch (rule->test) {
    case RULE_ALWAYS:
        break;
    case RULE_IS:
        emit_argument(rule->argument, false);
        emit(BPF_JMP | BPF_JEQ | BPF_K, rule->value, 0, 1);
        break;
    case RULE_HAS:
        emit_argument(rule->argument, false);
        emit(BPF_JMP | BPF_JSET | BPF_K, rule->value, 0, 1);
        break;
    case RULE_TYPE_IS:
        emit_argument(rule->argument, false);
        emit(BPF_ALU | BPF_AND | BPF_K, S_IFMT, 0, 0);
        emit(BPF_JMP | BPF_JEQ | BPF_K, rule->value, 0, 1);
        break;
    case RULE_CREATE_HAS:
        emit_argument(rule->argument - 1, false);
        emit(BPF_JMP | BPF_JSET | BPF_K, O_CREAT, 0, 3);
        emit_argument(rule->argument, false);
        emit(BPF_JMP | BPF_JSET | BPF_K, rule->value, 0, 1);
        break;
    case RULE_ZERO:
        emit_argument(rule->argument, false);
        emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
        emit_argument(rule->argument, true);
        emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
        break;
    }
    emit_return(rule->action);
}

static void emit_answer(const struct answer *answer) {
    const struct filter_rule *rule = answer->rules;
    if (rule == NULL) {
        emit_return(answer->action);
        return;
    }
    while (rule->test != RULE_ALWAYS)
        emit_rule(rule++);
    emit_rule(rule);
}

static void emit_search(unsigned first, unsigned last);

/* Instructions that the search among intervals [first, last) takes. */
static unsigned search_length(unsigned first, unsigned last) {
    unsigned start = builder.length;
    emit_search(first, last);
    unsigned length = builder.length - start;
    builder.length = start;
    return length;
}

/*
 * The search among intervals [first, last). The half below the pivot comes first; a conditional jump reaches over 255
 * instructions only, beyond that a long jump does.
 */
static void emit_search(unsigned first, unsigned last) {
    if (last - first == 1) {
        emit_answer(&builder.intervals[first].answer);
        return;
    }
    unsigned pivot = first + (last - first) / 2;
    unsigned below = search_length(first, pivot);
    if (below <= UINT8_MAX) {
        emit(BPF_JMP | BPF_JGE | BPF_K, builder.intervals[pivot].first, below, 0);
    } else {
        emit(BPF_JMP | BPF_JGE | BPF_K, builder.intervals[pivot].first, 0, 1);
        emit(BPF_JMP | BPF_JA, below, 0, 0);
    }
    emit_search(first, pivot);
    emit_search(pivot, last);
}

/* ---- programs ---- */

/* Ends with the number in the accumulator. */
static void emit_head(uint32_t action_of_other_modes) {
    builder.length = 0;
    emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    emit(BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 1, 0);
    emit_return(action_of_other_modes);
    emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
}

static int program_keep(struct sock_fprog *program) {
    program->filter = malloc(builder.length * sizeof *builder.code);
    if (program->filter == NULL)
        return GROVE_NO_MEMORY;
    (void)memcpy(program->filter, builder.code, builder.length * sizeof *builder.code);
    program->len = (unsigned short)builder.length;
    return GROVE_OK;
}

static int program_of_answers(struct sock_fprog *program) {
    intervals_find();
    emit_head(ANSWER_UNKNOWN);
    emit_search(0, builder.interval_count);
    return program_keep(program);
}

/* What the stage lets through, answered as the whole program does; what that one says to other modes the stage says too. */
static int program_last(struct sock_fprog *program) {
    emit_head(SECCOMP_RET_ALLOW);
    for (unsigned i = 0; i < COUNT(filter_later); i++) {
        const struct answer *answer = answer_of(filter_later[i]);
        if (answer == NULL)
            continue;
        emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(answer - builder.answers), 0, 1);
        emit_return(answer->action);
    }
    emit_return(SECCOMP_RET_ALLOW);
    return program_keep(program);
}

/* Every call that a prepared child has still to make is let through, and asks nobody. */
static bool can_be_staged(void) {
    for (unsigned i = 0; i < COUNT(filter_remaining); i++) {
        const struct answer *answer = answer_of(filter_remaining[i]);
        if (answer == NULL)
            continue;
        const struct filter_rule *rule = answer->rules;
        while (rule != NULL && rule->test != RULE_ALWAYS)
            rule++;
        if ((rule != NULL ? rule->action : answer->action) != SECCOMP_RET_ALLOW)
            return false;
    }
    /* An answer that depends on arguments would have to be repeated by `last`. */
    for (unsigned i = 0; i < COUNT(filter_later); i++)
        if (answer_of(filter_later[i]) != NULL && answer_of(filter_later[i])->rules != NULL)
            return false;
    return true;
}

static int set_build(struct filter_set *set) {
    answers_fill(set->notified);
    set->filter.has_listener = set->notified != 0;
    int result = program_of_answers(&set->filter.whole);
    if (result < 0 || !can_be_staged())
        return result;
    result = program_last(&set->filter.last);
    for (unsigned i = 0; i < COUNT(filter_later); i++)
        answer_set(filter_later[i], (struct answer){SECCOMP_RET_ALLOW, NULL});
    return result < 0 ? result : program_of_answers(&set->filter.stage);
}

static void set_free(const struct filter_set *set) {
    free(set->filter.whole.filter);
    free(set->filter.stage.filter);
    free(set->filter.last.filter);
}

/* ---- sets ---- */

static uint64_t wanted_calls(const struct grove_spec *spec) {
    uint64_t wanted = 0;
    for (unsigned i = 0; i < broker_call_count && i < 64; i++)
        if (broker_calls[i].wanted == NULL || broker_calls[i].wanted(spec))
            wanted |= UINT64_C(1) << i;
    return wanted;
}

int filter_get(const struct grove_spec *spec, struct filter *filter) {
    uint64_t wanted = wanted_calls(spec);
    struct filter_set *set = sets;
    while (set < sets + set_count && set->notified != wanted)
        set++;
    if (set == sets + set_count) {
        if (set_count == FILTER_SETS_MAX)
            return GROVE_EXHAUSTED;
        *set = (struct filter_set){.notified = wanted};
        int result = set_build(set);
        if (result < 0) {
            set_free(set);
            return result;
        }
        set_count++;
    }
    *filter = set->filter;
    return GROVE_OK;
}
