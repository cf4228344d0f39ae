"""Programs as somebody types them who comes from PyTorch, JAX or NumPy, and how they are answered.

Each is text, run as a script would be. An error has to name what arrived and what to write instead, in its message, in a
note of it, or in its cause; what runs has to give the number that arithmetic gives.
"""

import numpy as np
import pytest

BEGINNING = """
import numpy as np
import autograd_book as ab
from autograd_book import Variable, nn, optim, sequence
rng = np.random.default_rng(0)
X, Y, labels = rng.normal(size=(8, 3)), rng.normal(size=(8, 1)), np.arange(8) % 4
w, b = Variable(np.ones((3, 1))), Variable(np.zeros(1))
network = nn.Linear(3, 4, rng=0)
"""

#: A program, and words that its answer has to have.
ANSWERED = {
    # data
    "w * [[1.0], [2.0, 3.0]]": ("list [[1.0], [2.0, 3.0]]", "rows have one length"),
    "[[1.0], [2.0, 3.0]] * w": ("rows have one length",),
    "np.concatenate([w, [[1.0], [2.0, 3.0]]])": ("rows have one length",),
    "Variable([[1.0], [2.0, 3.0]])": ("rows of unlike lengths", "one length"),
    "Variable([1, 2, 3])": ("dtype int64", "floating point"),
    "Variable(w)": ("a Variable was made of a Variable", ".detach()"),
    "Variable([w, w])": ("np.stack",),
    "Variable(None)": ("NoneType", "Give numbers"),
    "Variable('3.0')": ("dtype <U3", "floating point"),
    "Variable([1.0, 2.0], dtype=np.float32)": ("'dtype'", "Variable(data, requires_grad=True)"),
    "Variable([1.0, 2.0], np.float32)": ("numpy.float32", "requires_grad", "np.asarray(data, dtype)"),
    "Variable(1.0, 2.0, 3.0)": ("Variable(data, requires_grad=True)",),
    "Variable(X, X)": ("float64 of shape (8, 3) as requires_grad", "True or False"),
    # what a Variable is asked for
    "w.to('cuda')": ("'to'", "Leave it out"),
    "w.requires_grad_()": ("Variable(data, requires_grad=False)",),
    "y = w * 2.0\ny.requires_grad = False": ("was computed", ".detach()"),
    "w.zero_()": ("x.zero_grad()",),
    "w.view(-1)": ("x.reshape(shape)",),
    "w.unsqueeze(0)": ("np.newaxis",),
    "w.clone()": ("x.copy()", "x.detach()"),
    "w.pow(2)": ("operator",),
    "w.matmul(b)": ("np.matmul(x, y)",),
    "w.mm(b)": ("x @ y",),
    "w.tolist()": (".numpy()",),
    "w.sum(dim=0)": ("'dim'", "axis and keepdims"),
    "w[0] = 1.0": ("[0]", "x.at[index].set(value)"),
    "w[0] += 1.0": ("x.at[index].set(value)",),
    "w['a']": ("getitem was called", "whole numbers, slices or truth values"),
    "w.at[9].set(1.0)": ("x.at[index] was called", "Index within the shape"),
    "w.at[0].set(np.ones(5))": ("x.at[index] was called", "shape (5,)", "make the shapes agree"),
    "float(np.sum(w))": (".item()",),
    "'%.3f' % np.sum(w)": (".item()",),
    "f'{w:.3f}'": ("shape (3, 1)", ".mean()"),
    "import math\nmath.exp(np.sum(w))": ("NumPy's functions instead of math's",),
    "np.asarray(w)": (".numpy()", ".detach()"),
    "for v in np.sum(w): pass": ("shape ()", ".reshape(1)"),
    # shapes
    "X @ w.T": ("matmul was given", "(8, 3) and (1, 3)", "x @ y.T"),
    "np.dot(w, X)": ("dot was given", "(3, 1) and (8, 3)"),
    "np.inner(w, X)": ("inner was given", "(3, 1) and (8, 3)", "last axis"),
    "np.vdot(w, X)": ("vdot was given", "(3, 1) and (8, 3)"),
    "np.linalg.multi_dot([X, w, X])": ("multi_dot was given", "as tall as the one before is wide"),
    "w * np.ones((2, 2))": ("multiply was called", "(3, 1)", "(2, 2)", "make the shapes agree"),
    "w.reshape(2, 2)": ("reshape was called", "make the shapes agree"),
    "np.concatenate(w, b)": ("shape (3, 1)", "shape (1,) as its axis", "np.concatenate([a, b])"),
    "np.stack(w, b)": ("np.stack([a, b])",),
    "np.concatenate([w, b])": ("agree in all axes but one",),
    "np.linalg.inv(w)": ("inv was called", "square"),
    "nn.mean_squared_error(X @ w, Y[:, 0])": ("(8, 1)", "(8,)", ".reshape"),
    "network(np.ones((4, 2)))": ("Linear(3, 4)", "(4, 2)", "last axis has length 3"),
    # derivatives
    "ab.grad(lambda x: np.sum(x ** 2))([[1.0], [2.0, 3.0]])": ("came as a list of 2", "rows of one length"),
    "ab.grad(lambda x: x.sum())([1.0, 2.0])": ("came as a list of 2", "Make an array of the list"),
    "ab.grad(lambda x: x ** 2)(None)": ("Argument 0", "was None"),
    "ab.grad(lambda x: x ** 2)(3)": ("dtype int64", "1.0 for 1"),
    "ab.grad(lambda x: x * x)(np.ones(2))": ("shape (2,)", "np.sum"),
    "ab.grad(ab.grad(lambda x: np.sum(x ** 3)))(np.ones(2))": ("the gradient of", "shape (2,)", "np.sum"),
    "ab.grad(lambda x: print(end='') or None)(3.0)": ("NoneType", "begins with return"),
    "ab.grad(lambda x: {'loss': x})(3.0)": ("a dict", "has_aux=True"),
    "ab.grad(lambda x: np.sin)(3.0)": ("a ufunc", "Return one array or number"),
    "ab.grad(lambda x: lambda y: y)(3.0)": ("a function", "f(x) and not f"),
    "ab.grad(lambda x: np.argmax(x))(np.ones(3))": ("dtype int64", "floating-point"),
    "ab.grad(np.ones(2))": ("a ndarray in place of a function",),
    "ab.grad(np.sum(w), w)": ("a Variable in place of a function", "f and not f(x)"),
    "ab.grad()": ("grad(f, argnums=0, has_aux=False)",),
    "ab.vjp(lambda x: x * x, (np.ones(2),))": ("came as a tuple of 1", "one by one"),
    "ab.vjp(lambda x, y: x * y, (np.ones(2), np.ones(2)))": ("came as a tuple of 2", "one by one"),
    "ab.jvp(np.sin, np.ones(2), np.ones(2))": ("a ndarray as primals", "a tuple"),
    "ab.hvp(lambda x: np.sum(x ** 2))(np.ones(2))": ("with 1 arguments", "and then the vector"),
    "ab.hvp(np.sum, X, X)": ("hvp(f, argnums=0), and what comes back with the arguments of f",),
    "ab.vmap(np.sin, out_axes=1)": ("vmap(f, in_axes=0, out_axis=0)",),
    "ab.checkpoint(network, X)": ("checkpoint(f, *, policy=None, check=True), and what comes back",),
    "ab.compile(network, X)": ("compile(f, *, exact=False",),
    "ab.compile(network(X))": ("compile was given a Variable", "f and not f(x)"),
    "ab.capture(network(X), X)": ("capture was given a Variable", "f and not f(x)"),
    "def f(x):\n    y = np.zeros(2)\n    y[0] = x[0]\n    return np.sum(y)\nab.grad(f)(np.ones(2))": ("np.stack", ".at[index].set(value)"),
    # passes back
    "(w * w).backward()": ("shape (3, 1) without a gradient", ".sum()"),
    "y = np.sum(w)\ny.backward()\ny.backward()": ("released", "retain_graph=True"),
    "with ab.no_grad():\n    y = np.sum(w)\ny.backward()": ("none that requires a gradient", "outside no_grad()"),
    "np.sum(w.detach()).backward()": ("none that requires a gradient",),
    "w -= 0.1": ("in place", "with no_grad():"),
    "w.data = w - 0.1": ("assigned to .data", ".detach()"),
    "w.grad = np.ones(2)": ("shape (2,)", "(3, 1)"),
    "w.register_hook(None)": ("NoneType None was registered as a hook", "a function of the gradient"),
    "c = np.ones((3, 1))\ny = np.sum(w * c)\nc += 1\ny.backward()": ("changed in place", "Pass a copy"),
    # networks and optimisers
    "optim.Adam([w], learning_rate=0.1)": ("'learning_rate'", "Adam(parameters, lr=0.001"),
    "optim.SGD(lr=0.1)": ("'parameters'", "SGD(parameters, lr=0.001"),
    "optim.SGD(network, 0.1)": ("Linear", "network.parameters()"),
    "optim.SGD([w.data], 0.1)": ("ndarray", "requires_grad=True"),
    "optim.SGD([w * 1.0], 0.1)": ("keeps no gradient",),
    "optim.SGD([w, w], 0.1)": ("2 parameters, of which 1", "once"),
    "optim.SGD([w], '0.1')": ("lr='0.1'", "a plain number"),
    "optim.SGD([w], 0.1).zero_grad(set_to_none=True)": ("'set_to_none'", "zero_grad()"),
    "optim.Adam([w]).load_state_dict({})": ("a state of nothing", "kind Adam"),
    "nn.Linear(2)": ("'outputs'", "Linear(inputs, outputs, bias=True"),
    "nn.Linear(3, 4, seed=0)": ("'seed'", "rng=None"),
    "nn.Linear(3, 4, rng=np.random)": ("a source of random numbers", "default_rng(seed)"),
    "nn.Sequential([network, np.tanh])": ("of type list", "one by one"),
    "nn.Sequential(network, nn.ReLU)": ("the class ReLU",),
    "nn.Dropout(50)": ("p=50", "from 0 to 1"),
    "nn.dropout(X)": ("autograd_book.nn.Dropout(p)",),
    "nn.GroupNorm(3, 3)": ("LayerNorm",),
    "nn.BatchNorm1d(3)(X[:1])": ("has no variance", "eval()"),
    "network.train('yes')": ("True or False", "eval()"),
    "network.forward(X)": ("Call the network itself",),
    "class Net(nn.Module):\n    def run(self, x):\n        return x\nNet()(X)": ("Define __call__",),
    "class Net(nn.Module):\n    def __init__(self):\n        self.w = np.ones(3)\noptim.SGD(Net().parameters(), 0.1)": ("0 parameters", "Variables in its attributes"),
    "nn.cross_entropy(network(X), np.eye(4)[labels])": ("labels of shape (8, 4)", "shape (8,)"),
    "nn.cross_entropy(network(X), labels.astype(float))": ("labels of dtype float64", "labels.astype(int)"),
    "nn.cross_entropy(network(X), labels + 1)": ("from 1 to 4", "from 0 to 3"),
    "nn.cross_entropy(network(X), labels, reduction='sum')": ("'reduction'", "cross_entropy(logits, labels, label_smoothing=0.0"),
    "sequence.Embedding(3, 2, rng=0)(np.ones(2))": ("tokens of dtype float64", "tokens.astype(int)"),
    "ab.max_pool2d(np.ones((1, 1, 4, 4)), kernel_size=2)": ("'kernel_size'", "max_pool2d(x, kernel,"),
    "import autograd_book\nwith ab.no_grad:\n    pass": ("without parentheses", "with no_grad():"),
    # dead ends
    "np.sum(w * w).backward()\nw.data -= 0.1 * w.grad": ("w -= step under no_grad()",),
    "ab.grad(lambda p: np.sum(p['w']) * p['n'])({'w': np.ones(2), 'n': 3})": ("dtype int64", "at ['n']"),
    # blocks
    "ab.no_grad()(3)": ("no_grad was put around int 3",),
    "block = ab.autocast()\nblock.__exit__(None, None, None)": ("a block of autocast was left that is not open", "with statement"),
    # names of other libraries
    "ab.tensor([1.0])": ("autograd_book.Variable(data)",),
    "ab.randn(3)": ("np.random.default_rng(seed)",),
    "ab.cat([w, b])": ("np.concatenate",),
    "ab.exp(w)": ("np.exp",),
    "ab.mse_loss(w, w)": ("mean_squared_error",),
    "ab.cross_entropy(network(X), labels)": ("autograd_book.nn.cross_entropy",),
    "ab.set_grad_enabled(False)": ("autograd_book.no_grad()",),
    "ab.backward(np.sum(w))": ("loss.backward()",),
    "ab.autograd.grad(np.sum(w), w)": ("autograd_book.grad",),
    "ab.jit(np.sin)": ("ab.compile(f)",),
    "ab.lax.scan": ("loops and branches",),
}


