"""Many arrays as one argument of compiled code.

A tuple of a hundred arrays makes every compiled call copy seven words for each of them, and the
compiler spend minutes on it. A Bundle is passed as one address: that of a table which holds, for
each field, an integer or the address of an array's data. In compiled code ``x.field`` is then a
bare pointer to be indexed: no bounds, no negative indices, no slices and no reference counts, which
threads would fight over. In Python, and so in interpreted kernel code, it is the array itself. A
Bundle has to outlive the calls that it is passed to, as any argument does.
"""

# numba's own types differ from version to version, from none to partial ones.
# mypy: disable-error-code="misc, call-overload, no-untyped-call, override, import-untyped"

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    unbox,
)
from numba.np.numpy_support import from_dtype

DTYPES = {
    "FloatArray": np.dtype(np.float64),
    "IntArray": np.dtype(np.int64),
    "CountArray": np.dtype(np.int32),
    "SmallArray": np.dtype(np.int8),
}


class BundleType(types.Type):
    """Compiled view of a Bundle class: the names and types of its fields."""

    def __init__(self, name: str, fields: tuple[tuple[str, str], ...]) -> None:
        self.fields = fields
        digest = hashlib.sha256(repr(fields).encode()).hexdigest()[:12]
        super().__init__(name=f"{name}_{digest}")  # short: it is part of every symbol's name

    def field(self, name: str) -> tuple[int, Any] | None:
        """Position and compiled type of a field; None if there is no such field."""
        for position, (field, kind) in enumerate(self.fields):
            if field == name:
                element = DTYPES.get(kind)
                compiled = types.int64 if element is None else types.CPointer(from_dtype(element))
                return position, compiled
        return None


class Bundle:
    """Base of classes whose annotated fields are integers and one-dimensional arrays.

    Raises
    ------
    TypeError
        A field is missing, unknown, of another type than declared or not contiguous.
    """

    _numba_type_: ClassVar[BundleType]

    def __init_subclass__(cls) -> None:
        fields = tuple((name, str(kind)) for name, kind in cls.__annotations__.items())
        if unknown := [kind for _, kind in fields if kind != "int" and kind not in DTYPES]:
            raise TypeError(f"{cls.__name__}: fields cannot be {', '.join(unknown)}")
        cls._numba_type_ = BundleType(cls.__name__, fields)

    def __init__(self, **values: Any) -> None:
        fields = self._numba_type_.fields
        if values.keys() != {name for name, _ in fields}:
            raise TypeError(f"{type(self).__name__}: missing or unknown fields")
        self.table = np.empty(len(fields), dtype=np.int64)
        self.address = int(self.table.ctypes.data)
        for i, (name, kind) in enumerate(fields):
            value = values[name]
            if kind in DTYPES:
                whole = isinstance(value, np.ndarray) and value.flags.c_contiguous
                if not whole or value.dtype != DTYPES[kind]:
                    raise TypeError(f"{type(self).__name__}.{name}: a contiguous {kind} is needed")
                value = value.reshape(-1)
                self.table[i] = value.ctypes.data
            else:
                value = int(value)
                self.table[i] = value
            setattr(self, name, value)

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """All array fields by name."""
        return {n: getattr(self, n) for n, kind in self._numba_type_.fields if kind in DTYPES}


@register_model(BundleType)
class _BundleModel(models.PrimitiveModel):
    """The address of the table, as an integer."""

    def __init__(self, manager: Any, compiled: BundleType) -> None:
        super().__init__(manager, compiled, ir.IntType(64))


@unbox(BundleType)
def _unbox_bundle(compiled: BundleType, value: Any, c: Any) -> NativeValue:
    attribute = c.pyapi.object_getattr_string(value, "address")
    address = c.pyapi.long_as_longlong(attribute)
    c.pyapi.decref(attribute)
    return NativeValue(address, is_error=c.pyapi.c_api_error())


@infer_getattr
class _BundleAttributes(AttributeTemplate):
    key = BundleType

    def generic_resolve(self, compiled: BundleType, name: str) -> Any:
        found = compiled.field(name)
        return None if found is None else found[1]


@lower_getattr_generic(BundleType)
def _load_field(context: Any, builder: Any, compiled: BundleType, address: Any, name: str) -> Any:
    found = compiled.field(name)
    assert found is not None
    position, field_type = found
    word = ir.IntType(64)
    table = builder.inttoptr(address, word.as_pointer())
    value = builder.load(builder.gep(table, [ir.Constant(word, position)]))
    # The table never changes while compiled code runs, so LLVM may load an entry only once.
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    if isinstance(field_type, types.CPointer):
        return builder.inttoptr(value, context.get_value_type(field_type))
    return value
