"""Block statements: `router topk { … }`, `moe { … }`, `stack decoder { … }`, `layer sparse { … }` inside another block.

The same slot with the same keyword merges, with another keyword replaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moedsl.checker import naming
from moedsl.checker.components import Component, Part
from moedsl.checker.draft import Draft, Key, Place, Relation
from moedsl.checker.scope import Declared, Scope, Template
from moedsl.checker.slots import block_op, blocks_with_slot, kind_of_word, op_class
from moedsl.checker.stack_draft import StackDraft, TemplateDraft, TemplateText
from moedsl.checker.values import Given
from moedsl.names import did_you_mean
from moedsl.ops.blocks._slots import Slot
from moedsl.source import Span
from moedsl.syntax import ast

if TYPE_CHECKING:
    from moedsl.checker.evaluation import Evaluation

_TOP = ("model", "recipe")


@dataclass(slots=True, kw_only=True, eq=False)
class Blocks:
    """Applies block statements."""

    ev: Evaluation

    def apply(self, draft: Draft, node: ast.Block, scope: Scope, place: Place) -> None:
        """Apply a block statement to the block it stands in."""
        if draft.slots is None:
            self._field(draft, node, scope, place)
            return
        slot = draft.slots.get(node.slot.text)
        if slot is None:
            self._report_slot(draft, node)
        elif self._has_odd_head(node, slot):
            draft.poisoned = True
        elif node.slot.text == "layer":
            self._template(draft, node, scope, place)
        elif slot.named:
            self._stack(draft, node, scope, place)
        elif slot.kind == "block":
            self._plain(draft, node, scope, place)
        else:
            self._op(draft, node, slot, scope, place)

    # ---- ops

    def _op(self, draft: Draft, node: ast.Block, slot: Slot, scope: Scope, place: Place) -> None:
        given = self.ev.expressions.arguments(node.arguments or (), scope)
        if not node.head:
            component = self._same_again(draft, node, slot)
        else:
            component = self.ev.components.resolve(node.head, given, scope, kind=slot.kind)
        if component is None:
            draft.poisoned = True
            return
        self.put(draft, node.slot, slot, component, place, body=node.body, scope=scope, doc=node.doc)

    def put(
        self,
        draft: Draft,
        slot_name: ast.Name,
        slot: Slot,
        component: Component,
        place: Place,
        *,
        body: ast.Body | None,
        scope: Scope,
        doc: str | None = None,
    ) -> None:
        """Put a component into a slot: merged with the one there, or instead of it."""
        keyword = component.keyword
        key = (slot_name.text, keyword if slot.many else "")
        child = draft.children.get(key)
        if child is None or child.keyword != keyword:
            if not self._has_room(draft, key, child, place, slot_name.span):
                return
            is_known = self.check_keyword(slot.kind, component, scope)
            child = Draft(slot=slot_name.text, span=slot_name.span, place=place, op=op_class(slot.kind, keyword))
            child.keyword, child.keyword_span = keyword, component.span if is_known else component.keyword_span
            draft.children[key] = child
        elif not self._may_mention(child, place, slot_name.span):
            return
        child.doc = doc or child.doc
        child.place = place
        self._refuse_unnamed(child, component)
        self.ev.bodies.fill(child, component.parts, body, scope, place)

    def _same_again(self, draft: Draft, node: ast.Block, slot: Slot) -> Component | None:
        """The component that a block without keyword means: the one that is there, or the slot's default."""
        there = draft.in_slot(node.slot.text)
        keyword = draft.children[there[0]].keyword if len(there) == 1 else slot.default
        if keyword is not None:
            span = draft.children[there[0]].keyword_span if len(there) == 1 else node.slot.span
            return Component(path=(keyword,), span=span or node.slot.span, keyword_span=span or node.slot.span)
        known = sorted({draft.children[k].keyword or "" for k in there}) or self.ev.keywords(slot.kind)
        self.ev.report.add(
            "E0320",
            f"`{node.slot.text}` does not say which {slot.kind} it is",
            node.slot.span,
            help=f"write `{node.slot.text} KEYWORD {{ … }}` with one of " + ", ".join(f"`{k}`" for k in known),
        )
        return None

    def check_keyword(self, kind: str, component: Component, scope: Scope) -> bool:
        """Whether the registry has the keyword; reported where not, and declarations of the kind are offered too."""
        keywords, span = self.ev.keywords(kind), component.keyword_span
        if component.keyword in keywords:
            return True
        declared = {n: v for n, v in scope.all_names().items() if isinstance(v, Declared)}
        known = [*keywords, *(n for n, v in declared.items() if kind_of_word(v.node.slot.text) == kind)]
        self.ev.report.add(
            "E0220",
            f"there is no {kind} called `{component.keyword}`",
            span,
            help=did_you_mean(component.keyword, known) or f"`moedsl list {kind}` shows them all",
            fixes=naming.fixes(component.keyword, known, span),
        )
        return False

    def _refuse_unnamed(self, child: Draft, component: Component) -> None:
        for one in (g for part in component.parts for g in part.given if g.name is None):
            words = f"{child.title} takes its fields by name"
            self.ev.report.add("E0211", words, one.span, help=f"write the field's name: `FIELD = {one.span.text}`")

    def _has_room(self, draft: Draft, key: Key, child: Draft | None, place: Place, span: Span) -> bool:
        """Whether a new block may take this key: nothing equally deep needs what stood there, or removed it."""
        if child is not None:
            return self.ev.settings.stand_aside(child, place, span)
        removed, where = draft.removed.get(key, (None, None))
        if removed is not None and place.relation(removed) is Relation.RIVAL:
            self.ev.settings.conflict(f"`{key[0]}`", span, where)
            return False
        return True

    def _may_mention(self, child: Draft, place: Place, span: Span) -> bool:
        if place.relation(child.place) is not Relation.SAME:
            return True
        naming.report_twice(self.ev.report, "E0204", f"{child.title} is given", span, child.span)
        return False

    def _field(self, draft: Draft, node: ast.Block, scope: Scope, place: Place) -> None:
        """A block inside an op: a component that one of its fields takes, `init normal { std = 0.02 }`."""
        word = node.slot.text
        if not node.head or (draft.op is not None and word not in draft.op.model_fields):
            help = _where_it_belongs(word) or f"move `{word}` out of these braces"
            self.ev.report.add("E0222", f"{draft.title} has no slot `{word}`", node.slot.span, help=help)
            draft.poisoned = True
            return
        span = node.head[0].span.to(node.head[-1].span)
        head = ast.Reference(path=node.head, call=node.arguments, span=span)
        value = self.ev.components.make(head, node.body, scope)
        self.ev.settings.write(draft, node.slot, Given(name=None, value=value, span=span, name_span=span), place)

    # ---- blocks in blocks

    def _plain(self, draft: Draft, node: ast.Block, scope: Scope, place: Place) -> None:
        """`moe { … }`, or `moe NAME { … }` from a template at the top of a file."""
        parts = self._template_parts(node, scope) if node.head else ()
        if parts is None:
            draft.poisoned = True
            return
        key = (node.slot.text, "")
        child = draft.children.get(key)
        if child is None:
            if not self._has_room(draft, key, child, place, node.slot.span):
                return
            child = Draft(
                slot=node.slot.text, span=node.slot.span, place=place, op=block_op(node.slot.text), doc=node.doc or ""
            )
            draft.children[key] = child
        elif not self._may_mention(child, place, node.slot.span):
            return
        child.place = place
        self.ev.bodies.fill(child, parts, node.body, scope, place)

    def _template_parts(self, node: ast.Block, scope: Scope) -> tuple[Part, ...] | None:
        path = [n.text for n in node.head]
        named, rest = scope.resolve(path)
        if isinstance(named, Template) and not rest and named.node.slot.text == node.slot.text:
            given = self.ev.expressions.arguments(node.arguments or (), scope)
            return self.ev.templates.parts(named, given, node.head[-1].span)
        if named is None and len(path) > 1:
            naming.report_unknown_path(self.ev.report, node.head, scope)
            return None
        known = [
            n for n, v in scope.all_names().items() if isinstance(v, Template) and v.node.slot.text == node.slot.text
        ]
        self.ev.report.add(
            "E0208",
            f"there is no {node.slot.text} template `{'.'.join(path)}`",
            node.head[0].span.to(node.head[-1].span),
            help=did_you_mean(path[-1], known) or f"write `{node.slot.text} {{ … }}` without a name",
        )
        return None

    def _stack(self, draft: Draft, node: ast.Block, scope: Scope, place: Place) -> None:
        name = self._stack_name(draft, node)
        if name is None:
            draft.poisoned = True
            return
        key = (node.slot.text, name.text)
        child = draft.children.get(key)
        if child is None:
            child = StackDraft(
                slot=node.slot.text, span=node.slot.span, place=place, op=block_op("stack"), name=name.text
            )
            child.keyword_span, child.doc = name.span, node.doc or ""
            draft.children[key] = child
        elif not self._may_mention(child, place, name.span):
            return
        child.place = place
        self.ev.bodies.fill(child, (), node.body, scope, place)

    def _stack_name(self, draft: Draft, node: ast.Block) -> ast.Name | None:
        if node.head:
            return node.head[0]
        there = draft.in_slot(node.slot.text)
        if len(there) == 1:
            return ast.Name(text=there[0][1], span=node.slot.span)
        self.ev.report.add(
            "E0219",
            f"this {node.slot.text} has no name",
            node.slot.span,
            help=f"write `{node.slot.text} decoder {{ … }}`",
        )
        return None

    def _template(self, draft: Draft, node: ast.Block, scope: Scope, place: Place) -> None:
        """A layer template is kept until the stack's layers are made."""
        if not isinstance(draft, TemplateDraft) or not node.head:
            self.ev.report.add("E0219", "this layer has no name", node.slot.span, help="write `layer NAME { … }`")
            draft.poisoned = True
            return
        texts = draft.templates.setdefault(node.head[0].text, [])
        if texts and place.relation(texts[-1].place) is Relation.SAME:
            first = texts[-1].node.head[0].span
            naming.report_twice(
                self.ev.report, "E0203", f"`layer {node.head[0].text}` is declared", node.head[0].span, first
            )
            return
        texts.append(TemplateText(node=node, scope=scope, place=place))

    # ---- what may not stand

    def _has_odd_head(self, node: ast.Block, slot: Slot) -> bool:
        """Whether it has parts that only a declaration has, or a dotted name where a new one is given; reported."""
        if slot.named and len(node.head) > 1:
            span = node.head[0].span.to(node.head[-1].span)
            self.ev.report.add("E0219", "a new name has no dots", span, help=f"write `{node.slot.text} NAME {{ … }}`")
        elif node.subject is not None or (node.extends is not None and node.slot.text != "layer"):
            extra = node.subject or node.extends
            words = f"`{node.slot.text}` takes no `{'for' if node.subject else 'extends'}`"
            self.ev.report.add("E0210", words, extra.span if extra else None, help="remove it")
        elif node.parameters and node.slot.text != "layer":
            words = f"`{node.slot.text}` is used here, and only declarations have typed parameters"
            self.ev.report.add("E0210", words, node.parameters[0].span, help="write `NAME = VALUE` without a type")
        else:
            return False
        return True

    def _report_slot(self, draft: Draft, node: ast.Block) -> None:
        draft.poisoned = True
        word, fields = node.slot.text, list(draft.op.model_fields) if draft.op else []
        if word in _TOP:
            words = f"`{word}` stands at the top of a file"
            self.ev.report.add("E0210", words, node.slot.span, help="move it out of these braces")
            return
        known = [*(draft.slots or {}), *fields]
        help = f"write `{word} = …`" if word in fields else _where_it_belongs(word) or did_you_mean(word, known)
        self.ev.report.add(
            "E0222",
            f"`{draft.slot}` has no slot `{word}`",
            node.slot.span,
            help=help,
            fixes=naming.fixes(word, known, node.slot.span),
        )


def _where_it_belongs(word: str) -> str | None:
    """An offer of the blocks that have a slot of this name."""
    homes = blocks_with_slot(word)
    return "it belongs in a " + " or a ".join(f"`{h}`" for h in homes) if homes else None