@pytest.mark.parametrize("program", ANSWERED)
def test_a_beginners_mistake_is_answered_with_what_arrived_and_what_to_write(program) -> None:
    with pytest.raises(Exception) as caught:
        exec(BEGINNING + program, {})
    error = caught.value
    answer = " ".join(map(str, (error, *getattr(error, "__notes__", ()), error.__cause__)))
    assert [words for words in ANSWERED[program] if words not in answer] == [], answer


#: The same with libraries that may not be there.
OTHERS = {
    "import matplotlib.pyplot as plt\nplt.plot(w * 2)": ("use .numpy()",),
    "import pandas\npandas.DataFrame(X) @ w": ("df.to_numpy() @ x",),
    "import pandas\nnetwork(pandas.DataFrame(X))": ("df.to_numpy() @ x",),
    "import pandas\nw.T @ pandas.DataFrame(X).T": ("DataFrame", "np.asarray(x, float)"),
}


@pytest.mark.parametrize("program", OTHERS)
def test_what_other_libraries_are_given_is_answered_too(program) -> None:
    pytest.importorskip(program.split()[1].partition(".")[0])
    with pytest.raises(TypeError) as caught:
        exec(BEGINNING + program, {})
    assert [words for words in OTHERS[program] if words not in str(caught.value)] == []


