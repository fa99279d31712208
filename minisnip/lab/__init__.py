"""The laboratory: experiments, comparisons, the reproduction, figures and the command; the core never imports it."""
