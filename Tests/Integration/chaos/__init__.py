"""Chaos: clients under load, something breaks, and what the clients saw is compared with what the database holds.

    python -m chaos --parley BINARY --rounds N [--seed S] [--gateways 2]

`load` decides what is sent, `client` sends it and keeps a `view` of each thread, through `proxy`; `faults` breaks
things in a `world` of one cluster and a gateway, or two of them with a balancer before them; an `audit` in the
database notes who writes; `rounds` puts that together; `rows` reads the database, and the
`checker`, which is pure, compares.
"""