#: A program that leaves a number, and that number.
RIGHT = {
    "v = Variable([1.0, 2.0])\nnp.sum(v * v).backward()\nresult = v.grad.numpy()": [2.0, 4.0],
    "v = Variable([1.0])\nfor _ in range(2):\n    np.sum(v * 3).backward()\nresult = v.grad.numpy()": [6.0],
    "v = Variable([1.0])\nnp.sum(v * 3).backward()\nv.zero_grad()\nnp.sum(v * 3).backward()\nresult = v.grad.numpy()": [3.0],
    "v = Variable([1.0, 2.0])\nv.data = v.data - 0.5\nresult = v.numpy()": [0.5, 1.5],
    "v = Variable([1.0, 2.0])\nwith ab.no_grad():\n    v -= 0.5\nresult = v.numpy()": [0.5, 1.5],
    "v = Variable([2.0])\nloss = 0.0\nfor c in (1.0, 2.0):\n    loss += np.sum(v * c)\nloss.backward()\nresult = v.grad.numpy()": [3.0],
    "losses = [np.sum(Variable([2.0]) * c) for c in (1.0, 2.0)]\nresult = sum(losses).item()": 6.0,
    "result = ab.grad(lambda x: sum(v ** 2 for v in x))(np.array([1.0, 2.0]))": [2.0, 4.0],
    "def f(x):\n    x += 1.0\n    return np.sum(x * x)\nresult = ab.grad(f)(np.array([1.0, 2.0]))": [4.0, 6.0],
    "result = ab.grad(lambda p: np.sum(p['w'] * 2.0))({'w': np.ones(2)})['w']": [2.0, 2.0],
    "result = ab.grad(lambda x: x.detach() * x)(3.0)": 3.0,
    "o = optim.SGD([b], 0.5)\nnp.sum(b * 2.0).backward()\no.step()\nresult = b.numpy()": [-1.0],
    "x = np.ones(2)\nv = Variable(x)\nx[0] = 5.0\nresult = v.numpy()": [1.0, 1.0],
    "class Net(nn.Module):\n    def forward(self, x, scale=1.0):\n        return x * scale\nresult = Net()(np.ones(2), scale=3.0)": [3.0, 3.0],
    "result = ab.hessian(lambda p: p['a'] ** 2 * p['b'])({'a': 3.0, 'b': 5.0})['a']['b']": 6.0,
    "v = Variable([3.0])\ny = np.sum(v ** 2)\nv.data = [0.0]\ny.backward()\nresult = v.grad.numpy()": [6.0],
}


@pytest.mark.parametrize("program", RIGHT)
def test_a_beginners_program_gives_the_number_that_arithmetic_gives(program) -> None:
    names: dict = {}
    exec(BEGINNING + program, names)
    np.testing.assert_allclose(names["result"], RIGHT[program])


def test_there_are_more_than_a_hundred_of_them() -> None:
    assert len(ANSWERED) + len(RIGHT) > 100
