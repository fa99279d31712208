"""Take a network, its weights and its masks to PyTorch and to ONNX, and weights back.

>>> from minisnip import export
>>> from minisnip.nn import lenet_300_100
>>> net = lenet_300_100()
>>> module = export.to_torch(net, net.init(0))
>>> [name for name, _ in module.named_parameters()][:2]
['fc1.weight', 'fc1.bias']
"""

try:
    from minisnip.export.onnx_graph import to_onnx
    from minisnip.export.pytorch import from_torch, to_torch
    from minisnip.export.states import load_state, save_state
except ModuleNotFoundError as missing:
    sentence = f"minisnip.export needs {missing.name}: pip install 'minisnip[export]'"
    raise ModuleNotFoundError(sentence, name=missing.name) from missing

__all__ = ["from_torch", "load_state", "save_state", "to_onnx", "to_torch"]
