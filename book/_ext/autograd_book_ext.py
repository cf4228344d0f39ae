"""What the site knows of the package: where a cell goes, which section explains an object, what the reference lists.

The answers come from ``autograd_book.literate.weave``; this module only hands them to Sphinx.
"""

import ast
import gc
import hashlib
import inspect
import json
import logging
import os
import re
import shutil
from importlib import import_module
from pathlib import Path

import sphinx_codeautolink.extension.block as codeautolink
from autograd_book_notebooks import TEMPLATES
from docutils import nodes
from outputs import CORES, Kept
from sphinx import addnodes
from sphinx.errors import ExtensionError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.logging import WarningSuppressor, get_node_location, getLogger
from sphinx_codeautolink.parse import ImportTrackerVisitor

from autograd_book.literate.read import contents, find_root, survey
from autograd_book.literate.weave import explained, explanation, weave

RULES = "rules/"  # the chapters that are set as formula sheets
SILENT = ("The figure %s has no alternative text. Say in a sentence what it shows: a cell does so in its metadata, "
          "`mystnb: {image: {alt: ...}}`, a line of Markdown in its brackets, `![...](...)`.")


def read_chapters(app):
    """Read the book once for each build; what is wrong in it is the extractor's to report."""
    chapters, _ = survey(find_root(Path(app.srcdir)))
    app.book_chapters = {chapter.docname: chapter for chapter in chapters}
    app.book_places = explained(chapters)
    # A name that a module passes on has one entry, where it is defined; code that uses the other name links there.
    app.config.codeautolink_inventory_map |= {name: home(app, name) for name in app.book_places if home(app, name) != name}


# Outputs


def set_up(app, config):
    """Keep outputs in one folder for all builds of a book, and use all cores: Jupyter Book's command has no option for either."""
    root = find_root(Path(app.srcdir))
    config.nb_execution_cache_path = str(root / "_build" / ".jupyter_cache")
    app.parallel = CORES
    if not {name for _, name in contents(root)} <= set(config.external_site_map):
        config.suppress_warnings = [*config.suppress_warnings, "ref", "myst.xref_missing"]  # In a part of the book links may lead out of it.
    for name in ("sphinx_multitoc_numbering", "sphinx-mathjax-offline"):  # They work when all is read, and do not say so.
        if name in app.extensions:
            app.extensions[name].parallel_read_safe = True


def execute_chapters(app):
    """Execute the chapters whose outputs are stale."""
    chapters = [chapter for chapter in app.book_chapters.values() if chapter.docname in app.config.external_site_map]
    root, settings = find_root(Path(app.srcdir)), app.config
    app.book_outputs = Kept(root, settings.nb_execution_cache_path, app.book_chapters.values(), settings.myst_enable_extensions,
                            settings.nb_execution_timeout, getLogger(__name__).info)
    try:
        failures = app.book_outputs.execute(chapters)
    except ValueError as error:
        raise ExtensionError(str(error)) from error
    if failures:
        raise ExtensionError("\n\n".join(map(str, failures)))


def read_what_was_executed(app, docname, source):
    """Set each page as it was when its outputs were looked up; what its author writes meanwhile is for the next build."""
    if chapter := app.book_chapters.get(docname):
        source[0] = chapter.text.replace("\r\n", "\n")


# Pages made anew. Sphinx watches the files that a page is made of; the rest is watched here. A page that is to be made anew is taken
# away, whole: sphinx-codeautolink links only those pages that were read and written in the same build.

SEEN_ELSEWHERE = re.compile(r"^\([\w-]+\)=$|^\$\$ *\(.*|^ +name: .*|^:name: .*", re.M)  # labels, and what has a number
SOURCES = "_modules"  # the folder of the pages that show the source of a module
CITED = re.compile(r"{cite[^`]*`[^`]*`")
TERM = re.compile(r"^\S.*(?=\n {2}\S)", re.M)


def take_away_stale_pages(app):
    """Remove each page that shows something else than it would now, or of which the last build complained."""
    before, app.book_pages = read_json(pages_file(app)), page_digests(app)
    added, changed, removed = app.env.get_outdated_files(False)
    stale = added | changed | set(app.builder.get_outdated_docs())
    stale |= {page for page, state in app.book_pages.items() if before.get(page) != state}
    for page in stale | removed:
        Path(app.doctreedir, f"{page}.doctree").unlink(missing_ok=True)
        Path(app.outdir, f"{page}.html").unlink(missing_ok=True)
    for page in removed:
        for file in Path(app.outdir).glob(f"*/{page}.*"):
            file.unlink()
    if before.get(SOURCES) != app.book_pages[SOURCES]:
        shutil.rmtree(Path(app.outdir, SOURCES), ignore_errors=True)
    keep_pages(app, {page: state for page, state in before.items() if page not in stale})  # A build that is killed leaves them to the next.
    app.book_complaints = Complaints(app)


