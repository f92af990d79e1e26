from __future__ import annotations

import pytest

from compiler_tests.syntax.reading import LANGUAGE, tree
from moedsl.syntax.format import WIDTH, format

UNTIDY = """\
## file doc

edition 2026
# c1
model   M( a:int=1 , ## trailing

  ## doc of b
  b : list[ int ]? = [1,2 , -3] where 0<=a and a< - 1, c: float=0.5 where c < 1)  { # opener


  x=1,  y=-2**3 -(4 +1)*not_a
  layers = [a,
     b] * 6   # mid
  l2 = [ # first
    1, # one
    2 # two
    , 3
    # dangling
  ]
  assert total_params(seq=1)<=140M:"x"
  when a==1{x=1}else{y=2
  }
  when a {} else when b { q = 1 }
  moved a . b . * .0 . 1 -> c.*
  at 0..4,-1, 0 ..= n-1 { moe{} }
  a = # hi
    # there
    3
  experts glu { num_experts = 8, d_ff = 111111111111111, d_ff2 = 1111111111111, d_ff3 = 111111111111111 }
  # end


  # end2
}
# eof"""

TIDY = """\
## file doc

edition 2026
# c1
model M(
  a: int = 1,  ## trailing

  ## doc of b
  b: list[int]? = [1, 2, -3] where 0 <= a and a < -1,
  c: float = 0.5 where c < 1,
) {  # opener
  x = 1
  y = -2 ** 3 - (4 + 1) * not_a
  layers = [a, b] * 6  # mid
  l2 = [  # first
    1,  # one
    2,  # two
    3,
    # dangling
  ]
  assert total_params(seq = 1) <= 140M : "x"
  when a == 1 {
    x = 1
  } else {
    y = 2
  }
  when a {} else when b { q = 1 }
  moved a.b.*.0.1 -> c.*
  at 0..4, -1, 0..=n - 1 { moe {} }
  a = 3  # hi  # there
  experts glu {
    num_experts = 8
    d_ff = 111111111111111
    d_ff2 = 1111111111111
    d_ff3 = 111111111111111
  }
  # end

  # end2
}
# eof
"""


def test_the_canonical_form() -> None:
    assert format(UNTIDY) == TIDY


@pytest.mark.parametrize("text", [UNTIDY, LANGUAGE], ids=["untidy", "language"])
def test_same_tree_and_stable(text: str) -> None:
    once = format(text)
    assert tree(once) == tree(text)
    assert format(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("\n\n", ""),
        ("# only", "# only\n"),
        ("a=1", "a = 1\n"),
        ("a = 1\n\n\n\nb = 2", "a = 1\n\nb = 2\n"),
        ("m { \n\n a = 1\n\n }", "m {\n  a = 1\n}\n"),
        ("m { a = 1  b = 2 }", "m { a = 1  b = 2 }\n"),
        ("m { a = 1, b = 2, }", "m { a = 1, b = 2 }\n"),
        ("m {\n a = 1, b = 2 }", "m {\n  a = 1\n  b = 2\n}\n"),
        ("m {\n}", "m {}\n"),
        ("m { # why\n}", "m {  # why\n}\n"),
        ("f = g(\n1)", "f = g(\n  1,\n)\n"),
        ("f = g(1,\n2,)", "f = g(1, 2)\n"),
        ("f = (1\n+ 2)", "f = (1 + 2)\n"),
        ("a = [[1,2],[\n3]]", "a = [\n  [1, 2],\n  [\n    3,\n  ],\n]\n"),
        ("a = -1 - -1", "a = -1 - -1\n"),
        ("a = --b", "a = - -b\n"),
        ("a = not(b)", "a = not (b)\n"),
        ("a=b if(c)else d", "a = b if (c) else d\n"),
        ("x { a = 1 } , y { }", "x { a = 1 }\ny {}\n"),
        ("\ufeffa = 1\r\nb = 2\r\n", "a = 1\nb = 2\n"),
        ("a = 1 # c  \n", "a = 1  # c\n"),
        ("\ta = 1\n", "a = 1\n"),
    ],
)
def test_small_texts(text: str, expected: str) -> None:
    assert format(text) == expected


def test_what_does_not_fit_is_broken_over_lines() -> None:
    arguments = ", ".join(f"argument_{i} = {i}" for i in range(8))
    lines = format(f"router fast({arguments}) {{ a = 1 }}").splitlines()
    assert lines[0] == "router fast("
    assert lines[1] == "  argument_0 = 0,"
    assert all(len(line) <= WIDTH for line in lines)


def test_a_long_expression_stays_on_its_line() -> None:
    text = "a = " + " + ".join(["a_rather_long_name"] * 10) + "\n"
    assert format(text) == text


def test_a_comment_does_not_make_a_line_too_long() -> None:
    text = "router fast(k = 2) { a = 1 }  # " + "long " * 30 + "comment\n"
    assert format(text) == text


@pytest.mark.parametrize("text", ["a = = 1", "model M {", "a = 'x'", "a = 10%", "x " * 3 + "\r\n{"])
def test_text_with_errors_comes_back_unchanged(text: str) -> None:
    assert format(text) == text
