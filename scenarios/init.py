"""The scenario that `alloclab init` writes: small, complete, explained line by line."""

TEMPLATE = """\
# A scenario: models that work together, the machines they may run on, and the load.
#   alloclab compare FILE      which scheduler places it best, and by how much
#   alloclab show FILE         what was understood
# Every key is explained in docs/scenario-format.md. Numbers carry their unit: 40 ms, 16 GiB,
# 25 Gbit/s, 30 Hz. Delete what you do not need: nearly everything has a default.

alloclab: 1                    # version of this format
name: my-scenario
description: Photos are described in words, and the words are spoken.

# ----- the machines: a name from `alloclab list clusters`, a file, or written out ---------------
cluster:
  nodes:
    phone:  {device: snapdragon-888, labels: [entry]}    # devices: scenarios/clusters/devices.yaml
    server: {device: xeon-8380-8c, price_per_hour: 0.77 USD/h}
    gpu:    {device: l4, slots: 1, memory: 20 GB}        # what you say replaces the device's value
  switches: [rack]
  links:
    phone -- rack:   {bandwidth: 50 Mbit/s, latency: 10 ms}    # radio: one direction at a time
    server <-> rack: {bandwidth: 10 Gbit/s, latency: 20 us}    # cable: both at once
    gpu <-> rack:    {bandwidth: 10 Gbit/s, latency: 20 us}

# ----- the work: one stream of requests for one graph of tasks ----------------------------------
streams:
  photos:
    arrivals: {poisson: 4/s, requests: 300}    # or 30 Hz, {clients: 8}, {trace: times.csv}
    deadline: 1 s                              # an answer later than this is worth nothing
    noise: 5 %                                 # durations vary by that much
    sizes:
      words: {lognormal: {median: 20, sigma: 0.4}}

    tasks:
      photo:                                   # where data come from: takes no time, hands on bytes
        duration: 0 s
        output: 300 kB
        near: entry                            # stays on the node labelled entry
      look:                                    # a model of the catalogue: `alloclab list models`
        variants: [backbone-large, backbone-large@fp16]
      describe:                                # a model of your own, by measured times
        duration: {cpu: 180 ms, gpu: 25 ms}
        output: 4 kB
        weights: 1.2 GB
        scale_with: words                      # an average photo has 20 words; twice as many, twice
      speak:                                   # two ways to do it: schedulers choose
        variants:
          plain:   {duration: {any: 30 ms}, output: 50 kB}
          natural: {duration: {gpu: 20 ms}, output: 50 kB, weights: 500 MB}
        scale_with: words
      play:
        duration: 0 s
        near: entry

    edges:                                     # each carries what its producer hands on
      - photo -> look -> describe -> speak -> play

# ----- the rules --------------------------------------------------------------------------------
network: fair                # messages share links fairly; or fifo, or ideal (they never meet)
objective: p99_latency       # or makespan, throughput, energy, ..., {p99_latency: 1, energy: 0.01}
"""
