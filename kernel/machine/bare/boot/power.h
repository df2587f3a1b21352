/* How a machine ends: served by the machine. */
#ifndef GROVE_BARE_POWER_H
#define GROVE_BARE_POWER_H

/* All programs have ended. A machine that cannot be switched off stands still for good. */
_Noreturn void power_switch_off(void);
_Noreturn void power_reset(void);

#endif
