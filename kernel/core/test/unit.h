/* cmocka with what it needs before it. */
#ifndef GROVE_CORE_TEST_UNIT_H
#define GROVE_CORE_TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ITEMS(array) (sizeof(array) / sizeof((array)[0]))

#endif
