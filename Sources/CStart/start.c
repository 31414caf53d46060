#include "parley_start.h"

#include <signal.h>

static void (*hangup)(int) = SIG_DFL;

static void begin(void) { hangup = signal(SIGHUP, SIG_IGN); }

// Called as soon as the dynamic linker is done: what the libraries do before `main` takes a while on a busy machine.
__attribute__((section(".preinit_array"), used)) static void (*const start)(void) = begin;

void parley_restore_hangup(void) { signal(SIGHUP, hangup); }
