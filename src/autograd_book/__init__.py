"""The public face.

The engine under one name: Variables that remember, functions that
differentiate functions, and what it takes to train a network.

::

    import numpy as np
    import autograd_book as ab

    weights = ab.Variable(np.zeros(3))
    loss = ((np.eye(3) @ weights - 1.0) ** 2).mean()
    loss.backward()
    print(weights.grad)
    print(ab.grad(np.sin)(0.0))
"""
# Generated from book/__init__.md by autograd-book extract; edit the chapter, not this file.
# sha256: 89e447c325981ee6d2c8ad016ee1270d3b908ff1449d0e41bbb80edc3a62edb8

__all__ = [
    "Variable",
    "no_grad",
    "primitive",
    "vmap",
    "check_gradients",
    "elementwise_grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "debug_nans",
    "grad",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "gelu",
    "relu",
    "sigmoid",
    "silu",
    "softplus",
    "conv1d",
    "conv2d",
    "symmetrize",
    "avg_pool1d",
    "avg_pool2d",
    "max_pool1d",
    "max_pool2d",
    "log_softmax",
    "logsumexp",
    "softmax",
    "nn",
    "optim",
    "sequence",
    "load_digits",
    "functional_call",
    "ravel",
    "load",
    "save",
    "clip_gradient_layers",
    "clip_gradient_values",
    "clip_gradients",
    "AutoClip",
    "GradientMonitor",
    "clip_gradients_adaptively",
    "autocast",
    "enable_mixed_precision_gradients",
    "GradScaler",
    "checkpoint",
    "keeping",
    "keep_pages",
    "memory_profile",
    "recycle",
    "saved_values",
    "checkpoint_sequential",
    "capture",
    "profile",
    "compile",
    "fusions",
    "AutogradSystemsProfiler",
    "collectives",
    "average_gradients",
    "averaging",
    "pipelined",
    "world",
    "load_state",
    "save_state",
    "Sharded",
    "alongside",
    "AutogradError",
    "DifferentiationTypeError",
    "DifferentiationValueError",
    "FreedGraphError",
    "GradientCheckError",
    "LeakedVariableError",
    "MutatedValueError",
    "NonFiniteError",
    "NoRuleError",
    "SavedFileError",
    "StorageError",
    "MeterBusyError",
    "MissingAllocatorError",
    "ReplayError",
    "RankError",
    "MissedGuard",
    "CaptureError",
    "ScalingOrderError",
    "HABITS",
    "instead",
]


# book/__init__.md: Names that are passed on
from autograd_book.graph.variable import Variable as Variable
from autograd_book.graph.stack import no_grad as no_grad
from autograd_book.graph.protocols import primitive as primitive


# book/__init__.md: Names that are passed on
from autograd_book.modes.batch import vmap as vmap
from autograd_book.modes.check import check_gradients as check_gradients
from autograd_book.modes.curvature import elementwise_grad as elementwise_grad
from autograd_book.modes.curvature import hessian as hessian
from autograd_book.modes.curvature import hvp as hvp
from autograd_book.modes.curvature import jacobian as jacobian
from autograd_book.modes.forward import jvp as jvp
from autograd_book.modes.pitfalls import debug_nans as debug_nans
from autograd_book.modes.transforms import grad as grad
from autograd_book.modes.transforms import stop_gradient as stop_gradient
from autograd_book.modes.transforms import value_and_grad as value_and_grad
from autograd_book.modes.transforms import vjp as vjp


# book/__init__.md: Names that are passed on
from autograd_book.rules import vocabulary
from autograd_book.rules.activations import gelu as gelu
from autograd_book.rules.activations import relu as relu
from autograd_book.rules.activations import sigmoid as sigmoid
from autograd_book.rules.activations import silu as silu
from autograd_book.rules.activations import softplus as softplus
from autograd_book.rules.convolution import conv1d as conv1d
from autograd_book.rules.convolution import conv2d as conv2d
from autograd_book.rules.factorizations import symmetrize as symmetrize
from autograd_book.rules.pooling import avg_pool1d as avg_pool1d
from autograd_book.rules.pooling import avg_pool2d as avg_pool2d
from autograd_book.rules.pooling import max_pool1d as max_pool1d
from autograd_book.rules.pooling import max_pool2d as max_pool2d
from autograd_book.rules.softmax import log_softmax as log_softmax
from autograd_book.rules.softmax import logsumexp as logsumexp
from autograd_book.rules.softmax import softmax as softmax


