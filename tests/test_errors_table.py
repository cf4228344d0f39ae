"""Every message says what happened, with the values that arrived, and what to do."""

import math
import operator
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import autograd_book as ab
from autograd_book import Variable
from autograd_book.graph.backward import walk
from autograd_book.graph.interpreter import ground
from autograd_book.graph.primitive import Primitive, asked, primitives
from autograd_book.graph.protocols import functions
from autograd_book.modes.trees import tree_map

TYPE, VALUE, RULE = ab.DifferentiationTypeError, ab.DifferentiationValueError, ab.NoRuleError


@dataclass(frozen=True)
class Mistake:
    """An expression, and what its error has to say."""

    name: str
    make: Callable[[], Any]
    kind: type[Exception]
    fact: str
    remedy: str


def x(*shape: int) -> Variable:
    return Variable(np.ones(shape or (2,)))


def freed() -> Variable:
    v = x()
    y = (v * v).sum()
    y.backward()
    return y


def leaked() -> Variable:
    caught: list[Variable] = []

    def secret(v):
        caught.append(v * 2.0)
        return v

    ab.grad(secret)(1.0)
    return caught[0]


def in_no_grad(f: Callable[[], Any]) -> Any:
    with ab.no_grad():
        return f()


def watched(f: Callable[[], Any]) -> Any:
    with ab.debug_nans(), np.errstate(all="ignore"):
        return f()


def changed_constant() -> None:
    a = np.ones(2)
    y = x() * a
    a[0] = 5.0
    y.sum().backward()


def changed_primal() -> None:
    a = np.ones(2)
    _, pullback = ab.vjp(np.sin, a)
    a[0] = 5.0
    pullback(np.ones(2))


def hooked(hook: Callable[[Any], Any]) -> None:
    v = x()
    v.register_hook(hook)
    v.sum().backward()


def leaked_forward() -> Any:
    caught: list[Variable] = []
    ab.jvp(lambda v: caught.append(v) or v * 1.0, (1.0,), (1.0,))
    return caught[0] * 2.0


def with_rule(rule: Any, **options: Any) -> Callable[..., Any]:
    def custom(x, scale=1.0):
        return x * scale

    return ab.primitive("x", x=rule, **options)(custom)


def beside() -> Any:
    other = x()
    return ab.primitive("x", x=lambda g: g)(scaled_by(other))(x())


def scaled_by(other: Variable) -> Callable[..., Any]:
    def custom(x):
        return x * other

    return custom


def carried() -> None:
    weight, state = x(), x()
    for _ in range(2):
        state = np.tanh(state * weight)
        state.sum().backward()


class Arrays(ab.nn.Module):
    def __init__(self) -> None:
        self.w = np.ones(2)


def read_twice() -> None:
    network = ab.nn.Linear(2, 1, rng=0)
    parameters = network.parameters()
    ab.optim.SGD(parameters, 0.1)
    ab.clip_gradients(parameters, 1.0)


def unscaled_step() -> None:
    weight = x()
    optimizer, scaler = ab.optim.SGD(weight, 0.1), ab.GradScaler()
    scaler.scale(weight.sum()).backward()
    optimizer.step()
    scaler.update()


def writing() -> None:
    def centred(x):
        x -= x.mean()
        return x

    ab.primitive("x", x=lambda g: g)(centred)(Variable([1.0, 2.0]))


def sharing() -> None:
    middle = np.sin(x())
    (middle * middle).sum().backward()
    (middle * 2.0).sum().backward()


def ended() -> Any:
    yield x()


def assign(v: Variable) -> None:
    v[0] = 5.0


def set_grad(v: Variable, g: Any) -> None:
    v.grad = g


