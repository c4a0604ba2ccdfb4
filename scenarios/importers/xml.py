"""Reading XML that others wrote: no entities, no other files, and errors in one sentence."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from scenarios.messages import one_line
from scenarios.reading import MAX_DEPTH
from simulator.errors import InvalidScenario

MOST_ELEMENTS = 2_000_000
"""Elements of a file that is read."""


def is_xml(text: str) -> bool:
    """Whether a text claims to be XML: it begins with a tag, a declaration or a comment."""
    return text.lstrip().startswith("<")


def root_name(text: str) -> str:
    """Name of the root element without its namespace, or an empty text; nothing is parsed.

    Examples
    --------
    >>> root_name("<?xml version='1.0'?><!-- a workflow --><adag version='2.1'/>")
    'adag'
    """
    at = 0
    while is_xml(text):
        start = text.find("<", at)
        if start < 0:
            return ""
        for opening, closing in (("<!--", "-->"), ("<?", "?>"), ("<!", ">")):
            if text.startswith(opening, start):
                end = text.find(closing, start)
                if end < 0:
                    return ""
                at = end + len(closing)
                break
        else:
            name = text[start + 1 : start + 200]
            for stop in "/> \t\r\n":
                name = name.partition(stop)[0]
            return name.rpartition(":")[2]
    return ""


def parse_xml(text: str, where: str) -> Element:
    """The root element of an XML text.

    Parameters
    ----------
    text : str
    where : str
        File name, for messages.

    Raises
    ------
    InvalidScenario
        No XML, entities of its own, references to other files, or nesting beyond `MAX_DEPTH`.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root: Element = fromstring(text)
    except ParseError as error:
        line, column = error.position
        what = one_line(str(error)).partition(": line")[0]
        raise InvalidScenario(
            f"{where}: is not valid XML: {what} at line {line}, column {column + 1}"
        ) from None
    except DefusedXmlException as error:
        raise InvalidScenario(
            f"{where}: {type(error).__name__}: entities and other files are not read"
        ) from None
    except (ValueError, LookupError) as error:
        raise InvalidScenario(f"{where}: is not valid XML: {one_line(str(error))}") from None
    _check(root, where)
    return root


def _check(root: Element, where: str) -> None:
    """Refuse bottomless nesting and floods, without recursion."""
    level, depth, count = [root], 0, 0
    while level:
        count += len(level)
        if depth > MAX_DEPTH:
            raise InvalidScenario(f"{where}: the nesting is too deep, at most {MAX_DEPTH}")
        if count > MOST_ELEMENTS:
            raise InvalidScenario(f"{where}: there are more than {MOST_ELEMENTS:,} elements")
        level, depth = [child for element in level for child in element], depth + 1
