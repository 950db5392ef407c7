"""How Sphinx builds the documentation: ``sphinx-build -W -c notebooks/guide . build/guide``, from the root of the repository.

Pages and lessons are read where they lie, and the reference from the docstrings, so that a link leads to the same place here and in
the repository.
"""

import contextlib
import inspect
import io
import json
import os
import pkgutil
import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.util.nodes import make_refnode

from hexlab.app import cli

project = "hexlab"
author = "The hexlab developers"
html_title = "hexlab"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "notebooks/guide/index"
include_patterns = ["CHANGELOG.md", "CONTRIBUTING.md", "experiments/**.md", "hexlab/data/*.md", "notebooks/*.ipynb", "notebooks/**.md"]
include_patterns.append("plots/*.md")

nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", r"(?!hexlab\.).*"),  # what a docstring quotes, unless it names a place in the package
    ("py:class", "Figure"),  # matplotlib's, named where that is not loaded
    ("py:class", r"jax\..*"),  # private names of public classes
]

napoleon_use_ivar = True
napoleon_use_rtype = False
default_role = "py:obj"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
html_math_renderer = "mathml"

html_theme = "furo"
html_copy_source = False
html_additional_pages = {"index": "first.html"}
templates_path = ["."]


class LessonParser(MystParser):
    """Reads a notebook as the Markdown of its cells and of what they showed."""

    supported = ("ipynb",)

    def parse(self, inputstring, document):
        """Parse a notebook into a document."""
        super().parse("\n\n".join(filter(None, map(_write_cell, json.loads(inputstring)["cells"]))), document)


def _write_cell(cell):
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    return "\n\n".join([_fence("python", source), *(_write_output(output) for output in cell["outputs"])])


def _write_output(output):
    if output["output_type"] == "stream":
        return _fence("text", "".join(output["text"]))
    shown = output["data"]
    if "image/png" in shown:
        return _fence("{raw} html", f'<img alt="" src="data:image/png;base64,{"".join(shown["image/png"]).strip()}">')
    for kind in ("image/svg+xml", "text/html"):
        if kind in shown:
            return _fence("{raw} html", "".join(shown[kind]))
    return _fence("text", "".join(shown["text/plain"]))


def _fence(kind, text):
    return f"````{kind}\n{text.rstrip()}\n````"


def write_formula(translator, node):
    """Write a formula as MathML, which browsers show without a script."""
    translator.body.append(tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def read_page(app, document, content):
    """Lead links to a folder of an experiment to its README; keep tables beside it out of the menu, with a title where they have none."""
    content[0] = re.sub(r"\]\(((?:\.\./)+\d\d_\w+)\)", r"](\1/README.md)", content[0])
    _, _, name = document.rpartition("/")
    if document.startswith(("experiments/", "plots/")) and name != "README":
        title = "" if content[0].startswith("# ") else f"# {name}\n\n"
        content[0] = f"---\norphan: true\n---\n{title}{content[0]}"


def list_commands(app, document, content):
    """Write below the page of commands what each says of itself and of its options."""
    if document == "notebooks/guide/api/commands":
        app.env.note_dependency(inspect.getfile(cli))
        content[0] += "".join(map(_write_command, cli.COMMANDS))


def _write_command(name):
    (usage, _), *entries = _read_help(name)
    lines = [f"\n## hexlab {name}\n", inspect.getdoc(cli.COMMANDS[name]), f"\n```text\n{usage}\n```\n"]
    lines += ["```{eval-rst}", f".. program:: hexlab {name}"]
    for words, told in entries:
        lines += ["", f".. option:: {words}", "", f"   {_quote_words(told)}"]
    return "\n".join([*lines, "```", ""])


_QUOTES = "'`\""


def _quote_words(told):
    """Write what is to be typed, in quotes or an option, as it is; typography would bend its quotes and join its dashes."""
    told = re.sub(r" \(default: (None|'')?\)$", "", told).replace("\\", r"\\").replace("*", r"\*")
    typed = r"`[^`]+`|<!--.*?-->|(?<!\w)'[^']+'|\"[^\"]+\"|(?<!\w)--[a-z][a-z-]*"
    return re.sub(typed, lambda found: f"``{found[0].strip(_QUOTES)}``", told)


def _read_help(name):
    """Return how a command is called, and pairs of an argument and what it does, from the page that its ``--help`` prints."""
    screen, columns = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "1000"  # no line is broken but those that are in the source
    try:
        with contextlib.redirect_stdout(screen), contextlib.suppress(SystemExit):
            cli.main([name, "--help"])
    finally:
        os.environ.pop("COLUMNS")
        if columns is not None:
            os.environ["COLUMNS"] = columns
    usage, *lines = screen.getvalue().splitlines()
    found = [(_shorten(usage.removeprefix("usage: ")), "")]
    for line in lines:
        if entry := re.fullmatch(r"  ((?:--[a-z]|\[|[A-Z]{3}).*?)(?:  +(.*?))? *", line):
            found.append((_shorten(entry[1]), entry[2] or ""))
        elif line.startswith("   ") and len(found) > 1:
            words, told = found[-1]
            found[-1] = words, f"{told} {line.strip()}".strip()
    return found


def _shorten(words):
    """Write what an argument takes without the ways of leaving it out."""
    return re.sub(r"\{?\[(\w+) \[\1 \.\.\.\]\]\}?", r"\1 ...", words.replace("{None}|", ""))


def keep_colons(app, what, name, obj, options, lines):
    """Begin an attribute's docstring with an empty word: Napoleon takes what stands before a colon in its first line for a type."""
    if what in ("attribute", "data", "property") and lines:
        lines.insert(0, "\\ ")


def show_factories(app, what, name, obj, options, signature, returned):
    """Write ``...`` where a dataclass makes a default anew each time, which its signature shows as what is no Python."""
    return signature and signature.replace("<factory>", "..."), returned


def skip_plain_fields(app, what, name, obj, skip, options):
    """Leave out the fields of a NamedTuple as members: its docstring lists them with what they hold."""
    return True if (obj.__doc__ or "").startswith("Alias for field number") else None


def find_elsewhere(app, env, node, contnode):
    """Resolve a short name, such as `ConfigError` in `hexlab.mcts`; leave without a link what exists and is on no page."""
    if node["refdomain"] != "py":
        return None
    target = node["reftarget"]
    exists = _exists(target)
    if "." in target and not exists:
        return None
    found = env.domains["py"].find_obj(env, None, None, target.rpartition(".")[2], None, searchmode=1)
    places = {(entry.docname, entry.node_id) for _, entry in found}
    if len(places) == 1:
        return make_refnode(app.builder, node["refdoc"], *places.pop(), contnode)
    return contnode if exists else None


def _exists(target):
    try:
        pkgutil.resolve_name(target)
    except (ImportError, AttributeError, ValueError):
        return False
    return True


def setup(app):
    """Register what is above."""
    app.add_source_suffix(".ipynb", "ipynb")
    app.add_source_parser(LessonParser)
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))
    app.connect("source-read", read_page)
    app.connect("source-read", list_commands)
    app.connect("autodoc-process-docstring", keep_colons, priority=400)  # before Napoleon
    app.connect("autodoc-process-signature", show_factories)
    app.connect("autodoc-skip-member", skip_plain_fields)
    app.connect("missing-reference", find_elsewhere)
