#include "parley_build.h"

const char *parley_build_commit(void) { return PARLEY_COMMIT; }