def page_digests(app):
    """For each page, what it shows besides its own files: outputs, the titles and labels of all pages, and in the reference all headings.

    Beside a module's source, which sphinx.ext.viewcode watches, its page shows the titles in the frame that our templates make.
    """
    chapters = [chapter for chapter in app.book_chapters.values() if chapter.docname in app.config.external_site_map]
    labels = [(c.docname, c.title, SEEN_ELSEWHERE.findall(c.text), c.docname == "glossary" and TERM.findall(c.text)) for c in chapters]
    listed = [(c.docname, [h.title for h in c.headings], CITED.findall(c.text), [cell.source for cell in c.exports]) for c in chapters]
    frame = [machinery(), [title for _, title, *_ in labels], [file.read_text() for file in sorted(TEMPLATES.iterdir())]]
    pages = {c.docname: digest(app.book_outputs.state(c), labels, listed if c.docname.startswith(("api/", "references")) else []) for c in chapters}
    return pages | {SOURCES: digest(frame)}


def note_pages(app, error):
    """Remember what the pages show, but of those that a warning names."""
    if not error:
        complaints = app.book_complaints.pages | {name for name, c in app.book_chapters.items() if Path(app.srcdir, f"{name}.md").read_text("utf-8") != c.text}
        fine = {} if None in complaints else {page: state for page, state in app.book_pages.items() if page not in complaints}
        keep_pages(app, fine)


def keep_pages(app, pages):
    pages_file(app).write_text(json.dumps(pages, indent=1))


def pages_file(app):
    return Path(app.doctreedir, "pages.json")


def read_json(file):
    return json.loads(file.read_text()) if file.is_file() else {}


def digest(*parts):
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Complaints(logging.Handler):
    """The pages that warnings name; None for a warning that names no page."""

    def __init__(self, app):
        super().__init__(logging.WARNING)
        self.addFilter(WarningSuppressor(app))
        self.pages, self.env = set(), app.env
        logging.getLogger("sphinx").addHandler(self)

    def emit(self, record):
        place = getattr(record, "location", None)
        place = get_node_location(place) if isinstance(place, nodes.Node) else place[0] if isinstance(place, tuple) else place
        file = re.sub(r"(\.md)?(:.*)?$", "", str(place or "")).removeprefix(f"{self.env.srcdir}{os.sep}").removeprefix("book/")
        self.pages.add(file if file in self.env.found_docs else None)


# Names


def home(app, name):
    """The dotted name under which an object is defined, and listed in the reference."""
    return f"{app.book_chapters[app.book_places[name].docname].module}.{name.rpartition('.')[2]}"


class OnceParsed:
    """The names in the cells of a page, of which sphinx-codeautolink would parse each again for every cell below it.

    What it hands over is the code of a cell below that of all cells above. Those have just been parsed, and a visitor remembers what they bound.
    """

    def __init__(self):
        self.above, self.visitor = "", ImportTrackerVisitor(None)

    def __call__(self, source, node):
        if not source.startswith(f"{self.above}\n"):
            self.__init__()  # another page
        start = len(self.above) and len(self.above) + 1
        tree = ast.increment_lineno(ast.parse(source[start:]), source.count("\n", 0, start))
        self.above, self.visitor.doctree_node, self.visitor.accessed = source, node, []
        self.visitor.visit(tree)
        return self.visitor.accessed


# Cells


def mark_cells(app, doctree):
    """Give each code cell a class for its kind, and each exported one a line that says where it goes."""
    chapter = app.book_chapters.get(app.env.docname)
    woven = {cell.position: cell for cell in weave(chapter)} if chapter else {}
    for node in doctree.findall(nodes.container):
        cell = woven.get(node.get("cell_index")) if node.get("nb_element") == "cell_code" else None
        if cell:
            node["classes"].append(f"cell-{cell.kind}")
            if cell.module:
                node.insert(0, destination(app, chapter.file, cell))


