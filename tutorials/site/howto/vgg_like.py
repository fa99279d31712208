"""Prune VGG-like with minisnip, train it in PyTorch, on a GPU if there is one, and read the weights back."""

import argparse

import numpy as np
import torch

from minisnip import export
from minisnip.data import Split, load
from minisnip.nn import MODELS
from minisnip.pruning import connection_sensitivity, keep_top, report
from minisnip.training import evaluate

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", default="cifar-10", help="cifar-10, or noise: random pixels of the same shape")
parser.add_argument("--sparsity", type=float, default=0.97)
parser.add_argument("--images", type=int, default=128, help="in the scoring batch")
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--iterations", type=int, default=160 * 352, help="160 epochs of 45,000 images")
parser.add_argument("--test", type=int, default=10_000, help="test images to evaluate")
options = parser.parse_args()


def moved(x, rng):
    """Each image shifted by up to 4 pixels, and half of them mirrored: (N, C, H, W)."""
    size, (dy, dx) = x.shape[-1], rng.integers(0, 9, 2)
    shifted = torch.nn.functional.pad(x, (4, 4, 4, 4))[..., dy : dy + size, dx : dx + size]
    mirrored = torch.from_numpy(rng.random(len(x)) < 0.5).to(x.device)
    return torch.where(mirrored[:, None, None, None], shifted.flip(-1), shifted)


# The mask: one backward pass, here.
rng = np.random.default_rng(0)
data, net = load(options.dataset), MODELS["vgg-like"]()
params = net.init(rng)
chosen = rng.permutation(len(data.train.labels))[: options.images]
scores = connection_sensitivity(net, params, data.train.images[chosen], data.train.labels[chosen])
masks = keep_top(scores, options.sparsity)
print(report(masks))

# The training, there.
device = "cuda" if torch.cuda.is_available() else "cpu"
module = export.to_torch(net, params, masks).to(device).train()
images, labels = (torch.from_numpy(a).to(device) for a in (data.train.images, data.train.labels))
optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.iterations)
order = np.array([], int)
for i in range(options.iterations):
    if len(order) < options.batch:
        order = rng.permutation(len(labels))
    rows, order = torch.from_numpy(order[: options.batch]).to(device), order[options.batch :]
    loss = torch.nn.functional.cross_entropy(module(moved(images[rows], rng)), labels[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if i % 100 == 0:
        print(f"iteration {i}: loss {loss.item():.3f} on {device}")

# And back.
export.save_state(module.cpu(), "vgg_like.safetensors")
trained, found = export.from_torch(net, "vgg_like.safetensors")
assert all(np.array_equal(found[name], masks[name]) for name in masks)
assert not any(trained[name][masks[name] == 0].any() for name in masks)
np.savez("vgg_like.npz", **trained)
test = Split(data.test.images[: options.test], data.test.labels[: options.test])
print("test loss {:.3f} nats, error {:.2f} %".format(*evaluate(net, trained, test)))
