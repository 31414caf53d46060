// What a program does before anything else of it runs, its libraries' own beginnings included.
#ifndef PARLEY_START_H
#define PARLEY_START_H

// From the first moment SIGHUP ends nothing. A command that does not serve gives it back its effect.
void parley_restore_hangup(void);

#endif