def shorten_tracebacks(app, doctree):
    """Keep of a traceback the line of the page and the message; the calls between them are the engine's own."""
    for block in doctree.findall(nodes.literal_block):
        if block.get("language") == "ipythontb" and "Traceback (most recent call last)" in block.astext():
            first, *others = block.astext().split("\n\n")
            error = first.split("\n")[1].split()[0]
            message = max((i for i, part in enumerate(others) if part.startswith(error)), default=0)
            text = "\n\n".join((first, *others[message:]))
            block.rawsource, block[:] = text, [nodes.Text(text)]


def lay_out_sheets(app, doctree):
    """In the chapters of rules, put a formula and the rows that stand directly below it side by side."""
    if app.env.docname.startswith(RULES):
        for formula in list(doctree.findall(nodes.math_block)):
            cell = formula.next_node(descend=False, siblings=True)
            if isinstance(cell, nodes.container) and "cell-exported" in cell["classes"] and holds_rules(cell):
                sheet = nodes.container(classes=["rule-sheet"])
                formula.replace_self(sheet)
                cell.parent.remove(cell)
                sheet += [formula, cell]


def holds_rules(cell):
    """Whether a cell adds rows to the table, or defines a rule: a function whose first argument is a cotangent, g."""
    source = next(cell.findall(nodes.literal_block)).rawsource
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.Lambda) and [arg.arg for arg in node.args.args[:1]] == ["g"]:
            return True
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Primitive":
            return True
    return False


def demand_alternative_texts(app, doctree, docname):
    """Warn, which fails the build, of each figure that tells nothing to who cannot see it; Sphinx would read out its file's name."""
    for image in doctree.findall(nodes.image):
        if not image.get("alt", "").strip():
            getLogger(__name__).warning(SILENT, Path(image["uri"]).name, location=place_of(app, image, docname))


def place_of(app, node, docname):
    """The chapter and the line that a node came from: of a cell its first line of code, which the extractor names too."""
    cells = {cell.position: cell.line for cell in getattr(app.book_chapters.get(docname), "cells", ())}
    above = [node]
    while above[-1].parent is not None:
        above.append(above[-1].parent)
    lines = [cells.get(part.get("cell_index")) for part in above] + [part.line for part in above]
    return f"book/{docname}.md:{next(filter(None, lines), 1)}"


def hide_folders(app, doctree):
    """Write paths of this project as they are for a reader, from the project's folder on."""
    here = f"{Path(app.srcdir).parent}/"
    for text in [text for text in doctree.findall(nodes.Text) if here in text]:
        block = text.parent
        block.replace(text, nodes.Text(text.replace(here, "")))
        if isinstance(block, nodes.literal_block):
            block.rawsource = block.rawsource.replace(here, "")


def destination(app, file, cell):
    """The line above an exported cell: the module's file, and the public names that the cell defines."""
    line = nodes.paragraph(classes=["cell-place"])
    line += cross_reference(app.env.docname, "mod", cell.module, file.removeprefix("src/"))
    for name in cell.names[:3]:
        target = target_of(app, import_module(cell.module), name)
        line += [nodes.Text(" · "), cross_reference(app.env.docname, "obj", target, name)]
    return line


def cross_reference(docname, kind, target, text):
    """A link to an object of the reference, to be resolved when all pages are read."""
    return addnodes.pending_xref("", nodes.literal("", text, classes=["xref"]), refdomain="py", reftype=kind, reftarget=target,
                                 refdoc=docname, refexplicit=True, refwarn=True)


# The reference


def list_modules(app, docname, source):
    """Append to the page ``api/<part>`` all that the chapters of that part export, in the order of the contents."""
    folder, _, part = docname.partition("/")
    if folder == "api":
        for chapter in app.book_chapters.values():
            if chapter.exports and (chapter.docname.rpartition("/")[0] or "whole") == part:
                source[0] += module_section(app, chapter)


def module_section(app, chapter):
    """The Markdown that documents one module: what its cells define, and what it passes on."""
    module = import_module(chapter.module)
    names = [name for cell in weave(chapter) for name in cell.names]
    homes = {name: target_of(app, module, name) for name in names}
    is_own = lambda name: homes[name] == f"{chapter.module}.{name}" and not inspect.ismodule(getattr(module, name))
    own = list(filter(is_own, names))
    lines = [f"## `{chapter.module}`", f"Written in {{doc}}`/{chapter.docname}`."]
    lines += ["\n".join(["```{eval-rst}", f".. automodule:: {chapter.module}", "   :no-members:", "", *describe(module, own), "```"])]
    if len(own) < len(names):
        lines += ["Shown once more under a short name:", "\n".join(f"* {{py:obj}}`{name} <{homes[name]}>`" for name in names if name not in own)]
    return "\n\n" + "\n\n".join(lines) + "\n"


