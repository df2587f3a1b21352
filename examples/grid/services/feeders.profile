# What the substation of the example plays. The format is described in docs/grid.md.

loop 40s
system base 10000 inertia 4 droop 5 reserve 400

# Normal load, in kW; it breathes a little.
at 0s  feeder 1 load 1200
at 0s  feeder 2 load 1500
at 0s  feeder 3 load 1800
at 0s  feeder 4 load 2000
at 0s  feeder 5 load 2200
at 0s  feeder 6 load 1300
at 14s feeder 3 load 2000 ramp 6s
at 28s feeder 3 load 1800 ramp 6s
at 14s feeder 5 load 2050 ramp 6s
at 28s feeder 5 load 2200 ramp 6s

# A digger finds the cable of the suburb: a short circuit of 1500 A, until the ground is dry again.
at 0s  feeder 4 fault 0
at 2s  feeder 4 fault 1500
at 10s feeder 4 fault 0

# A power station trips: the frequency falls until enough load is shed.
at 0s  generation 10000
at 4s  generation 5200 ramp 400ms
at 20s generation 10000 ramp 10s
