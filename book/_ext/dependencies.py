"""What a chapter, a module or a test executes of the package: the graph of imports, followed by names.

To import any module of the package is to import its face, and through it every other. Yet most modules only define names, and whoever does
not name them cannot see them. So ``import autograd_book as ab`` leads to the homes of the names that are used, ``ab.grad`` to ``modes.transforms``,
and besides them to the modules that speak when they are imported: those that call another module or write into its tables, as the rules do.
"""

import ast
from functools import cached_property

from autograd_book.literate.checks import absolute
from autograd_book.literate.read import PACKAGE

QUIET = {"with_usage"}  # a decorator that wraps a function and tells nobody of it


class Imports:
    """The chapters of a book that export, as a graph."""

    def __init__(self, chapters):
        self.chapters = {chapter.module: chapter for chapter in chapters if chapter.exports}
        self.trees = {module: tree_of(cell.source for cell in chapter.exports) for module, chapter in self.chapters.items()}
        face = self.trees.get(PACKAGE, ast.Module([], []))
        self.face = {name: home for tree in [face] for home, name in from_imports(ast.walk(tree), PACKAGE)}

    def needed(self, cells):
        """The modules on which the outputs of some cells depend, in the order of the contents."""
        exported = [cell.source for cell in cells if "export" in cell.tags]
        shown = [cell.source for cell in cells if "export" not in cell.tags]
        direct = {*self.named(tree_of(exported), PACKAGE, whole=False), *self.named(tree_of(shown), PACKAGE)}
        return self.closed(direct | self.speaking) if direct else []

    def closed(self, modules):
        """These modules and all that they import, in the order of the contents."""
        found, waiting = set(), list(modules)
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.add(module)
                waiting += self.direct[module]
        return [module for module in self.chapters if module in found]

    @cached_property
    def direct(self):
        """What each module names of the others."""
        return {module: set(self.named(tree, above(self.chapters[module]), False)) - {module} for module, tree in self.trees.items()}

    @cached_property
    def speaking(self):
        """The modules whose import changes others."""
        return {module for module, tree in self.trees.items() if speaks(tree, above(self.chapters[module]))}

    def named(self, tree, package, whole=True):
        """The modules that some code imports; the ``whole`` package, if it speaks of that in a string or hands the face on."""
        nodes = list(ast.walk(tree))
        for home, name in from_imports(nodes, package):
            yield from self.homes(home, name)
        plain = [alias for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        for alias in plain:
            if alias.name != PACKAGE:
                yield from self.below(alias.name)
        if whole and any(isinstance(node, ast.Constant) and isinstance(node.value, str) and PACKAGE in node.value for node in nodes):
            yield from self.chapters
        for name in attributes(nodes, {alias.asname or PACKAGE for alias in plain if alias.name == PACKAGE}):
            if whole or name.strip("_") == name != "":
                yield from self.homes(PACKAGE, name)

    def homes(self, module, name):
        """Where a name of a module is defined; of the face without a name, everywhere."""
        if f"{module}.{name}" in self.chapters or (module, name) == (PACKAGE, ""):
            return self.below(f"{module}.{name}".rstrip("."))
        if module == PACKAGE and name in self.face:
            return self.homes(self.face[name], name)
        return self.below(module if module != PACKAGE or name.startswith("_") else f"{module}.{name}")

    def below(self, name):
        """The module of that name, or every module of the folder of that name."""
        return [name] if name in self.chapters and name != PACKAGE else [m for m in self.chapters if f"{m}.".startswith(f"{name}.")]


def above(chapter):
    """The package that a chapter's module stands in."""
    return chapter.module if chapter.docname.endswith("__init__") else chapter.module.rpartition(".")[0]


def tree_of(cells):
    """Code cells as one tree; a magic is the call that IPython makes of it, and what is no Python says nothing."""
    body = []
    for cell in cells:
        try:
            body += statements(cell)
        except SyntaxError:
            continue
    return ast.Module(body, [])


def statements(cell):
    """The statements of a cell. IPython is asked about what is no Python only, since it takes its time."""
    try:
        return ast.parse(cell).body
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        return ast.parse(TransformerManager().transform_cell(cell)).body


def from_imports(nodes, package):
    """Module and name of whatever some code takes out of the package."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            module = absolute(package, node.level, node.module or "")
            if f"{module}.".startswith(f"{PACKAGE}."):
                yield from ((module, alias.name) for alias in node.names)


def attributes(nodes, aliases):
    """The names that code takes from aliases of the face; the empty one where the face itself is handed on."""
    inside = {id(node.value): node.attr for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in aliases:
            yield inside.get(id(node), "")


def speaks(tree, package):
    """Whether a module, when it is imported, calls what it has from others or writes into it."""
    foreign = {name for _, name in from_imports(ast.walk(tree), package)} - QUIET
    return any(told & foreign for statement in tree.body for told in map(names_told, at_import(statement)))


def at_import(node):
    """The parts of a statement that run when its module is imported: decorators of what it defines, and no body."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        for decorator in getattr(node, "decorator_list", ()):
            yield from (decorator_call(decorator), *at_import(decorator))
    elif not isinstance(node, ast.Import | ast.ImportFrom):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from at_import(child)


def decorator_call(node):
    """A decorator as the call that it is."""
    return node if isinstance(node, ast.Call) else ast.Call(node, [], [])


def names_told(node):
    """The name at the root of what a node calls or writes into."""
    targets = {ast.Call: lambda: [node.func], ast.AugAssign: lambda: [node.target],
               ast.Assign: lambda: [t for t in node.targets if not isinstance(t, ast.Name)]}.get(type(node), list)()
    return {root(target) for target in targets}


def root(node):
    """The first name of a dotted or indexed expression."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return getattr(node, "id", "")