MISTAKES = [
    Mistake("integer data", lambda: Variable(np.arange(3, dtype=np.int32)), TYPE, "int32 cannot require a gradient", "np.asarray"),
    Mistake("integer list", lambda: Variable([1, 2]), TYPE, "int64", "floating point"),
    Mistake("bool data", lambda: Variable(True), TYPE, "dtype bool", "floating point"),
    Mistake("text data", lambda: Variable("abc", requires_grad=False), TYPE, "cannot be a Variable", "plain array"),
    Mistake("Variable of Variable", lambda: Variable(x()), TYPE, "made of a Variable", ".detach()"),
    Mistake("asarray", lambda: np.asarray(x()), TYPE, "shape (2,)", ".numpy()"),
    Mistake("list of Variables", lambda: np.array([x(1)[0], 1.0]), TYPE, "drop its gradient", ".detach()"),
    Mistake("float", lambda: float(x(1)[0]), TYPE, "plain number", ".item()"),
    Mistake("int", lambda: int(x(1)[0]), TYPE, "plain number", ".item()"),
    Mistake("math", lambda: math.sin(x(1)[0]), TYPE, "plain number", "functions instead of"),
    Mistake("item assignment", lambda: assign(x()), TYPE, "item assignment [0]", "np.where"),
    Mistake("backward of array", lambda: (x() * 2).backward(), VALUE, "shape (2,) without a gradient", ".sum()"),
    Mistake("backward shape", lambda: x().backward(np.ones(3)), VALUE, "(2,) was given a gradient of shape (3,)", "Variable's shape"),
    Mistake("backward of constant", lambda: Variable(1.0, False).backward(), TYPE, "depends on none", "requires_grad=True"),
    Mistake("backward inside grad", lambda: ab.grad(lambda v: (v * v).backward())(1.0), TYPE, "made inside", "Return it"),
    Mistake("second backward", lambda: freed().backward(), ab.FreedGraphError, "released", "retain_graph=True"),
    Mistake("second walk", lambda: walk(freed().node, 1.0, ground().pull), ab.FreedGraphError, "released", "compute the result again"),
    Mistake("grad of computed", lambda: set_grad(x() * 2, 1.0), TYPE, "does not keep one", "requires_grad=True"),
    Mistake("grad shape", lambda: set_grad(x(), np.ones(3)), VALUE, "(3,) was assigned to a Variable of shape (2,)", "Give it"),
    Mistake("array of Variables", lambda: np.array([x()[0], x()[1]]), TYPE, "would drop its gradient", "np.stack"),
    Mistake("array from a loop", lambda: np.asarray([v * 2.0 for v in x()]), TYPE, "would drop its gradient", "np.stack"),
    Mistake("logspace", lambda: np.logspace(x(1)[0], 1.0, 3), RULE, "logspace was called", "base ** np.linspace(start, stop, num)"),
    Mistake("geomspace", lambda: np.geomspace(x(1)[0], 2.0, 3), RULE, "geomspace was called", "start * (stop / start) ** np.linspace(0, 1, num)"),
    Mistake("rows of unlike lengths", lambda: Variable([[1.0, 2.0], [3.0]]), VALUE, "unlike lengths", "one length"),
    Mistake("freezing what was computed", lambda: setattr(x() * 2.0, "requires_grad", False), TYPE, "requires_grad=False", ".detach()"),
    Mistake("argument by name", lambda: ab.grad(np.sin, "x")(1.0), TYPE, "argnums='x'", "positions"),
    Mistake("gradient of a number", lambda: ab.grad(np.sin(1.0)), TYPE, "grad was given a float64", "f and not f(x)"),
    Mistake("vjp of a number", lambda: ab.vjp(1.0, 1.0), TYPE, "vjp was given a float", "f and not f(x)"),
    Mistake("jvp of a number", lambda: ab.jvp(1.0, (1.0,), (1.0,)), TYPE, "jvp was given a float", "f and not f(x)"),
    Mistake("vmap of a number", lambda: ab.vmap(3.0), TYPE, "vmap was given a float", "f and not f(x)"),
    Mistake("axes in a dictionary", lambda: ab.vmap(np.sin, {"a": 0}), TYPE, "in_axes={'a': 0}", "in_axes=(0, None)"),
    Mistake("axes in words", lambda: ab.vmap(np.sin, "0"), TYPE, "in_axes='0'", "in_axes=(0, None)"),
    Mistake("gradient of an optimiser", lambda: ab.grad(lambda m: 1.0)(ab.optim.SGD([x()])), TYPE, "of type SGD", "dictionaries"),
    Mistake("gradient of an object", lambda: ab.grad(lambda m: 1.0)(object()), TYPE, "of type object", "dictionaries"),
    Mistake("leak", lambda: leaked() + 1.0, ab.LeakedVariableError, "secret", "Return the value"),
    Mistake("leak into grad", lambda: ab.grad(lambda v: v * leaked())(1.0), ab.LeakedVariableError, "used outside it", "Return the value"),
    Mistake("pickle", lambda: pickle.dumps(x() * 2), TYPE, "shape (2,)", ".detach()"),
    Mistake("pickle inside a derivative", lambda: ab.grad(lambda v: pickle.loads(pickle.dumps(v)))(1.0), TYPE, "shape ()", ".detach()"),
    Mistake("pickle of an example", lambda: ab.vmap(lambda v: pickle.loads(pickle.dumps(v)))(np.ones(2)), TYPE, "vmap", "loop"),
    Mistake("unknown function", lambda: np.unique(x()), RULE, "unique was called with a Variable", "np.sort"),
    Mistake("unknown ufunc", lambda: np.spacing(x()), RULE, "spacing was called", ""),
    Mistake("at", lambda: np.add.at(np.zeros(2), [0, 1], x()), RULE, "add.at was called", "x.at[index].add(values)"),
    Mistake("ufunc where", lambda: np.add(x(), 1.0, where=[True, False]), RULE, "where=[True, False]", "Leave "),
    Mistake("ufunc out", lambda: np.add(x(), 1.0, out=np.empty(2)), RULE, "out=", "for a -= b that is a = a - b"),
    Mistake("in-place on array", lambda: operator.iadd(np.ones(2), x()), RULE, "out=", "for a -= b that is a = a - b"),
    Mistake("rule of None", lambda: with_rule(lambda g: None)(x()).sum().backward(), VALUE, "returned None", "zeros"),
    Mistake("primitive of a function", lambda: ab.primitive(lambda x: x), TYPE, "names of the array", "Write @primitive"),
    Mistake("gradient of a test", lambda: ab.grad(lambda v: v > 0)(1.0), TYPE, "dtype bool", "Return floating-point"),
    Mistake("gradient of a complex", lambda: ab.grad(lambda v: v * 1j)(1.0), TYPE, "dtype complex128", "real number"),
    Mistake("complex backward", lambda: (ab.Variable(1.0) * 1j).backward(), TYPE, "dtype complex128", "real number"),
    Mistake("argument without a rule", lambda: ab.primitive("x y", x=lambda g, y: g * y)(lambda x, y: x * y)(x(), x()), RULE, "argument y", "plain array"),
    Mistake("unread parameter", lambda: with_rule(lambda g: g)(x(), scale=2.0), RULE, "scale=2.0", "Leave "),
    Mistake("rule without g", lambda: asked(lambda x: x), TYPE, "('x',)", "lambda g"),
    Mistake("rule for nobody", lambda: Primitive(lambda x: x, "x", z=lambda g: g), TYPE, "['z']", "Name each rule"),
    Mistake("rule of wrong shape", lambda: with_rule(lambda g: g[:1])(x()).sum().backward(), VALUE, "shape (1,)", "Make the rule"),
    Mistake("missing rule", lambda: ab.primitive("x y", x=lambda g: g)(lambda x, y: x)(1.0, x()), RULE, "argument y", "plain array"),
    Mistake("grad of integers", lambda: ab.grad(lambda v: v)(3), TYPE, "int64", "floating point"),
    Mistake("grad of array result", lambda: ab.grad(lambda v: v)(np.ones(2)), VALUE, "shape (2,)", "np.sum"),
    Mistake("grad of None", lambda: ab.grad(lambda v: None)(1.0), TYPE, "NoneType", "Return one"),
    Mistake("grad of list", lambda: ab.grad(lambda v: [v])(1.0), TYPE, "list", "Return one"),
    Mistake("argnums", lambda: ab.grad(lambda v: v, 2)(1.0), VALUE, "(2,)", "count them from 0"),
    Mistake("pullback shape", lambda: ab.vjp(np.sin, np.ones(2))[1](1.0), VALUE, "(2,) was given a cotangent of shape ()", "Give it"),
    Mistake("check order", lambda: ab.check_gradients(np.sin, 1.0, order=0), VALUE, "order=0", "1 or more"),
    Mistake("check mode", lambda: ab.check_gradients(np.sin, 1.0, modes=("up",)), VALUE, "('up',)", "reverse"),
    Mistake("optimiser of a module", lambda: ab.optim.Adam(ab.nn.Linear(2, 2)), TYPE, "value of type Linear", "network.parameters()"),
    Mistake("optimiser of a number", lambda: ab.optim.SGD(5), TYPE, "value of type int", "Variables in a list"),
    Mistake("optimiser of nothing", lambda: ab.optim.SGD([]), VALUE, "0 parameters", "at least one"),
    Mistake("optimiser of an array", lambda: ab.optim.SGD([x(), np.ones(2)], 0.1), TYPE, "parameter 1 of an optimiser is a ndarray", "requires_grad=True"),
    Mistake("optimiser of a constant", lambda: ab.optim.SGD([Variable(1.0, False)], 0.1), TYPE, "parameter 0 of an optimiser is a Variable", "requires_grad=True"),
    Mistake("rate in words", lambda: ab.optim.SGD(x(), "0.1"), TYPE, "lr='0.1'", "plain number"),
    Mistake("rate below zero", lambda: ab.optim.Adam(x(), -0.1), VALUE, "lr=-0.1", "from 0 up to"),
    Mistake("rate of nan", lambda: ab.optim.Adam(x(), np.nan), VALUE, "lr=nan", "from 0 up to"),
    Mistake("momentum of one", lambda: ab.optim.SGD(x(), 0.1, 1.0), VALUE, "momentum=1.0", "not including, 1.0"),
    Mistake("one beta", lambda: ab.optim.Adam(x(), betas=0.9), VALUE, "betas=0.9", "two numbers"),
    Mistake("beta of one", lambda: ab.optim.Adam(x(), betas=(0.9, 1.0)), VALUE, "betas[1]=1.0", "not including, 1.0"),
    Mistake("eps below zero", lambda: ab.optim.Adam(x(), eps=-1.0), VALUE, "eps=-1.0", "from 0 up to"),
    Mistake("state of a module", lambda: ab.nn.Linear(1, 1).load_state_dict(ab.nn.Linear(1, 1)), TYPE, "type Linear was given as a state", "state_dict()"),
    Mistake("sizes as text", lambda: ab.nn.Linear("3", 4), TYPE, "'3' inputs and 4 outputs", "whole numbers"),
    Mistake("sizes below zero", lambda: ab.nn.Linear(-3, 4), VALUE, "-3 inputs and 4 outputs", "at least one"),
    Mistake("input of another width", lambda: ab.nn.Linear(3, 4)(np.ones((5, 2))), VALUE, "shape (5, 2), and its weight has shape (3, 4)", "length 3"),
    Mistake("sequence of a list", lambda: ab.nn.Sequential([ab.nn.ReLU()]), TYPE, "layer 0 of a Sequential is of type list", "one by one"),
    Mistake("sequence of a class", lambda: ab.nn.Sequential(ab.nn.Linear), TYPE, "is the class Linear", "one by one"),
    Mistake("labels with a fraction", lambda: ab.nn.cross_entropy(x(1, 3), [0.5]), TYPE, "dtype float64", "labels.astype(int)"),
    Mistake("label out of range", lambda: ab.nn.cross_entropy(x(1, 3), [3]), VALUE, "from 3 to 3, and the logits have 3 classes", "from 0 to 2"),
    Mistake("labels of another shape", lambda: ab.nn.cross_entropy(x(1, 3), [[0]]), VALUE, "(1, 3) came with labels of shape (1, 1)", "shape (1,)"),
    Mistake("empty batch", lambda: ab.nn.cross_entropy(np.ones((0, 3)), []), VALUE, "shape (0, 3) are not a batch", "at least one row"),
    Mistake("targets of another shape", lambda: ab.nn.mean_squared_error(x(3, 1), np.ones(3)), VALUE, "(3, 1) came with targets of shape (3,)", "same shape"),
    Mistake("error of nothing", lambda: ab.nn.mean_squared_error(np.ones(0), np.ones(0)), VALUE, "shape (0,) hold no number", "at least one"),
    # Values that may not change, and hooks
    Mistake("item assignment", lambda: operator.setitem(x(), 0, 1.0), TYPE, "item assignment [0]", "x.at[index].set(value)"),
    Mistake("update while recording", lambda: operator.iadd(x(), 1.0), TYPE, "add was used in place on a Variable of shape (2,)", "with no_grad()"),
    Mistake("division in place", lambda: operator.itruediv(x(), 2.0), TYPE, "divide was used in place", "y = np.divide(x, ...) for a new result"),
    Mistake("update that grows", lambda: in_no_grad(lambda: operator.iadd(x(1), np.ones((3, 2)))), VALUE, "shape (3, 2) was assigned to a Variable of shape (1,)", "Variable's shape"),
    Mistake("data of another shape", lambda: setattr(x(), "data", [1.0]), VALUE, "data of shape (1,) was assigned to a Variable of shape (2,)", "new Variable"),
    Mistake("data of text", lambda: setattr(x(), "data", ["a", "b"]), TYPE, "dtype <U1", "floating point"),
    Mistake("complex data for a real", lambda: setattr(x(), "data", [1j, 2j]), TYPE, "dtype complex128 was assigned to a Variable of dtype float64", ".astype"),
    Mistake("tracked data", lambda: setattr(x(), "data", x() * 2), TYPE, "was assigned to .data", ".detach()"),
    Mistake("constant changed", changed_constant, ab.MutatedValueError, "the argument y of multiply, an array of shape (2,)", "Pass a copy"),
    Mistake("primal changed", changed_primal, ab.MutatedValueError, "an array of shape (2,), was changed in place", "after the backward pass"),
    Mistake("hook on a constant", lambda: x().detach().register_hook(print), TYPE, "hook was registered on a Variable of shape (2,)", "requires_grad=True"),
    Mistake("hook of another shape", lambda: hooked(lambda g: g[0]), VALUE, "shape () for a Variable of shape (2,)", "None to leave it"),
    Mistake("ufunc method", lambda: np.true_divide.accumulate(x(4)), RULE, "divide.accumulate was called with a Variable", "np.sum"),
    Mistake("complex to number", lambda: complex(x(1)[0]), TYPE, "converted to a plain number", ".item()"),
    # Trees
    Mistake("list against tuple", lambda: tree_map(max, [1.0], (1.0,)), VALUE, "a tuple of 1 where a list of 1", "same form"),
    Mistake("other keys", lambda: tree_map(max, {"a": 1.0}, {"b": 1.0}), VALUE, "keys ['b'] where a dict with the keys ['a']", "same form"),
    Mistake("longer list", lambda: tree_map(max, [1.0], [1.0, 2.0]), VALUE, "a list of 2 where a list of 1", "same form"),
    Mistake("integers in a tree", lambda: ab.grad(lambda t: t["a"] * 1.0)({"a": 2}), TYPE, "dtype int64", "floating point"),
    Mistake("text in a tree", lambda: ab.grad(lambda t: t[1] * 1.0)(["a", 1.0]), TYPE, "dtype <U1", "floating point"),
    # Reverse mode
    Mistake("gradient of complex", lambda: ab.grad(lambda z: z * z)(1j), TYPE, "complex number of dtype complex128", "np.abs"),
    Mistake("no pair", lambda: ab.grad(lambda v: v, has_aux=True)(1.0), TYPE, "has_aux=True expects a pair", "tuple of two"),
    Mistake("three of a pair", lambda: ab.value_and_grad(lambda v: (v, v, v), has_aux=True)(1.0), TYPE, "a tuple where has_aux=True", "tuple of two"),
    Mistake("result is a dict", lambda: ab.grad(lambda v: {"loss": v})(1.0), TYPE, "returned a dict", "one array or number"),
    Mistake("result is text", lambda: ab.vjp(lambda v: "done", 1.0), TYPE, "returned a str", "one array or number"),
    Mistake("argnums out of range", lambda: ab.grad(lambda v: v, 3)(1.0), VALUE, "1 positional arguments, to be differentiated at (3,)", "by position"),
    Mistake("keyword to differentiate", lambda: ab.grad(lambda v: v)(v=1.0), VALUE, "0 positional arguments", "by position"),
    Mistake("cotangent of a tree", lambda: ab.vjp(np.sin, np.ones(2))[1]([1.0, 2.0, 3.0]), VALUE, "cotangent of shape (3,)", "shape of the result"),
    # Forward mode and curvature
    Mistake("primals not in a tuple", lambda: ab.jvp(np.sin, 1.0, (1.0,)), TYPE, "a float as primals", "tuple with one entry"),
    Mistake("tangents not in a tuple", lambda: ab.jvp(np.sin, (1.0,), 1.0), TYPE, "a float as tangents", "tuple with one entry"),
    Mistake("a tangent too few", lambda: ab.jvp(np.add, (1.0, 2.0), (1.0,)), VALUE, "a tuple of 1 where a tuple of 2", "same form"),
    Mistake("tangent of another shape", lambda: ab.jvp(np.sin, (np.ones(3),), (1.0,)), VALUE, "tangent of shape () was given for a primal of shape (3,)", "shape of the primal"),
    Mistake("integer primal", lambda: ab.jvp(np.sin, (1,), (1.0,)), TYPE, "dtype int64", "floating point"),
    Mistake("forward mode of text", lambda: ab.jvp(lambda v: "done", (1.0,), (1.0,)), TYPE, "returned a str", "one array or number"),
    Mistake("mode of a jacobian", lambda: ab.jacobian(np.sin, mode="both"), VALUE, "mode='both'", "'reverse'"),
    Mistake("forward jacobian of a tree", lambda: ab.jacobian(lambda t: t["a"], mode="forward")({"a": 1.0}), TYPE, "mode='forward' with a dict", "mode='reverse'"),
    Mistake("hessian of an array", lambda: ab.hessian(np.sin)(np.ones(2)), VALUE, "an array of shape (2,)", "np.sum"),
    Mistake("product of another shape", lambda: ab.hvp(lambda v: np.sum(v * v))(np.ones(2), np.ones(3)), VALUE, "shape (3,) was given for a primal of shape (2,)", "shape of the primal"),
    Mistake("elementwise of a sum", lambda: ab.elementwise_grad(np.sum)(np.ones(2)), VALUE, "shape () for an argument of shape (2,)", "grad or jacobian"),
    Mistake("leak from forward mode", leaked_forward, ab.LeakedVariableError, "made inside a derivative of", "Return the value"),
    # Batches
    Mistake("batches of two sizes", lambda: ab.vmap(np.add)(np.ones(2), np.ones(3)), VALUE, "[2, 3] examples", "same number"),
    Mistake("nothing batched", lambda: ab.vmap(np.sin, (None,))(np.ones(2)), VALUE, "no examples", "Batch an argument at least"),
    Mistake("batch of nothing", lambda: ab.vmap(np.sin)(np.ones((0, 2))), VALUE, "[0] examples", "from 1 up"),
    Mistake("axes for arguments", lambda: ab.vmap(np.add, (0,))(np.ones(2), np.ones(2)), VALUE, "1 axes for 2 arguments", "one for each"),
    Mistake("axis that is not there", lambda: ab.vmap(np.sin, 2)(np.ones(2)), VALUE, "shapes [(2,)]", "an axis that each argument has"),
    Mistake("branch on a batch", lambda: ab.vmap(lambda v: v if v > 0 else -v)(np.ones(2)), TYPE, "differs between the examples", "np.where"),
    Mistake("float of a batch", lambda: ab.vmap(float)(np.ones(2)), TYPE, "shape ()", "np.where"),
    Mistake("array of a batch", lambda: ab.vmap(np.asarray)(np.ones((2, 3))), TYPE, "shape (3,)", "return the value"),
    # Numbers that are none
    Mistake("log of zero", lambda: watched(lambda: np.log(x() * 0.0)), ab.NonFiniteError, "log made a NaN or an infinity", "where the function is finite"),
    Mistake("slope of a root at zero", lambda: watched(lambda: np.sqrt(x() * 0.0).sum().backward()), ab.NonFiniteError, "the rule of sqrt made", "where the derivative is finite"),
    # Checks
    Mistake("mode of a check", lambda: ab.check_gradients(np.sin, 1.0, modes=("sideways",)), VALUE, "modes=('sideways',)", "'reverse', 'forward'"),
    Mistake("order of a check", lambda: ab.check_gradients(np.sin, 1.0, order=0), VALUE, "order=0", "1 or more"),
    Mistake("check of integers", lambda: ab.check_gradients(np.sin, 1), TYPE, "dtype int64", "floating point"),
    # Vocabulary: what has no derivative, or not with these parameters
    Mistake("unique", lambda: np.unique(x()), RULE, "unique was called", "np.sort"),
    Mistake("histogram", lambda: np.histogram(x()), RULE, "histogram was called", "np.bincount"),
    Mistake("put", lambda: np.put(x(), [0], 1.0), RULE, "put was called", "x.at[index].set(values)"),
    Mistake("copyto", lambda: np.copyto(x(), 1.0), RULE, "copyto was called", "x.at[index].set(values)"),
    Mistake("fill_diagonal", lambda: np.fill_diagonal(x(2, 2), 0.0), RULE, "fill_diagonal was called", "np.where"),
    Mistake("polyfit", lambda: np.polyfit(x(3), x(3), 1), RULE, "polyfit was called", "np.vander"),
    Mistake("logspace", lambda: np.logspace(x(1)[0], 2.0, 3), RULE, "logspace was called", "np.linspace"),
    Mistake("piecewise", lambda: np.piecewise(x(), [x() > 0], [1.0]), RULE, "piecewise was called", "np.select"),
    Mistake("sum of whole numbers", lambda: np.sum(x(), dtype=int), TYPE, "dtype=<class 'int'>", "floating point"),
    Mistake("ufunc where", lambda: np.add(x(), 1.0, where=[True, False]), RULE, "where=[True, False]", "np.where"),
    Mistake("ufunc out", lambda: np.add(x(), 1.0, out=np.zeros(2)), RULE, "out=tuple of float64 of shape (2,)", "a = a - b"),
    Mistake("nan_to_num in place", lambda: np.nan_to_num(x(), copy=False), RULE, "copy=False", "Leave that parameter out"),
    Mistake("nextafter", lambda: np.nextafter(x(), 1.0), RULE, "nextafter was called", "x.numpy()"),
    Mistake("product of matrices", lambda: x(2, 3) @ x(2, 3), VALUE, "do not fit: (2, 3) and (2, 3)", "x @ y.T"),
    Mistake("subscripts", lambda: np.einsum("ij,jk", x(2, 3), x(2, 3)), VALUE, "'ij,jk' for operands of shapes (2, 3), (2, 3)", "each axis a letter"),
    Mistake("cross product", lambda: np.cross(x(4), x(4)), VALUE, "do not fit: (4,) and (4,)", "2 or 3 coordinates"),
    Mistake("full svd", lambda: np.linalg.svd(x(3, 2)), RULE, "shape (3, 2) with full_matrices=True", "full_matrices=False"),
    Mistake("complete qr", lambda: np.linalg.qr(x(3, 2), mode="complete"), RULE, "mode='complete'", "mode='reduced'"),
    Mistake("order of a norm", lambda: np.linalg.norm(x(2, 2), ord=3), VALUE, "ord=3 over axis=(-2, -1)", "'fro'"),
    Mistake("equal eigenvalues", lambda: np.sum(np.linalg.eigh(Variable(np.eye(2)))[1]).backward(), VALUE, "the values [1. 1.]", "values alone"),
    Mistake("padding of nothing", lambda: np.pad(x(2, 0), 1, mode="mean"), VALUE, "axis 1 of shape (4, 0)", "mode 'constant'"),
    Mistake("condition of nothing", lambda: np.linalg.cond(x(0, 0)), VALUE, "shape (0, 0)", "Leave empty matrices out"),
    Mistake("empty padding", lambda: np.pad(x(), 1, mode="empty"), RULE, "mode='empty'", "another mode"),
    Mistake("spacing of a gradient", lambda: np.gradient(x(), [1.0, 2.0, 4.0]), VALUE, "1 spacings", "a step or coordinates"),
    Mistake("probability of a complex number", lambda: ab.sigmoid(x() * 1j), TYPE, "complex numbers of shape (2,)", "np.real or np.abs"),
    Mistake("apply_along_axis", lambda: np.apply_along_axis(np.sum, 0, x(2, 2)), RULE, "apply_along_axis was called", "an axis"),
    Mistake("choices of a select", lambda: np.select([x() > 0], [x(), x()]), VALUE, "1 conditions and 2 choices", "one choice for each"),
    Mistake("images without channels", lambda: ab.conv2d(x(2, 3), x(1, 1, 2, 2)), VALUE, "x of shape (2, 3)", "examples and channels"),
    Mistake("channels", lambda: ab.conv2d(x(1, 3, 4, 4), x(2, 2, 2, 2)), VALUE, "(2, 2, 2, 2) do not fit x of shape (1, 3, 4, 4)", "in / groups"),
    Mistake("unknown padding", lambda: ab.conv2d(x(1, 1, 4, 4), x(1, 1, 2, 2), padding="full"), VALUE, "padding='full'", "'same'"),
    Mistake("stride of zero", lambda: ab.conv2d(x(1, 1, 4, 4), x(1, 1, 2, 2), stride=0), VALUE, "stride=0", "positive integer"),
    Mistake("window too large", lambda: ab.max_pool2d(x(1, 1, 2, 2), 3), VALUE, "(3, 3) do not fit into an array of shape (1, 1, 2, 2)", "smaller windows"),
    Mistake("product with objects", lambda: x() * np.array([1, 2], object), TYPE, "multiply of a Variable gave a result of object", "np.asarray(x, float)"),
    Mistake("product with a list of large numbers", lambda: x() @ [10**30, 1], TYPE, "matmul of a Variable gave a result of float", "np.asarray(x, float)"),
    Mistake("join with objects", lambda: np.concatenate([x(), [10**30]]), TYPE, "gave a result of object", "np.asarray(x, float)"),
    Mistake("product with a time", lambda: x() * np.timedelta64(3, "s"), TYPE, "result of timedelta64[s]", "np.asarray(x, float)"),
    Mistake("primitive of a plain number", lambda: ab.primitive("x", x=lambda g: g)(lambda x: 1)(x()), TYPE, "gave a result of int", "NumPy number"),
    Mistake("axes of a product", lambda: np.matmul(x(2, 2), x(2, 2), axes=[(0, 1)] * 3), RULE, "matmul was called with axes=", "Leave"),
    Mistake("keepdims of a product", lambda: np.matmul(x(2, 2), x(2, 2), keepdims=True), RULE, "matmul was called with keepdims=True", "Leave"),
    Mistake("loop of a sum", lambda: np.add(x(), 1.0, signature="dd->d"), RULE, "add was called with signature='dd->d'", "Leave"),
    Mistake("power of negative numbers", lambda: np.emath.power(x(), 0.5), RULE, "power was called with a Variable", ".astype(complex)"),
    Mistake("filled with a Variable", lambda: np.full_like(np.ones(2), x()), RULE, "copyto was called", "np.broadcast_to"),
    Mistake("order that is a Variable", lambda: np.linalg.norm(x(), ord=Variable(2.0)), VALUE, "ord=Variable(2.) over axis=(0,)", "Pass a number"),
    Mistake("beginning that is no integer", lambda: np.ediff1d(np.array([1, 2]), to_begin=x()), TypeError, "ediff1d was called with int64", "numbers"),
    Mistake("generator without gradients", lambda: ab.no_grad()(ended), TYPE, "no_grad was put around ended", "inside of it"),
    # NumPy's own errors, with a note
    Mistake("shapes of a sum", lambda: x(2) + np.zeros(3), ValueError, "add was called with float64 of shape (2,), float64 of shape (3,)", "make the shapes agree"),
    Mistake("size of a reshape", lambda: x(4).reshape(3), ValueError, "reshape was called with float64 of shape (4,)", "make the shapes agree"),
    Mistake("axis of a sum", lambda: np.sum(x(), axis=3), np.exceptions.AxisError, "sum was called with float64 of shape (2,)", "Count axes from 0"),
    Mistake("axis of a join", lambda: np.concatenate([x(), x()], axis=2), np.exceptions.AxisError, "was called with list of float64 of shape (2,)", "Count axes"),
    Mistake("index out of range", lambda: x()[5], IndexError, "getitem was called with float64 of shape (2,)", "within the shape"),
    Mistake("oblong inverse", lambda: np.linalg.inv(x(2, 3)), np.linalg.LinAlgError, "inv was called with float64 of shape (2, 3)", "square matrices"),
    Mistake("singular inverse", lambda: np.linalg.inv(x(2, 2)), np.linalg.LinAlgError, "inv was called with float64 of shape (2, 2)", "not singular"),
    Mistake("adding text", lambda: x() + "a", TypeError, "add was called with float64 of shape (2,), str 'a'", "arrays of numbers"),
    Mistake("times nothing", lambda: x() * None, TypeError, "multiply was called with float64 of shape (2,), NoneType None", "arrays of numbers"),
    Mistake("missing argument", lambda: np.where(x() > 0, x()), TypeError, "where was called with bool of shape (2,)", "only parameters that the function has"),
    Mistake("no samples", lambda: np.linspace(x(), 1.0, -3), ValueError, "linspace was called with float64 of shape (2,)", "Check the parameters"),
    Mistake("no points", lambda: np.fft.fft(x(), n=0), ValueError, "fft was called with float64 of shape (2,)", "Check the parameters"),
    Mistake("shape of a change", lambda: x(3).at[0:2].set(np.ones(3)), ValueError, "x.at[index] was called with float64 of shape (3,), float64 of shape (3,)", "make the shapes agree"),
    # What a newcomer writes
    Mistake("names in another order", lambda: ab.primitive("y x", x=lambda g: g)(lambda x, y: x - y), TYPE, "takes x, y, and its primitive names them y, x", "function's order"),
    Mistake("rule that asks for nobody", lambda: with_rule(lambda g, z: g), TYPE, "asks for z", "Ask for one of these"),
    Mistake("rule of another library", lambda: with_rule(lambda ctx, g: g), TYPE, "('ctx', 'g')", "lambda g"),
    Mistake("rule of NumPy", lambda: with_rule(np.cos), TYPE, "not the cotangent", "lambda g"),
    Mistake("Variable beside the arguments", beside, TYPE, "custom gave a Variable of shape (2,)", "Make that an argument"),
    Mistake("length of a number", lambda: len(Variable(1.0)), TYPE, "asked for its length", "as the number that it is"),
    Mistake("parts of a number", lambda: list(Variable(1.0)), TYPE, "its parts", ".reshape(1)"),
    Mistake("number of an array", lambda: x().item(), VALUE, "shape (2,) was taken for a single number", ".mean()"),
    Mistake("format of an array", lambda: f"{x():.2f}", VALUE, "shape (2,) was taken for a single number", ".numpy()"),
    Mistake("nothing as data", lambda: Variable(None), TYPE, "data of NoneType cannot require a gradient", "Give numbers"),
    Mistake("power as in mathematics", lambda: x() ^ 2, TypeError, "bitwise_xor was called with", "Write x ** y"),
    Mistake("not positive definite", lambda: np.linalg.cholesky(-x(1, 1)), np.linalg.LinAlgError, "cholesky was called with", "positive definite"),
    Mistake("joined numbers", lambda: np.concatenate([x()[0], x()[1]]), ValueError, "concatenate was called with", "np.stack"),
    Mistake("axis called dim", lambda: ab.relu(x(), dim=1), TypeError, "relu was called with", "such as axis"),
    Mistake("function called without a value", lambda: ab.relu(), TypeError, "relu was called with", "Give numbers"),
    Mistake("carried over from round to round", lambda: carried(), ab.FreedGraphError, "released", ".detach()"),
    Mistake("matrix from rows of Variables", lambda: np.array([[x()[0], 1.0], [1.0, x()[1]]]), TYPE, "would drop its gradient", "np.block"),
    Mistake("parameters read twice", read_twice, VALUE, "no Variables in it", "network.parameters() again"),
    Mistake("network of arrays", lambda: ab.optim.SGD(Arrays().parameters(), 0.1), VALUE, "0 parameters", "Variables in its attributes"),
    Mistake("optimiser of a dictionary", lambda: ab.optim.SGD({"w": x()}, 0.1), TYPE, "value of type dict", "list(d.values())"),
    Mistake("labels in words", lambda: ab.nn.cross_entropy(x(2, 3), ["cat", "dog"]), TYPE, "dtype <U3", "np.unique(labels, return_inverse=True)[1]"),
    Mistake("no return", lambda: ab.grad(lambda v: None)(1.0), TYPE, "returned a NoneType", "begins with return"),
    Mistake("loss and predictions", lambda: ab.grad(lambda v: (v * v, v))(1.0), TYPE, "returned a tuple", "has_aux=True"),
    Mistake("Jacobian of a list", lambda: ab.jacobian(lambda v: [v[0], v[1]])(np.ones(2)), TYPE, "returned a list", "np.stack"),
    Mistake("point in place of argnums", lambda: ab.grad(np.sin, 1.0), TYPE, "argnums=1.0", "grad(f)(x)"),
    Mistake("Jacobian of a number", lambda: ab.jacobian(1.0), TYPE, "jacobian was given a float", "f and not f(x)"),
    Mistake("product of a number", lambda: ab.hvp(1.0), TYPE, "hvp was given a float", "f and not f(x)"),
    Mistake("slope of a number", lambda: ab.elementwise_grad(1.0), TYPE, "elementwise_grad was given a float", "f and not f(x)"),
    Mistake("check of a number", lambda: ab.check_gradients(1.0, 1.0), TYPE, "check_gradients was given a float", "f and not f(x)"),
    Mistake("number among batches", lambda: ab.vmap(np.multiply)(np.ones(3), 2.0), VALUE, "shapes [(3,), ()]", "in_axes=(0, None)"),
    Mistake("array of examples", lambda: ab.vmap(lambda v: np.array([v, v]))(np.ones(3)), TYPE, "differs between the examples", "np.stack"),
    Mistake("step without the scaler", unscaled_step, ab.ScalingOrderError, "no gradient was checked", "scaler.step(optimizer)"),
    Mistake("saving a Variable", lambda: np.save("w.npy", x()), RULE, "save was called with a Variable", "x.numpy()"),
    Mistake("saving Variables", lambda: np.savez("w.npz", w=x()), RULE, "savez was called with a Variable", "state_dict()"),
    Mistake("primitive that writes", writing, VALUE, "wrote into its argument x, an array of shape (2,)", "x = x.copy()"),
    Mistake("two losses that share", sharing, ab.FreedGraphError, "released", "go back once"),
    Mistake("names among parameters", lambda: ab.grad(lambda p: p["w"])({"w": 1.0, "name": "a"}), TYPE, "dtype <U1", "names apart"),
    Mistake("check failed", lambda: ab.check_gradients(with_rule(lambda g: 2 * g), 1.0), ab.GradientCheckError, "analytic", "Check the rules"),
]


