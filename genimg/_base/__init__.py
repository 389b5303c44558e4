"""The ground: errors in one line, seeds, devices, whole files, ranks, weights, records. It knows nothing above it."""
