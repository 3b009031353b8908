"""A stand-in for an accelerator on a machine without one.

Its tensors live on device ``meta`` as far as torch can see and keep their values in a twin on the CPU. As on a real
one, mixing its tensors with those of the CPU is an error, and the host has to wait whenever it wants to know a value.
The waits are counted: that is what a stream of many small results is slowed down by.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

PLACE = torch.device("meta")
UNKNOWN_SIZE = {"nonzero", "bincount", "unique", "_unique2", "masked_select"}
VALUES = {"_local_scalar_dense", "is_nonzero", "equal"}
COPIES = {"_to_copy", "to"}
BY_POSITION = {"index", "index_put_", "index_put", "_index_put_impl_"}


class Remote(torch.Tensor):
    """A tensor on the pretend accelerator."""

    @staticmethod
    def __new__(cls, twin):
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            twin.shape,
            strides=twin.stride(),
            storage_offset=twin.storage_offset(),
            dtype=twin.dtype,
            device=PLACE,
        )
        made.twin = twin
        return made

    @classmethod
    def __torch_dispatch__(cls, operation, types, arguments=(), named=None):
        raise AssertionError(f"{operation} outside of the accelerator's own mode")


class PretendAccelerator(TorchDispatchMode):
    """While it is active, `Remote` tensors can be made and computed with.

    Attributes:
        waits: what the host waited for, in order: the name of the operation.
    """

    def __init__(self):
        super().__init__()
        self.waits = []

    def send(self, values):
        return Remote(values.detach().clone())

    def __torch_dispatch__(self, operation, types, arguments=(), named=None):
        named = dict(named or {})
        name = operation.overloadpacket.__name__
        leaves = [leaf for leaf in tree_leaves((arguments, named)) if isinstance(leaf, torch.Tensor)]
        remote = [leaf for leaf in leaves if isinstance(leaf, Remote)]
        target = named.get("device")
        to_remote = target is not None and torch.device(target) == PLACE
        if remote and (name in UNKNOWN_SIZE or name in VALUES):
            self.waits.append(name)
        if name in COPIES:
            return self._copied(operation, arguments, named, remote=remote, to_remote=to_remote)
        if name == "copy_":
            into, source = arguments[:2]
            if isinstance(source, Remote) and not isinstance(into, Remote):
                self.waits.append("copy_ to the CPU")
            _twin(into).copy_(_twin(source))
            return into
        near = [leaf for leaf in leaves if not isinstance(leaf, Remote) and leaf.ndim]
        if remote and near and name not in BY_POSITION:
            raise RuntimeError(
                f"{operation}: tensors on two devices, {[tuple(leaf.shape) for leaf in near]} on the CPU"
            )
        if name in VALUES:
            return operation(*_twins(arguments), **named)
        if to_remote:
            named["device"] = "cpu"
            if isinstance(named.get("generator"), torch.Generator):
                raise RuntimeError(f"{operation}: a generator of the CPU cannot draw on the accelerator")
        found = operation(*_twins(arguments), **_twins(named))
        if not (remote or to_remote):
            return found
        known = {id(leaf.twin): leaf for leaf in remote}  # operations in place give back what they were given
        return tree_map_only(torch.Tensor, lambda twin: known[id(twin)] if id(twin) in known else Remote(twin), found)

    def _copied(self, operation, arguments, named, *, remote, to_remote):
        target = named.pop("device", None)
        named.pop("pin_memory", None)
        found = operation(*_twins(arguments), **named)
        goes_home = bool(remote) and target is not None and not to_remote
        if goes_home:
            self.waits.append("to the CPU")
        return Remote(found) if to_remote or (remote and not goes_home) else found


def _twin(value):
    return value.twin if isinstance(value, Remote) else value


def _twins(tree):
    return tree_map_only(torch.Tensor, _twin, tree)
