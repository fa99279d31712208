"""The paper's numbers as printed there (arXiv 1810.02340), to stand beside ours: sparsity and test error in percent."""

from __future__ import annotations

from minisnip.lab.reproduce.budgets import CONVNET, MLP

# Table 1: method -> network -> (sparsity, error); no sparsity for the dense reference
DENSE = {MLP: 1.7, CONVNET: 0.9}
SNIP = {MLP: {95.0: 1.6, 98.0: 2.4}, CONVNET: {98.0: 0.8, 99.0: 1.1}}
OTHERS = {
    "LWC (magnitude, iterative)": {MLP: (91.7, 1.6), CONVNET: (91.7, 0.8)},
    "DNS (magnitude, iterative)": {MLP: (98.2, 2.0), CONVNET: (99.1, 0.9)},
    "LC": {MLP: (99.0, 3.2), CONVNET: (99.0, 1.1)},
    "SWS (Bayesian)": {MLP: (95.6, 1.9), CONVNET: (99.5, 1.0)},
    "SVD (Bayesian)": {MLP: (98.5, 1.9), CONVNET: (99.6, 0.8)},
    "OBD (Hessian)": {MLP: (92.0, 2.0), CONVNET: (92.0, 2.7)},
    "L-OBS (Hessian)": {MLP: (98.5, 2.0), CONVNET: (99.0, 2.1)},
}

# Table 3, at 90 %: scheme -> network -> mean ± std
INITIALIZATIONS = {
    "normal": {MLP: "1.90 ± 0.09", CONVNET: "0.89 ± 0.04"},
    "truncated_normal": {MLP: "1.96 ± 0.11", CONVNET: "0.87 ± 0.05"},
    "glorot": {MLP: "1.91 ± 0.10", CONVNET: "0.88 ± 0.07"},
    "he": {MLP: "1.88 ± 0.10", CONVNET: "0.85 ± 0.05"},
}

# Figure 3, LeNet-300-100 at 90 %: images in the scoring batch -> error
SCORING_IMAGES = {1: 1.94, 10: 1.72, 100: 1.64, 1_000: 1.56, 10_000: 1.40}
