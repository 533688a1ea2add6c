"""HTML by construction: text is escaped unless it is already markup, so nothing from a run can become code."""

import html


class Markup(str):
    """HTML that goes into the page as it is."""


def tag(name: str, *content: str, **attributes: str) -> Markup:
    """One element. `class_` gives class, `data_x` gives data-x; an attribute that is "" is left out.

    >>> tag("p", "a < b", tag("b", "!"), class_="note")
    '<p class="note">a &lt; b<b>!</b></p>'
    """
    return Markup(f"<{name}{_attributes(attributes)}>{join(*content)}</{name}>")


def empty_tag(name: str, **attributes: str) -> Markup:
    """One element that has no content, such as img."""
    return Markup(f"<{name}{_attributes(attributes)}>")


def join(*content: str) -> Markup:
    """Texts (escaped) and markup (kept) one after another."""
    return Markup("".join(part if isinstance(part, Markup) else html.escape(str(part)) for part in content))


def _attributes(attributes: dict[str, str]) -> str:
    names = {name: name.rstrip("_").replace("_", "-") for name in attributes}
    return "".join(f' {names[k]}="{html.escape(str(v))}"' for k, v in attributes.items() if v != "")