def target_of(app, module, name):
    """What the reference calls a name of a module: a module by its own name, all else by where it is defined."""
    value = getattr(module, name)
    return value.__name__ if inspect.ismodule(value) else home(app, f"{module.__name__}.{name}")


def describe(module, names):
    """The reStructuredText for some objects of a module."""
    comments = ModuleAnalyzer.for_module(module.__name__).find_attr_docs()
    for name in names:
        target, full = getattr(module, name), f"{module.__name__}.{name}"
        if isinstance(target, type) and target.__name__ == name:
            yield from [f".. autoclass:: {full}", *["   :show-inheritance:"] * (target.__bases__ != (object,)), ""]
        elif inspect.isfunction(inspect.unwrap(target)):
            yield from [f".. autofunction:: {full}", ""]
        else:
            kind = type(target).__name__
            yield from [f".. py:data:: {name}", f"   :module: {module.__name__}", f"   :type: {kind}", "",
                        *(f"   {line}" for line in comments.get(("", name), ())), ""]


def shorten_docstring(app, what, name, obj, options, lines):
    """Drop the title of a module's docstring: the page has just named the chapter."""
    if what == "module":
        del lines[:2]


def link_explanations(app, doctree, docname):
    """Lead from each object of the reference to the section that explains it."""
    for signature in doctree.findall(addnodes.desc_signature):
        place = explanation(f"{signature.get('module')}.{signature.get('fullname')}", app.book_places)
        if place:
            uri = app.builder.get_relative_uri(docname, place.docname) + f"#{place.anchor}" * bool(place.anchor)
            signature += nodes.reference("", "", nodes.inline("", "[chapter]"), internal=True, refuri=uri, classes=["chapter-link"],
                                         reftitle=f"{place.title}: {place.heading}")


# Doors to running the book


def leave_out_doors(app, config):
    """While the repository has no public address, show no button that would lead there."""
    options = config.html_theme_options
    if not options.get("repository_url"):
        options |= dict.fromkeys(("use_repository_button", "use_issues_button", "use_edit_page_button"), False) | {"launch_buttons": {}}


def count_pages(app, exception):
    """Leave a list of the pages built, for the tests that compare it with the table of contents."""
    if not exception and app.builder.name == "html":
        Path(app.outdir).parent.joinpath("pages.json").write_text(json.dumps(sorted(app.env.found_docs), indent=1))


def setup(app):
    """Connect all of this to Sphinx."""
    gc.set_threshold(500_000, 10, 10)  # Trees of pages are large; to look for garbage after each 700 objects takes half of a build's time.
    app.setup_extension("autograd_book_notebooks")
    codeautolink.parse_names = OnceParsed()
    app.connect("config-inited", leave_out_doors)
    app.connect("config-inited", set_up, priority=950)  # after sphinx-external-toc has read the contents
    # Before sphinx-codeautolink reads its settings, and asks which pages are outdated.
    app.connect("builder-inited", read_chapters, priority=100)
    app.connect("builder-inited", execute_chapters, priority=110)
    app.connect("builder-inited", take_away_stale_pages, priority=120)
    app.connect("source-read", read_what_was_executed, priority=100)
    app.connect("source-read", list_modules)
    app.connect("autodoc-process-docstring", shorten_docstring)
    app.connect("doctree-read", mark_cells)
    app.connect("doctree-read", shorten_tracebacks)
    app.connect("doctree-read", lay_out_sheets)
    app.connect("doctree-read", hide_folders)
    app.connect("doctree-resolved", link_explanations)
    app.connect("doctree-resolved", demand_alternative_texts)
    app.connect("build-finished", count_pages)
    app.connect("build-finished", note_pages)
    return {"version": "1", "env_version": machinery(), "parallel_read_safe": True, "parallel_write_safe": True}


def machinery():
    """A digest of what makes the pages; when it changes, Sphinx makes all anew."""
    here = Path(__file__).parent
    root = find_root(here)
    return digest([file.read_text() for file in (root / "_config.yml", root / "requirements" / "book.txt", *sorted(here.glob("*.py"))) if file.is_file()])
