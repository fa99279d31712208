"""PyTorch: modules, torch.optim.SGD, torch.nn.utils.prune; and the same epoch, evaluation, scoring and selection."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from minisnip.nn import MODELS, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from minisnip.pruning.masks import count_kept
from tests.benchmarks.problem import BATCH, MOMENTUM, RATE, WEIGHT_DECAY, Problem, problem, scores, shortened
from tests.table2 import forward

torch: Any = import_module("torch")
prune: Any = import_module("torch.nn.utils.prune")
nn, F = torch.nn, torch.nn.functional

MODULES: dict[type, Callable[[Any], Any]] = {
    Linear: lambda layer: nn.Linear(layer.in_features, layer.out_features),
    Conv2d: lambda layer: nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel),
    MaxPool2d: lambda layer: nn.MaxPool2d(layer.kernel),
    ReLU: lambda _: nn.ReLU(),
    Flatten: lambda _: nn.Flatten(),
}


def network(problem: Problem) -> Any:
    """The same network, with the same weights; under the same names if it is made of modules."""
    if not all(type(layer) in MODULES for layer in problem.net.layers.values()):
        return of_functions(problem)
    modules = OrderedDict((name, MODULES[type(layer)](layer)) for name, layer in problem.net.layers.items())
    network = nn.Sequential(modules)
    network.load_state_dict({name: torch.tensor(w) for name, w in problem.params.items()})
    for name, c in problem.masks.items():
        layer, parameter = name.split(".")
        prune.custom_from_mask(modules[layer], parameter, torch.tensor(c))
    return network


def of_functions(problem: Problem) -> Any:
    """A module that calls PyTorch's functions: its own LSTM and batch normalization, and residuals."""
    names, network = [*problem.params], nn.Module()
    network.weights = nn.ParameterList(torch.tensor(w) for w in problem.params.values())
    network.forward = lambda x: forward(torch, problem.net.layers, dict(zip(names, network.weights, strict=True)), x)
    return network


def sgd(net: Any) -> Any:
    return torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)


def one_step(net: Any, optimizer: Any, images: Any, labels: Any) -> float:
    """The loss before it."""
    optimizer.zero_grad()
    loss = F.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
    return float(loss.item())


def step(problem: Problem) -> Callable[[], float]:
    net, images, labels = network(problem), torch.tensor(problem.images), torch.tensor(problem.labels)
    optimizer = sgd(net)
    return lambda: one_step(net, optimizer, images, labels)


def epoch(model: str, share: float) -> Callable[[], float]:
    """A plain loop over the images that `train` sees, in its order, and its validation; the result is as minisnip's."""
    data = shortened(share)
    given = problem(MODELS[model](), data.train)
    images, labels, *validation = (
        torch.tensor(a) for split in (data.train, data.validation) for a in (split.images, split.labels)
    )
    steps = len(labels) // BATCH

    def work() -> float:
        net = network(given)
        optimizer = sgd(net)
        order = np.random.default_rng(0).permutation(len(labels))[: steps * BATCH].reshape(steps, BATCH)
        losses = [one_step(net, optimizer, images[rows], labels[rows]) for rows in torch.from_numpy(order)]
        mean_loss(net, *validation)
        return float(np.mean(losses))

    return work


def mean_loss(net: Any, images: Any, labels: Any) -> float:
    """The mean loss; the wrong answers are counted too, as minisnip does."""
    loss, wrong = 0.0, 0
    with torch.no_grad():
        for x, y in zip(images.split(500), labels.split(500), strict=True):
            logits = net(x)
            loss += F.cross_entropy(logits, y).item() * len(y)
            wrong += (logits.argmax(1) != y).sum().item()
    return loss / len(labels)


def evaluation(problem: Problem) -> Callable[[], float]:
    net, images, labels = network(problem), torch.tensor(problem.images), torch.tensor(problem.labels)
    return lambda: mean_loss(net, images, labels)


def scoring(problem: Problem) -> Callable[[], float]:
    """|w ∂L/∂w|, divided by their sum; the result is the last weights' share."""
    net, images, labels = network(problem), torch.tensor(problem.images), torch.tensor(problem.labels)
    params = [w for name, w in zip(problem.params, net.parameters(), strict=True) if name in problem.net.prunable]

    def work() -> float:
        gradients = torch.autograd.grad(F.cross_entropy(net(images), labels), params)
        with torch.no_grad():
            absolute = [(w * g).abs() for w, g in zip(params, gradients, strict=True)]
            total = sum(s.sum() for s in absolute)
            return float([s / total for s in absolute][-2].sum())

    return work


def selection(size: int, sparsity: float) -> Callable[[], float]:
    """The indices of torch.topk as masks; the result is how many of the first tenth are kept."""
    given = [torch.tensor(s) for s in scores(size).values()]

    def work() -> float:
        flat = torch.cat(given)
        mask = torch.zeros_like(flat)
        mask[torch.topk(flat, count_kept(len(flat), sparsity), sorted=False).indices] = 1
        return float(mask.split([len(s) for s in given])[0].sum())

    return work


def in_one_thread(make: Callable[..., Callable[[], float]]) -> Callable[..., Callable[[], float]]:
    def limited(*arguments: Any) -> Callable[[], float]:
        torch.set_num_threads(1)
        return make(*arguments)

    return limited


step_in_one_thread, epoch_in_one_thread, scoring_in_one_thread = (in_one_thread(f) for f in (step, epoch, scoring))