# book/__init__.md: Names that are passed on
from autograd_book import nn as nn
from autograd_book import optim as optim
from autograd_book import sequence as sequence


# book/__init__.md: Names that are passed on
from autograd_book.learn.digits import load_digits as load_digits
from autograd_book.learn.functional import functional_call as functional_call
from autograd_book.learn.functional import ravel as ravel


# book/__init__.md: Names that are passed on
from autograd_book.learn.saving import load as load
from autograd_book.learn.saving import save as save


# book/__init__.md: Names that are passed on
from autograd_book.stability.clipping import clip_gradient_layers as clip_gradient_layers
from autograd_book.stability.clipping import clip_gradient_values as clip_gradient_values
from autograd_book.stability.clipping import clip_gradients as clip_gradients
from autograd_book.stability.thresholds import AutoClip as AutoClip
from autograd_book.stability.thresholds import GradientMonitor as GradientMonitor
from autograd_book.stability.thresholds import (
    clip_gradients_adaptively as clip_gradients_adaptively,
)
from autograd_book.stability.precision import autocast as autocast
from autograd_book.stability.scaling import (
    enable_mixed_precision_gradients as enable_mixed_precision_gradients,
)
from autograd_book.stability.scaler import GradScaler as GradScaler


# book/__init__.md: Names that are passed on
from autograd_book.memory.checkpoint import checkpoint as checkpoint
from autograd_book.memory.checkpoint import keeping as keeping
from autograd_book.memory.pool import keep_pages as keep_pages
from autograd_book.memory.report import memory_profile as memory_profile
from autograd_book.memory.pool import recycle as recycle
from autograd_book.memory.saved import saved_values as saved_values
from autograd_book.memory.sequential import checkpoint_sequential as checkpoint_sequential


# book/__init__.md: Names that are passed on
from autograd_book.speed.capture import capture as capture
from autograd_book.speed.profile import profile as profile


# book/__init__.md: Names that are passed on
from autograd_book.speed.compile import compile as compile
from autograd_book.speed.opportunities import fusions as fusions


# book/__init__.md: Names that are passed on
from autograd_book.systems.profiler import AutogradSystemsProfiler as AutogradSystemsProfiler


# book/__init__.md: Names that are passed on
from autograd_book.scale import collectives as collectives
from autograd_book.scale.data_parallel import average_gradients as average_gradients
from autograd_book.scale.data_parallel import averaging as averaging
from autograd_book.scale.pipeline import pipelined as pipelined
from autograd_book.scale.processes import world as world
from autograd_book.scale.resume import load_state as load_state
from autograd_book.scale.resume import save_state as save_state
from autograd_book.scale.sharding import Sharded as Sharded
from autograd_book.scale.world import alongside as alongside


# book/__init__.md: Errors, and a version
from autograd_book.graph.errors import AutogradError as AutogradError
from autograd_book.graph.errors import DifferentiationTypeError as DifferentiationTypeError
from autograd_book.graph.errors import (
    DifferentiationValueError as DifferentiationValueError,
)
from autograd_book.graph.errors import FreedGraphError as FreedGraphError
from autograd_book.graph.errors import GradientCheckError as GradientCheckError
from autograd_book.graph.errors import LeakedVariableError as LeakedVariableError
from autograd_book.graph.errors import MutatedValueError as MutatedValueError
from autograd_book.graph.errors import NonFiniteError as NonFiniteError
from autograd_book.graph.errors import NoRuleError as NoRuleError
from autograd_book.learn.saving import SavedFileError as SavedFileError
from autograd_book.memory.disk import StorageError as StorageError
from autograd_book.memory.meter import MeterBusyError as MeterBusyError
from autograd_book.memory.pool import MissingAllocatorError as MissingAllocatorError
from autograd_book.memory.notes import ReplayError as ReplayError
from autograd_book.scale.world import RankError as RankError
from autograd_book.speed.equations import MissedGuard as MissedGuard
from autograd_book.speed.symbols import CaptureError as CaptureError
from autograd_book.stability.scaler import ScalingOrderError as ScalingOrderError


