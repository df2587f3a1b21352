/*
 * Intrusive doubly linked lists: the only list of the core.
 *
 * A head is a link in a circle with its members. Every operation takes constant time, so that a whole list can be handed
 * on inside one bounded step. A link that is in no list is all zero, which is how fresh pool memory looks.
 */
#ifndef GROVE_CORE_LIST_H
#define GROVE_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous;
};

/* The structure that `link` is the member `member` of. */
#define list_item(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))
/* The first member of a list, or NULL. */
#define list_first_item(head, type, member) (list_is_empty(head) ? NULL : list_item((head)->next, type, member))

static inline void list_init(struct list *head) {
    head->next = head;
    head->previous = head;
}

static inline bool list_is_empty(const struct list *head) {
    return head->next == head || head->next == NULL;
}

static inline bool list_is_linked(const struct list *link) {
    return link->next != NULL;
}

static inline void list_insert_between(struct list *link, struct list *previous, struct list *next) {
    link->previous = previous;
    link->next = next;
    previous->next = link;
    next->previous = link;
}

static inline void list_append(struct list *head, struct list *link) {
    list_insert_between(link, head->previous, head);
}

static inline void list_prepend(struct list *head, struct list *link) {
    list_insert_between(link, head, head->next);
}

/* Does nothing to a link that is in no list. */
static inline void list_remove(struct list *link) {
    if (!list_is_linked(link))
        return;
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = NULL;
    link->previous = NULL;
}

/* Append all members of `from` to `to`; `from` is empty after that. */
static inline void list_append_all(struct list *to, struct list *from) {
    if (list_is_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

#endif
