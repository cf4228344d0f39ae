"""Networks.

A network is an object that is called like a function, and that knows its
leaves.

::

    import numpy as np
    from autograd_book import nn

    network = nn.Sequential(nn.Linear(64, 32, rng=0), nn.ReLU(), nn.Linear(32, 10, rng=1))
    logits = network(np.ones((5, 64), np.float32))
    print(logits.shape, logits.dtype)
    print([name for name, _ in network.named_parameters()])
"""
# Generated from book/learn/nn.md by autograd-book extract; edit the chapter, not this file.
# sha256: c833e42ebbde102022db962141e9b7c0249eabca2f0811832d9130669351e913

__all__ = [
    "is_parameter",
    "is_buffer",
    "is_kept",
    "named_leaves",
    "Module",
    "held_in_words",
    "HABITS",
    "habits",
    "distinct",
    "named_parts",
    "flag_of",
    "plain_array",
    "expect_state",
    "expect_names",
    "fresh_array",
    "fitting",
    "expect_sizes",
    "source_of_numbers",
    "he_normal",
    "Linear",
    "expect_length",
    "ReLU",
    "expect_layer",
    "Sequential",
    "accuracy",
    "cross_entropy",
    "mean_squared_error",
    "LAYERS",
]


# book/learn/nn.md: Finding the parameters
from collections.abc import Callable, Iterator, Mapping
from numbers import Integral
from reprlib import recursive_repr
from typing import Any, Self

import numpy as np

from autograd_book.graph.errors import (
    DifferentiationTypeError, DifferentiationValueError, described, with_usage,
)
from autograd_book.graph.methods import H
from autograd_book.graph.primitive import shape_of
from autograd_book.graph.record import Leaf
from autograd_book.graph.variable import Variable, safely_cast
from autograd_book.rules.activations import relu


def is_parameter(value: Any) -> bool:
    """Whether a value is a Variable that was made, and not computed."""
    return isinstance(value, Variable) and isinstance(value.node, Leaf)


def is_buffer(value: Any) -> bool:
    """Whether a value is a constant Variable, or an array of numbers that can be written to."""
    if isinstance(value, Variable):
        return value.node is None
    numbers = type(value) is np.ndarray and value.dtype.kind in "biufcV"
    return numbers and not value.dtype.hasobject and value.flags.writeable


def is_kept(value: Any) -> bool:
    """Whether a value belongs to the state of a network."""
    return is_parameter(value) or is_buffer(value)


