"""Configuration of the documentation: `sphinx-build -W docs docs/_build`."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

from subsynth.core.version import __version__  # noqa: E402 - conf.py first extends the path

project = "subsynth"
author = copyright = "The subsynth authors"  # noqa: A001 - Sphinx reads this name
release = version = __version__

extensions = [
    "myst_parser",  # pages are Markdown, which also reads well on a repository's web page
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",  # the command reference, from the commands themselves
    "sphinx_copybutton",  # every page has commands that readers paste into a terminal
    "generated_pages",  # docs/_ext: tables of the spec, the columns and the layers, from the code
]
exclude_patterns = ["_build", "_ext"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
highlight_language = "none"  # for blocks that name no language
smartquotes = False  # quotes and dashes of options and keys stay as they are typed
default_role = "code"  # docstrings and help texts put code in single backticks
nitpicky = False  # types of NumPy, torch and click are named in signatures and documented elsewhere

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"U8": "U8"}
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 140

html_theme = "pydata_sphinx_theme"
html_title = f"subsynth {release}"
html_static_path = ["_static"]
html_css_files = ["subsynth.css"]
html_copy_source = html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "subsynth"},
    "icon_links": [
        {"name": "GitHub", "url": "https://github.com/subsynth/subsynth", "icon": "fa-brands fa-github"},
    ],
    "header_links_before_dropdown": 5,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
}
# The front page, the tutorial and the architecture have no pages below them: an empty left sidebar would waste width.
html_sidebars = {name: [] for name in ("index", "tutorial", "baseline", "architecture")}
