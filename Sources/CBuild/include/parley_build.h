// What this program was built from.
#ifndef PARLEY_BUILD_H
#define PARLEY_BUILD_H

// The commit, empty where whoever built it did not say.
const char *parley_build_commit(void);

#endif
