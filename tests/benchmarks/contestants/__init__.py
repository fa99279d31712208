"""What a training step is for each library: `step(problem)` sets up, and returns the work of one step.

A step is forward, backward and SGD with momentum and weight decay; it returns the loss before the step. Some files
have more: an `epoch`, `evaluation`, `scoring` and so on are set up and returned likewise. Nothing is measured here.
"""