def test_there_are_at_least_a_hundred_and_fifty_mistakes() -> None:
    assert len({mistake.name for mistake in MISTAKES}) >= 150


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_the_message_has_one_sentence_of_fact_and_one_of_remedy(mistake: Mistake) -> None:
    with pytest.raises(mistake.kind) as caught:
        mistake.make()
    notes = getattr(caught.value, "__notes__", [])
    assert isinstance(caught.value, ab.AutogradError) or notes  # ours, or NumPy's with a note of ours
    message = str(caught.value) if isinstance(caught.value, ab.AutogradError) else " ".join(notes)
    _, _, remedy = message.partition(mistake.fact)
    assert remedy, f"the fact {mistake.fact!r} is missing: {message}"
    assert mistake.remedy in remedy, f"the remedy {mistake.remedy!r} does not follow the fact: {message}"
    assert ". " in message or ".\n" in message or ":\n" in message, f"one sentence only: {message}"
    assert message.endswith((".", "?")), message


def test_writing_a_variable_into_an_array_is_answered_in_the_cause_of_numpys_error() -> None:
    y = np.zeros(2)
    with pytest.raises(ValueError) as caught:
        y[0] = x(1)[0]
    assert "np.stack" in str(caught.value.__cause__) and ".at[index].set(value)" in str(caught.value.__cause__)


