/*
 * Linux's numbers and layouts of terminals, as programs pass and see them: termios(3), ioctl_tty(2). They are the same on
 * both processors. termios_test.c compares them with this computer's headers.
 */
#ifndef GROVE_TTY_TERMIOS_H
#define GROVE_TTY_TERMIOS_H

#include <stdint.h>

#define TERMIOS_CHARACTERS 19u

/* What TCGETS tells, and, with the two speeds, what TCGETS2 does. */
struct linux_termios {
    uint32_t input, output, control, local; /* LINUX_I*, O*, C* and the other flags below */
    uint8_t line; /* the line discipline: 0 is the only one */
    uint8_t characters[TERMIOS_CHARACTERS]; /* by enum termios_character; 0 is none */
    uint32_t input_speed, output_speed;
};
#define TERMIOS_BYTES 36u /* without the speeds */

struct linux_window {
    uint16_t rows, columns, x_pixels, y_pixels;
};

enum termios_character {
    TERMIOS_INTERRUPT,
    TERMIOS_QUIT,
    TERMIOS_ERASE,
    TERMIOS_KILL,
    TERMIOS_END_OF_FILE,
    TERMIOS_TIME,
    TERMIOS_MIN,
    TERMIOS_SWITCH,
    TERMIOS_START,
    TERMIOS_STOP,
    TERMIOS_SUSPEND,
    TERMIOS_END_OF_LINE,
    TERMIOS_REPRINT,
    TERMIOS_DISCARD,
    TERMIOS_WORD_ERASE,
    TERMIOS_LITERAL_NEXT,
    TERMIOS_END_OF_LINE_2,
};

/* Input. */
#define LINUX_PARMRK 0000010u
#define LINUX_ISTRIP 0000040u
#define LINUX_INLCR 0000100u
#define LINUX_IGNCR 0000200u
#define LINUX_ICRNL 0000400u
#define LINUX_IUCLC 0001000u
#define LINUX_IXON 0002000u
#define LINUX_IXANY 0004000u
#define LINUX_IUTF8 0040000u

/* Output. */
#define LINUX_OPOST 0000001u
#define LINUX_OLCUC 0000002u
#define LINUX_ONLCR 0000004u
#define LINUX_OCRNL 0000010u
#define LINUX_ONOCR 0000020u
#define LINUX_ONLRET 0000040u
#define LINUX_TABDLY 0014000u
#define LINUX_XTABS 0014000u

/* Control. Of these only the speed and the width of a character are kept. */
#define LINUX_CBAUD 0010017u
#define LINUX_B38400 0000017u
#define LINUX_BOTHER 0010000u
#define LINUX_CSIZE 0000060u
#define LINUX_CS8 0000060u
#define LINUX_CREAD 0000200u
#define LINUX_PARENB 0000400u
#define LINUX_HUPCL 0002000u

/* The rest. */
#define LINUX_ISIG 0000001u
#define LINUX_ICANON 0000002u
#define LINUX_ECHO 0000010u
#define LINUX_ECHOE 0000020u
#define LINUX_ECHOK 0000040u
#define LINUX_ECHONL 0000100u
#define LINUX_NOFLSH 0000200u
#define LINUX_TOSTOP 0000400u
#define LINUX_ECHOCTL 0001000u
#define LINUX_ECHOPRT 0002000u
#define LINUX_ECHOKE 0004000u
#define LINUX_IEXTEN 0100000u
#define LINUX_EXTPROC 0200000u

/* Requests of ioctl. */
#define LINUX_TCGETS 0x5401u
#define LINUX_TCSETS 0x5402u
#define LINUX_TCSETSW 0x5403u
#define LINUX_TCSETSF 0x5404u
#define LINUX_TCSBRK 0x5409u
#define LINUX_TCXONC 0x540au
#define LINUX_TCFLSH 0x540bu
#define LINUX_TIOCEXCL 0x540cu
#define LINUX_TIOCNXCL 0x540du
#define LINUX_TIOCSCTTY 0x540eu
#define LINUX_TIOCGPGRP 0x540fu
#define LINUX_TIOCSPGRP 0x5410u
#define LINUX_TIOCOUTQ 0x5411u
#define LINUX_TIOCSTI 0x5412u
#define LINUX_TIOCGWINSZ 0x5413u
#define LINUX_TIOCSWINSZ 0x5414u
#define LINUX_FIONREAD 0x541bu
#define LINUX_TIOCPKT 0x5420u
#define LINUX_TIOCNOTTY 0x5422u
#define LINUX_TIOCSETD 0x5423u
#define LINUX_TIOCGETD 0x5424u
#define LINUX_TCSBRKP 0x5425u
#define LINUX_TIOCGSID 0x5429u
#define LINUX_TCGETS2 0x802c542au
#define LINUX_TCSETS2 0x402c542bu
#define LINUX_TCSETSW2 0x402c542cu
#define LINUX_TCSETSF2 0x402c542du
#define LINUX_TIOCGPTN 0x80045430u
#define LINUX_TIOCSPTLCK 0x40045431u
#define LINUX_TIOCGDEV 0x80045432u
#define LINUX_TIOCSIG 0x40045436u
#define LINUX_TIOCVHANGUP 0x5437u
#define LINUX_TIOCGPKT 0x80045438u
#define LINUX_TIOCGPTLCK 0x80045439u
#define LINUX_TIOCGEXCL 0x80045440u
#define LINUX_TIOCGPTPEER 0x5441u

/* Arguments of TCXONC and TCFLSH. */
#define LINUX_TCOOFF 0u
#define LINUX_TCOON 1u
#define LINUX_TCIOFF 2u
#define LINUX_TCION 3u
#define LINUX_TCIFLUSH 0u
#define LINUX_TCOFLUSH 1u
#define LINUX_TCIOFLUSH 2u

/* The first byte of a read in packet mode. */
#define LINUX_TIOCPKT_DATA 0u
#define LINUX_TIOCPKT_FLUSHREAD 1u
#define LINUX_TIOCPKT_FLUSHWRITE 2u
#define LINUX_TIOCPKT_STOP 4u
#define LINUX_TIOCPKT_START 8u
#define LINUX_TIOCPKT_NOSTOP 16u
#define LINUX_TIOCPKT_DOSTOP 32u
#define LINUX_TIOCPKT_IOCTL 64u

#endif