def named_leaves(
    value: Any, name: str, seen: set[int], wanted: Callable[[Any], bool] = is_parameter
) -> Iterator[tuple[str, Any]]:
    """Names and parameters in a value: a Variable, a module, or a container of those; or
    whatever else is wanted."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if wanted(value):
        yield name, value
    elif isinstance(value, Module):
        value = vars(value)
    elif isinstance(value, (list, tuple)):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for key, part in value.items():
            yield from named_leaves(part, f"{name}.{key}" if name else str(key), seen, wanted)


# book/learn/nn.md: The module
class Module:
    """Base of networks: attributes that are Variables or modules are its parameters.

    A subclass sets attributes in ``__init__`` and defines ``__call__``, or ``forward``.
    There is nothing to register.
    """

    training = True  #: Whether it computes as while it learns; see `train`.

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """The network's output for a batch of inputs: what ``forward`` of it gives."""
        forward = getattr(type(self), "forward", None)
        if forward is None:
            raise NotImplementedError(
                f"{type(self).__name__} does not say what it computes. Define __call__ in it."
            )
        return forward(self, *inputs, **options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({held_in_words(self)})"

    def named_parameters(self) -> Iterator[tuple[str, Variable]]:
        """Pairs of name and Variable, in the order of definition; a shared one comes
        once."""
        return iter(distinct(named_leaves(self, "", set())).items())

    def parameters(self) -> Iterator[Variable]:
        """The Variables to be learned, in the order of definition, each once."""
        return (parameter for _, parameter in named_leaves(self, "", set()))

    def named_buffers(self) -> Iterator[tuple[str, Any]]:
        """Pairs of name and buffer, an array or a constant Variable, in the order of
        definition, each once."""
        return iter(distinct(named_leaves(self, "", set(), is_buffer)).items())

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """Pairs of name and module: this one, under an empty name, then those inside of it,
        in the order of definition, each once."""
        return named_parts(self, "", set())

    def modules(self) -> Iterator["Module"]:
        """This module and those inside of it, each once."""
        return (module for _, module in self.named_modules())

    def train(self, mode: bool = True) -> Self:
        """Let all modules compute as while they learn, or as afterwards; returns this one."""
        for module in self.modules():
            module.training = flag_of("train", mode)
        return self

    def eval(self) -> Self:
        """Let all modules compute as after learning; returns this one."""
        return self.train(False)

    @with_usage
    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers as plain arrays, by name."""
        named = distinct(named_leaves(self, "", set(), is_kept))
        return {name: plain_array(kept).copy(order="K") for name, kept in named.items()}

    def load_state_dict(self, state: Any) -> None:
        """Copy arrays into the parameters and buffers, all or none; their dtypes are kept.

        Parameters
        ----------
        state : mapping of str to array_like
            One array for each parameter and each buffer, by name, in its shape.

        Raises
        ------
        DifferentiationTypeError
            If it is not a mapping, or an array is of another kind, such as complex
            numbers for a real parameter.
        DifferentiationValueError
            If names or shapes differ, or a number is too large for a parameter's dtype.
            In any case nothing is changed.
        """
        own = distinct(named_leaves(self, "", set(), is_kept))
        for name, value in fitting(own, state).items():
            kept = own[name]
            if isinstance(kept, Variable):
                kept.value = value
            else:
                np.copyto(kept, value)

    def __getattr__(self, name: str) -> Any:
        kind, remedy = type(self).__name__, habits.get(name, "")
        fact = f"{kind!r} object has no attribute {name!r}"
        text = f"{fact}. {remedy}" if remedy else fact
        raise AttributeError(text, name=name, obj=self)


# book/learn/nn.md: The module
@recursive_repr()
def held_in_words(module: Module) -> str:
    """The parts of a network that have parameters, or are networks, by name."""
    return ", ".join(
        f"{name}={described(part) if is_parameter(part) else repr(part)}"
        for name, part in vars(module).items()
        if isinstance(part, Module) or any(named_leaves(part, "", set()))
    )


# book/learn/nn.md: The module
#: What other libraries' networks are asked for, and what to do instead.
HABITS = {
    "Leave it out, as all arrays are in main memory; Linear(..., dtype=float) chooses a "
    "dtype.": "to cuda cpu float double half",
    "Call the network itself.": "forward",
    "Ask named_modules(), or look at its attributes, as network[0] or network.layers.":
        "children named_children",
    "Write self.name = ...; there is nothing to register.":
        "add_module register_parameter register_buffer",
    "Write np.savez(path, **network.state_dict()).": "save",
    "Write 'for p in network.parameters(): p.requires_grad = False'.": "requires_grad_ freeze",
}
#: By name.
habits = {name: remedy for remedy, names in HABITS.items() for name in names.split()}


# book/learn/nn.md: The module
def distinct(named: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    """What was found, by name, or the error that two things share one."""
    found: dict[str, Any] = {}
    for name, value in named:
        if name in found:
            raise DifferentiationValueError(
                f"two parts of a network are named {name}. Give the dictionaries that they "
                "stand in keys that differ as texts, and have no dots."
            )
        found[name] = value
    return found


# book/learn/nn.md: The module
def named_parts(value: Any, name: str, seen: set[int]) -> Iterator[tuple[str, "Module"]]:
    """Names and modules in a value: a module, or a container of modules."""
    if id(value) in seen or not isinstance(value, (Module, dict, list, tuple)):
        return
    seen.add(id(value))
    inside = value
    if isinstance(value, Module):
        yield name, value
        inside = vars(value)
    parts = inside if isinstance(inside, dict) else dict(enumerate(inside))
    for key, part in parts.items():
        yield from named_parts(part, f"{name}.{key}" if name else str(key), seen)


def flag_of(name: str, mode: Any) -> bool:
    """A truth value given to a method, or the error that it is none."""
    if not isinstance(mode, (bool, np.bool_)):
        raise DifferentiationTypeError(
            f"{name} was given {described(mode)}. Give True or False, or call eval()."
        )
    return bool(mode)


def plain_array(kept: Any) -> np.ndarray:
    """A parameter or a buffer as a plain array."""
    return kept.numpy() if isinstance(kept, Variable) else kept


# book/learn/nn.md: What does not fit
def expect_state(state: Any) -> None:
    """Raise unless a state is a mapping from names to arrays."""
    if not isinstance(state, Mapping):
        raise DifferentiationTypeError(
            f"a value of type {type(state).__name__} was given as a state. "
            "Give a mapping from names to arrays, as state_dict() returns it."
        )
    for name, value in state.items():
        if isinstance(value, np.ma.MaskedArray):
            raise DifferentiationTypeError(
                f"a state has a masked array for {name}, and what is restored has no masks. "
                "Give its .filled(value)."
            )


# book/learn/nn.md: What does not fit
def expect_names(own: Any, state: Any) -> None:
    """Raise unless a state has the names that it should have, and no others."""
    expect_state(state)
    missing, unknown = sorted(set(own) - set(state)), sorted(map(str, set(state) - set(own)))
    if missing or unknown:
        raise DifferentiationValueError(
            f"a state lacks {missing or 'nothing'} and has {unknown or 'nothing'} too "
            "many. Load it into what was built like that from which it was taken."
        )


def fresh_array(name: str, like: Any, given: Any) -> np.ndarray:
    """A fresh array from a state for a name, of the shape and the dtype of what is there."""
    if np.shape(given) != like.shape:
        raise DifferentiationValueError(
            f"a state has shape {np.shape(given)} for {name}, which has shape {like.shape}. "
            "Build what it is loaded into with the sizes that the state was taken from."
        )
    return safely_cast(np.array(given), like.dtype, f"given in a state for {name}")


def fitting(own: Mapping[str, Any], state: Any) -> dict[str, np.ndarray]:
    """Fresh arrays for everything in `own`, or the error that says what does not fit."""
    expect_names(own, state)
    return {name: fresh_array(name, like, state[name]) for name, like in own.items()}


# book/learn/nn.md: The linear layer
def expect_sizes(inputs: Any, outputs: Any) -> None:
    """Raise unless a layer has whole numbers of inputs and outputs, at least one of
    each."""
    fact = f"a layer of {inputs!r} inputs and {outputs!r} outputs has no weights."
    if not isinstance(inputs, Integral) or not isinstance(outputs, Integral):
        raise DifferentiationTypeError(
            f"{fact} Give whole numbers, for example int(inputs)."
        )
    if min(inputs, outputs) < 1:
        raise DifferentiationValueError(
            f"{fact} Give it at least one input and one output."
        )


# book/learn/nn.md: The linear layer
def source_of_numbers(rng: Any) -> Any:
    """NumPy's generator of a seed; one that is given as it is."""
    try:
        return np.random.default_rng(rng)
    except TypeError as error:
        raise DifferentiationTypeError(
            f"rng={rng!r} was given as a source of random numbers. Give a whole number as "
            "its seed, or numpy.random.default_rng(seed)."
        ) from error


# book/learn/nn.md: The linear layer
def he_normal(inputs: int, outputs: int, rng: Any = None) -> np.ndarray:
    """A matrix of normal numbers with variance ``2 / inputs``; for `rng` see `Linear`."""
    expect_sizes(inputs, outputs)
    return source_of_numbers(rng).normal(0.0, (2 / inputs) ** 0.5, (inputs, outputs))


# book/learn/nn.md: The linear layer
class Linear(Module):
    """The map ``x @ weight + bias``.

    Weights are drawn from a normal distribution with variance ``2 / inputs``
    (He and others, 2015), biases are zero.

    Parameters
    ----------
    inputs, outputs : int
        Length of the last axis of what comes in and of what goes out.
    bias : bool
        Whether to add a bias.
    rng : numpy.random.Generator, int or None
        Source of the weights, or its seed; None draws fresh ones.
        Two layers with one seed get the same numbers.
    dtype : dtype_like
        Floating point.
    """

    @with_usage
    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        #: Shape (inputs, outputs).
        self.weight = Variable(he_normal(inputs, outputs, rng).astype(dtype))
        #: Shape (outputs,), or None.
        self.bias = Variable(np.zeros(outputs, dtype)) if bias else None

    def __call__(self, x: Any) -> Variable:
        """Apply the layer to an array or Variable of shape (..., inputs)."""
        expect_length(self, shape_of(x), self.weight.shape)
        out = x @ self.weight
        return out if self.bias is None else out + self.bias

    def __repr__(self) -> str:
        return f"Linear({', '.join(map(str, self.weight.shape))})"


# book/learn/nn.md: The linear layer
def expect_length(layer: Module, shape: tuple[int, ...], weight: tuple[int, ...]) -> None:
    """Raise unless an input of the given shape can be multiplied by a layer's weight."""
    if shape[-1:] != weight[:1]:
        raise DifferentiationValueError(
            f"{layer} was called with an input of shape {shape}, "
            f"and its weight has shape {weight}. "
            f"Give it an array whose last axis has length {weight[0]}."
        )


# book/learn/nn.md: Between the layers, and all together
class ReLU(Module):
    """Rectified linear unit: max(x, 0), elementwise."""

    def __call__(self, x: H) -> H:
        """Apply it to an array or Variable."""
        return relu(x)

    def __repr__(self) -> str:
        return "ReLU()"


# book/learn/nn.md: Between the layers, and all together
def expect_layer(place: int, layer: Any) -> None:
    """Raise unless a part of a sequence is a module or a function."""
    named = isinstance(layer, type)
    if named or not callable(layer):
        kind = f"the class {layer.__name__}" if named else f"of type {type(layer).__name__}"
        raise DifferentiationTypeError(
            f"layer {place} of a Sequential is {kind}. Give modules and functions one by "
            "one, as in Sequential(Linear(3, 4), numpy.tanh)."
        )


# book/learn/nn.md: Between the layers, and all together
class Sequential(Module):
    """Applies its layers one after another.

    Parameters
    ----------
    *layers : callable
        Modules, or functions of one array such as `numpy.tanh`.
        Indexing, slicing, `len` and iteration work on them.

    Raises
    ------
    DifferentiationTypeError
        If one of them is something else, such as a list of layers or a class.
    """

    def __init__(self, *layers: Any) -> None:
        for place, layer in enumerate(layers):
            expect_layer(place, layer)
        self.layers = list(layers)

    def __call__(self, x: Any) -> Variable:
        """The output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __getitem__(self, index: Any) -> Any:
        part = self.layers[index]
        return Sequential(*part) if isinstance(index, slice) else part

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        names = (getattr(layer, "__name__", repr(layer)) for layer in self.layers)
        return f"Sequential({', '.join(names)})"


# book/learn/nn.md: Nothing forgotten
from autograd_book.learn.losses import accuracy as accuracy
from autograd_book.learn.losses import cross_entropy as cross_entropy
from autograd_book.learn.losses import mean_squared_error as mean_squared_error


# book/learn/nn.md: Nothing forgotten
#: What other libraries have among their layers, and what to write here.
LAYERS = {
    "Functions are layers, as in Sequential(Linear(3, 4), np.tanh, autograd_book.sigmoid); "
    "there are relu, gelu, silu, softplus, softmax and log_softmax too.":
        "LeakyReLU ELU functional tanh "
        "sigmoid gelu softmax log_softmax",
    "Write nn.cross_entropy(logits, labels), of logits without softmax.":
        "CrossEntropyLoss NLLLoss nll_loss",
    "Write nn.mean_squared_error(predictions, targets).": "MSELoss mse_loss",
    "Write nn.binary_cross_entropy(logits, targets), of logits without sigmoid.":
        "BCELoss BCEWithLogitsLoss binary_cross_entropy_with_logits",
    "Write nn.huber(predictions, targets).": "HuberLoss SmoothL1Loss smooth_l1_loss huber_loss",
    "Write nn.kl_divergence(logits, targets).": "KLDivLoss kl_div",
    "Write Variable(data), and set it as an attribute of a Module.": "Parameter",
    "Keep modules in a list, tuple or dictionary that is an attribute.":
        "ModuleList ModuleDict ParameterList",
    "Write autograd_book.conv2d, max_pool2d or avg_pool2d, or their like for one axis.":
        "conv1d conv2d max_pool1d max_pool2d avg_pool1d avg_pool2d",
    "It is in autograd_book.sequence.": "RNN Transformer",
    "Write autograd_book.nn.LayerNorm, or a layer of one's own with np.mean and np.std.":
        "GroupNorm InstanceNorm2d",
    "Assign to layer.weight.data.": "init",
    "Write autograd_book.clip_gradients(parameters, max_norm).": "utils",
    "Write autograd_book.nn.Dropout(p), which is a layer.": "dropout Dropout2d",
}
