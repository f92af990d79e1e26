"""The usual mistakes: how each is recognised at a token that does not fit, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable

from moedsl.syntax.mistakes import blocks, parameters, signs, values, words
from moedsl.syntax.mistakes.mend import Mend
from moedsl.syntax.place import Place

MISTAKES: tuple[Callable[[Place], Mend | None], ...] = (
    words.misspelt_keyword,
    blocks.block_by_indentation,
    blocks.dash_list,
    words.python_statement,
    words.if_on_new_line,
    words.misplaced,
    values.value_on_no_line,
    words.reserved_word,
    values.unquoted_path,
    parameters.parameter_without_word,
    parameters.parameter_without_type,
    signs.colon_in_call,
    signs.arrow,
    signs.wrong_sign,
    signs.missing_sign,
    signs.equals_in_expression,
    signs.chained_comparison,
    values.stars_before_argument,
    values.bare_point,
    values.missing_value,
    values.missing_comma,
)
"""In the order in which they are tried."""