@pytest.mark.parametrize(("name", "remedy"), [
    ("to", "Leave it out"), ("float", "x.astype(np.float32)"), ("view", "x.reshape(shape)"), ("mm", "x @ y"), ("pow", "x * y"),
    ("zero_", "x.zero_grad()"), ("add_", "with no_grad()"), ("exp", "np.exp(x)"), ("det", "np.linalg.det(x)"), ("sort", "np.sort(x)"),
    ("softmax", "autograd_book.softmax(x)"), ("nbytes", "x.numpy().nbytes"), ("shpae", "Did you mean shape?"), ("qqq", "NumPy's functions"),
])
def test_an_unknown_attribute_is_answered_with_what_to_write_instead(name: str, remedy: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute '{name}'") as caught:
        getattr(x(), name)
    assert remedy in str(caught.value)


@pytest.mark.parametrize(("place", "name", "remedy"), [
    (ab, "tensor", "autograd_book.Variable(data)"), (ab, "sin", "np.sin"), (ab, "zeros", "np.zeros"), (ab, "Linear", "autograd_book.nn.Linear"),
    (ab, "Adam", "autograd_book.optim.Adam"), (ab, "jacrev", "autograd_book.jacobian(f)"), (ab.nn, "LeakyReLU", "np.tanh"), (ab.nn, "Parameter", "Variable(data)"),
    (ab.nn, "CrossEntropyLoss", "nn.cross_entropy"), (ab.nn.Linear(1, 1), "cuda", "Leave it out"), (ab.nn.Linear(1, 1), "forward", "Call the network"),
])
def test_a_name_from_elsewhere_is_answered_with_the_name_here(place: Any, name: str, remedy: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute '{name}'") as caught:
        getattr(place, name)
    assert remedy in str(caught.value)


@pytest.mark.parametrize("place", [ab, ab.nn, ab.nn.Linear(1, 1)], ids=["package", "layers", "network"])
def test_a_misspelled_name_is_left_to_python_which_proposes_the_nearest(place: Any) -> None:
    with pytest.raises(AttributeError) as caught:
        place.weihgt_of
    assert (caught.value.name, caught.value.obj) == ("weihgt_of", place)
    assert str(caught.value).endswith("no attribute 'weihgt_of'")


@pytest.mark.parametrize("write", [
    lambda v: np.block([[v[0], -v[1]], [v[1], v[0]]]),
    lambda v: np.stack([v[0] * v[1], v[1]]),
    lambda v: Variable(np.zeros(3), False).at[1].set(v[0] ** 2),
    lambda v: np.concatenate([v, v * 2.0]),
    lambda v: np.broadcast_to(v, (3, 2)) * v,
    lambda v: v[:, np.newaxis].reshape(-1).T,
], ids=["block", "stack", "at", "concatenate", "broadcast_to", "newaxis"])
def test_what_remedies_tell_to_write_has_the_right_gradient(write) -> None:
    ab.check_gradients(write, np.array([0.5, 1.5]))


@pytest.mark.parametrize("remedy", [
    lambda a, b: 10.0 ** np.linspace(a, b, 5),
    lambda a, b: a * (b / a) ** np.linspace(0, 1, 5),
], ids=["logspace", "geomspace"])
def test_the_remedy_for_spaced_numbers_is_right(remedy, request) -> None:
    name = request.node.callspec.id
    np.testing.assert_allclose(remedy(2.0, 3.0), getattr(np, name)(2.0, 3.0, 5), rtol=1e-12)
    ab.check_gradients(remedy, 2.0, 3.0)


SQUARE, VECTOR = np.eye(3) + 1.0, np.ones(3)
OPTIONS: list[dict[str, Any]] = [{}, {"axis": 99}, {"axis": "q"}, {"axes": (7,)}, {"dtype": int}, {"n": -3}, {"zz": 1}, {"axis1": 9},
                                 {"mode": "zz"}, {"shape": (7,)}, {"repeats": -2}, {"norm": "zz"}, {"s": (0, 0)}, {"order": "Q"}, {"out": np.zeros(3)}]
PUBLIC = [f for f in (*functions, *primitives) if (getattr(f, "__module__", None) or "").startswith("numpy") and not isinstance(f, np.ufunc)
          and f is not np.full  # which is asked with like= alone
          and f.__name__ != "row_stack"]  # an old name, under which NumPy itself calls vstack


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fun", PUBLIC, ids=lambda f: f.__name__)
def test_an_error_names_the_function_that_the_program_called_and_not_one_inside_of_it(fun: Any) -> None:
    for args in ((Variable(VECTOR),), (Variable(SQUARE),), (Variable(SQUARE), Variable(SQUARE)), (Variable(np.ones((2, 3))), Variable(np.ones((4, 5))))):
        for options in OPTIONS:
            try:
                fun(*args, **options)
            except Exception as error:
                text = " ".join([str(error), *getattr(error, "__notes__", [])])
                assert fun.__name__ in text, f"{fun.__name__}{args}, {options}: {text}"
