/* The PC's clock, behind two ports: see wall.h. Only here, before there is more than one processor. */
#include "kernel/machine/x86_64/time/wall.h"

#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/bare/time/cmos.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/time/clock.h"

#include <string.h>

#define PORT_NUMBER 0x70u
#define PORT_VALUE 0x71u
#define NUMBER_NO_NMI 0x80u /* none comes while a register is chosen */
#define REGISTER_SECOND 0x00u
#define REGISTER_MINUTE 0x02u
#define REGISTER_HOUR 0x04u
#define REGISTER_DAY 0x07u
#define REGISTER_MONTH 0x08u
#define REGISTER_YEAR 0x09u
#define REGISTER_STATE_A 0x0au
#define REGISTER_STATE_B 0x0bu
#define REGISTERS 128u
#define STATE_A_CHANGES 0x80u /* the date is about to change, and may be read half */
#define TRIES_MAX 10000u
#define NS_PER_SECOND INT64_C(1000000000)

static uint8_t read(uint8_t number) {
    out8(PORT_NUMBER, number | NUMBER_NO_NMI);
    return in8(PORT_VALUE);
}

static struct cmos_date read_once(uint8_t century_register) {
    bool has_century = century_register > REGISTER_STATE_B && century_register < REGISTERS;
    return (struct cmos_date){.second = read(REGISTER_SECOND),
                              .minute = read(REGISTER_MINUTE),
                              .hour = read(REGISTER_HOUR),
                              .day = read(REGISTER_DAY),
                              .month = read(REGISTER_MONTH),
                              .year = read(REGISTER_YEAR),
                              .century = has_century ? read(century_register) : 0,
                              .state_b = read(REGISTER_STATE_B)};
}

/* Twice the same in a row, neither of them while it changes. False: that does not come, as where there is no clock. */
static bool read_date(uint8_t century_register, struct cmos_date *date) {
    struct cmos_date before = {.month = 0xff};
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        if ((read(REGISTER_STATE_A) & STATE_A_CHANGES) != 0)
            continue;
        *date = read_once(century_register);
        if (memcmp(date, &before, sizeof(before)) == 0)
            return true;
        before = *date;
    }
    return false;
}

static const char *find(const struct acpi_machine *machine, const char *command_line, int64_t *seconds) {
    struct cmos_date date;
    uint64_t given = 0;
    if (options_number(command_line, "time", &given) && given <= INT64_MAX / NS_PER_SECOND) {
        *seconds = (int64_t)given;
        return "as it was told";
    }
    if (!machine->has_no_cmos_clock && read_date(machine->century_register, &date) &&
        cmos_read_date(&date, seconds) == 0)
        return "by the machine's clock";
    *seconds = 0;
    return "for want of a clock";
}

void wall_init(const struct acpi_machine *machine, const char *command_line) {
    int64_t seconds = 0;
    const char *source = find(machine, command_line, &seconds);
    clock_set_wall_ns(seconds * NS_PER_SECOND);
    console_print("boot: %ld seconds since 1970, %s\n", seconds, source);
}
