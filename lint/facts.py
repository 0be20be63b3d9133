"""Tell what Python files declare, as JSON, without running them: a line {"name", "source" (base64)} in, a line of facts out.

Works with Python 3.8 and later. It is given to the interpreter as text, so it imports the standard library only.
"""

import ast
import base64
import json
import sys
import warnings


def dotted(node):
    """Write a.b.c as text; "" for anything that is no plain name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return left + "." + node.attr if left else ""
    return ""


def place(node):
    """Where a node begins, from 1; columns are bytes in Python and are corrected by the reader of this."""
    return {"line": node.lineno, "column": node.col_offset + 1}


def constant(node):
    """The value of a literal that JSON can hold."""
    negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    inner = node.operand if negative else node
    if not isinstance(inner, ast.Constant) or not isinstance(inner.value, (str, int, float, bool, type(None))):
        return {"known": False}
    value = inner.value
    if isinstance(value, float) and value in (float("inf"), float("-inf")) or value != value or isinstance(value, int) and abs(value) > 2**53:
        return {"known": False}
    return {"known": True, "value": -value if negative and not isinstance(value, (str, type(None))) else value}


def decorator(node):
    called = isinstance(node, ast.Call)
    return {
        "name": dotted(node.func if called else node),
        "called": called,
        "arguments": [constant(a) for a in node.args] if called else [],
        **place(node),
    }


def calls(node):
    found = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and dotted(inner.func):
            found.append({"name": dotted(inner.func), "arguments": [constant(a) for a in inner.args], **place(inner)})
    return found


def reads(node):
    """Attributes of attributes, such as self.st.fib."""
    found = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Load) and dotted(inner):
            found.append({"name": dotted(inner), **place(inner)})
    return found


def function(node):
    arguments = node.args.args
    return {
        "name": node.name,
        "self": arguments[0].arg if arguments else "",
        "decorators": [decorator(d) for d in node.decorator_list],
        "calls": calls(node),
        "reads": reads(node),
        **place(node),
    }


def bound(target):
    return [n.id for n in ast.walk(target) if isinstance(n, ast.Name)]


def assigned(node):
    """Names with literals that a statement of a class or module assigns."""
    if isinstance(node, ast.Assign):
        return [(name, node.value) for t in node.targets for name in bound(t)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        return [(node.target.id, node.value)]
    return []


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def class_facts(node):
    values = {name: {**constant(v), **place(v)} for s in node.body for name, v in assigned(s)}
    return {
        "name": node.name,
        "bases": [dotted(b) for b in node.bases],
        "decorators": [decorator(d) for d in node.decorator_list],
        "values": values,
        "methods": [function(s) for s in node.body if isinstance(s, FUNCTIONS)],
        "plain": all(isinstance(s, FUNCTIONS + (ast.Assign, ast.AnnAssign, ast.Pass, ast.Expr)) for s in node.body),
        **place(node),
    }


def imports(tree):
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [{"module": a.name, "name": "", "as": a.asname or a.name.split(".")[0], **place(node)} for a in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found += [{"module": node.module, "name": a.name, "as": a.asname or a.name, **place(node)} for a in node.names]
    return found


def names(tree):
    """Every name that may be bound at the top level, and whether there may be others."""
    found, unknown = set(), False
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, FUNCTIONS + (ast.ClassDef,)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update(a.asname or a.name.split(".")[0] for a in node.names)
            unknown = unknown or any(a.name == "*" for a in node.names)
        elif isinstance(node, ast.Call) and dotted(node.func) in ("exec", "globals", "vars", "locals", "setattr", "__import__"):
            unknown = True
    return sorted(found), unknown


def facts(source):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError as error:
        return {"fault": error.msg, "line": error.lineno or 1, "column": error.offset or 1}
    except (ValueError, RecursionError, MemoryError) as error:
        return {"fault": str(error) or type(error).__name__, "line": 1, "column": 1}
    found, unknown = names(tree)
    return {
        "classes": [class_facts(s) for s in tree.body if isinstance(s, ast.ClassDef)],
        "functions": [function(s) for s in tree.body if isinstance(s, FUNCTIONS)],
        "imports": imports(tree),
        "names": found,
        "unknown": unknown,
        "generated": any(c["name"] == "setattr" or c["name"] == "type" and len(c["arguments"]) == 3 for c in calls(tree)),
    }


def main():
    print(json.dumps({"version": "%d.%d" % sys.version_info[:2]}))
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps({"name": job["name"], **facts(base64.b64decode(job["source"]))}))


main()