# book/__init__.md: Errors, and a version
import sys
from typing import TYPE_CHECKING, Any

from autograd_book.graph.methods import numpy_name
from autograd_book.learn import nn as networks

#: What other libraries call it, and what to write here.
HABITS = {
    "Write autograd_book.Variable(data).": "tensor Tensor array asarray Parameter from_numpy",
    "Write autograd_book.grad(f).": "gradient derivative",
    "Write autograd_book.jacobian(f).": "jacrev jacfwd",
    "Use ab.compile(f), which captures f as it is called.": "jit",
    "Leave it out, as all arrays are in main memory.": "cuda device device_put",
    "Write rng = np.random.default_rng(seed), and hand it on as rng=rng.": "manual_seed random "
    "rand randn normal uniform",
    "Write loss.backward().": "backward",
    "Write 'with autograd_book.no_grad():' around what needs no gradient.":
        "enable_grad set_grad_enabled inference_mode",
    "Write autograd_book.grad, vjp, jvp, jacobian or hessian.": "autograd functional func",
    "Write Python's loops and branches, or np.where, and autograd_book.stop_gradient.": "lax",
    "Write autograd_book.check_gradients(f, *arguments).": "check_grads gradcheck",
    "Write autograd_book.checkpoint(f).": "remat",
    "Write autograd_book.hvp(f)(x, v).": "hessian_vector_product make_hvp",
    "Write out, pullback = autograd_book.vjp(f, x).": "make_vjp",
    "Write autograd_book.jvp(f, (x,), (v,)).": "make_jvp",
    "Write autograd_book.elementwise_grad(f).": "egrad",
    "Write autograd_book.grad(f, argnums=(0, 1)).": "multigrad multigrad_dict",
    "Write NumPy's functions, autograd_book's own, or a rule with autograd_book.primitive.":
        "scipy special",
    "Write np.concatenate.": "cat",
    "Write autograd_book.modes.trees.tree_map.": "tree_map tree_util tree",
    "Write array.astype(dtype), or dtype=... where a layer is made.":
        "float16 float32 float64 set_default_dtype",
    "Write autograd_book.clip_gradients(parameters, max_norm).": "clip_grad_norm_",
    "Write autograd_book.clip_gradient_values(parameters, limit).": "clip_grad_value_",
    "Write 'with autograd_book.debug_nans():'.": "detect_anomaly",
    "Define it with autograd_book.primitive.": "custom_vjp custom_jvp custom_gradient Function",
    "Write import numpy as np; its functions take Variables.": "numpy np",
}


def instead(name: str) -> str:
    """What to write instead of a name that the package does not show, if anything is
    known."""
    habits = {**HABITS, **networks.LAYERS}
    told = [text for text, names in habits.items() if name in names.split()]
    known = numpy_name(name)
    parts = {"nn": nn, "optim": optim, "sequence": sequence, "collectives": collectives}
    found = [part for part, module in parts.items() if name in module.__all__]
    written = [known] * bool(known) + [f"autograd_book.{part}.{name}" for part in found]
    return (told or [f"Write {place}." for place in written] or [""])[0]


if not TYPE_CHECKING:

    def _answering(module: Any) -> Any:
        def answer(name: str) -> Any:
            fact = f"module {module.__name__!r} has no attribute {name!r}"
            remedy = "" if name.startswith("_") else instead(name)
            text = f"{fact}. {remedy}" if remedy else fact
            raise AttributeError(text, name=name, obj=module)

        return answer

    __getattr__ = _answering(sys.modules[__name__])
    for _part in (nn, optim, sequence):
        vars(_part)["__getattr__"] = _answering(_part)


# book/__init__.md: Errors, and a version
__version__ = "0.1.0"
