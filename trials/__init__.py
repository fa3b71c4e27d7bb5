"""What the benchmarks and the chaos run share: the product on free ports in a temporary directory, and its records.

    trial     servers, ports, addresses and environment of one trial, prepared; nothing is started
    records   the people and orders that requests refer to

The room's law: it imports `sandbox`, `models` and `settings`, knows nothing of what is measured or hurt, and is
imported by nothing but `bench` and `chaos`.
"""
