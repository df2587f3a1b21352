/* Trees as text. */
#ifndef GROVE_MANIFEST_PRINT_H
#define GROVE_MANIFEST_PRINT_H

#include <stdio.h>

#include "userspace/manifest/node.h"

/* YAML, each text with its origin as a comment. */
void print_yaml(const struct node *root, FILE *stream);
/* JSON, each text as {"value", "from"}. */
void print_json(const struct node *node, FILE *stream);

#endif
