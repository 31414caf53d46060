#ifndef PARLEY_CNATS_SHIM_H
#define PARLEY_CNATS_SHIM_H

#include <nats/nats.h>

#endif
